"""
What the metrics are told of all streams: what came since they were told last.

Most streams are in their stride in most sweeps; those are not asked, since what they got is known without them.
"""

from __future__ import annotations

from collections.abc import Iterable

from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.totals import NOTHING, Totals


class Tally:
    """
    Totals over all streams that were ever open, how often the disk refused, and how many RTCP packets came.
    """

    def __init__(self) -> None:
        self._sum = Totals()                # of all streams, as they were asked last
        self._failures = 0
        self._rtcp = 0
        # By stream, as it was asked last: changes, totals, failed writes, RTCP packets.
        self._known: dict[StreamReceiver, tuple[int, Totals, int, int]] = {}
        self._told = Totals()
        self._told_failures = 0
        self._told_rtcp = 0

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

    def news(self, untold: Totals) -> tuple[Totals, int, int]:
        """
        What came since this was asked last, C{untold} included, which no stream knows of yet; so many writes
        failed; and so many RTCP packets came.
        """
        now = self._sum.plus(untold)
        new, self._told = now.minus(self._told), now
        failures, self._told_failures = self._failures - self._told_failures, self._failures
        rtcp, self._told_rtcp = self._rtcp - self._told_rtcp, self._rtcp
        return new, failures, rtcp

    def _take(self, receiver: StreamReceiver, before: tuple[int, Totals, int, int] | None) -> None:
        _, totals_before, failures_before, rtcp_before = before or (0, NOTHING, 0, 0)
        totals, failures, rtcp = receiver.told_totals, receiver.failed_writes, receiver.rtcp.understood
        self._sum = self._sum.plus(totals.minus(totals_before))
        self._failures += failures - failures_before
        self._rtcp += rtcp - rtcp_before
        self._known[receiver] = receiver.changes, totals, failures, rtcp
