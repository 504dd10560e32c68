"""
Reads many streams together: what most of them have is the same again, packet after packet, and is taken as a
whole.

  port of a stream in its stride      received into the pool of its group; when a pool is full, or the slice of the
                                      sweep is over, all that it holds is looked at together:
      nothing but what must come next     one write a stream, and its row is counted on
      anything else                       the stream leaves its row, and its receiver gets these packets one by
                                          one; it sits down again as soon as it is in its stride
  any other port                      received into a pool of its own, and its protocol gets the packets one by one

What is recorded and reported is the same to the last bit as without this (siprec_tw.media.batch_check).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from socket import AddressFamily
from typing import cast

import numpy as np

from siprec_tw.media.batch_check import Bools, Filling, Times, advance, agrees, in_stride, moves, times_of
from siprec_tw.media.batch_opening import OpenedSlots, Opener, layout_of, open_slots, trailer_of
from siprec_tw.media.batch_pool import SLOTS, Octets, SlotPool
from siprec_tw.media.batch_rows import WINDOW_FIELDS, Ints, Rows, RowTable
from siprec_tw.media.batch_seat import Going, Group, Seat
from siprec_tw.media.batch_stride import Stride
from siprec_tw.media.batch_system import COMPARED_WORDS, Recvmmsg
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.sweeper import Attempt, Sweepable
from siprec_tw.media.swept_port import MOST_A_SWEEP, SweptPort
from siprec_tw.media.totals import Totals
from siprec_tw.srtp.key_state import PacketLayout

MOST_GROUPS = 8     # each has a pool; streams that are like none of these are never in their stride
SINGLE_SIZE = 160   # octets of payload; what is longer goes to the overflow


class BatchReader:
    """
    A L{siprec_tw.media.sweeper.Reader} of sockets of one family. C{slots} are those of each pool, C{most} the most
    datagrams that are read of a port in one sweep.
    """

    def __init__(
        self, recvmmsg: Recvmmsg, family: AddressFamily, slots: int = SLOTS, most: int = MOST_A_SWEEP
    ) -> None:
        self._recvmmsg = recvmmsg
        self._family = family
        self._slots = slots
        self._compared = COMPARED_WORDS[family]
        self._table = RowTable()
        self._seats: dict[Sweepable, Seat] = {}
        self._groups: dict[tuple[int, int, int, PacketLayout | None], Group] = {}
        self._pool = SlotPool(SINGLE_SIZE, family, recvmmsg, most, most)    # for ports that are read by themselves

    def watch(
        self, port: SweptPort, receiver: StreamReceiver | None = None, opener: Opener | None = None
    ) -> None:
        """
        Read this port, which is open, from now on; C{receiver} is that of the stream whose RTP it is for, C{opener}
        what stands before it where the stream is secured.
        """
        self._seats[port] = Seat(port, receiver, opener, self._table)

    def forget(self, port: Sweepable) -> None:
        """
        The port is read no more.
        """
        seat = self._seats.pop(port, None)
        if seat is not None:
            seat.leave()

    @property
    def in_stride(self) -> int:
        """
        How many streams are in their stride.
        """
        return sum(group.members for group in self._groups.values())

    def untold(self) -> Totals:
        """
        What was received that the receivers do not know yet.
        """
        return self._table.untold()

    def going(self) -> Going:
        """
        The streams that are in their stride now.
        """
        seats = [(seat, seat.receiver, seat.group) for seat in self._seats.values()]
        found = [(seat.row, receiver, group.rate) for seat, receiver, group in seats if receiver and group]
        numbers = np.array([row for row, _, _ in found], np.int64)
        rates = np.array([rate for _, _, rate in found], np.float64)
        return Going([receiver for _, receiver, _ in found], self._table.get(numbers), rates)

    def read(self, ports: Iterator[Sequence[Sweepable]], attempt: Attempt) -> None:
        """
        Read all of these, some at a time.
        """
        try:
            for some in ports:
                self._read_some(some, attempt)
            for group in list(self._groups.values()):
                self._take(group, attempt)
        finally:
            for group in self._groups.values():
                group.clear()

    def _read_some(self, ports: Sequence[Sweepable], attempt: Attempt) -> None:
        seats = self._seats
        together: dict[Group, list[Seat]] = {}
        for port in ports:
            seat = seats.get(port)
            if seat is None:
                attempt(port, port.doRead)
            elif seat.group is None:
                attempt(port, partial(self._read_by_itself, seat))
            else:
                together.setdefault(seat.group, []).append(seat)
        for group, some in together.items():
            self._read_together(group, some, attempt)

    def _read_together(self, group: Group, seats: list[Seat], attempt: Attempt) -> None:
        """
        Read streams of one group into its pool, which is taken whenever it is full.
        """
        pool = group.pool
        while seats:
            counts = pool.fill([seat.descriptor for seat in seats])
            for seat, found in zip(seats, counts, strict=False):
                if found > 0:
                    group.seats.append(seat)
                    group.counts.append(found)
                    if found == pool.most:
                        seat.port.protocol.flooded()
                elif found < 0:
                    attempt(seat.port, partial(_fail, -found))
            seats = seats[len(counts) :]
            if seats:
                self._take(group, attempt)

    def _read_by_itself(self, seat: Seat) -> None:
        pool, protocol = self._pool, seat.port.protocol
        (found,) = pool.fill([seat.descriptor])
        if found < 0:
            _fail(-found)
        if found > 0:
            try:
                datagrams = pool.datagrams(0, found)
            finally:
                pool.clear()
            if found == pool.most:
                protocol.flooded()
            protocol.receive(datagrams)
            self._seat(seat)

    def _seat(self, seat: Seat) -> None:
        """
        Let a stream sit down that is in its stride.
        """
        stride = seat.receiver.stride() if seat.receiver is not None else None
        if stride is None:
            return
        context = layout = None
        if seat.opener is not None:
            context = seat.opener.batch_context
            layout = layout_of(context) if context is not None else None
            if layout is None:
                return
        group = self._group_of(stride, layout)
        if group is not None:
            seat.sit(stride, group, context)

    def _group_of(self, stride: Stride, layout: PacketLayout | None) -> Group | None:
        """
        The group of those that go like this. There are no more than MOST_GROUPS; one without members makes way.
        """
        key = stride.size, stride.step, stride.rate, layout
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MOST_GROUPS:
                empty = [key for key, other in self._groups.items() if not other.members and not other.seats]
                if not empty:
                    return None
                del self._groups[empty[0]]
            size = stride.size + (trailer_of(layout) if layout is not None else 0)
            pool = SlotPool(size, self._family, self._recvmmsg, self._slots, self._pool.most)
            group = self._groups[key] = Group(stride, pool, layout)
        return group

    # --- what a pool holds -----------------------------------------------------------------------

    def _take(self, group: Group, attempt: Attempt) -> None:
        """
        Take all that a pool holds, and empty it.
        """
        seats, pool = group.seats, group.pool
        if not seats:
            return
        counts = np.array(group.counts)
        ends = np.cumsum(counts)
        filling = Filling(ends - counts, ends - 1, counts)
        numbers = np.array([seat.row for seat in seats])
        rows = self._table.get(numbers)
        good = in_stride(pool, filling, rows, group.step, self._compared)
        times = times_of(pool, filling, rows, group.step, group.rate)
        good &= agrees(rows, times)
        opened = None
        if group.layout is not None:
            contexts = [seat.context for seat in seats]
            opened = open_slots(pool, filling, contexts, rows, group.layout, group.size, good)
            good = opened.good.copy()
        self._follow(seats, numbers, rows, times, good)
        self._write(group, filling, rows, good, pool.payloads() if opened is None else opened.payloads)
        advance(rows, filling, times, group.step, group.size)
        done = np.nonzero(good)[0]
        self._table.put(numbers[done], rows[done])
        self._settle(group, np.nonzero(good & (rows["head"] >= rows["due"]))[0].tolist())
        self._receive_singly(group, filling, good, opened, attempt)
        group.clear()

    def _follow(self, seats: list[Seat], numbers: Ints, rows: Rows, times: Times, good: Bools) -> None:
        """
        Let those clocks follow by themselves whose windows may move; those that crept are not good.
        """
        which = np.nonzero(good & moves(rows, times))[0]
        if not len(which):
            return
        moved = rows[which]
        before, least, now = moved["newly_least"].tolist(), times.least[which].tolist(), times.now[which].tolist()
        windows = []
        for order, index in enumerate(which.tolist()):
            clock = seats[index].clock
            clock.lower(before[order])
            good[index] = clock.follow(least[order], now[order])
            windows.append(clock.window)
        for name, column in zip(WINDOW_FIELDS, np.array(windows).T, strict=True):
            moved[name] = column
        moved["newly_least"] = np.inf
        rows[which] = moved
        self._table.put(numbers[which], moved)

    def _settle(self, group: Group, which: list[int]) -> None:
        """
        Tell streams whose records are due how far they went.
        """
        if not which:
            return
        seats = [group.seats[index] for index in which]
        numbers = np.array([seat.row for seat in seats])
        due = [
            seat.go_on(progress)
            for seat, progress in zip(seats, self._table.progress(numbers, group.step), strict=True)
        ]
        self._table.rows["due"][numbers] = due

    def _write(self, group: Group, filling: Filling, rows: Rows, good: Bools, payloads: Octets) -> None:
        """
        One write a stream; those that the disk refuses are not good.
        """
        size, octets = group.size, cast(bytes, payloads.reshape(-1).data)      # pwrite takes any octets
        begins, ends = (filling.starts * size).tolist(), ((filling.lasts + 1) * size).tolist()
        places = zip(good.tolist(), group.seats, begins, ends, rows["offset"].tolist(), strict=True)
        for index, (wanted, seat, begin, end, offset) in enumerate(places):
            if wanted:
                try:
                    seat.write(seat.file, octets[begin:end], offset)
                except OSError:
                    good[index] = False     # the receiver tries again, and tells

    def _receive_singly(
        self, group: Group, filling: Filling, good: Bools, opened: OpenedSlots | None, attempt: Attempt
    ) -> None:
        for index in np.nonzero(~good)[0].tolist():
            seat = group.seats[index]
            start, count = int(filling.starts[index]), int(filling.counts[index])
            datagrams = group.pool.datagrams(start, start + count)
            seat.leave()
            if opened is not None and seat.opener is not None and opened.wanted[index]:
                packets = opened.packets(datagrams, start)
                attempt(seat.port, partial(seat.opener.receive_opened, datagrams, *packets))
            else:
                attempt(seat.port, partial(seat.port.protocol.receive, datagrams))
            self._seat(seat)


def _fail(number: int) -> None:
    raise OSError(number, os.strerror(number))
