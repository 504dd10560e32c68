"""
The worker's end of the line to the control process (siprec_tw.media.worker_commands): one media plane, and its news.
"""

from __future__ import annotations

import signal
import time

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import StreamAddress, StreamReport, StreamSpec
from siprec_tw.media.media_sums import CollectedMetrics, Sums
from siprec_tw.media.open_files import raise_limit, wanted_files
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.report_table import ReportTable
from siprec_tw.media.worker_commands import (
    REPORT_SECONDS,
    Begin,
    Close,
    Finish,
    News,
    Open,
    Ping,
    PlaneSettings,
    QuietAmp,
    Update,
)

END_SECONDS = 5     # after the line was cut, whatever a disk may do


class WorkerEnd(QuietAmp):
    """
    The worker's end of the line. C{ended} is called when all is closed after the line was cut.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime, ended: Deferred[None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._ended = ended
        self._metrics = CollectedMetrics(time.process_time)
        self._reports = ReportTable()
        self._plane: LocalMediaPlane | None = None
        self._telling = False

    @property
    def plane(self) -> LocalMediaPlane:
        """
        The plane. Raises LocalError before Begin.
        """
        if self._plane is None:
            raise LocalError("the worker has not begun")
        return self._plane

    @Begin.responder
    def begin(self, settings: PlaneSettings) -> dict[str, str]:
        """
        Make the plane.
        """
        pairs = (settings.ports[1] - settings.ports[0] + 1) // 2
        raise_limit(wanted_files(pairs))
        self._plane = LocalMediaPlane(
            self._reactor, settings.node_id, settings.host, settings.ports, advertise=settings.advertise,
            sweep_interval=settings.sweep_interval, quarantine=settings.quarantine,
            receive_buffer=settings.receive_buffer, metrics=self._metrics, receiver=settings.receiver,
            resting=settings.resting,
        )
        self._plane.start()
        self._reactor.callLater(REPORT_SECONDS, self._tell)
        return {"receiver": self._plane.receiver_name}

    @Open.responder
    def open(self, spec: StreamSpec) -> Deferred[dict[str, StreamAddress | int]]:
        """
        Open a stream.
        """
        return Deferred.fromCoroutine(self._open(spec)).addErrback(self._known)

    async def _open(self, spec: StreamSpec) -> dict[str, StreamAddress | int]:
        address = await self.plane.open_stream(spec)
        receiver = self.plane.receiver(spec.stream_id)
        assert receiver is not None
        entry = self._reports.open(receiver)
        return {"address": address, "slot": entry.slot, "opening": entry.opening}

    @Update.responder
    def update(self, spec: StreamSpec) -> Deferred[dict[str, str]]:
        """
        A stream is so from now on.
        """
        done = Deferred.fromCoroutine(self.plane.update_stream(spec))
        return done.addCallbacks(lambda _: {}, self._known)

    @Close.responder
    def close(self, stream_id: str) -> Deferred[dict[str, StreamReport]]:
        """
        Close a stream.
        """
        receiver = self.plane.receiver(stream_id)
        if receiver is not None:
            self._reports.close(receiver)
        done = Deferred.fromCoroutine(self.plane.close_stream(stream_id))
        return done.addCallbacks(lambda report: {"report": report}, self._known)

    @Ping.responder
    def ping(self) -> dict[str, str]:
        """
        Here.
        """
        return {}

    @Finish.responder
    def finish(self) -> Deferred[dict[str, Sums]]:
        """
        Close all streams.
        """
        done = Deferred.fromCoroutine(self.plane.stop())
        return done.addCallbacks(lambda _: {"sums": self._metrics.take()}, self._known)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Nobody is there any more: end.
        """
        super().connectionLost(reason)
        signal.alarm(END_SECONDS)
        done = Deferred.fromCoroutine(self._end())
        done.addErrback(lambda failure: self.log.failure("Could not close everything", failure))
        done.chainDeferred(self._ended)

    async def _end(self) -> None:
        if self._plane is not None:
            await self._plane.stop()

    def _known(self, failure: Failure) -> Failure:
        """
        An error as the line knows it: any other would end the connection.
        """
        if not isinstance(failure.value, LocalError | ValueError | OSError):
            self.log.failure("Media worker failed", failure)
            raise LocalError(f"media worker: {failure.value!r}") from failure.value
        return failure

    def _tell(self) -> None:
        """
        Tell the control process how all streams are, if it has taken what it was told last.
        """
        if self.transport is None:
            return
        self._reactor.callLater(REPORT_SECONDS, self._tell)
        if self._telling:
            return
        self._telling = True
        rows, reports = self._reports.news(self.plane.going)
        told = self.ask(News, {"rows": rows, "reports": reports, "sums": self._metrics.take()})
        told.addCallbacks(self._told, lambda _: None)       # the line was cut: that is told elsewhere

    def _told(self, answer: object) -> None:
        self._telling = False
