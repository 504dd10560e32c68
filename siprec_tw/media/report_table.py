"""
The reports of all open streams of a worker, ready to be sent.

A stream is asked only when it changed. One that is in its stride does not, and what came since is taken from the
rows of numbers in which it is followed (siprec_tw.media.batch_rows).
"""

from __future__ import annotations

import numpy as np
from attrs import define

from siprec_tw.interfaces import StreamReport
from siprec_tw.media.batch_seat import Going
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.report_row import REPORT_ROW, ReportRows, rest_of, row_of

FIRST_ROWS = 64


@define(eq=False)
class Entry:
    """
    A stream in the table.
    """

    slot: int                       # of its row
    opening: int                    # 1 or more, never the same
    changes: int                    # of the receiver, when it was asked last
    rest: tuple[object, ...]        # of its report, as it was told last


class ReportTable:
    """
    A row for each open stream; rows are used again.
    """

    def __init__(self) -> None:
        self._rows: ReportRows = np.zeros(FIRST_ROWS, REPORT_ROW)
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
            self._free = list(reversed(range(count, 2 * count)))
        self._openings += 1
        blank = StreamReport(receiver.stream_id)
        entry = self._entries[receiver] = Entry(self._free.pop(), self._openings, receiver.changes, rest_of(blank))
        self._rows[entry.slot] = row_of(entry.opening, blank)
        return entry

    def close(self, receiver: StreamReceiver) -> None:
        """
        The stream is closed, its row is free.
        """
        entry = self._entries.pop(receiver)
        self._rows[entry.slot] = 0
        self._free.append(entry.slot)

    def news(self, going: Going | None) -> tuple[bytes, tuple[StreamReport, ...]]:
        """
        All rows, and whole reports of the streams that have more to tell than numbers. C{going} is None where
        streams are never followed in rows.
        """
        told = []
        for receiver, entry in self._entries.items():
            if receiver.changes != entry.changes:
                report = receiver.report()
                entry.changes = receiver.changes
                self._rows[entry.slot] = row_of(entry.opening, report)
                rest = rest_of(report)
                if rest != entry.rest:
                    entry.rest = rest
                    told.append(report)
        rows = self._rows if going is None else self._as_of_now(going)
        return rows.tobytes(), tuple(told)

    def _as_of_now(self, going: Going) -> ReportRows:
        rows = self._rows.copy()
        slots = np.array([self._entries[receiver].slot for receiver in going.receivers], np.int64)
        news = going.rows["packets"] > 0
        slots, ahead, rates = slots[news], going.rows[news], going.rates[news]
        rows["packets"][slots] += ahead["packets"]
        rows["octets"][slots] += ahead["octets"]
        rows["jitter"][slots] = ahead["jitter"] / rates
        rows["last_arrival"][slots] = ahead["last_arrival"]
        return rows
