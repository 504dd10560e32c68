"""
Requests that overlap or cross in a dialog (RFC 3261 s.14.2, RFC 3311 s.5.2).
"""

from __future__ import annotations

import pytest

from siprec_tw.sip.glare import Refusal, UnderWay, overlap, retry_delay


@pytest.mark.parametrize(("method", "has_offer", "under_way", "status"), [
    ("INVITE", True, UnderWay(invite_received=True), 500),
    ("INVITE", False, UnderWay(invite_sent=True), 491),
    ("INVITE", True, UnderWay(offer_sent=True), 491),
    ("UPDATE", False, UnderWay(update_received=True), 500),
    ("UPDATE", True, UnderWay(invite_received=True, offer_received=True), 500),
    ("UPDATE", True, UnderWay(offer_sent=True), 491),
])
def test_wrong_time_is_refused(method: str, has_offer: bool, under_way: UnderWay, status: int) -> None:
    """
    The peer's own overlap is 500 with Retry-After, a crossing with ours 491 without.
    """
    refusal = overlap(method, has_offer, under_way)
    assert refusal == Refusal(status)
    assert refusal.retry_after is (status == 500)


@pytest.mark.parametrize(("method", "has_offer", "under_way"), [
    ("INVITE", True, UnderWay()),
    ("INVITE", True, UnderWay(update_received=True)),
    ("UPDATE", False, UnderWay(invite_received=True, offer_received=True, offer_sent=True)),
    ("BYE", False, UnderWay(True, True, True, True, True)),
    ("INFO", False, UnderWay(True, True, True, True, True)),
])
def test_right_time_is_not(method: str, has_offer: bool, under_way: UnderWay) -> None:
    """
    An UPDATE without offer goes through during an INVITE, and other methods always do.
    """
    assert overlap(method, has_offer, under_way) is None


@pytest.mark.parametrize(("owns", "fraction", "seconds"), [
    (True, 0.0, 2.1), (True, 0.5, 3.05), (True, 0.99999, 4.0),
    (False, 0.0, 0.0), (False, 0.123456, 0.25), (False, 0.99999, 2.0),
])
def test_time_until_it_is_sent_again(owns: bool, fraction: float, seconds: float) -> None:
    """
    Who chose the Call-ID waits 2.1 to 4 s, the other up to 2 s, in steps of 10 ms (RFC 3261 s.14.1).
    """
    assert retry_delay(owns_call_id=owns, fraction=fraction) == seconds
