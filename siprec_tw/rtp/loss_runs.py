"""
Losses in the order of sequence numbers, and the bursts they come in (RFC 3611 s.4.7.2).

A *burst* is a longest stretch that begins and ends with a missing packet and has nowhere GMIN or more packets in a
row that came; all else is *gap*. What comes before the first packet, and after the last, counts as received. So a
missing packet with GMIN or more that came on either side lies in a gap, and every burst has two or more.

A stretch is known to be over only GMIN packets later: until then it is kept open. However long the stream is, what
is kept are a dozen numbers.
"""

from __future__ import annotations

from attrs import define, evolve, frozen

GMIN = 16       # packets in a row; what RFC 3611 recommends


@frozen
class LossFigures:
    """
    What came of some packets. All are packets, but for the counts of runs, bursts and gaps.
    """

    expected: int = 0
    lost: int = 0
    runs: int = 0               # of packets missing in a row
    longest: int = 0            # of those
    bursts: int = 0
    burst_packets: int = 0      # expected in all bursts together
    burst_lost: int = 0
    gaps: int = 0

    @property
    def loss_rate(self) -> float:
        """
        The share that is missing.
        """
        return _share(self.lost, self.expected)

    @property
    def burst_density(self) -> float:
        """
        The share that is missing within bursts.
        """
        return _share(self.burst_lost, self.burst_packets)

    @property
    def gap_density(self) -> float:
        """
        The share that is missing outside of them.
        """
        return _share(self.lost - self.burst_lost, self.expected - self.burst_packets)

    @property
    def burst_length(self) -> float:
        """
        Packets of a burst, on the average; 0 without any.
        """
        return _share(self.burst_packets, self.bursts)

    @property
    def gap_length(self) -> float:
        """
        Packets of a gap, on the average; 0 without any.
        """
        return _share(self.expected - self.burst_packets, self.gaps)

    @property
    def burst_ratio(self) -> float:
        """
        How much longer the runs of missing packets are than chance would make them (BurstR of ITU-T G.107):
        1 for losses by chance. Of so many missing packets, chance makes runs of 1 / (1 - loss rate).
        """
        return _share(self.lost, self.runs) * (1.0 - self.loss_rate)

    def plus(self, other: LossFigures) -> LossFigures:
        """
        Both together, one beside the other.
        """
        if not (self.expected and other.expected):
            return self if self.expected else other
        return LossFigures(
            self.expected + other.expected,
            self.lost + other.lost,
            self.runs + other.runs,
            max(self.longest, other.longest),
            self.bursts + other.bursts,
            self.burst_packets + other.burst_packets,
            self.burst_lost + other.burst_lost,
            self.gaps + other.gaps,
        )


NO_LOSSES = LossFigures()


@define
class LossRuns:
    """
    Takes runs of packets that came and of packets that did not, in the order of their sequence numbers.
    """

    _expected: int = 0
    _lost: int = 0
    _runs: int = 0
    _longest: int = 0
    _run: int = 0               # packets of the latest run of losses
    _bursts: int = 0            # but for the stretch that is open
    _burst_packets: int = 0
    _burst_lost: int = 0
    _gaps: int = 0              # but for the one before it
    _quiet: int = 0             # packets of that gap
    _stretch: int = 0           # packets of the stretch that is open, from its first loss to its latest; 0: none is
    _stretch_lost: int = 0

    def take(self, received: int, lost: int) -> None:
        """
        So many came, then so many, one or more, did not.
        """
        if received or not self._stretch:
            self._runs += 1
            self._run = 0
        if received >= GMIN:
            self._end_stretch()
        if self._stretch:
            self._stretch += received
        else:
            self._quiet += received
        self._stretch += lost
        self._stretch_lost += lost
        self._run += lost
        self._longest = max(self._longest, self._run)
        self._expected += received + lost
        self._lost += lost

    def figures(self, received: int) -> LossFigures:
        """
        All of it, when so many came after the last loss.
        """
        whole = self
        if self._stretch:
            whole = evolve(self)
            whole._end_stretch()
        return LossFigures(
            self._expected + received, self._lost, self._runs, self._longest,
            whole._bursts, whole._burst_packets, whole._burst_lost, whole._gaps + (whole._quiet + received > 0),
        )

    def _end_stretch(self) -> None:
        """
        No more losses are near: what began and ended with different ones was a burst.
        """
        if self._stretch_lost > 1:
            self._bursts += 1
            self._burst_packets += self._stretch
            self._burst_lost += self._stretch_lost
            self._gaps += self._quiet > 0
            self._quiet = 0
        else:
            self._quiet += self._stretch
        self._stretch = self._stretch_lost = 0


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
