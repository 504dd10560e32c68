"""
The rows of numbers in which streams in their stride are followed (siprec_tw.media.batch_stride).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from siprec_tw.media.batch_stride import Progress, Stride
from siprec_tw.media.batch_system import NAME_WORDS, name_of
from siprec_tw.media.totals import Totals
from siprec_tw.rtp.packet import PLAIN_FIRST_OCTET

ROW = np.dtype([
    # What the next packet must be.
    ("start", "u4"),                    # version octet, payload type, 16 zero bits
    ("sequence", "u4"),                 # 16 bits
    ("ssrc", "u4"), ("_", "u4"),
    ("head", "i8"),                     # extended timestamp
    ("name", "u8", (NAME_WORDS,)),      # socket address of the source
    # Where its clock stands (siprec_tw.media.batch_clock.Window), and the least transit since its window moved.
    ("known_least", "f8"), ("lowest", "f8"), ("began", "f8"), ("started", "f8"), ("oldest", "f8"),
    ("newly_least", "f8"),
    # Where it is to be written, and when the record is due.
    ("offset", "i8"), ("due", "i8"),
    # What has come since the stream was told (siprec_tw.media.batch_stride.Progress).
    ("packets", "i8"), ("octets", "i8"), ("least", "f8"), ("last_arrival", "f8"),
    ("jitter", "f8"), ("last_transit", "f8"),
    # The same since it is in its stride, told or not.
    ("strode", "i8"), ("strode_octets", "i8"),
])
WINDOW_FIELDS = ("known_least", "lowest", "began", "started", "oldest")
Ints = NDArray[np.int64]
Rows = NDArray[np.void]     # of ROW
_OCTETS = np.dtype((np.void, ROW.itemsize))     # numpy copies these in one go, fields one by one
FIRST_ROWS = 64
_TOLD_FIELDS = ("packets", "octets", "jitter", "last_transit", "least", "newly_least", "last_arrival")


class RowTable:
    """
    All rows; those that are not taken are zero.
    """

    def __init__(self) -> None:
        self.rows: Rows = np.zeros(FIRST_ROWS, ROW)
        self._free = list(range(FIRST_ROWS))

    def take(self, stride: Stride) -> int:
        """
        The number of a row for a stream that goes on so.
        """
        if not self._free:
            count = len(self.rows)
            self.rows = np.concatenate([self.rows, np.zeros(count, ROW)])
            self._free = list(range(count, 2 * count))
        row = self._free.pop()
        self.rows[row] = _row_of(stride)
        return row

    def get(self, numbers: Ints) -> Rows:
        """
        A copy of these rows.
        """
        return self.rows.view(_OCTETS).take(numbers).view(ROW)

    def put(self, numbers: Ints, rows: Rows) -> None:
        """
        These rows are now so.
        """
        self.rows.view(_OCTETS)[numbers] = rows.view(_OCTETS)

    def give_back(self, row: int) -> None:
        """
        The row is free.
        """
        self.rows[row] = 0
        self._free.append(row)

    def progress(self, numbers: Ints, step: int) -> list[Progress]:
        """
        What has come since this was asked last, of rows to which anything has.
        """
        rows = self.get(numbers)
        columns = [rows[name].tolist() for name in _TOLD_FIELDS]
        rows["packets"] = rows["octets"] = 0
        rows["least"] = rows["newly_least"] = math.inf
        self.put(numbers, rows)
        return [Progress(step, *told) for told in zip(*columns, strict=True)]

    def untold(self) -> Totals:
        """
        What has come that the streams were not told of yet.
        """
        return Totals(packets=int(self.rows["packets"].sum()), octets=int(self.rows["octets"].sum()))


def _row_of(stride: Stride) -> tuple[object, ...]:
    tail = stride.tail
    start = PLAIN_FIRST_OCTET << 24 | stride.payload_type << 16
    name = np.frombuffer(name_of(stride.address), np.uint64)
    return (
        start, stride.sequence & 0xFFFF, stride.ssrc, 0, stride.head, name,
        *stride.clock.window, math.inf,
        tail.offset, tail.due,
        0, 0, math.inf, 0.0, stride.jitter, stride.last_transit, 0, 0,
    )
