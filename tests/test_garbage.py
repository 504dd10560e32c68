"""
Tests for siprec_tw.garbage.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from siprec_tw import garbage
from siprec_tw.garbage import CHECK_SECONDS, FULL_SECONDS, GarbagePace


class Knot:
    """
    Refers to itself.
    """

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def clock() -> Iterator[Clock]:
    """
    A pace that goes by this clock, with no collections but its own.
    """
    clock = Clock()
    pace = GarbagePace(clock)
    gc.disable()
    pace.start()
    yield clock
    pace.stop()
    gc.enable()
    assert gc.get_freeze_count() == 0


def test_the_old_is_put_aside(clock: Clock) -> None:
    """
    After a second a full collection has next to nothing to walk over.
    """
    kept = [[n] for n in range(50_000)]
    clock.advance(1)
    assert gc.get_freeze_count() >= len(kept)
    assert len(gc.get_objects()) < len(kept) / 10


def test_young_garbage_is_found_at_once(clock: Clock) -> None:
    """
    What became garbage within the second is never put aside.
    """
    knot = weakref.ref(Knot())
    assert knot() is not None
    clock.advance(1)
    assert knot() is None


def test_old_garbage_is_found_in_a_minute(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What was put aside and became garbage then goes with the next look at everything, where that is quick.
    """
    monkeypatch.setattr(garbage, "QUICK", 10**9)
    knot = Knot()
    clock.advance(1)
    gone = weakref.ref(knot)
    del knot
    clock.pump([1] * int(CHECK_SECONDS))
    assert gone() is None


def test_much_is_looked_through_less_often(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where that takes long, everything is looked through every ten minutes only.
    """
    monkeypatch.setattr(garbage, "QUICK", 0)
    knot = Knot()
    clock.advance(1)
    gone = weakref.ref(knot)
    del knot
    clock.pump([1] * int(FULL_SECONDS - CHECK_SECONDS))
    assert gone() is not None
    clock.pump([1] * int(2 * CHECK_SECONDS))
    assert gone() is None
