"""
The slots that datagrams are received into: many from many sockets, before they are looked at together.

A slot is a MESSAGE (siprec_tw.media.batch_system) that scatters a datagram:

  octets      header and payload, for datagrams of the one payload size of this pool; packed, so that all headers
              are a column of numbers, and all payloads become one piece of memory by one copy
  overflow    what a longer datagram has besides, up to the longest that there can be. The memory is claimed, and
              used only where something is written; it is given back after each filling
  name        where it came from
  control     when the kernel took it in

Receiving into three pieces, the payload into memory of its own, costs the kernel more than that copy.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from collections.abc import Iterator, Sequence
from socket import AddressFamily

import numpy as np
from numpy.typing import NDArray

from siprec_tw.media.arrival import Address, Datagram
from siprec_tw.media.batch_system import (
    CONTROL_SIZE,
    CONTROL_WORDS,
    MESSAGE,
    MSG_DONTWAIT,
    NAME_SIZES,
    NAME_WORDS,
    Recvmmsg,
    address_of,
    failure,
)
from siprec_tw.media.swept_port import LARGEST_DATAGRAM, MOST_A_SWEEP
from siprec_tw.rtp.packet import HEADER_SIZE

Octets = NDArray[np.uint8]

SLOTS = 4096
BURST = 64              # datagrams a call: more than come to a socket between two sweeps
_MESSAGE_SIZE = MESSAGE.itemsize
_VECTOR_WORDS = 4       # two struct iovec
_WORD = 4
_OVERFLOW = 1 << 16     # octets a slot, a power of two beyond LARGEST_DATAGRAM
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)


class SlotPool:
    """
    Slots for payloads of C{size} octets from sockets of one family; C{most} datagrams of one socket at a time.
    """

    def __init__(
        self, size: int, family: AddressFamily, recvmmsg: Recvmmsg, slots: int = SLOTS, most: int = MOST_A_SWEEP
    ) -> None:
        self.size = size
        self.used = 0                       # slots, from the first on
        self.most = most
        self._slots = slots
        self._recvmmsg = recvmmsg
        self._burst = min(BURST, most)
        self._name_size = NAME_SIZES[family]
        self._stride = -(-(HEADER_SIZE + size) // _WORD) * _WORD
        self.octets = np.zeros((slots, self._stride), np.uint8)
        self._overflow = mmap.mmap(-1, slots * _OVERFLOW, flags=_PRIVATE)
        self._vectors = np.zeros((slots, _VECTOR_WORDS), np.uint64)
        self._messages = np.zeros(slots, MESSAGE)
        self._payloads = np.zeros(slots * size, np.uint8)
        self.words = self.octets.view(">u4")       # of the header: the first three
        self.names = np.zeros((slots, NAME_WORDS), np.uint64)
        self.controls = np.zeros((slots, CONTROL_WORDS), np.int64)
        self.lengths = self._messages["length"]
        self.control_sizes = self._messages["control_size"]
        self._flat = memoryview(self.octets.data).cast("B")
        self._point()
        first = self._messages.ctypes.data
        self._places = [ctypes.c_void_p(first + slot * _MESSAGE_SIZE) for slot in range(slots)]

    def fill(self, descriptors: Sequence[int]) -> list[int]:
        """
        Take what sockets have, up to C{most} of each, one socket after the other while there is room; how many that
        were, or less than 0 for one that cannot be read: the number of the error.
        """
        recvmmsg, places, burst, last = self._recvmmsg, self._places, self._burst, self._slots - self.most
        counts = []
        used = self.used
        for descriptor in descriptors:
            if used > last:
                break
            found = recvmmsg(descriptor, places[used], burst, MSG_DONTWAIT, None)
            if found == burst:
                found = self._fill_on(descriptor, used, burst)
            if found > 0:
                used += found
            elif found < 0:
                found = -failure()
            counts.append(found)
        self.used = used
        return counts

    def _fill_on(self, descriptor: int, used: int, found: int) -> int:
        """
        There was more than comes at once, beginning at this slot: take it, up to the bound. How many in all.
        """
        burst = last = self._burst
        while last == burst and found < self.most:
            burst = min(burst, self.most - found)
            last = self._recvmmsg(descriptor, self._places[used + found], burst, MSG_DONTWAIT, None)
            found += max(0, last)
        return found

    def payloads(self) -> Octets:
        """
        The payloads of the used slots, one behind the other; good until this is asked again.
        """
        used, size = self.used, self.size
        payloads = self._payloads[: used * size].reshape(used, size)
        np.copyto(payloads, self.octets[:used, HEADER_SIZE : HEADER_SIZE + size])
        return payloads

    def clear(self) -> None:
        """
        Empty all slots.
        """
        used = self.used
        if used and int(self.lengths[:used].max()) > HEADER_SIZE + self.size:
            self._overflow.madvise(mmap.MADV_DONTNEED, 0, used * _OVERFLOW)
        self._messages["name_size"][:used] = self._name_size
        self.control_sizes[:used] = CONTROL_SIZE
        self.used = 0

    def datagrams(self, begin: int, end: int) -> list[Datagram]:
        """
        Slots as single datagrams, as a socket gives them one by one.
        """
        lengths = self.lengths[begin:end].tolist()
        found = zip(range(begin, end), lengths, self._addresses(begin, end), self._arrivals(begin, end), strict=True)
        return [(self._datagram(slot, length), address, arrival) for slot, length, address, arrival in found]

    def _datagram(self, slot: int, length: int) -> bytes:
        at, whole = slot * self._stride, HEADER_SIZE + self.size
        if length <= whole:
            return bytes(self._flat[at : at + length])
        over = slot * _OVERFLOW
        return bytes(self._flat[at : at + whole]) + self._overflow[over : over + length - whole]

    def _addresses(self, begin: int, end: int) -> Iterator[Address]:
        known: dict[bytes, Address] = {}
        for slot in range(begin, end):
            name = self.names[slot].tobytes()
            if name not in known:
                known[name] = address_of(name)
            yield known[name]

    def _arrivals(self, begin: int, end: int) -> Iterator[float]:
        times, sizes = self.controls[begin:end, 2:].tolist(), self.control_sizes[begin:end].tolist()
        for (seconds, nanoseconds), size in zip(times, sizes, strict=True):
            yield seconds + nanoseconds * 1e-9 if size == CONTROL_SIZE else time.time()

    def _point(self) -> None:
        """
        Fill in the messages: they never move.
        """
        slots = np.arange(self._slots, dtype=np.uint64)
        whole = HEADER_SIZE + self.size
        overflow = ctypes.addressof(ctypes.c_char.from_buffer(self._overflow))
        self._vectors[:, 0] = self.octets.ctypes.data + slots * self._stride
        self._vectors[:, 1] = whole
        self._vectors[:, 2] = overflow + slots * _OVERFLOW
        self._vectors[:, 3] = LARGEST_DATAGRAM
        messages = self._messages
        messages["name"] = self.names.ctypes.data + slots * self.names.strides[0]
        messages["name_size"] = self._name_size
        messages["vectors"] = self._vectors.ctypes.data + slots * self._vectors.strides[0]
        messages["vector_count"] = 2
        messages["control"] = self.controls.ctypes.data + slots * self.controls.strides[0]
        messages["control_size"] = CONTROL_SIZE
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            self._overflow.madvise(mmap.MADV_NOHUGEPAGE)
