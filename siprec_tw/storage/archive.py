"""
The archive: spool, finaliser and index as one thing, for those who record and for those who look.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from siprec_tw.interfaces import Condition, PartyView, RecordingRow
from siprec_tw.metrics import Metrics, Watched
from siprec_tw.recording.journal import CallStarted
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.directory_lock import DirectoryLock
from siprec_tw.storage.finaliser import Finaliser
from siprec_tw.storage.free_space import FreeSpace
from siprec_tw.storage.late_decoder import StoredDecoder
from siprec_tw.storage.nice_decoder import NiceDecoder
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.retention import DAY, Retention
from siprec_tw.storage.spool import Spool, SpooledRecording
from siprec_tw.storage.threads import Pool

INDEX = "index.sqlite"
FINALISING_THREADS = 2


@define(eq=False)
class Archive:
    """
    Everything under one recordings directory.
    """

    log = Logger()

    directory: Path
    _reactor: IReactorTime
    _metrics: Metrics
    _pools: tuple[Pool, ...]
    _spool: Spool
    _finaliser: Finaliser
    _free_space: FreeSpace
    _retention: Retention
    index: RecordingsIndex
    late_decoder: StoredDecoder
    _lock: DirectoryLock
    _decoder: NiceDecoder
    _running: set[str] = field(factory=set)             # recording ids from begin to finish or discard
    _recovery: Deferred[None] | None = None

    async def start(self) -> None:
        """
        Open the index and begin to finish what a killed process left.

        Raises LocalError where another recorder has the directory, or it cannot be written; sqlite3.Error.
        """
        try:
            await self._pools[0].run(self._lock.take)
            await self._free_space.check()
            await self.index.open()
            await self.late_decoder.clear()
        except BaseException:
            self._stop_threads()    # which would keep the process from ending
            raise
        self._free_space.start()
        self._finaliser.start()
        self._retention.start()
        self._metrics.watch(Watched.RECORDINGS_PENDING, self._pending)
        self._metrics.watch(Watched.DISK_FREE, lambda: float(shutil.disk_usage(self.directory).free))
        self._recovery = Deferred.fromCoroutine(self._recover())

    async def stop(self) -> None:
        """
        Finish the work that was given, close the index.
        """
        self._retention.stop()
        self._free_space.stop()
        self._finaliser.stop()
        if self._recovery is not None:
            await self._recovery
        await self.late_decoder.stop()
        await self.index.close()
        self._stop_threads()

    def inherited(self) -> tuple[int, ...]:
        """
        The descriptors that a program must inherit which writes into the directory, once the archive is started: it
        stays locked then until that program has ended.
        """
        return (self._lock.descriptor,)

    def condition(self) -> Condition:
        """
        Whether new recordings can be stored.
        """
        return self._free_space.condition

    async def begin(self, started: CallStarted) -> SpooledRecording:
        """
        Make room for a recording. Raises OSError.
        """
        self._running.add(started.recording_id)
        try:
            return await self._spool.begin(started)
        except BaseException:
            self._running.discard(started.recording_id)
            raise

    async def answered(self, started: CallStarted, parties: tuple[PartyView, ...]) -> None:
        """
        The call is about to be acknowledged: the index has it from now on, as well as it can.
        """
        row = RecordingRow(
            recording_id=started.recording_id, state="recording", verdict="", call_id=started.call_id,
            started=started.at, ended=None, duration=0.0, parties=parties, tracks=0, path="", size=0,
        )
        await self._attempt(Deferred.fromCoroutine(self.index.insert_started(row)), started.recording_id)

    async def told(self, recording_id: str, parties: tuple[PartyView, ...]) -> None:
        """
        The metadata of a call that is under way names these parties now.
        """
        await self._attempt(Deferred.fromCoroutine(self.index.update_parties(recording_id, parties)), recording_id)

    async def finish(self, spooled: SpooledRecording) -> None:
        """
        Make the recording of what lies in the spool.
        """
        await self._attempt(Deferred.fromCoroutine(self._finish(spooled)), spooled.recording_id)
        self._running.discard(spooled.recording_id)

    async def discard(self, spooled: SpooledRecording) -> None:
        """
        Keep nothing of a call that was never acknowledged.
        """
        await self._attempt(Deferred.fromCoroutine(self._discard(spooled)), spooled.recording_id)
        self._running.discard(spooled.recording_id)

    async def _finish(self, spooled: SpooledRecording) -> None:
        began = self._reactor.seconds()
        try:
            await spooled.close()
        except OSError:
            self.log.failure("Could not close a journal", recording_id=spooled.recording_id)
        finished = await self._finaliser.finalise(spooled.recording_id)
        if finished is not None:
            manifest = finished.manifest
            self._metrics.finalise_took(self._reactor.seconds() - began)
            self._metrics.recording_stored(manifest.verdict.name, manifest.times.duration)

    async def _discard(self, spooled: SpooledRecording) -> None:
        await spooled.close()
        await self._pools[0].run(shutil.rmtree, spooled.directory)
        await self.index.remove(spooled.recording_id)

    def _stop_threads(self) -> None:
        self._lock.release()
        for pool in self._pools:
            pool.stop()
        self._decoder.stop()

    def _pending(self) -> float:
        return float(len(self._running) + len(self._finaliser.waiting))

    async def _recover(self) -> None:
        found = Deferred.fromCoroutine(self._finaliser.recover(self._running))
        found.addErrback(lambda failure: self.log.failure("Could not look through the spool", failure))
        number = await found
        if number:
            self.log.info("Finished what a killed process left: {number} in the spool", number=number)

    async def _attempt(self, work: Deferred[None], recording_id: str) -> None:
        work.addErrback(
            lambda failure: self.log.failure("The archive failed", failure, recording_id=recording_id)
        )
        await work


def open_archive(
    reactor: IReactorTime, directory: Path, metrics: Metrics, *, min_free: int, retention: float | None,
    tones: Tones = Tones.KEEP,
) -> Archive:
    """
    The archive of a directory; nothing is touched before it is started.

    @param min_free: octets.
    @param retention: seconds, or None for ever.
    @param tones: what becomes of the keys that were pressed.
    """
    threads = IReactorFromThreads(reactor)
    writing, asking = Pool(threads, "spool"), Pool(threads, "index")
    decoder = NiceDecoder()
    finishing, decoding = Pool(threads, "finalise", FINALISING_THREADS), Pool(threads, "decode")
    index = RecordingsIndex(directory, directory / INDEX, threads=asking)
    return Archive(
        directory=directory,
        reactor=reactor,
        metrics=metrics,
        pools=(writing, asking, finishing, decoding),
        spool=Spool(directory, threads=writing),
        finaliser=Finaliser(directory, index=index, threads=finishing, clock=reactor, tones=tones, decode=decoder),
        free_space=FreeSpace(directory, min_free, threads=finishing, clock=reactor),
        retention=Retention(
            directory, None if retention is None else retention / DAY, index=index, threads=finishing,
            clock=reactor, now=time.time,
        ),
        index=index,
        late_decoder=StoredDecoder(directory, index=index, threads=decoding, looking=asking, tones=tones),
        lock=DirectoryLock(directory),
        decoder=decoder,
    )
