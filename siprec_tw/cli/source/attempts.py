"""
Requests that wait for a first word of the recorder: whoever waits in vain is told why.

The signaling ends every wait with a response, one of its own making at worst (RFC 3261 s.8.1.3.1). A test
client must not take that for the recorder's: here it becomes an error that says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.cli.source.reach import RefusalWatch, broken_connection, place
from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.message import Response

OnResponse = Callable[[Response], None]
LOOK_INTERVAL = 0.1         # seconds between two looks for a refusal

Ask = Callable[[OnResponse], Coroutine[Deferred[object], object, Response]]


@define(eq=False)
class _Attempt:
    on_response: OnResponse | None
    waiting: Deferred[Response] | None = None
    heard: bool = False
    given_up: str = ""          # why nobody waits any more

    def hear(self, response: Response) -> None:
        self.heard = True
        if self.on_response is not None:
            self.on_response(response)

    def give_up(self, why: str) -> None:
        if self.waiting is not None and not self.heard:
            self.given_up = why
            self.waiting.cancel()


@define(eq=False)
class Attempts:
    """
    The requests of one client. C{patience} is how long the first of a call waits for any response, in seconds;
    None is as long as the transaction does, and then nobody asks whether the recorder's machine refuses either.
    """

    log = Logger()

    reactor: IReactorTime
    recorder: Peer
    patience: float | None
    _under_way: dict[_Attempt, None] = field(factory=dict)
    _watch: RefusalWatch | None = None
    _closed: bool = False

    def open(self) -> None:
        """
        Watch for refusals. Raises OSError where there is no way to the recorder.
        """
        if self.patience is not None and self.recorder.transport == "udp":
            self._watch = RefusalWatch(self.recorder)

    def close(self) -> None:
        """
        Watch no more.
        """
        self._closed = True
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    async def response(self, ask: Ask, on_response: OnResponse | None, *, first: bool) -> Response:
        """
        The recorder's final response. Raises PeerError(408 or 503) where it gave none.
        """
        attempt = _Attempt(on_response)
        self._under_way[attempt] = None
        attempt.waiting = Deferred.fromCoroutine(ask(attempt.hear))
        looking = self._begin(attempt) if first else None
        try:
            response = await attempt.waiting
        except CancelledError:
            if not attempt.given_up:
                raise
            raise PeerError(attempt.given_up, 408) from None
        finally:
            del self._under_way[attempt]
            if looking is not None and looking.running:
                looking.stop()
        if not attempt.heard:
            raise PeerError(await self._reason(response.status), response.status)
        return response

    def _begin(self, attempt: _Attempt) -> LoopingCall | None:
        if self.patience is None:
            return None
        if self._watch is not None:
            self._watch.ask()
        looking = LoopingCall(self._look, attempt, self.reactor.seconds() + self.patience)
        looking.clock = self.reactor
        looking.start(LOOK_INTERVAL, now=False).addErrback(self._failed)
        return looking

    def _look(self, attempt: _Attempt, deadline: float) -> None:
        refused = "" if self._watch is None else self._watch.reason()
        if refused:
            for each in tuple(self._under_way):
                each.give_up(refused)
        elif self.reactor.seconds() >= deadline:
            attempt.give_up(f"no answer from {place(self.recorder)} within {self.patience:g} s")

    def _failed(self, failure: Failure) -> None:
        self.log.failure("Nobody looks any more whether the recorder refuses", failure)

    async def _reason(self, status: int) -> str:
        if status == 408:
            return f"no answer from {place(self.recorder)}"
        if self._closed:
            return "given up"
        if self.recorder.transport == "tcp":
            return await broken_connection(self.reactor, self.recorder)
        return f"the request could not be sent to {place(self.recorder)}"
