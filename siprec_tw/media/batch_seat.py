"""
A stream's seat among those that are read together: its socket, its objects, and its row while it is in its
stride.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.media.batch_clock import OpenBaseline
from siprec_tw.media.batch_opening import Opener
from siprec_tw.media.batch_pool import SlotPool
from siprec_tw.media.batch_rows import Rows, RowTable
from siprec_tw.media.batch_stride import Progress, Stride, Write
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.swept_port import SweptPort
from siprec_tw.rtp.report_blocks import Untold
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_state import PacketLayout


@frozen(eq=False)
class Going:
    """
    Streams in their stride, one by one: how far they went is in the rows.
    """

    receivers: Sequence[StreamReceiver]
    rows: Rows
    rates: NDArray[np.float64]      # ticks a second


class Group:
    """
    Streams whose packets are alike: of one size, length and clock rate, and sealed in one way or not at all. They
    share a pool.
    """

    def __init__(self, stride: Stride, pool: SlotPool, layout: PacketLayout | None) -> None:
        self.pool = pool
        self.layout = layout                # of sealed packets; None: in clear
        self.size = stride.size             # of payloads in clear
        self.step = stride.step
        self.rate = stride.rate
        self.members = 0
        self.seats: list[Seat] = []         # of which the pool holds datagrams, in the order of their slots
        self.counts: list[int] = []         # of how many each

    def clear(self) -> None:
        """
        The pool holds nothing any more.
        """
        self.pool.clear()
        self.seats, self.counts = [], []


class Seat:
    """
    A L{siprec_tw.media.batch_stride.Ahead} of one stream. C{group} is None while it is not in its stride, and
    C{row}, C{clock}, C{context}, C{write} and C{file} mean nothing then.
    """

    __slots__ = (
        "_table", "clock", "context", "descriptor", "file", "group", "opener", "port", "receiver", "row", "write",
    )
    clock: OpenBaseline     # of the stream's source
    context: SrtpContext    # of a secured stream
    write: Write
    file: int               # its descriptor

    def __init__(
        self, port: SweptPort, receiver: StreamReceiver | None, opener: Opener | None, table: RowTable
    ) -> None:
        self.port = port
        self.receiver = receiver
        self.opener = opener                # None: in clear
        self.descriptor = port.fileno()
        self.group: Group | None = None
        self.row = -1
        self._table = table

    def sit(self, stride: Stride, group: Group, context: SrtpContext | None) -> None:
        """
        Follow the stream from here on.
        """
        if context is not None:
            self.context = context
        self.row = self._table.take(stride)
        self.clock, self.group = stride.clock, group
        self.write, self.file = stride.tail.write, stride.tail.descriptor
        group.members += 1
        if self.receiver is not None:
            self.receiver.ahead = self

    def untold(self) -> Untold | None:
        """
        What the stream's source does not know yet, at the price of two numbers; None while it is not in its stride.
        """
        if self.group is None:
            return None
        rows = self._table.rows
        return Untold(int(rows["packets"][self.row]), float(rows["jitter"][self.row]))

    def last_arrival(self) -> float | None:
        """
        When the last packet came; None where the stream was told.
        """
        if self.group is None:
            return None
        rows = self._table.rows
        return float(rows["last_arrival"][self.row]) if rows["packets"][self.row] else None

    def settle(self) -> None:
        """
        Tell the stream how far it went.
        """
        if self.group is not None and self._table.rows[self.row]["packets"]:
            for progress in self._table.progress(np.array([self.row]), self.group.step):
                self._table.rows[self.row]["due"] = self.go_on(progress)

    def go_on(self, progress: Progress) -> int:
        """
        Tell the stream that it went so far. Returns the extended timestamp at which its record is due.
        """
        assert self.receiver is not None
        due = self.receiver.go_on(progress)
        if self.opener is not None:
            self.opener.went_on()
        return due

    def leave(self) -> None:
        """
        The same, and follow it no more.
        """
        if self.group is not None:
            self.settle()
            self._table.give_back(self.row)
            self.group.members -= 1
            self.group = None
            if self.receiver is not None:
                self.receiver.ahead = None
