"""
Removes finished recordings that are older than they may become; the files first, then the row.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from siprec_tw.storage.disk import DIRECTORY_MODE
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.threads import Threads

EVERY = 600.0           # seconds between runs
MOST_IN_A_RUN = 500     # recordings
DAY = 86_400.0
REMOVED = "removed"     # where a recording is put in one step before its files are removed


@define
class Retention:
    """
    Keeps recordings for C{days}; None keeps them for ever.
    """

    log = Logger()

    directory: Path
    days: float | None
    _index: RecordingsIndex = field(alias="index")
    _threads: Threads = field(alias="threads")
    _clock: IReactorTime = field(alias="clock")
    _now: Callable[[], float] = field(alias="now")      # POSIX seconds
    _loop: LoopingCall | None = None

    def start(self) -> None:
        """
        Begin to remove, at once and then every ten minutes.
        """
        if self.days is None:
            return
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self.run()))
        self._loop.clock = self._clock
        self._loop.start(EVERY).addErrback(
            lambda reason: self.log.failure("Old recordings are not removed any more", reason)
        )

    def stop(self) -> None:
        """
        Remove no more.
        """
        loop, self._loop = self._loop, None
        if loop is not None and loop.running:
            loop.stop()

    async def run(self) -> int:
        """
        Remove what is too old, the oldest first, C{MOST_IN_A_RUN} at most. Returns how many were removed.
        """
        if self.days is None:
            return 0
        old = await self._index.finished_before(self._now() - self.days * DAY, MOST_IN_A_RUN)
        removed = 0
        for row in old:
            try:
                await self._threads.run(self._remove, row.path)
            except OSError as error:
                self.log.error(
                    "Recording {recording_id} is too old and cannot be removed: {error}",
                    recording_id=row.recording_id, error=str(error),
                )
                break
            await self._index.remove(row.recording_id)
            removed += 1
        if removed:
            text = "Removed {removed} recordings older than {days} days"
            self.log.info(text, removed=removed, days=self.days)
        return removed

    def _remove(self, path: str) -> None:
        """
        Out of sight in one step, so that nobody sees half a recording; then its files, then empty days.
        """
        removed = self.directory / REMOVED
        shutil.rmtree(removed, ignore_errors=True)
        recording = self.directory / path
        if path and recording.is_dir() and recording.resolve().is_relative_to(self.directory.resolve()):
            removed.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            recording.rename(removed / recording.name)
            shutil.rmtree(removed)
        day = recording.parent
        while path and day != self.directory and day.is_dir() and not any(day.iterdir()):
            day.rmdir()
            day = day.parent
