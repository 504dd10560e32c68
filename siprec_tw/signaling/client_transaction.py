"""
One client transaction at work: its machine, its timers, and who waits for the final response.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.signaling.armed_timers import ArmedTimers
from siprec_tw.signaling.matching import Key
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.effects import (
    CancelTimer,
    DeliverResponse,
    Effect,
    SendCancel,
    SendMessage,
    SetTimer,
    Terminated,
    TimedOut,
    Timer,
    TransportFailed,
)
from siprec_tw.sip.invite_client import InviteClient, invite_client
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.non_invite_client import NonInviteClient, non_invite_client
from siprec_tw.sip.reply import reply
from siprec_tw.sip.timers import TimerValues

# Sends, tells when it failed, and returns the peer whose connection is used.
SendRequest = Callable[[Request, Callable[[str], None]], Peer]


class ClientTransaction:
    """
    A client transaction; C{ended} is called once, when nothing can happen to it any more.

    C{response} fires with the first final response, or with one made here: 408 or 503 (RFC 3261 s.8.1.3.1).
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        request: Request,
        key: Key,
        timers: TimerValues,
        *,
        reliable: bool,
        send: SendRequest,
        cancel: Callable[[Request], object],
        patience: float | None,
        on_response: Callable[[Response], None] | None,
        ended: Callable[[ClientTransaction], None],
    ) -> None:
        self.key = key
        self.response: Deferred[Response] = Deferred(self._wait_cancelled)
        self.peer: Peer | None = None               # whose connection carries it
        self._request = request
        self._send = send
        self._cancel = cancel
        self._on_response = on_response
        self._ended = ended
        self._final = False
        self._armed = ArmedTimers(reactor, self._fired)
        self._effects: list[Effect] = []
        self._stopped = False
        self._invite: InviteClient | None = None
        self._other: NonInviteClient | None = None
        if request.method == "INVITE":
            self._invite = invite_client(
                request, reliable=reliable, timers=timers, effects=self._effects, patience=patience
            )
        else:
            self._other = non_invite_client(request, reliable=reliable, timers=timers, effects=self._effects)

    @property
    def _machine(self) -> InviteClient | NonInviteClient:
        machine = self._invite or self._other
        assert machine is not None
        return machine

    def begin(self) -> None:
        """
        Send the request.
        """
        self._perform()

    def received(self, response: Response) -> None:
        """
        A response came that matches.
        """
        if self._other is not None:
            (self._other.provisional if response.status < 200 else self._other.final)(response)
        elif self._invite is not None:
            if response.status < 200:
                self._invite.provisional(response)
            elif response.status < 300:
                self._invite.success(response)
            else:
                self._invite.failure(response)
        self._perform()

    def transport_failed(self, reason: str) -> None:
        """
        The request could not be sent, or the connection that the response should come on is gone.
        """
        self._machine.transport_failed(reason)
        self._perform()

    def stop(self) -> None:
        """
        Fire no timer and send nothing any more, and let nobody wait.
        """
        self._stopped = True
        self._armed.disarm_all()
        self._finish(reply(self._request, 503))

    def _fired(self, timer: Timer) -> None:
        getattr(self._machine, timer.value)()
        self._perform()

    def _perform(self) -> None:
        while self._effects and not self._stopped:
            self._perform_one(self._effects.pop(0))

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case SendMessage(message):
                assert isinstance(message, Request)
                self.peer = self._send(message, self.transport_failed)
            case SendCancel(request):
                self._cancel(request)
            case SetTimer(timer, seconds):
                self._armed.arm(timer, seconds)
            case CancelTimer(timer):
                self._armed.disarm(timer)
            case DeliverResponse(response):
                self._deliver(response)
            case TimedOut():
                self._finish(reply(self._request, 408))
            case TransportFailed():
                self._finish(reply(self._request, 503))
            case Terminated():
                self._armed.disarm_all()
                self._ended(self)

    def _deliver(self, response: Response) -> None:
        try:
            if self._on_response is not None:
                self._on_response(response)
        except Exception:
            # Somebody else's code: the transaction has to go on.
            self.log.failure("Could not work on a response with status {status}", status=response.status)
        if response.status >= 200:
            self._finish(response)

    def _finish(self, response: Response) -> None:
        if not self._final:
            self._final = True
            self.response.callback(response)

    def _wait_cancelled(self, response: Deferred[Response]) -> None:
        self._final = True
        self._on_response = None
