"""
Finishes recordings off the reactor's thread; those of a killed process at the start; what failed, later.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.interfaces import RecordingRow
from siprec_tw.recording.layout import SPOOL, final_path
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decoding import Decode, decode
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import Finished, finalise, read_manifest
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.threads import Threads

LOOK_AGAIN = 10.0           # seconds between looks for what is due again
FIRST_DELAY = 30.0          # seconds after the first failure; doubled with each further one
LONGEST_DELAY = 600.0
AT_ONCE = 2                 # recordings of a killed process


@define
class Waiting:
    """
    A recording that could not be finished: when it is due again, in seconds of the clock.
    """

    due: float
    delay: float


@define
class Finaliser:
    """
    Brings recordings from the spool to where they belong, and into the index.
    """

    log = Logger()

    directory: Path
    _index: RecordingsIndex = field(alias="index")
    _threads: Threads = field(alias="threads")
    _clock: IReactorTime = field(alias="clock")
    _disk: Disk = field(factory=Disk, alias="disk")
    _tones: Tones = field(default=Tones.KEEP, alias="tones")
    _decode: Decode = field(default=decode, alias="decode")
    waiting: dict[str, Waiting] = field(factory=dict)
    _busy: set[str] = field(factory=set)
    _stopped: bool = False
    _loop: LoopingCall | None = None

    def start(self) -> None:
        """
        Look from time to time for what is due again.
        """
        self._loop = LoopingCall(self._retry)
        self._loop.clock = self._clock
        self._loop.start(LOOK_AGAIN, now=False).addErrback(
            lambda reason: self.log.failure("Unfinished recordings are not tried again", reason)
        )

    def stop(self) -> None:
        """
        Stop looking, and begin with no other. What is still in the spool is finished at the next start.
        """
        self._stopped = True
        loop, self._loop = self._loop, None
        if loop is not None and loop.running:
            loop.stop()

    async def finalise(self, recording_id: str) -> Finished | None:
        """
        Finish a recording whose media is closed.

        None when the disk does not take it: it stays in the spool and is tried again, at the latest at the
        next start. Raises LocalError when there is no such recording in the spool.
        """
        if recording_id in self._busy:
            return None
        before = self.waiting.pop(recording_id, None)
        self._busy.add(recording_id)
        try:
            finished = await self._threads.run(
                finalise, self.directory, recording_id, self._disk, self._tones, self._decode
            )
        except OSError as error:
            self._failed(recording_id, before, error)
            return None
        finally:
            self._busy.discard(recording_id)
        await self._store(finished)
        return finished

    async def recover(self, running: Container[str] = ()) -> int:
        """
        Finish everything in the spool that is not C{running}, and put the index right.

        Returns how many recordings were found in the spool.
        """
        names = [name for name in await self._threads.run(self._spooled) if name not in running]
        await self._all(names)
        for row in await self._index.unfinished():
            if self._stopped:
                break
            if row.recording_id not in running and row.recording_id not in self.waiting:
                await self._put_right(row)
        return len(names)

    async def _all(self, names: list[str]) -> None:
        left = list(reversed(names))
        await gatherResults([Deferred.fromCoroutine(self._some(left)) for _ in range(AT_ONCE)])

    async def _some(self, left: list[str]) -> None:
        """
        One after another until none is left, so that a stop need not wait for all.
        """
        while left and not self._stopped:
            name = left.pop()
            await Deferred.fromCoroutine(self.finalise(name)).addErrback(self._not_finished, name)

    def _not_finished(self, reason: Failure, recording_id: str) -> None:
        self.log.failure("Could not finish recording {recording_id}", reason, recording_id=recording_id)

    async def _store(self, finished: Finished) -> None:
        manifest = finished.manifest
        self.log.info(
            "Recording {recording_id} stored: {verdict}, {tracks} tracks, {duration:.1f} s",
            recording_id=manifest.recording_id, verdict=manifest.verdict.name, tracks=len(manifest.tracks),
            duration=manifest.times.duration, path=finished.path,
        )
        attempt = Deferred.fromCoroutine(self._index.store(manifest, finished.path))
        attempt.addErrback(
            lambda reason: self.log.failure(
                "Recording {recording_id} is not in the index", reason, recording_id=manifest.recording_id
            )
        )
        await attempt

    async def _put_right(self, row: RecordingRow) -> None:
        """
        The index says that a recording is under way which is not in the spool: a process was killed between
        the end of its work and the index, or somebody removed it.
        """
        path = final_path(row.started, row.recording_id)
        manifest = await self._threads.run(read_manifest, self.directory / path)
        if manifest is not None:
            await self._index.store(manifest, path)
        elif not await self._threads.run((self.directory / SPOOL / row.recording_id).exists):
            self.log.warn("Recording {recording_id} is gone from the disk", recording_id=row.recording_id)
            await self._index.remove(row.recording_id)

    def _failed(self, recording_id: str, before: Waiting | None, error: OSError) -> None:
        delay = min(2 * before.delay, LONGEST_DELAY) if before else FIRST_DELAY
        self.waiting[recording_id] = Waiting(self._clock.seconds() + delay, delay)
        if before is None:
            self.log.error(
                "Recording {recording_id} cannot be finished and stays in the spool: {error}",
                recording_id=recording_id, error=str(error),
            )

    def _retry(self) -> Deferred[None]:
        now = self._clock.seconds()
        due = [name for name, waiting in self.waiting.items() if waiting.due <= now]
        return Deferred.fromCoroutine(self._all(due))

    def _spooled(self) -> list[str]:
        spool = self.directory / SPOOL
        return sorted(path.name for path in spool.iterdir() if path.is_dir()) if spool.is_dir() else []
