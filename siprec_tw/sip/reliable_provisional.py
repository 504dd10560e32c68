"""
A provisional response that is repeated until its PRACK comes, UAS side (RFC 3262 s.3).

The machine is that of L{siprec_tw.sip.invite_acceptance}, with PRACK in place of ACK, an interval that
doubles without bound, and a failure that rejects the INVITE by a 5xx instead of a BYE.
"""

from __future__ import annotations

import re

from attrs import define, field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.effects import Effect, GiveUp, SendMessage, SetTimer, Timer
from siprec_tw.sip.invite_acceptance import STOP_TIMERS, Acknowledgement
from siprec_tw.sip.lists import parse_tokens
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.timers import TimerValues

OPTION_TAG = "100rel"

_RACK = re.compile(r"([0-9]{1,10})\s+([0-9]{1,10})\s+(\S+)")


@frozen
class RAck:
    """
    What a PRACK acknowledges (RFC 3262 s.7.2): RSeq of the response, CSeq of the INVITE.
    """

    rseq: int
    cseq: int
    method: str


def parse_rack(text: str) -> RAck:
    """
    A RAck value. Raises PeerError(400).
    """
    match = _RACK.fullmatch(text.strip())
    if match is None:
        raise PeerError(f"RAck is {text[:80]!r}, wanted two numbers and a method")
    return RAck(int(match.group(1)), int(match.group(2)), match.group(3))


def wants_reliability(request: Request) -> bool:
    """
    Whether the INVITE demands reliable provisional responses: Require has 100rel (s.3).
    """
    return any(tag.lower() == OPTION_TAG for tag in parse_tokens(request.headers, "Require"))


@define
class ReliableProvisional:
    """
    One 101 to 199 response on its way; the next one waits until this is acknowledged, with C{rseq} + 1.

    @ivar rseq: 1 to 2**31 - 1 for the first response, chosen at random by the caller.
    """

    response: Response
    rseq: int
    timers: TimerValues = field(factory=TimerValues)
    state: Acknowledgement = Acknowledgement.WAITING
    interval: float = 0.0

    @property
    def message(self) -> Response:
        """
        The response as it is sent: with Require and RSeq.
        """
        fields = self.response.headers.add("Require", OPTION_TAG).add("RSeq", str(self.rseq))
        return self.response.with_headers(fields)

    def begin(self) -> tuple[Effect, ...]:
        """
        Send it for the first time.
        """
        self.interval = self.timers.t1
        return (
            SendMessage(self.message),
            SetTimer(Timer.RETRANSMIT, self.interval),
            SetTimer(Timer.GIVE_UP, self.timers.transaction_timeout),
        )

    def acknowledged_by(self, prack: Request) -> bool:
        """
        Whether a PRACK of this dialog is for this response; where not, it is answered 481.

        Raises PeerError(400) for a RAck that cannot be read.
        """
        cseq = parse_cseq(self.response.headers.get("CSeq") or "")
        rack = parse_rack(prack.headers.get("RAck") or "")
        return rack == RAck(self.rseq, cseq.number, cseq.method)

    def prack_received(self) -> tuple[Effect, ...]:
        """
        The PRACK came.
        """
        return self._leave(Acknowledgement.ACKNOWLEDGED)

    def final_sent(self) -> tuple[Effect, ...]:
        """
        The INVITE got its final response: nothing provisional is repeated any more.
        """
        return self._leave(Acknowledgement.ACKNOWLEDGED)

    def retransmission_due(self) -> tuple[Effect, ...]:
        """
        The timer RETRANSMIT fired.
        """
        if self.state is not Acknowledgement.WAITING:
            return ()
        self.interval *= 2
        return (SendMessage(self.message), SetTimer(Timer.RETRANSMIT, self.interval))

    def patience_over(self) -> tuple[Effect, ...]:
        """
        The timer GIVE_UP fired: the INVITE is to be rejected by a 5xx.
        """
        left = self._leave(Acknowledgement.GIVEN_UP)
        return (*left, GiveUp()) if left else ()

    def _leave(self, state: Acknowledgement) -> tuple[Effect, ...]:
        if self.state is not Acknowledgement.WAITING:
            return ()
        self.state = state
        return STOP_TIMERS
