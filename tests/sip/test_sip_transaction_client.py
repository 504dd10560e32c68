"""
The client transactions: every path through RFC 3261 s.17.1 and RFC 6026 s.7.2, effect by effect.
"""

from __future__ import annotations

import pytest

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
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.non_invite_client import NonInviteClient, non_invite_client
from siprec_tw.sip.timers import TimerValues

TIMERS = TimerValues()
FIELDS = Headers((
    ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKinvite"),
    ("Route", "<sip:proxy.example.com;lr>"),
    ("From", "<sip:src@example.com>;tag=ours"),
    ("To", "<sip:srs@example.com>"),
    ("Call-ID", "one@example.com"),
    ("CSeq", "7 INVITE"),
    ("Max-Forwards", "70"),
))
INVITE = Request("INVITE", "sip:srs@192.0.2.1", FIELDS, b"v=0")
OPTIONS = Request("OPTIONS", "sip:srs@192.0.2.1", Headers())
BUSY = Response(486, "Busy Here", Headers((("To", "<sip:srs@example.com>;tag=theirs"),)))
RINGING, OK = Response(180, "Ringing", Headers()), Response(200, "OK", Headers())
ACK = Request("ACK", "sip:srs@192.0.2.1", Headers((
    ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKinvite"),
    ("Route", "<sip:proxy.example.com;lr>"),
    ("Max-Forwards", "70"),
    ("From", "<sip:src@example.com>;tag=ours"),
    ("To", "<sip:srs@example.com>;tag=theirs"),
    ("Call-ID", "one@example.com"),
    ("CSeq", "7 ACK"),
    ("Content-Length", "0"),
)))
CANCEL = Request("CANCEL", "sip:srs@192.0.2.1", ACK.headers.replace("CSeq", "7 CANCEL").replace(
    "To", "<sip:srs@example.com>"
))
DISARMED = [CancelTimer(Timer.A), CancelTimer(Timer.B)]


def taken(effects: list[Effect]) -> list[Effect]:
    found = list(effects)
    effects.clear()
    return found


def new_invite(*, reliable: bool = False) -> tuple[InviteClient, list[Effect]]:
    effects: list[Effect] = []
    machine = invite_client(INVITE, reliable=reliable, timers=TIMERS, effects=effects)
    armed = [SetTimer(Timer.B, 32.0)] if reliable else [SetTimer(Timer.A, 0.5), SetTimer(Timer.B, 32.0)]
    assert taken(effects) == [SendMessage(INVITE), *armed]
    return machine, effects


def new_options(*, reliable: bool = False) -> tuple[NonInviteClient, list[Effect]]:
    effects: list[Effect] = []
    machine = non_invite_client(OPTIONS, reliable=reliable, timers=TIMERS, effects=effects)
    armed = [SetTimer(Timer.F, 32.0)] if reliable else [SetTimer(Timer.E, 0.5), SetTimer(Timer.F, 32.0)]
    assert taken(effects) == [SendMessage(OPTIONS), *armed]
    return machine, effects


def test_invite_is_repeated_with_growing_intervals() -> None:
    """
    Timer A doubles each time, beyond T2 too, until timer B ends it.
    """
    machine, effects = new_invite()
    for interval in (1.0, 2.0, 4.0, 8.0, 16.0):
        machine.timer_a()
        assert taken(effects) == [SendMessage(INVITE), SetTimer(Timer.A, interval)]
    machine.timer_b()
    assert taken(effects) == [TimedOut(), Terminated()]


def test_provisional_response_stops_the_repeating() -> None:
    """
    After a 1xx nothing is repeated and nothing times out.
    """
    machine, effects = new_invite()
    machine.provisional(RINGING)
    assert taken(effects) == [*DISARMED, DeliverResponse(RINGING)]
    machine.timer_a()
    machine.timer_b()
    assert taken(effects) == []
    machine.provisional(RINGING)
    assert taken(effects) == [DeliverResponse(RINGING)]


def cancelled_invite() -> tuple[InviteClient, list[Effect]]:
    effects: list[Effect] = []
    machine = invite_client(INVITE, reliable=True, timers=TIMERS, effects=effects, patience=7.0)
    assert taken(effects) == [SendMessage(INVITE), SetTimer(Timer.B, 32.0), SetTimer(Timer.C, 7.0)]
    machine.provisional(RINGING)
    taken(effects)
    machine.timer_c()
    assert taken(effects) == [SendCancel(CANCEL), TimedOut(), SetTimer(Timer.C, 32.0)]
    return machine, effects


def test_invite_without_final_response_is_cancelled() -> None:
    """
    When the patience is over, with the INVITE's own Via (s.9.1); 64*T1 later nothing is left of it.
    """
    machine, effects = cancelled_invite()
    machine.provisional(RINGING)
    assert taken(effects) == []
    machine.timer_c()
    assert taken(effects) == [Terminated()]


