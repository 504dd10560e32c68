"""
Tests for siprec_tw.rtp.report_blocks: what a receiver says of a source.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from siprec_tw.rtp.reception import Reception
from siprec_tw.rtp.report_blocks import fraction_lost, report_block
from siprec_tw.rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, parse_compound, write_compound

SSRC = 77


def received(reception: Reception, sequences: Iterable[int]) -> Reception:
    for sequence in sequences:
        reception.receive(sequence, reception.place_of(sequence))
    return reception


def block_of(reception: Reception) -> ReportBlock:
    block = report_block(SSRC, reception)
    assert block is not None
    # Whatever is reported must fit into a packet.
    assert parse_compound(write_compound([ReceiverReport(1, (block,))])) == (ReceiverReport(1, (block,)),)
    return block


def test_all_arrived() -> None:
    """
    Nothing lost; without a sender report LSR and DLSR are 0.
    """
    reception = received(Reception.starting_at(1000), range(1000, 1010))
    reception.jitter = 17.9
    assert block_of(reception) == ReportBlock(SSRC, 0, 0, 1009, 17, 0, 0)


def test_fraction_is_of_the_interval_and_the_sum_of_all() -> None:
    """
    Two of ten, then one of ten: fractions of 256 are 51 and 25, cumulative 2 and 3.
    """
    reception = received(Reception.starting_at(0), [0, 1, 3, 4, 5, 7, 8, 9])
    assert block_of(reception) == ReportBlock(SSRC, 2 * 256 // 10, 2, 9, 0, 0, 0)
    received(reception, [10, 11, 12, 13, 15, 16, 17, 18, 19])
    assert block_of(reception) == ReportBlock(SSRC, 256 // 10, 3, 19, 0, 0, 0)
    received(reception, range(20, 30))
    assert block_of(reception) == ReportBlock(SSRC, 0, 3, 29, 0, 0, 0)


def test_duplicates_make_up_for_losses() -> None:
    """
    As A.3 counts, what came twice was received twice: the sum goes below 0, and the fraction is 0 then.
    """
    reception = received(Reception.starting_at(0), [0, 1, 2, 2, 1, 3])
    assert block_of(reception) == ReportBlock(SSRC, 0, -2, 3, 0, 0, 0)
    received(reception, [4, 6])
    assert block_of(reception) == ReportBlock(SSRC, 256 // 3, -1, 6, 0, 0, 0)


def test_late_packets_make_up_for_the_last_interval() -> None:
    """
    What was reported lost and comes after all lowers the sum; no fraction is negative.
    """
    reception = received(Reception.starting_at(0), [0, 1, 4])
    assert block_of(reception) == ReportBlock(SSRC, 2 * 256 // 5, 2, 4, 0, 0, 0)
    received(reception, [2, 3, 5])
    assert block_of(reception) == ReportBlock(SSRC, 0, 0, 5, 0, 0, 0)


def test_wrap() -> None:
    """
    The number is extended by its cycles: 65,536 follows 65,535.
    """
    reception = received(Reception.starting_at(65_530), [*range(65_530, 65_536), *range(65_537, 65_540)])
    assert block_of(reception) == ReportBlock(SSRC, 25, 1, 65_539, 0, 0, 0)
    reception.receive_next((1 << 32) - 65_540)
    assert block_of(reception).highest == (1 << 32) - 1
    reception.receive_next(1)
    assert block_of(reception).highest == 0


def test_before_the_first() -> None:
    """
    A packet of before the first one lowers the base, as if it had been expected all the time.
    """
    reception = received(Reception.starting_at(100), [100, 101])
    block_of(reception)
    received(reception, [98, 102])
    assert block_of(reception) == ReportBlock(SSRC, 256 // 3, 1, 102, 0, 0, 0)


def test_nothing_is_said_of_who_sent_nothing() -> None:
    """
    There is a block only of those from whom something came since the last report (s.6.4).
    """
    reception = received(Reception.starting_at(5), [5, 6])
    block_of(reception)
    assert report_block(SSRC, reception) is None
    received(reception, [9])
    assert block_of(reception) == ReportBlock(SSRC, 2 * 256 // 3, 2, 9, 0, 0, 0)


@pytest.mark.parametrize(("expected", "came", "fraction"), [
    (0, 0, 0), (1, 1, 0), (1, 2, 0), (2, 1, 128), (256, 255, 1), (257, 256, 0), (1000, 1, 255), (-1, 3, 0),
])
def test_fraction_lost(expected: int, came: int, fraction: int) -> None:
    """
    Eight bits, rounded down.
    """
    assert fraction_lost(expected, came) == fraction


@pytest.mark.parametrize(("base", "received_count", "lost"), [(-20_000_000, 5, 0x7FFFFF), (0, 20_000_000, -0x800000)])
def test_sum_is_clamped(base: int, received_count: int, lost: int) -> None:
    """
    24 bits, signed (A.3).
    """
    reception = Reception(base=base, highest=10, received=received_count)
    assert block_of(reception).lost == lost


@pytest.mark.parametrize(("delay", "reported"), [(5.25, 0x5_4000), (-1.0, 0), (1e9, 0xFFFFFFFF), (0.0, 0)])
def test_last_sender_report(delay: float, reported: int) -> None:
    """
    The middle 32 bits of its NTP timestamp, as in the example of s.6.4.1, and how long ago it came in 1/65536 s.
    """
    reception = received(Reception.starting_at(5), [5])
    report = SenderReport(SSRC, 0xB44D_B705_2000_0000, 1, 2, 3)
    block = report_block(SSRC, reception, report, delay)
    assert block == ReportBlock(SSRC, 0, 0, 5, 0, 0xB705_2000, reported)
