"""
What the metrics are told of all streams: what came since they were told last.

Most streams are in their stride in most sweeps; those are not asked, since what they got is known without them.
"""

from __future__ import annotations

from collections.abc import Iterable

from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.totals import Totals

NOTHING = Totals()


class Tally:
    """
    Totals over all streams that were ever open, and how often the disk refused.
    """

    def __init__(self) -> None:
        self._sum = Totals()                # of all streams, as they were asked last
        self._failures = 0
        self._known: dict[StreamReceiver, tuple[int, Totals, int]] = {}     # changes, totals, failed writes
        self._told = Totals()
        self._told_failures = 0

    def ask(self, receivers: Iterable[StreamReceiver]) -> None:
        """
        Take in what changed of these.
        """
        known = self._known
        for receiver in receivers:
            before = known.get(receiver)
            if before is None or before[0] != receiver.changes:
                self._take(receiver, before)

    def close(self, receiver: StreamReceiver) -> None:
        """
        The stream is closed: take in the last of it.
        """
        self._take(receiver, self._known.get(receiver))
        del self._known[receiver]

    def news(self, untold: Totals) -> tuple[Totals, int]:
        """
        What came since this was asked last, C{untold} included, which no stream knows of yet; and so many writes
        failed.
        """
        now = self._sum.plus(untold)
        new, self._told = now.minus(self._told), now
        failures, self._told_failures = self._failures - self._told_failures, self._failures
        return new, failures

    def _take(self, receiver: StreamReceiver, before: tuple[int, Totals, int] | None) -> None:
        _, totals_before, failures_before = before or (0, NOTHING, 0)
        totals, failures = receiver.totals, receiver.failed_writes
        self._sum = self._sum.plus(totals.minus(totals_before))
        self._failures += failures - failures_before
        self._known[receiver] = receiver.changes, totals, failures
