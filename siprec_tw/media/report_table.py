"""
The reports of all open streams of a worker, ready to be sent.

A stream is asked only when something happened to it. What one that goes on in its stride got meanwhile is taken from
the rows of numbers in which it is followed (siprec_tw.media.batch_rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from attrs import define

from siprec_tw.interfaces import StreamReport
from siprec_tw.media.batch_seat import Going
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.report_row import REPORT_ROW, ReportRows, rest_of, row_of
from siprec_tw.rtp.loss_runs import NO_LOSSES

FIRST_ROWS = 64


@define(eq=False)
class Entry:
    """
    A stream in the table.
    """

    slot: int                       # of its row
    opening: int                    # 1 or more, never the same
    changes: int                    # of the receiver but for strides, when it was asked last
    rest: tuple[object, ...]        # of its report, as it was told last


class ReportTable:
    """
    A row for each open stream; rows are used again.
    """

    def __init__(self) -> None:
        self._rows: ReportRows = np.zeros(FIRST_ROWS, REPORT_ROW)
        self._asked = np.zeros(FIRST_ROWS, np.bool_)            # just now
        self._strode = np.zeros((FIRST_ROWS, 2), np.int64)      # packets and octets, when it was asked last
        self._free = list(reversed(range(FIRST_ROWS)))
        self._entries: dict[StreamReceiver, Entry] = {}
        self._openings = 0

    def open(self, receiver: StreamReceiver) -> Entry:
        """
        A new stream; nothing of it has been told.
        """
        if not self._free:
            count = len(self._rows)
            self._rows = np.concatenate([self._rows, np.zeros(count, REPORT_ROW)])
            self._asked = np.zeros(2 * count, np.bool_)
            self._strode = np.concatenate([self._strode, np.zeros_like(self._strode)])
            self._free = list(reversed(range(count, 2 * count)))
        self._openings += 1
        blank = StreamReport(receiver.stream_id)
        entry = self._entries[receiver] = Entry(self._free.pop(), self._openings, 0, rest_of(blank))
        self._rows[entry.slot] = row_of(entry.opening, blank, NO_LOSSES, 0.0)
        return entry

    def close(self, receiver: StreamReceiver) -> None:
        """
        The stream is closed, its row is free.
        """
        entry = self._entries.pop(receiver)
        self._rows[entry.slot] = 0
        self._free.append(entry.slot)

    def news(self, look: Callable[[], Going | None]) -> tuple[bytes, tuple[StreamReport, ...]]:
        """
        All rows, and whole reports of the streams that have more to tell than numbers. C{look()} are the streams in
        their stride, or None where there is no such thing.
        """
        self._asked[:] = False
        told: list[StreamReport] = []
        for receiver, entry in self._entries.items():
            changes = receiver.changes - receiver.strides
            if changes != entry.changes:
                entry.changes = changes
                told += self._ask(receiver, entry)
        going = look()
        rows = self._rows if going is None else self._as_of_now(going)
        return rows.tobytes(), tuple(told)

    def _ask(self, receiver: StreamReceiver, entry: Entry) -> Iterator[StreamReport]:
        """
        Its report into its row; the whole of it, if there is more to tell.
        """
        report, losses, seconds = receiver.counts()
        self._rows[entry.slot] = row_of(entry.opening, report, losses, seconds)
        self._asked[entry.slot] = True
        rest = rest_of(report)
        if rest != entry.rest:
            entry.rest = rest
            yield report

    def _as_of_now(self, going: Going) -> ReportRows:
        """
        The rows, and how far streams went in their stride since they were asked.
        """
        rows = self._rows.copy()
        slots = np.array([self._entries[receiver].slot for receiver in going.receivers], np.int64)
        strode = np.column_stack([going.rows["strode"], going.rows["strode_octets"]])
        asked = self._asked[slots]
        self._strode[slots[asked]] = strode[asked]
        further = strode - self._strode[slots]
        moved = further[:, 0] > 0
        slots, ahead = slots[moved], going.rows[moved]
        rows["packets"][slots] += further[moved, 0]
        rows["losses.expected"][slots] += further[moved, 0]
        rows["octets"][slots] += further[moved, 1]
        rows["jitter"][slots] = ahead["jitter"] / going.rates[moved]
        rows["last_arrival"][slots] = ahead["last_arrival"]
        return rows
