"""
One server transaction at work: its machine, its timers, and what its effects do.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.signaling.armed_timers import ArmedTimers
from siprec_tw.signaling.matching import Key
from siprec_tw.signaling.peer import Flow
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.effects import (
    CancelTimer,
    DeliverRequest,
    Effect,
    SendMessage,
    SetTimer,
    Terminated,
    TimedOut,
    Timer,
    TransportFailed,
)
from siprec_tw.sip.invite_server import InviteServer, invite_server
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.non_invite_server import NonInviteServer, non_invite_server
from siprec_tw.sip.reply import reply
from siprec_tw.sip.timers import TimerValues

SendResponse = Callable[[Response, Flow, Callable[[str], None]], None]


class ServerTransaction:
    """
    A server transaction; C{ended} is called once, when nothing can happen to it any more.

    @param send: puts a response on the wire and tells, now or later, that it failed.
    @param deliver_ack: gets an ACK to a 2xx that came with the INVITE's own branch.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        request: Request,
        flow: Flow,
        key: Key,
        timers: TimerValues,
        tag: str,
        *,
        send: SendResponse,
        deliver_ack: Callable[[Request, Flow], None],
        ended: Callable[[ServerTransaction], None],
    ) -> None:
        self.key = key
        self.incoming = IncomingRequest(request, flow.peer, flow.local, reactor.seconds(), tag, self._respond)
        self.answered: Response | None = None       # the final response
        self._flow = flow
        self._send = send
        self._deliver_ack = deliver_ack
        self._ended = ended
        self._armed = ArmedTimers(reactor, self._fired)
        self._effects: list[Effect] = []
        self._stopped = False
        self._invite: InviteServer | None = None
        self._other: NonInviteServer | None = None
        reliable = flow.peer.reliable
        if request.method == "INVITE":
            self._invite = invite_server(
                request, reply(request, 100), reliable=reliable, timers=timers, effects=self._effects
            )
        else:
            self._other = non_invite_server(request, reliable=reliable, timers=timers, effects=self._effects)

    @property
    def _machine(self) -> InviteServer | NonInviteServer:
        machine = self._invite or self._other
        assert machine is not None
        return machine

    def begin(self) -> None:
        """
        Send the 100 of an INVITE. The request itself is the caller's to deliver: it has L{incoming}.
        """
        self._perform()

    def repeated(self, request: Request) -> None:
        """
        The request came again.
        """
        self._machine.request(request)
        self._perform()

    def acknowledged(self, request: Request) -> None:
        """
        An ACK came that matches this INVITE.
        """
        if self._invite is not None:
            self._invite.ack(request)
            self._perform()

    def stop(self) -> None:
        """
        Fire no timer and send nothing any more.
        """
        self._stopped = True
        self._armed.disarm_all()

    def _respond(self, response: Response) -> None:
        if response.status >= 200 and self.answered is None:
            self.answered = response
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

    def _fired(self, timer: Timer) -> None:
        getattr(self._machine, timer.value)()
        self._perform()

    def _transport_failed(self, reason: str) -> None:
        self._machine.transport_failed(reason)
        self._perform()

    def _perform(self) -> None:
        # An effect may cause more of them, in this very loop one call deeper; then nothing is left here.
        while self._effects and not self._stopped:
            self._perform_one(self._effects.pop(0))

    def _perform_one(self, effect: Effect) -> None:
        match effect:
            case SendMessage(message):
                assert isinstance(message, Response)
                self._send(message, self._flow, self._transport_failed)
            case SetTimer(timer, seconds):
                self._armed.arm(timer, seconds)
            case CancelTimer(timer):
                self._armed.disarm(timer)
            case DeliverRequest(request):
                if request.method == "ACK":
                    self._deliver_ack(request, self._flow)
            case TransportFailed(reason):
                self.log.debug("Could not answer {peer}: {reason}", peer=self._flow.peer, reason=reason)
            case TimedOut():
                self.log.debug("No ACK from {peer}", peer=self._flow.peer)
            case Terminated():
                self._armed.disarm_all()
                self._ended(self)
