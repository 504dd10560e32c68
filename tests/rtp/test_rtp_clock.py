"""
Tests for siprec_tw.rtp.clock.
"""

import random

from siprec_tw.rtp.clock import JUMP_SECONDS, TransitBaseline

NOW = 1_800_000_000.0


def test_jitter_is_no_jump() -> None:
    """
    Transits within a second of the baseline agree with it.
    """
    clock = TransitBaseline(7.0, NOW)
    assert clock.agrees(6.9, 7.9)
    assert not clock.agrees(7.0, 7.0 + JUMP_SECONDS + 0.1)
    assert not clock.agrees(7.0 - JUMP_SECONDS - 0.1, 7.0)
    assert clock.jumps([7.0, 7.3, 6.99, 7.9]) == []


def test_held_timestamps_are_a_jump() -> None:
    """
    A source that stood still begins a new clock with its first packet afterwards.
    """
    clock = TransitBaseline(7.0, NOW)
    assert clock.jumps([7.0, 7.01, 37.0, 37.01]) == [2]
    assert clock.jumps([37.0, 37.01]) == [0]


def test_timestamps_ahead_are_a_jump() -> None:
    """
    No network delivers a packet before it was sent.
    """
    assert TransitBaseline(7.0, NOW).jumps([7.0, 2.0, 2.01]) == [1]


def test_two_jumps_in_one_batch() -> None:
    """
    There and back again are two jumps.
    """
    assert TransitBaseline(7.0, NOW).jumps([7.0, 2.0, 2.0, 7.0, 7.1]) == [1, 3]


def test_a_stall_that_is_over_is_no_jump() -> None:
    """
    Packets that the network held back and then delivered at once are late, as the last of them shows.
    """
    clock = TransitBaseline(7.0, NOW)
    burst = [7.0 + 3.0 - index * 0.02 for index in range(151)]
    assert clock.jumps([7.0, 7.0, *burst]) == []
    assert clock.follow(min(burst), NOW + 3.0)


def test_a_first_batch_that_begins_late() -> None:
    """
    The end of a stall at the start of a stream is followed down, not taken for a jump.
    """
    burst = [10.0 - index * 0.02 for index in range(151)]
    assert TransitBaseline(burst[0], NOW).jumps(burst) == []


def test_drift_is_followed() -> None:
    """
    Clocks that drift by 100 ppm for six hours, either way, with jitter, never jump.
    """
    for drift in (100e-6, -100e-6):
        choice = random.Random(3)
        clock = TransitBaseline(7.0, NOW)
        for sweep in range(0, 6 * 3600, 2):
            transits = [7.0 + drift * sweep + choice.expovariate(1 / 0.01) for _ in range(5)]
            assert clock.agrees(min(transits), min(max(transits), 7.5 + drift * sweep))
            assert clock.jumps(transits) == []
            assert clock.follow(min(transits), NOW + sweep)
        assert abs(clock.least - (7.0 + drift * 6 * 3600)) < 0.02


def test_small_steps_are_noticed() -> None:
    """
    A source that loses 0.8 s every two minutes is not drifting: its clock is begun anew before it is 2 s off.
    """
    clock = TransitBaseline(7.0, NOW)
    lost, now = 0.0, NOW
    while clock.follow(7.0 + lost, now):
        now += 1.0
        lost = int((now - NOW) / 120) * 0.8
        assert lost < 2.0
    assert 1.0 < lost < 2.0
