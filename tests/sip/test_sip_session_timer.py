"""
Session timers, as RFC 4028 s.7, s.9 and s.10 want them.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.session_timer import (
    IntervalTooSmall,
    SessionExpires,
    SessionTimer,
    negotiate,
    parse_min_se,
    parse_session_expires,
)


def invite(*fields: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:srs@192.0.2.1", Headers(fields))


def ok(*fields: tuple[str, str]) -> Response:
    return Response(200, "OK", Headers(fields))


@pytest.mark.parametrize(("text", "expected"), [
    ("1800", SessionExpires(1800)),
    ("1800;refresher=uac", SessionExpires(1800, "uac")),
    (" 90 ; refresher = UAS ; x=y", SessionExpires(90, "uas")),
    ("90;refresher=both", SessionExpires(90)),
])
def test_session_expires_is_parsed(text: str, expected: SessionExpires) -> None:
    """
    Seconds and perhaps a refresher; other parameters mean nothing.
    """
    assert parse_session_expires(text) == expected
    assert parse_session_expires(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "-1", "18OO", "2147483648", "99999999999", "\u0661"])
def test_bad_seconds_are_the_peers_fault(text: str) -> None:
    """
    What is no number below 2**31 is refused.
    """
    with pytest.raises(PeerError):
        parse_session_expires(text)
    with pytest.raises(PeerError):
        parse_min_se(text)


def test_peer_that_leaves_the_choice_refreshes() -> None:
    """
    Without a refresher in the request it is the UAC, and Require tells it so.
    """
    timer = negotiate(invite(("x", "1800"), ("Supported", "100rel,timer")), now=100.0)
    assert timer == SessionTimer(1800, we_refresh=False, peer_supports=True, started=100.0)
    assert timer.response_fields() == (("Session-Expires", "1800;refresher=uac"), ("Require", "timer"))
    assert timer.refresh_at is None
    assert timer.expires_at == 100.0 + 1800 - 32


def test_peer_that_wants_us_to_refresh_gets_it() -> None:
    """
    With refresher=uas we refresh at half the interval, and give up a third before the end of a short one.
    """
    timer = negotiate(invite(("Session-Expires", "90;refresher=uas"), ("Supported", "timer")), now=0.0)
    assert isinstance(timer, SessionTimer)
    assert timer.response_fields() == (("Session-Expires", "90;refresher=uas"), ("Require", "timer"))
    assert (timer.refresh_at, timer.expires_at) == (45.0, 60.0)
    assert timer.request_fields() == (
        ("Supported", "timer"), ("Session-Expires", "90;refresher=uac"), ("Min-SE", "90"),
    )


def test_too_small_interval_is_told_ours() -> None:
    """
    Below our Min-SE a peer that supports timers gets 422 (s.9); one that does not is taken as it is.
    """
    refused = negotiate(invite(("Session-Expires", "60"), ("Supported", "timer")), now=0.0)
    assert refused == IntervalTooSmall(90)
    assert refused.fields() == (("Min-SE", "90"),)
    taken = negotiate(invite(("Session-Expires", "60")), now=0.0)
    assert taken == SessionTimer(60, we_refresh=True, peer_supports=False, started=0.0)
    assert taken.response_fields() == (("Session-Expires", "60;refresher=uas"),)


def test_peer_without_request_is_asked() -> None:
    """
    A peer that knows timers gets one, not below its Min-SE; one that does not gets none.
    """
    assert negotiate(invite(), now=0.0) is None
    timer = negotiate(invite(("Supported", "timer"), ("Min-SE", "3600")), now=0.0)
    assert timer == SessionTimer(3600, we_refresh=False, peer_supports=True, started=0.0)
    again = negotiate(invite(("k", "timer"), ("Session-Expires", "soon"), ("Min-SE", "never")), now=0.0)
    assert again == SessionTimer(1800, we_refresh=False, peer_supports=True, started=0.0)


def test_refresh_moves_the_end() -> None:
    """
    The 2xx to our refresh may change interval and refresher; without Session-Expires it is ours (s.7.2).
    """
    timer = SessionTimer(1800, we_refresh=True, peer_supports=True, started=0.0)
    assert timer.refresh_accepted(ok(("Session-Expires", "600;refresher=uas")), 900.0) == SessionTimer(
        600, we_refresh=False, peer_supports=True, started=900.0
    )
    assert timer.refresh_accepted(ok(), 900.0) == SessionTimer(1800, True, True, 900.0)


def test_refresh_that_is_too_small_is_repeated_with_more() -> None:
    """
    After a 422 the interval is at least its Min-SE, which the next refresh repeats (s.7.3).
    """
    timer = SessionTimer(90, we_refresh=True, peer_supports=True, started=10.0)
    larger = timer.refresh_too_small(Response(422, "", Headers((("Min-SE", "600"),))))
    assert larger.interval == 600
    assert larger.request_fields()[1:] == (("Session-Expires", "600;refresher=uac"), ("Min-SE", "600"))
    assert larger.started == 10.0
