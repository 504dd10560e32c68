"""
A 2xx to an INVITE being repeated until its ACK: the shell around L{InviteAcceptance}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from siprec_tw.signaling.armed_timers import ArmedTimers
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.effects import CancelTimer, Effect, GiveUp, SendMessage, SetTimer, Timer
from siprec_tw.sip.invite_acceptance import InviteAcceptance
from siprec_tw.sip.message import Response
from siprec_tw.sip.timers import TimerValues


@define(eq=False)
class RepeatedAnswer:
    """
    One 2xx on its way to the client. C{gave_up} is called where no ACK comes in 64*T1.
    """

    _reactor: IReactorTime
    _incoming: IncomingRequest
    _acceptance: InviteAcceptance
    _gave_up: Callable[[], None]
    _timers: ArmedTimers = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._timers = ArmedTimers(self._reactor, self._fired)

    def begin(self) -> None:
        """
        Send it for the first time.
        """
        self._perform(self._acceptance.begin())

    def stop(self) -> None:
        """
        The ACK came, or the dialog is over.
        """
        self._perform(self._acceptance.ack_received())

    def _fired(self, timer: Timer) -> None:
        if timer is Timer.RETRANSMIT:
            self._perform(self._acceptance.retransmission_due())
        else:
            self._perform(self._acceptance.patience_over())

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendMessage(message) if isinstance(message, Response):
                    self._incoming.respond(message)
                case SetTimer(timer, seconds):
                    self._timers.arm(timer, seconds)
                case CancelTimer(timer):
                    self._timers.disarm(timer)
                case GiveUp():
                    self._gave_up()


def repeat_answer(
    reactor: IReactorTime,
    incoming: IncomingRequest,
    response: Response,
    timers: TimerValues,
    gave_up: Callable[[], None],
) -> RepeatedAnswer:
    """
    Send a 2xx and repeat it until its ACK (RFC 3261 s.13.3.1.4).
    """
    answer = RepeatedAnswer(reactor, incoming, InviteAcceptance(response, timers), gave_up)
    answer.begin()
    return answer
