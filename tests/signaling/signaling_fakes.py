"""
A network in memory, a transaction user that remembers, and requests to send to them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import FakeDatagramTransport, MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from siprec_tw.signaling.layer import Flow, IncomingRequest, Limits, Peer, Signaling, TransactionUser
from siprec_tw.signaling.tcp import TcpConnection
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.parser import parse_message
from siprec_tw.sip.reply import reply

LOCAL = Peer("udp", "192.0.2.1", 5060)
PEER = Peer("udp", "192.0.2.9", 5070)
TCP_LOCAL = Peer("tcp", "192.0.2.1", 5060)
TCP_PEER = Peer("tcp", "192.0.2.9", 40000)


def address(transport: str, host: str, port: int) -> IPv4Address | IPv6Address:
    kind = IPv6Address if ":" in host else IPv4Address
    return kind(transport, host, port)


@implementer(IListeningPort)
class DatagramPort(FakeDatagramTransport):
    """
    A bound UDP socket that remembers what it is given, or refuses it.
    """

    def __init__(self, protocol: DatagramProtocol, host: str, port: int, size: int) -> None:
        super().__init__()
        self.protocol = protocol
        self.size = size
        self.fault: Exception | None = None
        self._address = address("UDP", host, port)

    def getHost(self) -> IPv4Address | IPv6Address:
        return self._address

    def startListening(self) -> None:
        self.protocol.makeConnection(self)

    def stopListening(self) -> None:
        self.protocol.doStop()

    def write(self, packet: bytes, addr: tuple[str, int] | None = None) -> None:
        if self.fault is not None:
            raise self.fault
        super().write(packet, addr)


@implementer(IListeningPort)
class StreamPort:
    """
    A listening TCP socket.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = address("TCP", host, port)

    def getHost(self) -> IPv4Address | IPv6Address:
        return self._address

    def startListening(self) -> None:
        """
        It listens already.
        """

    def stopListening(self) -> None:
        """
        It never listened.
        """


@implementer(IReactorUDP)
class MemoryNetwork(MemoryReactorClock):
    """
    A reactor with UDP, without sockets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.udp: list[DatagramPort] = []

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> DatagramPort:
        bound = DatagramPort(protocol, interface, port or 49152, maxPacketSize)
        self.udp.append(bound)
        bound.startListening()
        return bound

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> StreamPort:
        super().listenTCP(port, factory, backlog, interface)
        return StreamPort(interface, port)


class Connection(StringTransport):
    """
    A TCP transport; it closes when the test says so.
    """

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.keep_alive = enabled

    def messages(self) -> list[Response | Request]:
        """
        What was written since the last call, cut by Content-Length 0.
        """
        written = self.value()
        self.clear()
        return [parse_message(part + b"\r\n\r\n") for part in written.split(b"\r\n\r\n") if part]


class RememberingUser:
    """
    Remembers what it got, and answers each request as it is told.
    """

    def __init__(self) -> None:
        self.requests: list[IncomingRequest] = []
        self.acks: list[tuple[Request, Peer]] = []
        self.cancels: list[IncomingRequest] = []
        self.answer: int | None = None

    def request_received(self, incoming: IncomingRequest) -> None:
        self.requests.append(incoming)
        if self.answer is not None:
            incoming.respond(reply(incoming.request, self.answer, to_tag="ours"))

    def ack_received(self, request: Request, peer: Peer) -> None:
        self.acks.append((request, peer))

    def cancelled(self, incoming: IncomingRequest) -> None:
        self.cancels.append(incoming)
        incoming.respond(reply(incoming.request, 487, to_tag="ours"))


class FailingUser:
    """
    Raises, whatever it is told.
    """

    def request_received(self, incoming: IncomingRequest) -> None:
        raise RuntimeError("a bug in the user")

    def ack_received(self, request: Request, peer: Peer) -> None:
        raise RuntimeError("a bug in the user")

    def cancelled(self, incoming: IncomingRequest) -> None:
        raise RuntimeError("a bug in the user")


class RememberingCounts:
    """
    Remembers what was counted.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.responses: list[int] = []
        self.bad: list[str] = []

    def request_seen(self, method: str) -> None:
        self.requests.append(method)

    def response_sent(self, status: int) -> None:
        self.responses.append(status)

    def bad_message(self, reason: str) -> None:
        self.bad.append(reason)


