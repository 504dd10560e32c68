"""
The server transactions: every path through RFC 3261 s.17.2 and RFC 6026 s.7.1, effect by effect.
"""

from __future__ import annotations

import pytest

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
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.non_invite_server import NonInviteServer, non_invite_server
from siprec_tw.sip.timers import TimerValues

TIMERS = TimerValues()


def response(status: int, reason: str = "") -> Response:
    return Response(status, reason, Headers())


def request(method: str) -> Request:
    return Request(method, "sip:srs@192.0.2.1", Headers())


def taken(effects: list[Effect]) -> list[Effect]:
    found = list(effects)
    effects.clear()
    return found


INVITE, ACK, BYE = request("INVITE"), request("ACK"), request("BYE")
TRYING, RINGING, OK, BUSY = response(100), response(180), response(200), response(486)


def new_invite(*, reliable: bool = False) -> tuple[InviteServer, list[Effect]]:
    effects: list[Effect] = []
    machine = invite_server(INVITE, TRYING, reliable=reliable, timers=TIMERS, effects=effects)
    assert taken(effects) == [SendMessage(TRYING), DeliverRequest(INVITE)]
    return machine, effects


def new_bye(*, reliable: bool = False) -> tuple[NonInviteServer, list[Effect]]:
    effects: list[Effect] = []
    machine = non_invite_server(BYE, reliable=reliable, timers=TIMERS, effects=effects)
    assert taken(effects) == [DeliverRequest(BYE)]
    return machine, effects


def test_repeated_invite_gets_the_last_provisional_response() -> None:
    """
    In Proceeding the INVITE that comes again gets 100 first, and what was said last afterwards.
    """
    machine, effects = new_invite()
    machine.request(INVITE)
    assert taken(effects) == [SendMessage(TRYING)]
    machine.provisional(RINGING)
    machine.request(INVITE)
    assert taken(effects) == [SendMessage(RINGING), SendMessage(RINGING)]


@pytest.mark.parametrize("reliable", [False, True])
def test_accepted_invite_absorbs_its_copies(reliable: bool) -> None:
    """
    After a 2xx copies of the INVITE vanish until timer L, and only the user repeats the 2xx (RFC 6026 s.7.1).
    """
    machine, effects = new_invite(reliable=reliable)
    machine.success(OK)
    assert taken(effects) == [SendMessage(OK), SetTimer(Timer.L, 32.0)]
    machine.request(INVITE)
    machine.provisional(RINGING)
    machine.failure(BUSY)
    assert taken(effects) == []
    machine.success(OK)
    assert taken(effects) == [SendMessage(OK)]
    machine.timer_l()
    machine.success(OK)
    assert taken(effects) == [Terminated()]


def test_ack_to_a_success_is_delivered() -> None:
    """
    An ACK with the INVITE's own branch after a 2xx is the user's (RFC 6026 s.7.1), each time it comes.
    """
    machine, effects = new_invite()
    machine.success(OK)
    taken(effects)
    machine.ack(ACK)
    machine.ack(ACK)
    assert taken(effects) == [DeliverRequest(ACK), DeliverRequest(ACK)]


def test_refusal_is_repeated_until_ack_over_udp() -> None:
    """
    A failure is sent again after T1, 2*T1 and so on up to T2, and when the INVITE comes again.
    """
    machine, effects = new_invite()
    machine.failure(BUSY)
    assert taken(effects) == [SendMessage(BUSY), SetTimer(Timer.G, 0.5), SetTimer(Timer.H, 32.0)]
    for interval in (1.0, 2.0, 4.0, 4.0):
        machine.timer_g()
        assert taken(effects) == [SendMessage(BUSY), SetTimer(Timer.G, interval)]
    machine.request(INVITE)
    assert taken(effects) == [SendMessage(BUSY)]
    machine.ack(ACK)
    assert taken(effects) == [CancelTimer(Timer.G), CancelTimer(Timer.H), SetTimer(Timer.I, 5.0)]
    machine.ack(ACK)
    machine.request(INVITE)
    machine.timer_g()
    assert taken(effects) == []
    machine.timer_i()
    assert taken(effects) == [Terminated()]


def test_refusal_is_not_repeated_over_tcp() -> None:
    """
    On a reliable transport there is no timer G, and timer I is zero.
    """
    machine, effects = new_invite(reliable=True)
    machine.failure(BUSY)
    assert taken(effects) == [SendMessage(BUSY), SetTimer(Timer.H, 32.0)]
    machine.ack(ACK)
    assert taken(effects)[-1] == SetTimer(Timer.I, 0.0)


def test_refusal_without_ack_times_out() -> None:
    """
    Timer H ends a transaction whose final response nobody acknowledges.
    """
    machine, effects = new_invite()
    machine.failure(BUSY)
    taken(effects)
    machine.timer_h()
    assert taken(effects) == [TimedOut(), Terminated()]


def test_transport_failure_keeps_the_state() -> None:
    """
    A failure to send is reported and the transaction stays where it is (RFC 6026 s.8.8).
    """
    machine, effects = new_invite()
    machine.transport_failed("unreachable")
    machine.failure(BUSY)
    machine.transport_failed("unreachable")
    machine.ack(ACK)
    assert taken(effects) == [
        TransportFailed("unreachable"),
        SendMessage(BUSY), SetTimer(Timer.G, 0.5), SetTimer(Timer.H, 32.0),
        TransportFailed("unreachable"),
        CancelTimer(Timer.G), CancelTimer(Timer.H), SetTimer(Timer.I, 5.0),
    ]


def test_other_request_before_any_answer_is_absorbed() -> None:
    """
    In Trying a copy of the request is dropped; in Proceeding it gets the last provisional response.
    """
    machine, effects = new_bye()
    machine.request(BYE)
    assert taken(effects) == []
    machine.provisional(TRYING)
    machine.request(BYE)
    assert taken(effects) == [SendMessage(TRYING), SendMessage(TRYING)]


@pytest.mark.parametrize(("reliable", "wait"), [(False, 32.0), (True, 0.0)])
def test_other_request_gets_its_answer_again(reliable: bool, wait: float) -> None:
    """
    In Completed a copy of the request gets the same answer, until timer J; another answer is dropped.
    """
    machine, effects = new_bye(reliable=reliable)
    machine.final(OK)
    assert taken(effects) == [SendMessage(OK), SetTimer(Timer.J, wait)]
    machine.final(BUSY)
    machine.request(BYE)
    machine.transport_failed("gone")
    assert taken(effects) == [SendMessage(OK), TransportFailed("gone")]
    machine.timer_j()
    machine.request(BYE)
    assert taken(effects) == [Terminated()]
