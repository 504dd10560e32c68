"""
The limit of open files: raised, told, and held against what is wanted.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from siprec_tw.media.open_files import raise_limit, wanted_files


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """
    What is logged; the soft limit is below the hard one, and restored afterwards.
    """
    seen: list[LogEvent] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    globalLogPublisher.addObserver(seen.append)
    try:
        yield seen
    finally:
        globalLogPublisher.removeObserver(seen.append)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_soft_limit_is_raised_to_the_hard_one(events: list[LogEvent]) -> None:
    """
    The log says how many files there may be.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert raise_limit(wanted_files(4)) == hard
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert [event["log_level"].name for event in events] == ["info"]


def test_limit_that_is_too_small(events: list[LogEvent]) -> None:
    """
    Where every pair of ports wants more than there may be, somebody is told how many.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert raise_limit(wanted_files(hard)) == hard
    (event,) = events
    assert event["log_level"].name == "warn"
    assert (event["limit"], event["wanted"] > 4 * hard) == (hard, True)
