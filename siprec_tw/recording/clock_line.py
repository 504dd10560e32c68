"""
How one clock runs beside another: a line through points that may be late and are never early.

A point is an instant by the first clock and the least delay that was seen about then; the delay is that of the network
plus what the clocks are apart. A clock that is slow makes it grow, a fast one makes it fall:

  delay |  .    . .         .          .    points: the least of some seconds each
        |    .      __.__--------.--
        |_._.--.---                         the line: its slope is the median of those between all pairs of points
        +--------------------------         (Theil-Sen), so that up to a quarter of them may be anywhere

Oscillators wander by a few millionths as rooms warm up. The lowest points of every ten minutes are followed, but no
faster than WANDER: what moves faster is the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

LEAST_POINTS = 10
LEAST_SPAN = 60.0           # seconds; before that, clocks of 100 millionths apart are not 10 ms apart
MOST_PAIRED = 240           # points between which slopes are taken; of more, the lowest of each few
STRETCH = 600.0             # seconds of which the lowest point is followed
LEAST_PARTS = 6             # of the whole, whose lowest points tell whether it is a line at all
WANDER = 20e-6

Floats = NDArray[np.float64]
Point = tuple[float, float]


@frozen
class ClockLine:
    """
    The delay of one clock behind another, straight between knots and beyond them. Seconds.
    """

    slope: float                        # of the whole
    knots: tuple[Point, ...]            # instants by the first clock, rising, and the delay then; at least two
    wander: float                       # the most that the lowest points of a part lie off the slope, followed or not
    spread: float                       # by which half of the points lie above the line

    @property
    def growth(self) -> float:
        """
        How much the delay grows from the first knot to the last.
        """
        return self.knots[-1][1] - self.knots[0][1]

    def at(self, instant: float) -> float:
        """
        The delay at an instant.
        """
        first, last = self.knots[0], self.knots[-1]
        if instant < first[0]:
            return first[1] + self.slope * (instant - first[0])
        if instant > last[0]:
            return last[1] + self.slope * (instant - last[0])
        instants, delays = zip(*self.knots, strict=True)
        return float(np.interp(instant, instants, delays))


def slope_of(instants: Floats, delays: Floats) -> float:
    """
    The median of the slopes between all pairs of points; there are two instants at least.
    """
    one, other = np.triu_indices(len(instants), 1)
    run = instants[other] - instants[one]
    rise = delays[other] - delays[one]
    apart = run > 0
    return float(np.median(rise[apart] / run[apart]))


def line_under(points: Sequence[Point]) -> ClockLine | None:
    """
    The line under these points, or None where they are too few or cover less than LEAST_SPAN.
    """
    ordered = np.array(sorted(points), dtype=np.float64).reshape(-1, 2)
    if len(ordered) < LEAST_POINTS or ordered[-1, 0] - ordered[0, 0] < LEAST_SPAN:
        return None
    instants, delays = ordered[:, 0], ordered[:, 1]
    base = float(delays[0])             # large numbers lose digits
    thinned = _thinned(instants, delays - base)
    slope = slope_of(*thinned)
    begin, end = float(instants[0]), float(instants[-1])
    above = delays - base - slope * (instants - begin)
    stretches = max(1, round((end - begin) / STRETCH))
    middles, lows = _lowest(instants, above, stretches, LEAST_POINTS)
    followed = _followed(middles, lows)
    _, checked = _lowest(instants, above, max(LEAST_PARTS, stretches), 1)
    wander = float(np.abs(checked - np.median(checked)).max())
    places = [begin, *middles, end] if len(middles) > 1 else [begin, end]
    levels = np.interp(places, middles, followed)
    knots = tuple(
        (place, base + slope * (place - begin) + float(level)) for place, level in zip(places, levels, strict=True)
    )
    spread = float(np.median(above - np.interp(instants, middles, followed)))
    return ClockLine(slope, knots, wander, spread)


def _thinned(instants: Floats, delays: Floats) -> tuple[Floats, Floats]:
    """
    The lowest of each few neighbours, MOST_PAIRED at most.
    """
    count = -(-len(instants) // MOST_PAIRED)
    starts = np.arange(0, len(instants), count)
    lowest = [start + int(delays[start : start + count].argmin()) for start in starts]
    return instants[lowest], delays[lowest]


def _lowest(instants: Floats, above: Floats, count: int, least: int) -> tuple[list[float], Floats]:
    """
    The middles of those of C{count} equal parts that have so many points at least, and how far the lowest of each lies
    above the slope.
    """
    begin, span = instants[0], instants[-1] - instants[0]
    of = np.minimum((instants - begin) * count / span, count - 1).astype(int)
    parts = [(number, above[of == number]) for number in range(count)]
    kept = [(number, part) for number, part in parts if len(part) >= least] or [(0, above)]
    middles = [float(begin + (number + 0.5) * span / count) for number, _ in kept]
    return middles, np.array([part.min() for _, part in kept])


def _followed(middles: Sequence[float], lows: Floats) -> Floats:
    """
    The levels of all stretches, none farther from its neighbour than clocks wander; from the middlemost on.
    """
    followed = lows.copy()
    begin = int(np.argsort(lows, kind="stable")[len(lows) // 2])
    for indices in (range(begin + 1, len(lows)), range(begin - 1, -1, -1)):
        before = begin
        for index in indices:
            most = WANDER * abs(middles[index] - middles[before])
            low, high = followed[before] - most, followed[before] + most
            followed[index] = min(max(lows[index], low), high)
            before = index
    return followed
