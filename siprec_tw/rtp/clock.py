"""
The transit baseline of a source: where its clock stands beside ours, and whether it jumped.

A packet's transit is its arrival less its timestamp, both in seconds: a constant nobody knows plus the delay
of the network. The least transit over a while belongs to the packets that waited least, so it moves only with
the drift of the two clocks (a window of WINDOW seconds follows that), or at once when the source sets its
timestamps anew.

  network stall      0 0 0 | 3.0 2.98 2.96 ... 0.02 0 0     comes back: no jump
  held timestamps    0 0 0 | 30 30 30 30 30 ...             the source stood still for 30 s: a jump
  timestamps ahead   0 0 0 | -5 -5 -5 -5 ...                no network delivers early: a jump

Transits are given in the order in which they were *sent* (by sequence number), since a jump is the source's
doing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

JUMP_SECONDS = 1.0
MOST_STALL = 10.0       # seconds; what is later was not held up by the network
WINDOW = 60.0           # seconds over which the least transit is taken
_BUCKET = 5.0           # the window's grain
MAX_DRIFT = 500e-6      # of any two clocks; crystals keep within 100e-6


class TransitBaseline:
    """
    The least transit of one source over the last WINDOW seconds. Instants are those of arrival.
    """

    def __init__(self, transit: float, now: float) -> None:
        self._lowest = transit
        self._began = now
        self._buckets: deque[tuple[float, float]] = deque([(now, transit)])
        self.least = transit

    def agrees(self, least: float, most: float) -> bool:
        """
        Whether transits between these two surely belong to the clock that is known.
        """
        return self.least - JUMP_SECONDS <= least and most <= self.least + JUMP_SECONDS

    def follow(self, least: float, now: float) -> bool:
        """
        Take in the least transit of packets that agree with the clock. False: the baseline has by now risen
        further above its lowest than clocks drift; the source loses time in small steps.
        """
        buckets = self._buckets
        started, lowest = buckets[-1]
        if now - started < _BUCKET:
            if least < lowest:
                buckets[-1] = (started, least)
        else:
            buckets.append((now, least))
        while len(buckets) > 1 and now - buckets[0][0] > WINDOW:
            buckets.popleft()
        self.least = min(bucket[1] for bucket in buckets)
        self._lowest = min(self._lowest, self.least)
        return self.least - self._lowest <= JUMP_SECONDS + MAX_DRIFT * max(0.0, now - self._began)

    def jumps(self, transits: Sequence[float]) -> list[int]:
        """
        The indices at which a new clock begins. Late packets are a stall of the network, not a jump,
        when any later one of the batch is back and they are not MOST_STALL late.
        """
        found: list[int] = []
        level = self.least
        rest = _least_from_here(transits)
        for index, transit in enumerate(transits):
            stalled = transit - level
            if stalled < -JUMP_SECONDS or stalled > MOST_STALL or rest[index] > level + JUMP_SECONDS:
                found.append(index)
                level = transit
            elif transit < level:
                level = transit
        return found


def _least_from_here(transits: Sequence[float]) -> list[float]:
    """
    For each index the least of that transit and all after it.
    """
    least = list(transits)
    for index in range(len(least) - 2, -1, -1):
        least[index] = min(least[index], least[index + 1])
    return least