def test_final_response_to_a_cancelled_invite() -> None:
    """
    A failure is acknowledged, and a success that crossed the CANCEL delivered, so that it can be.
    """
    machine, effects = cancelled_invite()
    machine.failure(BUSY)
    assert taken(effects) == [*DISARMED, SendMessage(ACK), DeliverResponse(BUSY), SetTimer(Timer.D, 0.0)]
    machine, effects = cancelled_invite()
    machine.success(OK)
    assert taken(effects) == [*DISARMED, DeliverResponse(OK), SetTimer(Timer.M, 32.0)]


def test_invite_without_any_response_is_not_cancelled() -> None:
    """
    CANCEL must not come before a 1xx (s.9.1): it only times out.
    """
    effects: list[Effect] = []
    machine = invite_client(INVITE, reliable=True, timers=TIMERS, effects=effects, patience=7.0)
    taken(effects)
    machine.timer_c()
    assert taken(effects) == [TimedOut(), Terminated()]


@pytest.mark.parametrize("ringing", [False, True])
def test_every_success_is_delivered(ringing: bool) -> None:
    """
    Each 2xx goes to the user, who acknowledges it, until timer M (RFC 6026 s.7.2).
    """
    machine, effects = new_invite()
    if ringing:
        machine.provisional(RINGING)
        taken(effects)
    machine.success(OK)
    assert taken(effects) == [*DISARMED, DeliverResponse(OK), SetTimer(Timer.M, 32.0)]
    machine.success(OK)
    machine.failure(BUSY)
    machine.transport_failed("gone")
    assert taken(effects) == [DeliverResponse(OK)]
    machine.timer_m()
    machine.success(OK)
    assert taken(effects) == [Terminated()]


@pytest.mark.parametrize(("reliable", "wait"), [(False, 32.0), (True, 0.0)])
def test_failure_is_acknowledged_each_time(reliable: bool, wait: float) -> None:
    """
    A failure is delivered once and acknowledged as often as it comes, with the INVITE's own Via (s.17.1.1.3).
    """
    machine, effects = new_invite(reliable=reliable)
    machine.failure(BUSY)
    assert taken(effects) == [*DISARMED, SendMessage(ACK), DeliverResponse(BUSY), SetTimer(Timer.D, wait)]
    machine.failure(BUSY)
    assert taken(effects) == [SendMessage(ACK)]
    machine.timer_d()
    machine.failure(BUSY)
    assert taken(effects) == [Terminated()]


def test_invite_that_cannot_be_sent_ends() -> None:
    """
    A transport failure ends the transaction, before and after a provisional response.
    """
    for ringing in (False, True):
        machine, effects = new_invite()
        if ringing:
            machine.provisional(RINGING)
            taken(effects)
        machine.transport_failed("refused")
        assert taken(effects) == [TransportFailed("refused"), Terminated()]


def test_other_request_is_repeated_up_to_t2() -> None:
    """
    Timer E doubles until T2; after a provisional response it is T2 at once.
    """
    machine, effects = new_options()
    machine.timer_e()
    assert taken(effects) == [SendMessage(OPTIONS), SetTimer(Timer.E, 1.0)]
    machine.provisional(RINGING)
    assert taken(effects) == [DeliverResponse(RINGING)]
    machine.timer_e()
    assert taken(effects) == [SendMessage(OPTIONS), SetTimer(Timer.E, 4.0)]
    machine.timer_f()
    assert taken(effects) == [TimedOut(), Terminated()]

    machine, effects = new_options()
    for interval in (1.0, 2.0, 4.0, 4.0):
        machine.timer_e()
        assert taken(effects)[-1] == SetTimer(Timer.E, interval)


@pytest.mark.parametrize(("reliable", "wait"), [(False, 5.0), (True, 0.0)])
def test_final_response_is_delivered_once(reliable: bool, wait: float) -> None:
    """
    Copies of the final response vanish until timer K, which is zero over TCP.
    """
    machine, effects = new_options(reliable=reliable)
    machine.final(OK)
    assert taken(effects) == [
        CancelTimer(Timer.E), CancelTimer(Timer.F), DeliverResponse(OK), SetTimer(Timer.K, wait),
    ]
    machine.final(OK)
    machine.transport_failed("gone")
    assert taken(effects) == []
    machine.timer_k()
    assert taken(effects) == [Terminated()]


def test_other_request_that_cannot_be_sent_ends() -> None:
    """
    A transport failure ends the transaction.
    """
    machine, effects = new_options()
    machine.transport_failed("refused")
    assert taken(effects) == [TransportFailed("refused"), Terminated()]
