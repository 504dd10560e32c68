"""
Sequence numbers that were passed over: which are still missing, and in what runs.

They are kept in two forms. The set answers whether a packet that comes late is one of them. The spans, in the order
of numbers, are settled one after the other when SETTLED_AFTER newer packets are there: what is missing then goes to
the account of losses (L{siprec_tw.rtp.loss_runs}), from which it is not taken back. What is newer is looked up when
somebody asks. Both are bounded.
"""

from __future__ import annotations

from collections import deque

from attrs import define, evolve, field

from siprec_tw.rtp.loss_runs import LossFigures, LossRuns

MOST_REMEMBERED = 3000      # numbers passed over at once that may still come
SETTLED_AFTER = 500         # packets; 10 seconds of most streams
_MOST_NUMBERS = 2 * MOST_REMEMBERED


@define
class MissingNumbers:
    """
    Those of one source. C{settled_to} is the number after the last one that is accounted for: at first the lowest.
    """

    _settled_to: int = field(alias="base")
    _numbers: set[int] = field(factory=set)
    _spans: deque[tuple[int, int]] = field(factory=deque)   # [first, end) passed over, not settled
    _settled: LossRuns = field(factory=LossRuns)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def pass_over(self, first: int, end: int) -> None:
        """
        The numbers [first, end) were passed over: all are higher than any before. Of many the first are given up.
        """
        if first >= end:
            return
        known = max(first, end - MOST_REMEMBERED)
        self._numbers.update(range(known, end))
        self._settle(end - SETTLED_AFTER if known == first else first)
        if known > first:
            self._lose(first, known)
        self._spans.append((known, end))
        if len(self._numbers) > _MOST_NUMBERS:
            oldest = end - MOST_REMEMBERED
            self._numbers = {number for number in self._numbers if number >= oldest}

    def begin_earlier(self, base: int) -> None:
        """
        A packet was overtaken by the first: it is the lowest from now on, and those between are missing.
        """
        self._numbers.update(range(base + 1, self._settled_to))
        self._spans.appendleft((base + 1, self._settled_to))
        self._settled_to = base

    def came(self, number: int) -> None:
        """
        One of them arrived, or one that is none of them.
        """
        self._numbers.discard(number)

    def between(self, before: int, after: int) -> int:
        """
        How many numbers between these two are missing.
        """
        if after - before <= 1 or not self._numbers:
            return 0
        if after - before < len(self._numbers):
            return sum(number in self._numbers for number in range(before + 1, after))
        return sum(before < number < after for number in self._numbers)

    def losses(self, highest: int) -> LossFigures:
        """
        What is missing now up to C{highest}, from the lowest on.
        """
        if not self._spans:
            return self._settled.figures(highest + 1 - self._settled_to)
        whole = evolve(self, settled=evolve(self._settled), spans=deque(self._spans))
        whole._settle(highest + 1)
        return whole._settled.figures(highest + 1 - whole._settled_to)

    def _settle(self, until: int) -> None:
        """
        Account for the spans up to a number, which may lie within one.
        """
        spans = self._spans
        while spans and spans[0][0] < until:
            first, end = spans.popleft()
            if end > until:
                spans.appendleft((until, end))
                end = until
            for number in range(first, end):
                if number in self._numbers:
                    self._lose(number, number + 1)

    def _lose(self, first: int, end: int) -> None:
        self._settled.take(first - self._settled_to, end - first)
        self._settled_to = end
