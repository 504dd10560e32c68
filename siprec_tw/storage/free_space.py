"""
Whether the disk takes recordings: writable, and with room.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from siprec_tw.interfaces import Condition
from siprec_tw.recording.layout import SPOOL
from siprec_tw.storage.disk import FILE_MODE, Disk
from siprec_tw.storage.threads import Threads

EVERY = 5.0         # seconds between looks
PROBE = ".writable"


@define
class FreeSpace:
    """
    The condition "storage" of readiness.
    """

    log = Logger()

    directory: Path
    minimum: int                # octets that must be free for new calls
    _threads: Threads = field(alias="threads")
    _clock: IReactorTime = field(alias="clock")
    condition: Condition = field(factory=lambda: Condition("storage", False, "not looked at yet"))
    _loop: LoopingCall | None = None

    def start(self) -> None:
        """
        Look now and then every few seconds.
        """
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self.check()))
        self._loop.clock = self._clock
        self._loop.start(EVERY).addErrback(
            lambda reason: self.log.failure("The recordings directory is not watched any more", reason)
        )

    def stop(self) -> None:
        """
        Look no more.
        """
        loop, self._loop = self._loop, None
        if loop is not None and loop.running:
            loop.stop()

    async def check(self) -> Condition:
        """
        Look now. The condition stays until the next look.
        """
        before = self.condition
        self.condition = await self._threads.run(self._look)
        if before.ready and not self.condition.ready:
            self.log.error("No new calls are taken: {text}", text=self.condition.text)
        elif self.condition.ready and not before.ready:
            self.log.info("Recordings can be stored: {text}", text=self.condition.text)
        return self.condition

    def _look(self) -> Condition:
        spool = self.directory / SPOOL
        try:
            Disk(sync=False).make_directory(spool)
            probe = spool / PROBE
            os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            probe.unlink()
            free = shutil.disk_usage(self.directory).free
        except OSError as error:
            return Condition("storage", False, f"{self.directory} is not writable: {error.strerror}")
        if free < self.minimum:
            return Condition("storage", False, f"{free} octets are free, wanted {self.minimum}")
        return Condition("storage", True, f"{free} octets are free")
