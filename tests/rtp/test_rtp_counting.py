"""
Tests for siprec_tw.rtp.sequence, probation and reception.
"""

import random

from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.rtp.probation import MOST_HELD, NEAR, Probation
from siprec_tw.rtp.reception import MAX_DROPOUT, MAX_LATE, Place, Reception
from siprec_tw.rtp.sequence import extend


@given(st.integers(0, 2**40), st.integers(-(2**15), 2**15 - 1))
def test_nearest_number_is_found(reference: int, apart: int) -> None:
    """
    Any number less than half a cycle away is found again from its lowest bits, across every wrap.
    """
    assert extend((reference + apart) & 0xFFFF, reference, 16) == reference + apart


def test_wraps() -> None:
    """
    Counters go on past their wrap, and what was sent before the first may lie before zero.
    """
    assert extend(2, 65_534, 16) == 65_538
    assert extend(65_534, 65_538, 16) == 65_534
    assert extend(65_535, 0, 16) == -1
    assert extend(80, 2**32 - 80, 32) == 2**32 + 80


def test_two_near_packets_prove_a_source() -> None:
    """
    The second packet near the first gives both out, in the order of arrival and in either order of sending.
    """
    probation: Probation[str] = Probation()
    assert probation.offer(11, "b") == []
    assert probation.offer(10, "a") == ["b", "a"]
    assert len(probation) == 0


def test_near_across_the_wrap() -> None:
    """
    Sequence numbers on both sides of the wrap are near.
    """
    probation: Probation[str] = Probation()
    probation.offer(65_530, "a")
    assert probation.offer(5, "b") == ["a", "b"]


def test_a_copy_proves_nothing() -> None:
    """
    The same packet twice is one packet; it is handed on with the rest for others to count.
    """
    probation: Probation[str] = Probation()
    assert probation.offer(10, "a") == []
    assert probation.offer(10, "a again") == []
    assert probation.offer(12, "c") == ["a", "a again", "c"]


def test_strangers_are_dropped_and_bounded() -> None:
    """
    Packets far from one another prove nothing, are held up to a bound, and are counted when they go.
    """
    probation: Probation[int] = Probation()
    for index in range(MOST_HELD + 3):
        assert probation.offer(index * (NEAR + 1), index) == []
    assert len(probation) == MOST_HELD
    assert probation.dropped == 3
    last = (MOST_HELD + 2) * (NEAR + 1)
    assert probation.offer(last + 1, 99) == [MOST_HELD + 2, 99]
    assert probation.dropped == 3 + MOST_HELD - 1


def test_unproven_packets_can_be_had() -> None:
    """
    At the end what is held comes out, proven or not.
    """
    probation: Probation[str] = Probation()
    probation.offer(1, "a")
    assert probation.release() == ["a"]
    assert probation.release() == []


def received(sequences: list[int]) -> Reception:
    reception = Reception.starting_at(sequences[0])
    for sequence in sequences:
        reception.receive(sequence, reception.place_of(sequence))
    return reception


def test_losses_duplicates_and_order() -> None:
    """
    What is missing, what came twice and what came late are counted apart (RFC 3550 A.3).
    """
    reception = received([10, 11, 13, 12, 12, 13, 17])
    assert (reception.base, reception.highest) == (10, 17)
    assert reception.received == 7
    assert reception.duplicates == 2
    assert reception.reordered == 1
    assert reception.kept == 5
    assert reception.lost == 3
    assert reception.cumulative_lost == 1
    assert reception.missing_between(13, 17) == 3
    assert reception.missing_between(10, 13) == 0


def test_first_packets_in_any_order() -> None:
    """
    What was overtaken before the first packet arrived is late, not lost and not a duplicate.
    """
    reception = received([12, 10, 13, 11])
    assert (reception.base, reception.lost, reception.reordered, reception.duplicates) == (10, 0, 2, 0)


def test_places() -> None:
    """
    A number is ahead, missing, seen, or too far away to be of the same count.
    """
    reception = received([1000, 1001, 1005])
    assert reception.place_of(1006) is Place.AHEAD
    assert reception.place_of(1005 + MAX_DROPOUT) is Place.AHEAD
    assert reception.place_of(1006 + MAX_DROPOUT) is Place.STRANGE
    assert reception.place_of(1003) is Place.LATE
    assert reception.place_of(1001) is Place.SEEN
    assert reception.place_of(1005 - MAX_LATE) is Place.STRANGE


def test_packets_in_order_at_once() -> None:
    """
    Counting many packets in order at once is counting each.
    """
    one, other = received([5]), received([5, 6, 7, 8])
    one.receive_next(3)
    assert one == other


def test_missing_numbers_are_bounded() -> None:
    """
    A long and bad call does not grow without end, and what was lost lately is still known.
    """
    reception = received(list(range(0, 40_000, 2)))
    assert reception.lost == 19_999
    assert reception.place_of(39_997) is Place.LATE
    assert reception.place_of(3) is Place.STRANGE
    assert reception.missing_between(39_990, 39_998) == 4


def test_any_order_counts_the_same() -> None:
    """
    Losses, duplicates and kept packets do not depend on the order of arrival.
    """
    choice = random.Random(5)
    sent = [number for number in range(200) if choice.random() > 0.1]
    shuffled = sorted(sent + choice.sample(sent, 20), key=lambda number: number + choice.uniform(0, 12))
    reception = received(shuffled)
    assert reception.kept == len(sent)
    assert reception.duplicates == 20
    assert reception.lost == max(sent) - min(sent) + 1 - len(sent)


def test_jitter() -> None:
    """
    The interarrival jitter is the recurrence of RFC 3550 A.8, in ticks, however the packets are batched.
    """
    reception = Reception.starting_at(0)
    reception.interarrival([1000.0, 1016.0])
    assert reception.jitter == 1.0
    reception.interarrival([1000.0])
    assert reception.jitter == 1.0 + (16.0 - 1.0) / 16
    reception.new_clock()
    before = reception.jitter
    reception.interarrival([250_000.0])
    assert reception.jitter == before


def test_a_step_ahead_is_missing() -> None:
    """
    Numbers skipped on purpose are lost.
    """
    reception = received([1, 2])
    reception.skip_to(5000)
    reception.receive(5000, Place.AHEAD)
    assert reception.lost == 4997
    assert reception.highest == 5000
