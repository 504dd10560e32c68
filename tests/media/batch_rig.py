"""
What the tests of the batch reader share: a kernel that has whatever datagrams a test gives it, and takes them into
memory as recvmmsg(2) does.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence

from siprec_tw.media.arrival import Datagram
from siprec_tw.media.batch_reader import BatchReader
from siprec_tw.media.batch_system import name_of
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.swept_port import BatchProtocol
from siprec_tw.media.unprotection import Unprotection

MOST = 4096         # datagrams a sweep: more than any test has, unless it says otherwise
MSGHDR = struct.Struct("@QIxxxxQQQQI4xI4x")
IOVEC = struct.Struct("@QQ")
CONTROL = struct.Struct("@Qiiqq")
SO_TIMESTAMPNS = 35

posix_only = sys.platform.startswith("linux")


class Kernel:
    """
    A recvmmsg over queues of datagrams by descriptor. Without C{stamped} it tells no times.
    """

    def __init__(self, stamped: bool = True) -> None:
        self.queues: dict[int, deque[Datagram]] = {}
        self.stamped = stamped
        self.errno = 0

    def recvmmsg(self, descriptor: int, messages: ctypes.c_void_p, count: int, flags: int, timeout: None) -> int:
        """
        As the system's.
        """
        assert flags == socket.MSG_DONTWAIT
        assert messages.value is not None
        queue = self.queues.setdefault(descriptor, deque())
        if self.errno or not queue:
            ctypes.set_errno(self.errno or 11)
            return -1
        found = min(count, len(queue))
        for index in range(found):
            self._take(messages.value + index * MSGHDR.size, *queue.popleft())
        return found

    def _take(self, message: int, octets: bytes, address: tuple[str, int], arrival: float) -> None:
        fields = list(MSGHDR.unpack(ctypes.string_at(message, MSGHDR.size)))
        name, name_size, vectors, vector_count, control, control_size = fields[:6]
        assert (name_size in (16, 28), control_size) == (True, CONTROL.size)
        ctypes.memmove(name, name_of(address), name_size)
        fields[7] = len(octets)
        for index in range(vector_count):
            place, room = IOVEC.unpack(ctypes.string_at(vectors + index * IOVEC.size, IOVEC.size))
            ctypes.memmove(place, octets[:room], len(octets[:room]))
            octets = octets[room:]
        assert octets == b""
        seconds = int(arrival)
        if self.stamped:
            times = CONTROL.pack(CONTROL.size, socket.SOL_SOCKET, SO_TIMESTAMPNS, seconds, nanoseconds(arrival))
            ctypes.memmove(control, times, len(times))
        else:
            fields[5] = 0
        ctypes.memmove(message, MSGHDR.pack(*fields), MSGHDR.size)


def nanoseconds(arrival: float) -> int:
    """
    After the full second.
    """
    return round((arrival - int(arrival)) * 1e9)


def stamped(arrival: float) -> float:
    """
    An arrival as the kernel can tell it.
    """
    return int(arrival) + nanoseconds(arrival) * 1e-9


class Port:
    """
    A port that is nothing but a descriptor.
    """

    every = 1

    def __init__(self, descriptor: int, protocol: BatchProtocol) -> None:
        self.descriptor = descriptor
        self.protocol = protocol

    def fileno(self) -> int:
        """
        Its number.
        """
        return self.descriptor

    def doRead(self) -> None:
        """
        The batch reader reads.
        """
        raise AssertionError("read by itself")


def attempt(port: object, work: Callable[[], None]) -> None:
    """
    Faults come out.
    """
    work()


class Batches:
    """
    Receivers that are fed by a batch reader.
    """

    def __init__(
        self, family: socket.AddressFamily = socket.AF_INET6, slots: int = 2 * MOST, most: int = MOST
    ) -> None:
        self.kernel = Kernel()
        self.reader = BatchReader(self.kernel.recvmmsg, family, slots, most)
        self.ports: dict[StreamReceiver, Port] = {}

    def put(
        self, receiver: StreamReceiver, datagrams: Sequence[Datagram], opener: Unprotection | None = None
    ) -> None:
        """
        These have arrived on a receiver's port, before which C{opener} stands where the stream is secured.
        """
        port = self.ports.get(receiver)
        if port is None:
            taker = opener or receiver
            protocol = BatchProtocol(taker.receive, lambda: receiver.warn("flood", "more than could be read"))
            port = self.ports[receiver] = Port(1000 + len(self.ports), protocol)
            self.reader.watch(port, receiver, opener)   # type: ignore[arg-type]
        self.kernel.queues.setdefault(port.fileno(), deque()).extend(datagrams)

    def sweep(self) -> None:
        """
        Read all ports.
        """
        self.reader.read(iter([tuple(self.ports.values())]), attempt)

    def feed(self, receiver: StreamReceiver, datagrams: list[Datagram]) -> None:
        """
        These have arrived, and are read.
        """
        self.put(receiver, datagrams)
        self.sweep()
