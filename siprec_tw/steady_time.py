"""
Timers that nobody can set.

Twisted's reactors time everything by the time of day. Where that is set back by an hour, by hand, by NTP or because a
virtual machine was resumed, no timer goes off for an hour: ports are not read meanwhile, and what overflows their
buffers is lost. Set forward, all timers are due at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime


def steady(reactor: IReactorTime, seconds: Callable[[], float] = time.monotonic) -> bool:
    """
    Let all timers of a reactor go by a clock that only goes on; whether that is so now. One that has timers already is
    left as it is: they would never go off.
    """
    if reactor.getDelayedCalls():
        return False
    reactor.seconds = seconds  # type: ignore[method-assign]
    return True
