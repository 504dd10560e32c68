"""
What a receiver reports of one source (RFC 3550 s.6.4.1, A.3), from the statistics of its reception.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.rtp.reception import Reception
from siprec_tw.rtp.rtcp import ReportBlock, SenderReport

MOST_LOST = 0x7FFFFF            # signed, 24 bits (A.3)
LEAST_LOST = -0x800000
_WORD = 0xFFFFFFFF


@frozen
class Untold:
    """
    What came in order, and the statistics were not told of.
    """

    packets: int
    jitter: float       # ticks, after them


def report_block(
    ssrc: int, reception: Reception, sender_report: SenderReport | None = None, delay: float = 0.0,
    untold: Untold | None = None,
) -> ReportBlock | None:
    """
    The block about what came since the last one; None where nothing came. C{delay} is how many seconds ago
    C{sender_report}, the source's latest, was received.
    """
    more = 0 if untold is None else untold.packets
    expected, received = reception.since_reported(more)
    if received <= 0:
        return None
    return ReportBlock(
        ssrc,
        fraction_lost(expected, received),
        min(max(reception.cumulative_lost, LEAST_LOST), MOST_LOST),
        reception.highest + more & _WORD,
        int(reception.jitter if untold is None else untold.jitter) & _WORD,
        0 if sender_report is None else sender_report.ntp >> 16 & _WORD,
        0 if sender_report is None else min(max(0, int(delay * 65536)), _WORD),
    )


def fraction_lost(expected: int, received: int) -> int:
    """
    Of 256, rounded down; 0 where duplicates made up for what was lost.
    """
    lost = expected - received
    return (lost << 8) // expected if lost > 0 and received > 0 else 0
