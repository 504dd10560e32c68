"""
The clock and the statistics of a source, opened for those who follow many sources at once.

They do what their bases do, and tell besides what must be known to go on elsewhere, and take back what came of
it.
"""

from __future__ import annotations

from attrs import define

from siprec_tw.rtp.clock import TransitBaseline
from siprec_tw.rtp.reception import Reception

# While the latest grain of the window is younger than this, following the clock means to lower its least transit,
# and nothing else. Not more than the grain itself (siprec_tw.rtp.clock), which begins a new one then.
YOUNG_SECONDS = 4.9


Window = tuple[float, float, float, float, float]
"""
Where a baseline stands, in seconds: the least transit over the window and ever; the instant of its first packet;
those at which the latest and the oldest grain of the window began.
"""


class OpenBaseline(TransitBaseline):
    """
    A baseline that can be followed elsewhere for as long as its window does not move.
    """

    @property
    def window(self) -> Window:
        """
        Where it stands.
        """
        buckets = self._buckets
        return self.least, self._lowest, self._began, buckets[-1][0], buckets[0][0]

    def lower(self, least: float) -> None:
        """
        Transits down to C{least} were seen while the window did not move; they agreed, and the clock did not creep.
        """
        started, lowest = self._buckets[-1]
        if least < lowest:
            self._buckets[-1] = (started, least)
        self.least = min(self.least, least)
        self._lowest = min(self._lowest, self.least)


@define
class OpenReception(Reception):
    """
    A reception whose last transit can be read.
    """

    @property
    def last_transit(self) -> float | None:
        """
        In ticks; None where the next is not to be compared.
        """
        return self._last_transit
