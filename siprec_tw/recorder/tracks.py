"""
The tracks of a call: what was negotiated, opened in the media plane and written into the journal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Container, Sequence

from attrs import define, evolve, field
from twisted.logger import Logger

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.interfaces import DtlsPeer, MediaPlane, StreamAddress, StreamKeys, StreamReport, StreamSpec
from siprec_tw.recorder.hearing import Hearing
from siprec_tw.recorder.rtcp_peer import rtcp_peer
from siprec_tw.recording.journal import Direction, JournalEvent, TrackChanged, TrackClosed, TrackOpened
from siprec_tw.sdp.answer import LocalMedia, PlannedMedia, Protection
from siprec_tw.sdp.changes import StreamAdded, StreamRemoved, changes


@define(eq=False)
class Track:
    """
    One m-line that is received.
    """

    spec: StreamSpec
    address: StreamAddress
    planned: PlannedMedia
    since: float                        # POSIX seconds; its direction is what it is since then
    hearing: Hearing = field(factory=Hearing)

    @property
    def name(self) -> str:
        """
        As it is told of.
        """
        label = f" (label {self.planned.label})" if self.planned.label else ""
        return f"m-line {self.planned.index}{label}"

    @property
    def stream_id(self) -> str:
        """
        By which the media plane knows it.
        """
        return self.spec.stream_id


@define(eq=False)
class Tracks:
    """
    The open streams of one call, by the index of their m-line.
    """

    log = Logger()

    _media: MediaPlane
    _append: Callable[[JournalEvent], Awaitable[None]]
    _now: Callable[[], float]
    _recording_id: str
    _directory: str
    _warn: Callable[[str, str], None]
    _keys: Callable[[PlannedMedia], StreamKeys | None]
    _dtls: Callable[[PlannedMedia], DtlsPeer | None]
    _closed: Callable[[StreamReport], None]
    _cname: str = ""                            # of our RTCP, of which none is sent where this is empty
    open: dict[int, Track] = field(factory=dict)
    planned: tuple[PlannedMedia, ...] = ()
    lost: set[int] = field(factory=set)         # m-lines that are not received any more, and not opened anew yet
    untold: set[int] = field(factory=set)       # m-lines opened anew, of whose ports the client does not know
    _opened: int = 0
    _before: dict[int, int] = field(factory=dict)   # packets that came, or should have, on lost streams of an m-line

    @property
    def is_unsettled(self) -> bool:
        """
        Whether the client sends to ports where nobody receives.
        """
        return bool(self.lost or self.untold)

    def lose(self, stream_ids: Container[str]) -> tuple[int, ...]:
        """
        These streams are not received any more; the m-lines of those that were ours.
        """
        found = tuple(sorted(index for index, track in self.open.items() if track.stream_id in stream_ids))
        self.lost.update(found)
        return found

    async def mend(self) -> bool:
        """
        Open a new stream for each lost one; whether there were ports for all. The others stay lost.
        """
        for index in sorted(self.lost):
            media = evolve(self.planned[index], accepted=True, refused_reason=None)
            if index in self.open:
                await self._close(index)
            # While it is being opened it may be lost again: that mark must stay.
            self.lost.discard(index)
            opened = False
            try:
                await self._begin(media)
                opened = True
            except LocalError as error:
                self.log.debug("Not opened yet: {error}", error=error, recording_id=self._recording_id, index=index)
            finally:
                (self.untold if opened else self.lost).add(index)
        return not self.lost

    def told(self) -> set[int]:
        """
        The client knows all ports now: the m-lines of which it did not.
        """
        told, self.untold = self.untold, set()
        return told

    async def abandon(self, gone: Collection[int]) -> None:
        """
        Close these of the lost or reopened m-lines for good: the client cannot be told, or there are no ports.
        """
        self.planned = tuple(
            evolve(media, accepted=False) if media.index in gone else media for media in self.planned
        )
        self.lost.update(gone)
        for index in sorted(self.open.keys() & set(gone)):
            await self._close(index)
        self.lost.difference_update(gone)
        self.untold.difference_update(gone)

    async def follow(self, wanted: Sequence[PlannedMedia]) -> tuple[PlannedMedia, ...]:
        """
        Open, change and close streams until they are as wanted; what there was no port for comes back refused.

        Raises PeerError(503) where no stream is open then for want of ports.
        """
        planned, lost = list(wanted), set(self.lost)
        for index in sorted(lost & self.open.keys()):
            await self._close(index)
        self.lost -= lost
        for media in planned:
            # A port that opens SRTP has no use for RTP in clear, nor for keys from elsewhere; and the other way round.
            if media.index in self.open and way_of(self.open[media.index].planned) != way_of(media):
                await self._close(media.index)
        before = {index: track.planned for index, track in self.open.items()}
        known = tuple(before.get(media.index, evolve(media, accepted=False)) for media in planned)
        for change in changes(known, planned):
            match change:
                case StreamAdded(index, media):
                    opened = await self._open(media)
                    if not opened:
                        planned[index] = evolve(media, accepted=False)
                    if index in lost:
                        (self.untold if opened else self.lost).add(index)
                case StreamRemoved(index):
                    await self._close(index)
        for index in [index for index in self.open if index >= len(planned)]:
            await self._close(index)
        self.planned = tuple(planned)
        self.untold &= self.open.keys()
        if not self.open and any(media.accepted for media in wanted):
            raise PeerError("no media port is free", 503)
        for index, old in before.items():
            if index in self.open and self.open[index].planned is old and planned[index] != old:
                await self._change(planned[index])
        return self.planned

    async def open_unasked(self, media: PlannedMedia) -> None:
        """
        Open a stream that we offer ourselves. Raises PeerError(503) where no port is free.
        """
        if not await self._open(media):
            raise PeerError("no media port is free", 503)
        self.planned += (media,)

    async def close(self) -> None:
        """
        Close them all; a fault in one leaves no other open.
        """
        for index in tuple(self.open):
            try:
                await self._close(index)
            except Exception:
                self.log.failure("Could not close m-line {index}", index=index, recording_id=self._recording_id)

    def local(self) -> dict[int, LocalMedia]:
        """
        Where each open track is received, as an answer needs it.
        """
        return {
            index: LocalMedia(
                track.address.host, track.address.rtp_port, track.address.rtcp_port, rtcp_mux=True,
                fingerprint=track.address.fingerprint,
            )
            for index, track in self.open.items()
        }

    def last_arrival(self) -> float | None:
        """
        When the last packet of any track came, POSIX seconds.
        """
        arrivals = (self._media.last_arrival(track.stream_id) for track in self.open.values())
        return max((arrival for arrival in arrivals if arrival), default=None)

    def expects_media(self) -> bool:
        """
        Whether the client said that it sends on any track: neither inactive nor held.
        """
        return any(direction(t.planned) is Direction.RECVONLY for t in self.open.values())

    def listen(self, answered: float, silent_after: float) -> None:
        """
        Look which tracks should be heard and are not. The call was answered at C{answered}, POSIX seconds.
        """
        expected = [track for track in self.open.values() if direction(track.planned) is Direction.RECVONLY]
        arrivals = [(track, self._media.last_arrival(track.stream_id)) for track in expected]
        heard = [(track, last or None) for track, last in arrivals if last is not None]
        for track, last in heard:
            since = max(answered, track.since)
            track.hearing.look(track.name, last, since, self._now(), silent_after, self._warn)
            if last is None and any(other is not None for _, other in heard):
                track.hearing.miss(track.name, self._warn)
        for track in self.open.values():
            if direction(track.planned) is not Direction.RECVONLY:
                track.hearing.rest()

    def silent(self) -> int:
        """
        How many tracks should be heard and are not.
        """
        return sum(track.hearing.silent_since is not None for track in self.open.values())

    def one_way(self) -> bool:
        """
        Whether a track was never heard, while another is.
        """
        return any(track.hearing.one_way for track in self.open.values())

    async def _open(self, media: PlannedMedia) -> bool:
        try:
            await self._begin(media)
        except LocalError as error:
            # No port is free, or what should have received was lost just now.
            self.log.warn("No stream opened: {error}", error=error, recording_id=self._recording_id, index=media.index)
            self._warn("ports-exhausted", f"m-line {media.index} is refused: no media port is free")
            return False
        return True

    async def _begin(self, media: PlannedMedia) -> None:
        """
        Open a stream. Raises PortsExhausted, or another LocalError where what receives was lost meanwhile.
        """
        self._opened += 1
        spec = self._spec(f"{self._recording_id}-{media.index}-{self._opened}", media)
        address = await self._media.open_stream(spec)
        self.open[media.index] = Track(spec, address, media, self._now())
        await self._append(
            TrackOpened(
                self._now(), media.index, spec.stream_id, media.label, media.media, direction(media), media.formats,
                f"{address.host}:{address.rtp_port}", remote_of(media),
            )
        )

    def _spec(self, stream_id: str, media: PlannedMedia) -> StreamSpec:
        rtcp = rtcp_peer(media, self._cname) if self._cname else None
        return StreamSpec(
            stream_id, self._directory, media.formats, remote_of(media), self._keys(media), self._dtls(media),
            rtcp, media.protection is not Protection.CLEAR and not media.is_secured,
            self._before.get(media.index, 0),
        )

    async def _change(self, media: PlannedMedia) -> None:
        track = self.open[media.index]
        spec = self._spec(track.stream_id, media)
        if spec != track.spec:
            await self._media.update_stream(spec)
        if direction(media) is not direction(track.planned):
            track.since = self._now()
        track.spec, track.planned = spec, media
        await self._append(
            TrackChanged(self._now(), media.index, media.label, direction(media), media.formats, remote_of(media))
        )

    async def _close(self, index: int) -> None:
        track, lost = self.open.pop(index), index in self.lost
        self.lost.discard(index)
        report = await self._media.close_stream(track.stream_id)
        before = self._before.pop(index, 0)
        if lost:
            self._before[index] = before + report.packets + max(0, report.lost)
        for code, text in report.warnings:
            self._warn(code, f"{text} (m-line {index})")
        self._closed(report)
        await self._append(TrackClosed(self._now(), index, lost))


def direction(media: PlannedMedia) -> Direction:
    """
    Whether sound is expected: a hold by address is inactive for the recording, whatever our answer says.
    """
    return Direction.INACTIVE if media.held else Direction(media.direction.value)


def way_of(media: PlannedMedia) -> tuple[Protection, bool]:
    """
    How packets come: a stream for which this is another is another stream.
    """
    return media.protection, media.is_secured


def remote_of(media: PlannedMedia) -> str:
    """
    What the description says of where the packets come from; "" where it says nothing.
    """
    return f"{media.remote_host}:{media.remote_port}" if media.remote_host else ""
