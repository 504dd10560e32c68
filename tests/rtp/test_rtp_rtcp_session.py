"""
Tests for siprec_tw.rtp.rtcp_session: when a receiver reports, and what.
"""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from statistics import fmean

import pytest

from siprec_tw.rtp.rtcp import (
    CNAME,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SourceChunk,
    SourceDescription,
    parse_compound,
)
from siprec_tw.rtp.rtcp_session import LOWER_HEADERS, RtcpSession, interval

SSRC = 0xDECAFBAD
NAME = "0123456789abcdef01234567"
BLOCK = ReportBlock(7, 1, -2, 3, 4, 5, 6)
SDES = SourceDescription((SourceChunk(SSRC, ((CNAME, NAME.encode()),)),))
COMPENSATION = math.e - 3 / 2      # RFC 3550 s.6.3.1


@pytest.mark.parametrize(("members", "senders", "size", "initial", "seconds"), [
    pytest.param(2, 1, 100, False, 5.0, id="the minimum"),
    pytest.param(2, 1, 100, True, 2.5, id="half of it at first"),
    pytest.param(1, 0, 100, False, 5.0, id="alone"),
    pytest.param(2, 1, 1250, False, 5.0, id="at the bound"),
    pytest.param(2, 1, 1500, False, 1500 * 2 / 500, id="many senders: all share all of the bandwidth"),
    pytest.param(2, 1, 1500, True, 6.0, id="also at first"),
    pytest.param(100, 2, 100, False, 100 * 98 / 375, id="few senders: receivers share three quarters"),
    pytest.param(100, 25, 100, False, 100 * 75 / 375, id="a quarter are few"),
    pytest.param(100, 26, 100, False, 100 * 100 / 500, id="more are not"),
])
def test_interval(members: int, senders: int, size: float, initial: bool, seconds: float) -> None:
    """
    The deterministic interval is that of RFC 3550 s.6.3.1.
    """
    assert interval(members, senders, size, initial=initial) == pytest.approx(seconds)


def sent_times(seed: int, count: int, octets: int = 60) -> list[float]:
    """
    When a session sends that is asked as soon as its timer goes off.
    """
    random = Random(seed)
    session = RtcpSession.joining(SSRC, NAME, 1000.0, random.random())
    times: list[float] = []
    while len(times) < count:
        now = session.due
        if session.expired(now, random.random(), 1):
            session.sent(octets)
            session.draw(now, random.random(), 1)
            times.append(now)
        else:
            assert session.due > now
    return times


def test_reports_come_every_five_seconds_on_the_average() -> None:
    """
    Drawing again at every timer draws intervals out by e - 3/2, for which they are divided by it: their mean is the
    interval itself, and none is outside of half and one and a half times it, so divided.
    """
    times = sent_times(1, 20_000)
    gaps = [after - before for before, after in pairwise(times)]
    assert fmean(gaps) == pytest.approx(5.0, rel=0.005)
    assert 2.5 / COMPENSATION <= min(gaps) < 2.1
    assert 6.1 < max(gaps) <= 7.5 / COMPENSATION


def test_intervals_are_distributed_as_reconsideration_makes_them() -> None:
    """
    With T drawn evenly from [a, b], a timer that goes off at t is kept if another draw is below t. The density of
    what is kept is then f(t) = (t - a) / (b - a)**2 * exp((t - a) / (b - a)), and so its distribution, with
    x = (t - a) / (b - a), is 1 - (1 - x) * exp(x).
    """
    times = sent_times(2, 20_000)
    low, width = 2.5 / COMPENSATION, 5.0 / COMPENSATION
    gaps = sorted(after - before for before, after in pairwise(times))
    for part in (0.1, 0.25, 0.5, 0.75, 0.9):
        below = sum(gap <= low + part * width for gap in gaps) / len(gaps)
        assert below == pytest.approx(1 - (1 - part) * math.exp(part), abs=0.012)


def test_the_first_report_comes_after_half_the_time() -> None:
    """
    Before anything was sent, the minimum is half (s.6.2).
    """
    firsts = [sent_times(seed, 1)[0] - 1000.0 for seed in range(4000)]
    assert fmean(firsts) == pytest.approx(2.5, rel=0.02)
    assert min(firsts) >= 1.25 / COMPENSATION


def test_a_timer_is_drawn_again() -> None:
    """
    What was drawn low is sent only if the next draw is low, too; else the timer runs on.
    """
    session = RtcpSession.joining(SSRC, NAME, 100.0, 0.2)
    assert session.due == pytest.approx(100 + 2.5 * 0.7 / COMPENSATION)
    assert not session.expired(session.due, 0.9, 1)
    assert session.due == pytest.approx(100 + 2.5 * 1.4 / COMPENSATION)
    assert session.expired(session.due, 0.9, 1)
    session.draw(session.due, 0.5, 1)
    assert session.due == pytest.approx(100 + 2.5 * 2.4 / COMPENSATION)      # nothing was sent: still at first
    session.sent(60)
    session.draw(200.0, 0.5, 1)
    assert session.due == pytest.approx(200 + 5.0 / COMPENSATION)


def test_much_rtcp_makes_us_slower() -> None:
    """
    The average size of all compound packets, with the headers below, decides where it is large (s.6.3.3).
    """
    session = RtcpSession.joining(SSRC, NAME, 0.0, 0.5)
    session.sent(len(session.report(())))
    for _ in range(200):
        session.heard(2500 - LOWER_HEADERS)
    session.draw(0.0, 0.5, 1)
    assert session.due == pytest.approx(2500 * 2 / 500 / COMPENSATION, rel=0.001)


def test_average_moves_by_a_sixteenth() -> None:
    """
    avg_rtcp_size = (1/16) * packet_size + (15/16) * avg_rtcp_size, and begins with the size of our first packet.
    """
    session = RtcpSession.joining(SSRC, NAME, 0.0, 0.5)
    first = len(session.report(())) + 28
    session.sent(16 * 1500 - 28)
    session.draw(0.0, 0.5, 1)
    assert session.due == pytest.approx((1500 + first * 15 / 16) * 2 / 500 / COMPENSATION)


def test_report() -> None:
    """
    RR and SDES with a CNAME are one packet; a report without blocks is one, too.
    """
    session = RtcpSession.joining(SSRC, NAME, 0.0, 0.5)
    assert parse_compound(session.report([BLOCK])) == (ReceiverReport(SSRC, (BLOCK,)), SDES)
    assert parse_compound(session.report(())) == (ReceiverReport(SSRC), SDES)
    assert len(session.report([BLOCK])) % 4 == 0


def test_no_more_blocks_than_fit() -> None:
    """
    The count has five bits.
    """
    report, _ = parse_compound(RtcpSession.joining(SSRC, NAME, 0.0, 0.5).report([BLOCK] * 40))
    assert report == ReceiverReport(SSRC, (BLOCK,) * 31)


def test_goodbye() -> None:
    """
    Who said something says goodbye, in a packet that begins with a report; who never did leaves silently (s.6.3.7).
    """
    session = RtcpSession.joining(SSRC, NAME, 0.0, 0.5)
    assert session.goodbye([BLOCK]) is None
    session.sent(60)
    goodbye = session.goodbye([BLOCK])
    assert goodbye is not None
    assert parse_compound(goodbye) == (ReceiverReport(SSRC, (BLOCK,)), SDES, Goodbye((SSRC,)))