def allow_all(peer: Peer) -> bool:
    return True


class Laboratory:
    """
    A signaling layer on a network in memory, with one UDP socket, and what can be done to it.
    """

    def __init__(
        self,
        user: TransactionUser | None = None,
        allow: Callable[[Peer], bool] = allow_all,
        limits: Limits | None = None,
    ) -> None:
        self.network = MemoryNetwork()
        self.remembered = RememberingUser()
        self.counts = RememberingCounts()
        tokens = count(1)
        self.signaling = Signaling(
            self.network, user or self.remembered, random_token=lambda: f"token{next(tokens)}", allow=allow,
            metrics=self.counts, limits=limits or Limits(),
        )

    async def start(self) -> None:
        await self.signaling.listen("udp", LOCAL.host, LOCAL.port)
        await self.signaling.listen("tcp", TCP_LOCAL.host, TCP_LOCAL.port)

    # --- UDP ----------------------------------------------------------------------------------

    def datagram(self, octets: bytes, peer: Peer = PEER) -> None:
        self.network.udp[0].protocol.datagramReceived(octets, (peer.host, peer.port))

    def sent(self) -> list[tuple[Response | Request, tuple[str, int]]]:
        """
        The datagrams sent since the last call, and where to.
        """
        return [(parse_message(octets), to) for octets, to in self.sent_octets()]

    def sent_octets(self) -> list[tuple[bytes, tuple[str, int]]]:
        written, self.network.udp[0].written = self.network.udp[0].written, []
        return written

    def statuses(self) -> list[int]:
        return [message.status for message, _ in self.sent() if isinstance(message, Response)]

    # --- TCP ----------------------------------------------------------------------------------

    def connect(self, peer: Peer = TCP_PEER) -> tuple[TcpConnection, Connection]:
        """
        A peer connects to us.
        """
        factory = self.network.tcpServers[0][1]
        return self._joined(factory.buildProtocol(address("TCP", peer.host, peer.port)), peer)

    def accept(self, which: int = 0) -> tuple[TcpConnection, Connection]:
        """
        A peer takes a connection that we are making.
        """
        host, port, factory, _, _ = self.network.tcpClients[which]
        return self._joined(factory.buildProtocol(None), Peer("tcp", host, port))

    def _joined(self, protocol: TcpConnection, peer: Peer) -> tuple[TcpConnection, Connection]:
        transport = Connection(address("TCP", TCP_LOCAL.host, TCP_LOCAL.port),
                               address("TCP", peer.host, peer.port))
        protocol.makeConnection(transport)
        return protocol, transport


def lose(protocol: TcpConnection) -> None:
    """
    The connection goes down.
    """
    protocol.connectionLost(Failure(ConnectionDone()))


def request(
    method: str = "INVITE",
    *,
    branch: str = "z9hG4bKone",
    cseq: str = "",
    to: str = "<sip:srs@192.0.2.1>",
    call_id: str = "one@192.0.2.9",
    transport: str = "UDP",
    via: str = "",
    extra: str = "",
    body: str = "",
) -> bytes:
    """
    A request of an SRC at 192.0.2.9:5070.
    """
    via = via or f"SIP/2.0/{transport} 192.0.2.9:5070;branch={branch}"
    return (
        f"{method} sip:srs@192.0.2.1 SIP/2.0\r\n"
        f"Via: {via}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:src@192.0.2.9>;tag=theirs\r\n"
        f"To: {to}\r\n"
        f"Call-ID: {call_id}\r\n"
        f"CSeq: {cseq or f'1 {method}'}\r\n"
        f"{extra}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def own_request(method: str, *fields: tuple[str, str]) -> Request:
    """
    A request of ours, without Via.
    """
    octets = request(method).replace(b"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKone\r\n", b"")
    parsed = parse_message(octets)
    assert isinstance(parsed, Request)
    new = parsed.headers.without("Content-Length")
    for name, value in fields:
        new = new.add(name, value)
    return parsed.with_headers(new)


FLOW = Flow(TCP_PEER, TCP_LOCAL)
