"""
The limit of log lines that peers cause.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from siprec_tw.log_limit import MOST_SOURCES, PERIOD, LogLimit


def test_so_many_lines_a_source_and_period() -> None:
    """
    Two lines of a source are allowed, the third is not; another source has its own two; a period later all may again.
    """
    clock = Clock()
    limit = LogLimit(clock.seconds, 2)
    assert [limit.allows("a") for _ in range(4)] == [True, True, False, False]
    assert limit.allows("b")
    clock.advance(PERIOD)
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]


def test_memory_is_bounded() -> None:
    """
    However many sources there are, the oldest is forgotten for a new one.
    """
    limit = LogLimit(Clock().seconds, 1)
    for number in range(MOST_SOURCES + 1):
        assert limit.allows(str(number))
    assert not limit.allows(str(MOST_SOURCES))
    assert limit.allows("0")
