"""
SIP over UDP (RFC 3261 s.18): datagrams of any size, in and out.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.error import MessageLengthError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import Flow, Peer, is_numeric

# The largest that IP can carry; SIPREC INVITEs of 5 kB and more do come in one.
MAX_DATAGRAM = 65_535
RECEIVE_BUFFER = 4 * 2**20


class Receiver(Protocol):
    """
    What gets the messages of all sockets. It raises nothing.
    """

    def message_received(self, octets: bytes, flow: Flow) -> None:
        """
        A datagram, or a message cut out of a stream.
        """

    def message_refused(self, error: PeerError, flow: Flow) -> None:
        """
        A stream could not be cut any further; its connection is closed after this call.
        """

    def connection_lost(self, peer: Peer, reason: str) -> None:
        """
        A connection is gone, or could not be made.
        """


class UdpSocket(DatagramProtocol):
    """
    One UDP socket for all peers.
    """

    log = Logger()

    def __init__(self, receiver: Receiver) -> None:
        self.local = Peer("udp", "", 0)         # known when it listens
        self._receiver = receiver

    def startProtocol(self) -> None:
        """
        Twisted calls this when the socket is bound.
        """
        assert self.transport is not None
        self.local = peer_of("udp", self.transport.getHost())

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """
        A datagram came. One of nothing but line ends keeps a NAT open and means nothing else.
        """
        if datagram.strip(b"\r\n\0 "):
            self._receiver.message_received(datagram, Flow(Peer("udp", addr[0], addr[1]), self.local))

    def send(self, octets: bytes, destination: Peer) -> str:
        """
        Send a datagram. Returns why it cannot be sent, "" when it was, as far as anybody knows.
        """
        if self.transport is None:
            return "the socket is closed"
        if not is_numeric(destination.host):
            return f"{destination.host} is no address"
        try:
            self.transport.write(octets, (destination.host, destination.port))
        except BlockingIOError:
            # The send buffer is full: as good as lost on the way, and repeated like that.
            self.log.debug("No room to send to {peer}", peer=destination)
        except MessageLengthError:
            return f"{len(octets)} octets are too many for a datagram"
        except (OSError, OverflowError) as error:
            return str(error)
        return ""

    def stopProtocol(self) -> None:
        """
        Twisted calls this when the socket is closed.
        """
        self.transport = None


def peer_of(transport: str, address: IAddress) -> Peer:
    """
    A peer from Twisted's IPv4Address or IPv6Address.
    """
    return Peer(transport, getattr(address, "host", ""), getattr(address, "port", 0))
