"""
A reliable 183 before the 2xx, for clients that demand it by Require: 100rel (RFC 3262 s.3).
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from siprec_tw.errors import PeerError
from siprec_tw.signaling.armed_timers import ArmedTimers
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.effects import CancelTimer, Effect, GiveUp, SendMessage, SetTimer, Timer
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.reliable_provisional import ReliableProvisional


@define(eq=False)
class RepeatedProvisional:
    """
    One provisional response being repeated; C{settled} fires with whether its PRACK came.
    """

    _reactor: IReactorTime
    _incoming: IncomingRequest
    _provisional: ReliableProvisional
    settled: Deferred[bool] = field(factory=Deferred)
    _timers: ArmedTimers = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._timers = ArmedTimers(self._reactor, self._fired)

    def begin(self) -> None:
        """
        Send it for the first time.
        """
        self._perform(self._provisional.begin())

    def check(self, prack: Request) -> None:
        """
        Raises PeerError: 481 for a PRACK that is not for this response, 400 for one that is unreadable.
        """
        if not self._provisional.acknowledged_by(prack):
            raise PeerError(f"RAck is {prack.headers.get('RAck')}, wanted that of the last response", 481)

    def acknowledged(self) -> None:
        """
        Its PRACK came, and is answered.
        """
        self._perform(self._provisional.prack_received())
        self._settle(True)

    def stop(self) -> None:
        """
        The INVITE is being refused: nothing is awaited any more.
        """
        self._perform(self._provisional.final_sent())
        self._settle(False)

    def _fired(self, timer: Timer) -> None:
        if timer is Timer.RETRANSMIT:
            self._perform(self._provisional.retransmission_due())
        else:
            self._perform(self._provisional.patience_over())

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
                    self._settle(False)

    def _settle(self, acknowledged: bool) -> None:
        if not self.settled.called:
            self.settled.callback(acknowledged)
