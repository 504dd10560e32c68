"""
The 2xx to an INVITE, repeated by the UAS core until its ACK comes (RFC 3261 s.13.3.1.4).

::

    begin: send, RETRANSMIT in T1, GIVE_UP in 64*T1
              |
              v
        .---------.  retransmission_due: send, RETRANSMIT in min(2*interval, T2)
        | waiting |
        '---------'
          |     |                                   .--------------.
          |     '--- ack_received ----------------->| acknowledged |
          |                                         '--------------'
          |                                         .----------.
          '--------- patience_over: GiveUp -------->| given up |
                                                    '----------'

The INVITE server transaction does not do it, and it is done over TCP too, since UDP may follow further on.
"""

from __future__ import annotations

from enum import Enum

from attrs import define, field

from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.effects import CancelTimer, Effect, GiveUp, SendMessage, SetTimer, Timer
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.timers import TimerValues

STOP_TIMERS: tuple[Effect, ...] = (CancelTimer(Timer.RETRANSMIT), CancelTimer(Timer.GIVE_UP))


class Acknowledgement(Enum):
    """
    How far a response that wants to be acknowledged has come.
    """

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_UP = "given up"


@define
class InviteAcceptance:
    """
    One 2xx on its way. Every method returns the effects to be performed, in order.
    """

    response: Response
    timers: TimerValues = field(factory=TimerValues)
    state: Acknowledgement = Acknowledgement.WAITING
    interval: float = 0.0

    def begin(self) -> tuple[Effect, ...]:
        """
        Send it for the first time; the caller has not sent it.
        """
        self.interval = self.timers.t1
        return (
            SendMessage(self.response),
            SetTimer(Timer.RETRANSMIT, self.interval),
            SetTimer(Timer.GIVE_UP, self.timers.transaction_timeout),
        )

    def acknowledged_by(self, ack: Request) -> bool:
        """
        Whether an ACK of this dialog is for this very response: its CSeq number is the INVITE's
        (s.13.2.2.4). Raises PeerError for a CSeq that cannot be read.
        """
        mine = parse_cseq(self.response.headers.get("CSeq") or "").number
        return parse_cseq(ack.headers.get("CSeq") or "").number == mine

    def ack_received(self) -> tuple[Effect, ...]:
        """
        The ACK came, or a BYE that makes it needless; later ones change nothing.
        """
        return self._leave(Acknowledgement.ACKNOWLEDGED)

    def retransmission_due(self) -> tuple[Effect, ...]:
        """
        The timer RETRANSMIT fired.
        """
        if self.state is not Acknowledgement.WAITING:
            return ()
        self.interval = self.timers.doubled(self.interval)
        return (SendMessage(self.response), SetTimer(Timer.RETRANSMIT, self.interval))

    def patience_over(self) -> tuple[Effect, ...]:
        """
        The timer GIVE_UP fired: the dialog stands, and is to be ended by BYE.
        """
        left = self._leave(Acknowledgement.GIVEN_UP)
        return (*left, GiveUp()) if left else ()

    def _leave(self, state: Acknowledgement) -> tuple[Effect, ...]:
        if self.state is not Acknowledgement.WAITING:
            return ()
        self.state = state
        return STOP_TIMERS
