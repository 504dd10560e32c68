"""
The media plane in worker processes: opens each stream in one of them, keeps what they tell, notices when one ends.

  post        a worker's place: a part of the ports, and a process that may be replaced (siprec_tw.media.worker_post)
  recording   all its streams are in one worker, as long as that has ports
  report      what a worker told last, not older than two seconds
  lost        a stream whose worker ended; it is known until it is closed, with what was told of it last
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Protocol, cast

from attrs import define, evolve
from twisted.internet.defer import Deferred, DeferredList, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.errors import PortsExhausted
from siprec_tw.interfaces import Condition, StreamAddress, StreamReport, StreamSpec
from siprec_tw.media.media_sums import Sums
from siprec_tw.media.plane import MediaMetrics
from siprec_tw.media.port_share import shares
from siprec_tw.media.report_row import report_of
from siprec_tw.media.worker_commands import Close, Open, PlaneSettings, Update
from siprec_tw.media.worker_link import WorkerLost
from siprec_tw.media.worker_post import Inherit, WorkerPost

LOST = "media-worker-lost"

Tell = Callable[[tuple[str, ...]], None]


class WorkerMetrics(MediaMetrics, Protocol):
    """
    What is counted of media workers.
    """

    def media_worker_restarted(self) -> None:
        """
        A lost worker was replaced.
        """

    def media_worker_cpu(self, seconds: float) -> None:
        """
        So much more CPU was used by workers.
        """


@define(eq=False)
class OpenStream:
    """
    A stream in a worker. C{opening} is 0 until it is open.
    """

    post: WorkerPost
    directory: str
    rest: StreamReport          # the last that was told whole
    port: int = 0
    slot: int = 0
    opening: int = 0

    def report(self) -> StreamReport:
        """
        What is known of it.
        """
        return report_of(self.rest, self.post.rows[self.slot]) if self._is_told else self.rest

    def last_arrival(self) -> float:
        """
        That of the report; 0.0 before any packet.
        """
        if not self._is_told:
            return self.rest.last_arrival or 0.0
        last = float(self.post.rows["last_arrival"][self.slot])
        return 0.0 if isnan(last) else last

    @property
    def _is_told(self) -> bool:
        """
        Whether the worker tells its numbers in a row by now.
        """
        rows = self.post.rows
        return self.slot < len(rows) and bool(rows["opening"][self.slot] == self.opening)


class WorkerMediaPlane:
    """
    A L{siprec_tw.interfaces.MediaPlane}. C{settings} are those of all workers together, C{count} is how many there
    are, C{inherit()} the descriptors that each inherits.
    """

    log = Logger()

    def __init__(
        self, reactor: IReactorTime, settings: PlaneSettings, count: int, metrics: WorkerMetrics,
        inherit: Inherit = tuple,
    ) -> None:
        self._reactor = reactor
        self._metrics = metrics
        self._posts = [
            WorkerPost(reactor, number, evolve(settings, ports=ports), inherit, self)
            for number, ports in enumerate(shares(settings.ports, count), 1)
        ]
        self._streams: dict[str, OpenStream] = {}
        self._recordings: dict[str, dict[str, OpenStream]] = {}     # the same by directory
        self._lost: dict[str, StreamReport] = {}
        self._tell_lost: list[Tell] = []

    @property
    def receiver_name(self) -> str:
        """
        How packets are received, "batch" or "swept"; "" before the start.
        """
        return self._posts[0].receiver

    @property
    def running(self) -> int:
        """
        How many workers run.
        """
        return sum(post.running for post in self._posts)

    async def start(self) -> None:
        """
        Start all workers and wait until they receive. Raises LocalError, and none is left then.
        """
        starting = [Deferred.fromCoroutine(post.start()) for post in self._posts]
        try:
            await gatherResults(starting, consumeErrors=True)
        except FirstError as error:
            await self.stop()
            error.subFailure.raiseException()
        self.log.info("{workers} media workers receive: {receiver}", workers=self.running, receiver=self.receiver_name)

    async def stop(self) -> None:
        """
        Close every stream, end every worker; bounded.
        """
        await DeferredList([Deferred.fromCoroutine(post.stop()) for post in self._posts], consumeErrors=True)
        self._streams.clear()
        self._recordings.clear()

    def condition(self) -> Condition:
        """
        Whether streams can be received.
        """
        running = self.running
        text = f"{running} of {len(self._posts)} media workers run" if running else "no media worker runs"
        return Condition("media-workers", running > 0, text)

    # --- MediaPlane ------------------------------------------------------------------------------

    async def open_stream(self, spec: StreamSpec) -> StreamAddress:
        """
        Begin to receive. Raises PortsExhausted; LocalError where the worker is lost meanwhile; ValueError for a
        stream that is open already, or lost and not closed.
        """
        stream_id = spec.stream_id
        if stream_id in self._streams or stream_id in self._lost:
            raise ValueError(f"stream {stream_id} is open already")
        post = self._post_for(spec.directory)
        stream = OpenStream(post, spec.directory, StreamReport(stream_id))
        self._streams[stream_id] = self._recordings.setdefault(spec.directory, {})[stream_id] = stream
        post.share.reserve()
        try:
            answer = await post.ask(Open, {"spec": spec})
        except BaseException:
            post.share.cancel()
            self._forget(stream_id)
            raise
        address = cast(StreamAddress, answer["address"])
        stream.port = address.rtp_port
        stream.slot, stream.opening = cast(int, answer["slot"]), cast(int, answer["opening"])
        post.share.take(address.rtp_port)
        return address

    async def update_stream(self, spec: StreamSpec) -> None:
        """
        The stream is so from now on; one that is lost, or never was, is passed over.
        """
        stream = self._streams.get(spec.stream_id)
        if stream is not None:
            try:
                await stream.post.ask(Update, {"spec": spec})
            except WorkerLost:
                return      # who wants to know is told that the stream is lost

    async def close_stream(self, stream_id: str) -> StreamReport:
        """
        Drain, finish the segments, free the ports. One that is lost gets the last report that is known, with a
        warning; unknown ids an empty one.
        """
        if stream_id in self._lost:
            return self._lost.pop(stream_id)
        stream = self._forget(stream_id)
        if stream is None:
            return StreamReport(stream_id)
        try:
            answer = await stream.post.ask(Close, {"stream_id": stream_id})
        except WorkerLost as error:
            return _as_lost(stream, str(error))
        stream.post.share.give_back(stream.port)
        return cast(StreamReport, answer["report"])

    def report(self, stream_id: str) -> StreamReport | None:
        """
        The latest report of an open stream; of a lost one, the last.
        """
        stream = self._streams.get(stream_id)
        if stream is None or not stream.opening:
            return self._lost.get(stream_id)
        return stream.report()

    def last_arrival(self, stream_id: str) -> float | None:
        """
        When the last packet of an open stream came, POSIX seconds, 0.0 before any; of a lost one, as it was told last.
        """
        stream = self._streams.get(stream_id)
        if stream is not None and stream.opening:
            return stream.last_arrival()
        lost = self._lost.get(stream_id)
        return lost.last_arrival or 0.0 if lost is not None else None

    def when_lost(self, tell: Tell) -> None:
        """
        C{tell(stream_ids)} when a worker ended.
        """
        self._tell_lost.append(tell)

    def open_streams(self) -> int:
        """
        How many streams are open.
        """
        return sum(1 for stream in self._streams.values() if stream.opening)

    def free_pairs(self) -> int:
        """
        How many port pairs could be given out now.
        """
        return sum(post.share.free() for post in self._posts if post.running)

    # --- what the posts tell ---------------------------------------------------------------------

    def post_lost(self, post: WorkerPost, reason: str) -> int:
        """
        The streams of this worker are lost.
        """
        lost = {id_: stream for id_, stream in self._streams.items() if stream.post is post and stream.opening}
        for stream_id, stream in lost.items():
            self._lost[stream_id] = _as_lost(stream, reason)
            self._forget(stream_id)
        if lost:
            for tell in self._tell_lost:
                try:
                    tell(tuple(lost))
                except Exception:
                    # Whoever is told, the worker must be replaced.
                    self.log.failure("Could not tell of lost streams")
        return len(lost)

    def post_restarted(self) -> None:
        """
        A lost worker was replaced.
        """
        self._metrics.media_worker_restarted()

    def post_news(self, reports: tuple[StreamReport, ...], sums: Sums) -> None:
        """
        What some streams have to tell, and sums for the metrics.
        """
        for report in reports:
            stream = self._streams.get(report.stream_id)
            if stream is not None:
                stream.rest = report
        sums.tell(self._metrics)
        self._metrics.media_worker_cpu(sums.cpu)

    # --- which worker ----------------------------------------------------------------------------

    def _post_for(self, directory: str) -> WorkerPost:
        """
        That of the recording, as long as it has ports; else the one with the fewest streams.
        """
        able = [post for post in self._posts if post.running and post.share.free() > 0]
        if not able:
            raise PortsExhausted(self._why_none())
        for stream in self._recordings.get(directory, {}).values():
            if stream.post in able:
                return stream.post
        return min(able, key=lambda post: post.share.streams)

    def _why_none(self) -> str:
        running = self.running
        if not running:
            return "no media worker runs"
        return f"no pair of media ports is free in {running} of {len(self._posts)} media workers that run"

    def _forget(self, stream_id: str) -> OpenStream | None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            others = self._recordings[stream.directory]
            del others[stream_id]
            if not others:
                del self._recordings[stream.directory]
        return stream


def _as_lost(stream: OpenStream, reason: str) -> StreamReport:
    report = stream.report()
    text = f"the worker that received the stream ended ({reason}): what came afterwards is not kept"
    return evolve(report, warnings=(*report.warnings, (LOST, text)))
