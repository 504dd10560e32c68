"""
The post of one media worker: its ports, the worker that holds it, and the next one when that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import numpy as np
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.protocols.amp import Command

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import StreamReport
from siprec_tw.media.media_sums import Sums
from siprec_tw.media.port_share import PortShare
from siprec_tw.media.report_row import REPORT_ROW, ReportRows
from siprec_tw.media.worker_commands import Begin, Finish, PlaneSettings
from siprec_tw.media.worker_link import Answer, WorkerLink, WorkerLost

BEGIN_SECONDS = 20.0
FINISH_SECONDS = 10.0
FIRST_PATIENCE = 1.0        # before a lost worker is replaced; twice as long each time that it does not last
MOST_PATIENCE = 30.0
LASTING_SECONDS = 60.0

Inherit = Callable[[], Sequence[int]]


class Chief(Protocol):
    """
    Whom a post tells.
    """

    def post_lost(self, post: WorkerPost, reason: str) -> int:
        """
        The worker is lost, with all its streams. Returns how many those are.
        """

    def post_restarted(self) -> None:
        """
        Another worker took the place of a lost one.
        """

    def post_news(self, reports: tuple[StreamReport, ...], sums: Sums) -> None:
        """
        What streams have to tell beside numbers, and sums for the metrics.
        """


class WorkerPost:
    """
    An L{siprec_tw.media.worker_link.Owner}. C{inherit()} are the descriptors that a worker inherits.

    @ivar rows: the numbers of all its streams, as told last.
    @ivar running: whether a worker is there that can be asked.
    @ivar receiver: how it receives, "batch" or "swept".
    """

    log = Logger()

    def __init__(
        self, reactor: IReactorTime, number: int, settings: PlaneSettings, inherit: Inherit, chief: Chief
    ) -> None:
        self.number = number
        self.share = PortShare(settings.ports, reactor.seconds, settings.quarantine)
        self.rows: ReportRows = np.zeros(0, REPORT_ROW)
        self.running = False
        self.receiver = ""
        self._reactor = reactor
        self._settings = settings
        self._inherit = inherit
        self._chief = chief
        self._link: WorkerLink | None = None
        self._patience = FIRST_PATIENCE
        self._since = 0.0                       # when the worker that runs began
        self._next: IDelayedCall | None = None
        self._stopping = False

    async def start(self) -> None:
        """
        Start a worker, and wait until it receives. Raises LocalError.
        """
        settings = evolve(self._settings, resting=self.share.rest())
        link = self._link = WorkerLink(self._reactor, self.number, self)
        link.start(self._inherit())
        beginning = Deferred.fromCoroutine(link.ask(Begin, {"settings": settings}))
        try:
            answer = await beginning.addTimeout(BEGIN_SECONDS, self._reactor)
        except DeferredTimeout as error:
            raise LocalError(f"media worker {self.number} did not begin in {BEGIN_SECONDS:.0f} s") from error
        self.receiver = str(answer["receiver"])
        self.running = not self._stopping
        self._since = self._reactor.seconds()
        link.watch()

    async def ask(self, command: type[Command], values: Mapping[str, object]) -> Answer:
        """
        Ask the worker. Raises WorkerLost, or what the worker raised.
        """
        if self._link is None or not self.running:
            raise WorkerLost(f"media worker {self.number} does not run")
        return await self._link.ask(command, values)

    async def stop(self) -> None:
        """
        Let the worker close all its streams, and end it; bounded.
        """
        self._stopping = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._link is None:
            return
        if self.running:
            finishing = Deferred.fromCoroutine(self.ask(Finish, {}))
            try:
                answer = await finishing.addTimeout(FINISH_SECONDS, self._reactor)
                self._chief.post_news((), cast(Sums, answer["sums"]))
            except (LocalError, DeferredTimeout) as error:
                self.log.warn("Media worker {worker} did not finish: {error}", worker=self.number, error=str(error))
        self.running = False
        await self._link.finish()

    def news(self, rows: bytes, reports: tuple[StreamReport, ...], sums: Sums) -> None:
        """
        The worker tells how its streams are.
        """
        self.rows = np.frombuffer(rows, REPORT_ROW)
        self._chief.post_news(reports, sums)

    def lost(self, reason: str) -> None:
        """
        The worker is lost: another takes its place when its sockets are free.
        """
        link, was_running, self.running = self._link, self.running, False
        if was_running and self._reactor.seconds() - self._since >= LASTING_SECONDS:
            self._patience = FIRST_PATIENCE
        streams = self._chief.post_lost(self, reason)
        if self._stopping or link is None:
            return
        self.log.error(
            "Media worker {worker} is lost with {streams} streams: {reason}. The next one begins in {patience:.0f} s",
            worker=self.number, streams=streams, reason=reason, patience=self._patience,
        )
        link.gone.addCallback(self._wait)

    def _wait(self, result: None) -> None:
        if not self._stopping:
            self._next = self._reactor.callLater(self._patience, self._replace)
            self._patience = min(2 * self._patience, MOST_PATIENCE)

    def _replace(self) -> None:
        Deferred.fromCoroutine(self._restart()).addErrback(
            lambda failure: self.log.failure("Could not replace a media worker", failure)
        )

    async def _restart(self) -> None:
        try:
            await self.start()
        except LocalError as error:
            if self._link is not None:
                self._link.lose(str(error))
            return
        self._chief.post_restarted()
        self.log.info("Media worker {worker} runs again", worker=self.number)
