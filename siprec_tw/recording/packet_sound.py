"""
Where a segment of layout PACKETS has sound: its packets tell it, as its record knows no gaps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from attrs import define, evolve, field, frozen

from siprec_tw.recording.sound import Hole, Run, Sound


@frozen
class PacketSound:
    """
    The runs and holes that packets make, as of L{Sound}.
    """

    first_sequence: int
    runs: tuple[Run, ...]
    holes: tuple[Hole, ...]
    first: int
    end: int

    def of(self, sound: Sound, rate: int | None) -> Sound:
        """
        The same segment with what its packets tell, decoded at C{rate} if at all.
        """
        return evolve(
            sound, first_sequence=self.first_sequence, runs=self.runs, holes=self.holes,
            first=self.first, end=self.end, decoded_rate=rate,
        )


@define
class PacketSpans:
    """
    Takes packets in the order of their sequence numbers.

    C{elsewhere} are the sequence numbers, sorted, of packets of the same source that are kept elsewhere
    (events, comfort noise): they are not missing.
    """

    _elsewhere: Sequence[int] = field(alias="elsewhere")
    _first: tuple[int, int] | None = None       # sequence number, timestamp
    _sequence: int = 0
    _end: int = 0
    _run: int = 0                               # where the run that grows began
    _runs: list[Run] = field(factory=list)
    _holes: list[Hole] = field(factory=list)

    def take(self, sequence: int, timestamp: int, ticks: int) -> int:
        """
        A packet that lasts C{ticks} from its timestamp on. Returns how many of them, from its first, are
        covered already by packets before it.
        """
        if self._first is None:
            self._first = sequence, timestamp
            self._run = self._end = timestamp
        elif lost := self._missing(sequence):
            self._hole(max(timestamp, self._end), lost, sequence)
        elif timestamp > self._end:
            self._hole(timestamp, 0, sequence)
        covered = min(max(0, self._end - timestamp), ticks)
        self._sequence = sequence
        self._end = max(self._end, timestamp + ticks)
        return covered

    def sound(self) -> PacketSound | None:
        """
        What came of them, or None where there was no packet.
        """
        if self._first is None:
            return None
        last = [Run(self._run, self._end)] if self._end > self._run else []
        sequence, first = self._first
        return PacketSound(sequence, (*self._runs, *last), tuple(self._holes), first, self._end)

    def _missing(self, sequence: int) -> int:
        first, end = self._sequence + 1, sequence
        known = bisect_left(self._elsewhere, end) - bisect_left(self._elsewhere, first)
        return max(0, end - first - known)

    def _hole(self, end: int, lost: int, after: int) -> None:
        if self._end > self._run:
            self._runs.append(Run(self._run, self._end))
        self._holes.append(Hole(self._end, end, lost, after))
        self._run = self._end = end
