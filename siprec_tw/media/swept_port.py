"""
A UDP port that is not in the reactor's poll set: a sweeper empties it now and then.

A recorder is in no hurry. Waiting costs nothing, and reading twenty packets in a row costs a fraction of
being woken up for each; the kernel keeps the true time of each arrival meanwhile (SO_TIMESTAMPNS), and the
packets themselves in a receive buffer that is large enough for some seconds.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from socket import socket as Socket

from twisted.internet.base import BasePort
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import Logger

from siprec_tw.media.arrival import Address, Datagram
from siprec_tw.media.sweeper import Sweeper

RECEIVE_BUFFER = 256 * 1024
LARGEST_DATAGRAM = 65_535
MOST_A_SWEEP = 1024         # datagrams; a peer that sends more cannot starve the others

# Linux, all but alpha, mips, parisc and sparc: the number is not in Python's socket module.
SO_TIMESTAMPNS: int | None = getattr(socket, "SO_TIMESTAMPNS", 35 if sys.platform == "linux" else None)
_TIMESPEC = struct.Struct("@ll")
_CONTROL_SIZE = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

Receive = Callable[[Sequence[Datagram]], None]
"""
C{receive(datagrams)}: what one sweep found, in the order of arrival, never empty.
"""


class BatchProtocol(DatagramProtocol):
    """
    Hands on the datagrams of one sweep together.
    """

    noisy = False

    def __init__(self, receive: Receive, flooded: Callable[[], None]) -> None:
        self.receive = receive
        self.flooded = flooded      # called when a sweep leaves datagrams behind

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """
        One datagram, from a transport that knows no batches.
        """
        self.receive([(datagram, addr, time.time())])


class SweptPort(Port):
    """
    One UDP socket that a sweeper reads: C{most} datagrams at a time at most, in every C{every}-th sweep.
    C{stamped} is whether the kernel tells the times of arrival, where it can.
    """

    log = Logger()
    protocol: BatchProtocol
    socket: Socket
    _warned = False

    def __init__(
        self, port: int, protocol: BatchProtocol, interface: str, reactor: IReactorTime, sweeper: Sweeper,
        every: int = 1, most: int = MOST_A_SWEEP, stamped: bool = True, buffer: int = RECEIVE_BUFFER,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            port, protocol, interface, LARGEST_DATAGRAM, reactor
        )
        self.every = every
        self._sweeper = sweeper
        self._most = most
        self._buffer = buffer
        self._stamped = stamped and SO_TIMESTAMPNS is not None

    def start(self) -> None:
        """
        Bind and join the sweeper. Raises CannotListenError when the port is taken, OSError when this machine
        gives no socket at all.

        Like startListening, which would write a line of log for every port of every call.
        """
        opened = self.createInternetSocket()
        try:
            opened.bind((self.interface, self.port))
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise CannotListenError(  # type: ignore[no-untyped-call]
                self.interface, self.port, error
            ) from error
        self.socket = opened
        self.connected = 1
        self._realPortNumber = opened.getsockname()[1]
        self.protocol.makeConnection(self)
        self.startReading()

    def stop(self) -> None:
        """
        Leave the sweeper and close the socket, at once.
        """
        BasePort.connectionLost(self, None)  # type: ignore[no-untyped-call]
        self._realPortNumber = None
        self.protocol.doStop()  # type: ignore[no-untyped-call]
        self.socket.close()

    def fileno(self) -> int:
        """
        The socket's descriptor.
        """
        return self.socket.fileno()

    def createInternetSocket(self) -> Socket:
        """
        A socket with a large receive buffer that notes times of arrival.
        """
        created = super().createInternetSocket()
        created.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        granted = created.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        if sys.platform == "linux":
            granted //= 2       # socket(7): the kernel doubles what was asked, for its own book-keeping
        if granted < self._buffer and not SweptPort._warned:
            SweptPort._warned = True
            self.log.warn(
                "Receive buffers of {granted} octets instead of {wanted}: raise net.core.rmem_max,"
                " or packets are lost when this machine is busy",
                granted=granted, wanted=self._buffer,
            )
        if self._stamped and SO_TIMESTAMPNS is not None:
            try:
                created.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            except OSError:
                self._stamped = False
        return created

    def send(self, datagram: bytes, address: Address) -> bool:
        """
        Send this, to an IP address; whether the system took it. What it does not take is lost, and nothing comes of
        it.
        """
        if (":" in address[0]) != (self.addressFamily == socket.AF_INET6):
            return False
        try:
            self.socket.sendto(datagram, address)
        except OSError:
            return False
        return True

    def startReading(self) -> None:
        """
        Join the sweeper rather than the reactor's poll set.
        """
        self._sweeper.add(self)

    def stopReading(self) -> None:
        """
        Leave the sweeper.
        """
        self._sweeper.remove(self)

    def stopWriting(self) -> None:
        """
        Nothing ever waits to be written here, and the reactor does not know this port.
        """

    def doRead(self) -> None:
        """
        Read what has come, up to the bound, and hand it on together.
        """
        datagrams: list[Datagram] = []
        try:
            if self._stamped:
                self._read_stamped(datagrams)
            else:
                self._read_plain(datagrams)
        except (BlockingIOError, ConnectionRefusedError):
            pass
        else:
            self.protocol.flooded()
        if datagrams:
            self.protocol.receive(datagrams)

    def _read_stamped(self, datagrams: list[Datagram]) -> None:
        receive, unpack, take = self.socket.recvmsg, _TIMESPEC.unpack, datagrams.append
        for _ in range(self._most):
            octets, control, _, address = receive(LARGEST_DATAGRAM, _CONTROL_SIZE)
            if control:
                seconds, nanoseconds = unpack(control[0][2])
                arrival = seconds + nanoseconds * 1e-9
            else:
                arrival = time.time()
            take((octets, address if len(address) == 2 else address[:2], arrival))

    def _read_plain(self, datagrams: list[Datagram]) -> None:
        receive, now, take = self.socket.recvfrom, time.time, datagrams.append
        for _ in range(self._most):
            octets, address = receive(LARGEST_DATAGRAM)
            take((octets, address[:2], now()))
