"""
Log lines that a peer could cause without end: so many for each source and minute, the rest is only counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

PERIOD = 60.0               # seconds
MOST_SOURCES = 1000         # remembered at a time


@define(eq=False)
class LogLimit:
    """
    Says which lines of a kind are to be written; C{seconds} is the clock.
    """

    _seconds: Callable[[], float]
    _most: int
    _sources: dict[str, tuple[float, int]] = field(factory=dict)    # since when, how many lines

    def allows(self, source: str) -> bool:
        """
        Whether one more line about this source is to be written.
        """
        now = self._seconds()
        since, lines = self._sources.get(source, (now, 0))
        if now - since >= PERIOD:
            since, lines = now, 0
        if source not in self._sources and len(self._sources) >= MOST_SOURCES:
            self._sources.pop(next(iter(self._sources)))
        self._sources[source] = since, lines + 1
        return lines < self._most
