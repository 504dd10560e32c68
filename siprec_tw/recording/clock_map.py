"""
The way between a source's own time and the recording's, where the source's clock is not right.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from siprec_tw.recording.clock_line import ClockLine

MARGIN = 1.0        # seconds beyond the end that are still corrected: a sample or two are asked for there

Floats = NDArray[np.float64]


@frozen
class ClockMap:
    """
    Knots at which both times are known, straight between them; before the first and after the last both go alike.
    Seconds from the axis' first sample, which is the first knot.
    """

    own: tuple[float, ...]
    common: tuple[float, ...]

    def to_common(self, seconds: float) -> float:
        """
        From the source's time.
        """
        if not 0.0 <= seconds <= self.own[-1]:
            return seconds if seconds < 0.0 else self.common[-1] + seconds - self.own[-1]
        return float(np.interp(seconds, self.own, self.common))

    def to_own(self, seconds: Floats) -> Floats:
        """
        From the recording's time.
        """
        inside: Floats = np.interp(seconds, self.common, self.own)
        beyond = np.minimum(seconds, 0.0) + np.maximum(seconds - self.common[-1], 0.0)
        own: Floats = inside + beyond
        return own


@frozen
class Course:
    """
    Where the samples of the recording lie in a piece of sound of such a source.
    """

    clock: ClockMap
    begin: float        # seconds on the recording's time at which the axis begins
    skipped: float      # seconds of the source's time from there to the piece

    def positions(self, first: int, end: int, rate: int, own_rate: int) -> Floats:
        """
        Of samples [first, end) of the recording, C{rate} a second: samples of the piece, C{own_rate} a second.
        """
        seconds = np.arange(first, end) / rate - self.begin
        places: Floats = (self.clock.to_own(seconds) - self.skipped) * own_rate
        return places

    def later(self, seconds: float) -> Course:
        """
        That of the same piece less so much of its beginning.
        """
        return evolve(self, skipped=self.skipped + seconds)


def map_of(line: ClockLine, seconds: float) -> ClockMap:
    """
    The map of an axis that lasts so long; the instants of C{line} count from its first sample.
    """
    end = seconds + MARGIN
    own = (0.0, *(instant for instant, _ in line.knots if 0.0 < instant < end), end)
    start = line.at(0.0)
    return ClockMap(own, tuple(instant + line.at(instant) - start for instant in own))
