"""
Responses that are repeated until they are acknowledged: 2xx until ACK, provisional ones until PRACK.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.effects import CancelTimer, GiveUp, SendMessage, SetTimer, Timer
from siprec_tw.sip.invite_acceptance import Acknowledgement, InviteAcceptance
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.reliable_provisional import (
    RAck,
    ReliableProvisional,
    parse_rack,
    wants_reliability,
)
from siprec_tw.sip.timers import TimerValues

OK = Response(200, "OK", Headers((("CSeq", "4 INVITE"),)))
PROGRESS = Response(183, "Session Progress", Headers((("CSeq", "4 INVITE"),)))
STOPPED = (CancelTimer(Timer.RETRANSMIT), CancelTimer(Timer.GIVE_UP))


def with_field(method: str, name: str, value: str) -> Request:
    return Request(method, "sip:srs@192.0.2.1", Headers(((name, value),)))


def test_success_is_repeated_until_ack() -> None:
    """
    The 2xx goes out at once, then after T1, 2*T1 and so on up to T2, until the ACK (s.13.3.1.4).
    """
    acceptance = InviteAcceptance(OK)
    assert acceptance.begin() == (
        SendMessage(OK), SetTimer(Timer.RETRANSMIT, 0.5), SetTimer(Timer.GIVE_UP, 32.0)
    )
    for interval in (1.0, 2.0, 4.0, 4.0):
        assert acceptance.retransmission_due() == (SendMessage(OK), SetTimer(Timer.RETRANSMIT, interval))
    assert acceptance.ack_received() == STOPPED
    assert acceptance.state is Acknowledgement.ACKNOWLEDGED
    assert acceptance.ack_received() == ()
    assert acceptance.retransmission_due() == ()
    assert acceptance.patience_over() == ()


def test_success_without_ack_is_given_up() -> None:
    """
    After 64*T1 without ACK the caller is told to end the dialog, once.
    """
    acceptance = InviteAcceptance(OK, TimerValues(t1=0.01))
    assert acceptance.begin()[-1] == SetTimer(Timer.GIVE_UP, 0.64)
    assert acceptance.patience_over() == (*STOPPED, GiveUp())
    assert acceptance.state is Acknowledgement.GIVEN_UP
    assert acceptance.patience_over() == ()
    assert acceptance.ack_received() == ()


def test_only_the_ack_of_this_invite_counts() -> None:
    """
    The ACK of an earlier re-INVITE has another CSeq number.
    """
    acceptance = InviteAcceptance(OK)
    assert acceptance.acknowledged_by(with_field("ACK", "CSeq", "4 ACK"))
    assert not acceptance.acknowledged_by(with_field("ACK", "CSeq", "3 ACK"))


def test_reliable_provisional_is_repeated_until_prack() -> None:
    """
    It carries Require and RSeq, and its interval doubles beyond T2 (RFC 3262 s.3).
    """
    provisional = ReliableProvisional(PROGRESS, 17)
    sent = Response(183, "Session Progress", Headers((
        ("CSeq", "4 INVITE"), ("Require", "100rel"), ("RSeq", "17"),
    )))
    assert provisional.begin() == (
        SendMessage(sent), SetTimer(Timer.RETRANSMIT, 0.5), SetTimer(Timer.GIVE_UP, 32.0)
    )
    for interval in (1.0, 2.0, 4.0, 8.0):
        assert provisional.retransmission_due() == (SendMessage(sent), SetTimer(Timer.RETRANSMIT, interval))
    assert provisional.prack_received() == STOPPED
    assert provisional.prack_received() == ()
    assert provisional.retransmission_due() == ()


def test_reliable_provisional_without_prack_is_given_up() -> None:
    """
    After 64*T1 without PRACK the caller rejects the INVITE; a final response sent before stops the wait.
    """
    provisional = ReliableProvisional(PROGRESS, 17)
    provisional.begin()
    assert provisional.patience_over() == (*STOPPED, GiveUp())

    answered = ReliableProvisional(PROGRESS, 17)
    answered.begin()
    assert answered.final_sent() == STOPPED
    assert answered.patience_over() == ()


def test_prack_is_matched_by_rack() -> None:
    """
    RSeq, CSeq number and method all have to fit (RFC 3262 s.3).
    """
    provisional = ReliableProvisional(PROGRESS, 17)
    assert provisional.acknowledged_by(with_field("PRACK", "RAck", "17 4 INVITE"))
    for other in ("18 4 INVITE", "17 5 INVITE", "17 4 UPDATE"):
        assert not provisional.acknowledged_by(with_field("PRACK", "RAck", other))


def test_rack_is_parsed() -> None:
    """
    Two numbers and a method; anything else is the peer's fault.
    """
    assert parse_rack(" 776656  1 INVITE ") == RAck(776656, 1, "INVITE")
    for text in ("", "1 INVITE", "1 2", "a 1 INVITE", "99999999999 1 INVITE"):
        with pytest.raises(PeerError):
            parse_rack(text)


def test_who_must_have_it_reliable() -> None:
    """
    Require demands it, Supported does not.
    """
    assert not wants_reliability(with_field("INVITE", "Supported", "timer, 100rel"))
    assert wants_reliability(with_field("INVITE", "Require", "siprec, 100REL"))
