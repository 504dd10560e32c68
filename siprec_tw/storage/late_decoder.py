"""
Decodes stored recordings whose packets were kept, when somebody asks for it: one at a time, beside the finaliser.
"""

from __future__ import annotations

from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.interfaces import LateDecoding, RecordingRow
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decode_again import clear, decode_again, forget, left_over, undecoded
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import Finished, read_manifest
from siprec_tw.storage.nice_decoder import NiceDecoder
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.threads import Threads

MOST_UNTOLD = 1000      # outcomes that are kept for somebody who asks
DECODING = LateDecoding("decoding")


@define(eq=False)
class StoredDecoder:
    """
    L{siprec_tw.interfaces.LateDecoder} of one recordings directory.
    """

    log = Logger()

    directory: Path
    _index: RecordingsIndex = field(alias="index")
    _threads: Threads = field(alias="threads")      # one thread: a recording is made by one at a time
    _looking: Threads = field(alias="looking")      # where manifests are read meanwhile
    _tones: Tones = field(alias="tones")
    _decode: NiceDecoder = field(factory=NiceDecoder, alias="decode")
    _disk: Disk = field(factory=Disk, alias="disk")
    _outcomes: dict[str, LateDecoding | PeerError] = field(factory=dict)
    _works: set[Deferred[None]] = field(factory=set)
    _stopped: bool = False

    async def decode(self, recording_id: str) -> LateDecoding:
        """
        Begin, or tell how far it is; what came of it is told once.
        """
        known = self._outcomes.get(recording_id)
        if known is None:
            await self._begin(recording_id)
            return DECODING
        if known is not DECODING:
            del self._outcomes[recording_id]
        if isinstance(known, PeerError):
            raise known
        return known

    async def clear(self) -> None:
        """
        Clear away what a killed process left; what cannot be removed stays. Raises sqlite3.Error.
        """
        for name in await self._looking.run(left_over, self.directory):
            try:
                holds = await self._looking.run(clear, self.directory, name, self._disk)
            except OSError as error:
                self.log.warn("Former files {name} cannot be removed: {error}", name=name, error=str(error))
                continue
            if holds is not None:
                await self._index.store(holds.manifest, holds.path)

    async def stop(self) -> None:
        """
        Abandon what is under way: those recordings stay as they are.
        """
        self._stopped = True
        self._decode.abandon()
        await DeferredList(list(self._works))

    async def _begin(self, recording_id: str) -> None:
        self._outcomes[recording_id] = DECODING
        try:
            row = await self._stored(recording_id)
        except BaseException:
            del self._outcomes[recording_id]
            raise
        work = Deferred.fromCoroutine(self._work(row)).addErrback(self._failed, recording_id)
        self._works.add(work)
        work.addBoth(lambda _: self._works.discard(work))

    async def _stored(self, recording_id: str) -> RecordingRow:
        """
        The row of a recording in which something is left to decode.
        """
        row = await self._index.get(recording_id)
        if row is None:
            raise PeerError(f"There is no recording {recording_id!r}", 404)
        if not row.path:
            raise PeerError(f"Recording {recording_id!r} is not stored yet: its call goes on", 404)
        manifest = await self._looking.run(read_manifest, self.directory / row.path)
        if manifest is None:
            raise PeerError(f"The files of recording {recording_id!r} are gone", 404)
        if not undecoded(manifest):
            raise PeerError(f"Recording {recording_id!r} has nothing left to decode", 409)
        return row

    async def _work(self, row: RecordingRow) -> None:
        try:
            finished = await self._threads.run(self._again, row.path)
        except (OSError, LocalError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            text = f"Recording {row.recording_id!r} could not be decoded and is as it was: {reason}"
            self._told(row.recording_id, PeerError(text, 503))
            return
        if finished is None:
            self._told(row.recording_id, LateDecoding("decoded"))
            return
        await self._index.store(finished.manifest, finished.path)
        await self._threads.run(forget, self.directory, row.recording_id)
        reasons = tuple(warning.text for warning in undecoded(finished.manifest))
        self._told(row.recording_id, LateDecoding("undecoded" if reasons else "decoded", reasons))
        self.log.info(
            "Recording {recording_id} was made anew from its packets: {left} encodings are still undecoded",
            recording_id=row.recording_id, left=len(reasons),
        )

    def _again(self, path: str) -> Finished | None:
        if self._stopped:
            raise LocalError("the recorder stops")
        return decode_again(self.directory, path, self._disk, self._tones, self._decode)

    def _told(self, recording_id: str, outcome: LateDecoding | PeerError) -> None:
        over = [name for name, one in self._outcomes.items() if one is not DECODING]
        for name in over[: max(0, len(over) - MOST_UNTOLD + 1)]:
            del self._outcomes[name]
        self._outcomes[recording_id] = outcome

    def _failed(self, reason: Failure, recording_id: str) -> None:
        self.log.failure("Recording {recording_id} could not be decoded", reason, recording_id=recording_id)
        self._told(recording_id, PeerError(f"Recording {recording_id!r}: the server failed; its log says how", 503))
