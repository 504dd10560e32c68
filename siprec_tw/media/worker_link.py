"""
One running media worker as the control process sees it: started, spoken to, watched, ended.

It is lost when its pipes close, or when it leaves PINGS pings unanswered: it is killed then, whatever state it is
in. Its sockets are free when the system says that it is gone. Pings are counted rather than timed, so that it is
not the worker who pays when this process was held up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.process import reapAllProcesses
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.protocols.amp import Command
from twisted.python.failure import Failure

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import StreamReport
from siprec_tw.media.media_sums import Sums
from siprec_tw.media.worker_commands import News, Ping, QuietAmp
from siprec_tw.media.worker_log import ForwardedLog
from siprec_tw.own_program import arguments, environment
from siprec_tw.patience import settled

PROGRAM = arguments("siprec_tw.media.worker")
FIRST_INHERITED = 3
PING_SECONDS = 1.0
PINGS = 5
REAP_SECONDS = 0.1      # between two looks for a worker that should be gone
LEAVE_SECONDS = 3.0     # for a worker that was told to go

Answer = Mapping[str, object]


class WorkerLost(LocalError):
    """
    The worker is not there any more.
    """


class Owner(Protocol):
    """
    Whom a link tells.
    """

    def news(self, rows: bytes, reports: tuple[StreamReport, ...], sums: Sums) -> None:
        """
        L{siprec_tw.media.worker_commands.News}.
        """

    def lost(self, reason: str) -> None:
        """
        The worker is lost; not called when it was told to leave.
        """


class ControlEnd(QuietAmp):
    """
    The control process's end of the line.
    """

    def __init__(self, owner: Owner) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._owner = owner

    @News.responder
    def news(self, rows: bytes, reports: tuple[StreamReport, ...], sums: Sums) -> dict[str, str]:
        """
        How the streams are.
        """
        self._owner.news(rows, reports, sums)
        return {}


class WorkerLink(ProcessProtocol):
    """
    A worker from its start to its end; C{number} is how it is called in the log.

    @ivar gone: fires when the system says that the worker is gone.
    """

    log = Logger()
    transport: IProcessTransport

    def __init__(self, reactor: IReactorTime, number: int, owner: Owner) -> None:
        self.gone: Deferred[None] = Deferred()
        self._reactor = reactor
        self._number = number
        self._owner = owner
        self._line = ControlEnd(owner)
        self._log = ForwardedLog(number)
        self._over = False              # lost, or told to leave
        self._unanswered = 0            # pings
        self._watch: IDelayedCall | None = None

    def start(self, inherited: Sequence[int]) -> None:
        """
        Start the worker; it inherits these descriptors. Raises LocalError.
        """
        files: dict[int, str | int] = {0: "w", 1: "r", 2: "r"}
        files.update(enumerate(inherited, FIRST_INHERITED))
        try:
            IReactorProcess(self._reactor).spawnProcess(
                self, PROGRAM[0], PROGRAM, env=environment(), childFDs=files
            )
        except OSError as error:
            self.gone.callback(None)
            raise LocalError(f"media worker {self._number} cannot be started: {error.strerror}") from error

    def watch(self) -> None:
        """
        From now on the worker must answer pings.
        """
        if not self._over:
            self._watch = self._reactor.callLater(PING_SECONDS, self._ping)

    async def ask(self, command: type[Command], values: Mapping[str, object]) -> Answer:
        """
        The answer to a command. Raises WorkerLost, or whatever the worker raised.
        """
        try:
            return await self._line.ask(command, values)
        except (LocalError, ValueError, OSError, CancelledError):
            raise
        except Exception as error:
            # However a line ends, nothing comes by it any more.
            raise WorkerLost(f"media worker {self._number} is lost") from error

    def lose(self, reason: str) -> None:
        """
        Give the worker up: what was asked fails, and it is killed.
        """
        if not self._over:
            self._leave()
            self._owner.lost(f"{reason}; {self._log.last}" if self._log.last else reason)
            self._cut()
            self._kill()

    async def finish(self) -> None:
        """
        Close the line, see the worker leave, and help where it does not.
        """
        if self.gone.called:
            return
        self._leave()
        self.transport.closeStdin()
        if not await settled(self._reactor, [self.gone], LEAVE_SECONDS):
            self._kill()
            await settled(self._reactor, [self.gone], LEAVE_SECONDS)
        self._cut()

    # --- what Twisted calls ----------------------------------------------------------------------

    def connectionMade(self) -> None:
        """
        The worker was started.
        """
        self._line.makeConnection(self.transport)

    def outReceived(self, octets: bytes) -> None:
        """
        It said something.
        """
        if not self._over:
            self._line.dataReceived(octets)  # type: ignore[no-untyped-call]

    def errReceived(self, octets: bytes) -> None:
        """
        It logged something.
        """
        self._log.take(octets)

    def childConnectionLost(self, childFD: int) -> None:
        """
        A pipe was closed: the worker is ending, whether or not the system tells us of it.
        """
        self.lose("it closed its pipes")

    def processEnded(self, reason: Failure) -> None:
        """
        The worker is gone.
        """
        self.lose(str(reason.value))
        self._stop_watch()
        self.log.info("Media worker {worker} is gone: {how}", worker=self._number, how=str(reason.value))
        self.gone.callback(None)

    # --- watching --------------------------------------------------------------------------------

    def _ping(self) -> None:
        self._watch = self._reactor.callLater(PING_SECONDS, self._ping)
        if self._unanswered >= PINGS:
            self.lose(f"it did not answer for {PINGS * PING_SECONDS:.0f} s")
            return
        self._unanswered += 1
        self._line.ask(Ping, {}).addCallbacks(self._answered, lambda _: None)    # lost: told elsewhere

    def _answered(self, answer: object) -> None:
        self._unanswered = 0

    def _leave(self) -> None:
        """
        From now on the worker is to go, and is looked for: not every reactor is told of the end of a child.
        """
        self._over = True
        self._stop_watch()
        if not self.gone.called:
            self._watch = self._reactor.callLater(REAP_SECONDS, self._reap)

    def _reap(self) -> None:
        self._watch = self._reactor.callLater(REAP_SECONDS, self._reap)
        reapAllProcesses()

    def _stop_watch(self) -> None:
        if self._watch is not None and self._watch.active():
            self._watch.cancel()
        self._watch = None

    def _cut(self) -> None:
        """
        Nothing is answered any more.
        """
        if self._line.transport is not None:
            self._line.connectionLost()

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready):
            if not self.gone.called:
                self.transport.signalProcess("KILL")
