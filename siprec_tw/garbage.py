"""
When Python looks for garbage in cycles.

A full collection walks over everything that lives. With a thousand calls up it takes a fifth of a second, in which
nobody is answered. So what has lived for a second is put aside (gc.freeze), and the collections that Python makes by
itself walk over the rest only. Now and then all is looked through after all: every CHECK_SECONDS while that is quick,
every FULL_SECONDS in any case.

This is of the whole process: only who owns it may set such a pace.
"""

from __future__ import annotations

import gc

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

FREEZE_SECONDS = 1.0
CHECK_SECONDS = 60.0
FULL_SECONDS = 600.0
QUICK = 200_000         # objects: some twenty milliseconds


class GarbagePace:
    """
    Puts the old aside, and looks through it when it is time.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._loop = LoopingCall(self.step)
        self._loop.clock = reactor
        self._checked = self._looked = reactor.seconds()

    def start(self) -> None:
        """
        From now on.
        """
        self._loop.start(FREEZE_SECONDS, now=False).addErrback(lambda f: self.log.failure("No more garbage", f))

    def stop(self) -> None:
        """
        No more; nothing is aside any longer.
        """
        if self._loop.running:
            self._loop.stop()
        gc.unfreeze()

    def step(self) -> None:
        """
        A second has passed.
        """
        now = self._reactor.seconds()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            if gc.get_freeze_count() <= QUICK or now - self._looked >= FULL_SECONDS:
                self._looked = now
                gc.unfreeze()
                gc.collect()
        else:
            gc.collect(1)
        gc.freeze()
