"""
The sockets of the signaling layer: who listens, which connections are up, and which way a message goes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IConnector,
    IListeningPort,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
    ISystemHandle,
)
from twisted.logger import Logger

from siprec_tw.errors import LocalError
from siprec_tw.signaling.peer import Flow, Peer, is_numeric
from siprec_tw.signaling.tcp import TcpConnecting, TcpConnection, TcpListener
from siprec_tw.signaling.transaction_user import Limits
from siprec_tw.signaling.udp import MAX_DATAGRAM, RECEIVE_BUFFER, Receiver, UdpSocket, peer_of

BACKLOG = 512
# While a connection is being made: messages that wait for it.
MOST_WAITING = 256
# Seconds that a stop waits for sockets to close.
CLOSE_TIME = 3.0

Failed = Callable[[str], None]


@define
class _Listener:
    local: Peer
    port: IListeningPort
    udp: UdpSocket | None = None


@define
class _Waiting:
    """
    Messages for a connection that is being made.
    """

    messages: list[tuple[bytes, Failed]] = field(factory=list)
    connector: IConnector | None = None


class Sockets:
    """
    Listening sockets and connections. L{receiver} is set before anything listens.
    """

    log = Logger()
    receiver: Receiver

    def __init__(self, reactor: IReactorTime, limits: Limits, advertise: str | None) -> None:
        self._reactor = reactor
        self._limits = limits
        self._advertise = advertise
        self._listeners: list[_Listener] = []
        self._connections: dict[Peer, TcpConnection] = {}
        self._waiting: dict[Peer, _Waiting] = {}
        self._closing: Deferred[None] | None = None
        self._closed = False

    @property
    def connections(self) -> int:
        """
        How many connections are up.
        """
        return len(self._connections)

    # --- listening ----------------------------------------------------------------------------

    def listen(self, wanted: Peer) -> Peer:
        """
        Listen; the real address is returned. Raises LocalError where it cannot be had.
        """
        try:
            listener = self._listen_udp(wanted) if wanted.transport == "udp" else self._listen_tcp(wanted)
        except CannotListenError as error:
            raise LocalError(f"cannot listen on {wanted}: {error.socketError}") from error
        self._listeners.append(listener)
        self.log.info("SIP listens on {local}", local=listener.local)
        return listener.local

    def _listen_udp(self, wanted: Peer) -> _Listener:
        udp = UdpSocket(self.receiver)
        port = IReactorUDP(self._reactor).listenUDP(wanted.port, udp, wanted.host, MAX_DATAGRAM)
        handle = port.getHandle() if ISystemHandle.providedBy(port) else None
        if isinstance(handle, socket.socket):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return _Listener(peer_of("udp", port.getHost()), port, udp)

    def _listen_tcp(self, wanted: Peer) -> _Listener:
        factory = TcpListener(self._reactor, self, self._limits)
        port = IReactorTCP(self._reactor).listenTCP(wanted.port, factory, BACKLOG, wanted.host)
        return _Listener(peer_of("tcp", port.getHost()), port)

    # --- sending ------------------------------------------------------------------------------

    def send(self, octets: bytes, destination: Peer, failed: Failed, flow: Flow | None = None) -> Peer:
        """
        Send to C{destination}; over TCP rather by the connection of C{flow}, while it is up.

        C{failed} is called, now or later, with the reason if it cannot be sent. Returns the peer whose
        connection, made or being made, takes the message.
        """
        if self._closed:
            failed("the sockets are closed")
        elif destination.transport == "udp":
            self._send_datagram(octets, destination, failed, flow)
        elif flow is not None and flow.peer in self._connections:
            self._connections[flow.peer].send(octets)
            return flow.peer
        elif destination in self._connections:
            self._connections[destination].send(octets)
        else:
            self._connect(octets, destination, failed)
        return destination

    def _send_datagram(self, octets: bytes, destination: Peer, failed: Failed, flow: Flow | None) -> None:
        listener = self._listener_for(destination, flow)
        if listener is None or listener.udp is None:
            failed("there is no UDP socket of its address family")
            return
        reason = listener.udp.send(octets, destination)
        if reason:
            failed(reason)

    def _listener_for(self, destination: Peer, flow: Flow | None) -> _Listener | None:
        fitting = [
            listener for listener in self._listeners
            if listener.local.transport == destination.transport
            and (":" in listener.local.host) == (":" in destination.host)
        ]
        if flow is not None:
            for listener in fitting:
                if listener.local == flow.local:
                    return listener
        # A socket bound to loopback reaches nothing else, and others do not answer from there.
        inner = _is_loopback(destination.host)
        fitting.sort(key=lambda listener: _is_loopback(listener.local.host) != inner)
        return fitting[0] if fitting else None

    def _connect(self, octets: bytes, destination: Peer, failed: Failed) -> None:
        waiting = self._waiting.get(destination)
        if waiting is None:
            if not is_numeric(destination.host) or not 0 < destination.port < 65536:
                failed(f"{destination} is no address")
                return
            if len(self._connections) + len(self._waiting) >= self._limits.connections:
                failed("there are too many connections")
                return
            waiting = self._waiting[destination] = _Waiting()
            waiting.messages.append((octets, failed))
            factory = TcpConnecting(self._reactor, self, self._limits, destination)
            waiting.connector = IReactorTCP(self._reactor).connectTCP(
                destination.host, destination.port, factory, timeout=self._limits.connect
            )
        elif len(waiting.messages) >= MOST_WAITING:
            failed("too much waits for the connection")
        else:
            waiting.messages.append((octets, failed))

    # --- what connections report --------------------------------------------------------------

    def connection_made(self, connection: TcpConnection) -> bool:
        """
        A connection is up; False where there are too many.
        """
        waiting = self._waiting.pop(connection.peer, None)
        if self._closed or (waiting is None and len(self._connections) >= self._limits.connections):
            return False
        self._connections[connection.peer] = connection
        for octets, _ in waiting.messages if waiting else ():
            connection.send(octets)
        return True

    def connection_closed(self, connection: TcpConnection, reason: str) -> None:
        """
        A connection is down.
        """
        if self._connections.get(connection.peer) is not connection:
            return
        del self._connections[connection.peer]
        self.receiver.connection_lost(connection.peer, reason)
        if self._closing is not None and not self._connections:
            closing, self._closing = self._closing, None
            closing.callback(None)

    def connection_failed(self, peer: Peer, reason: str) -> None:
        """
        A connection of ours could not be made.
        """
        waiting = self._waiting.pop(peer, None)
        for _, failed in waiting.messages if waiting else ():
            failed(reason)

    # --- our own address ----------------------------------------------------------------------

    def sent_by(self, destination: Peer, flow: Flow | None) -> tuple[str, int | None]:
        """
        Host and port for the Via of a request of ours (RFC 3261 s.18.1.1).
        """
        listener = self._listener_for(destination, flow)
        port = listener.local.port if listener is not None else None
        if self._advertise is not None:
            return self._advertise, port
        if listener is not None and not ip_address(listener.local.host).is_unspecified:
            return listener.local.host, port
        return _source_address(destination), port

    # --- the end ------------------------------------------------------------------------------

    async def close(self) -> None:
        """
        Close everything; connections that do not end in time are cut.
        """
        self._closed = True
        ports = [maybeDeferred(listener.port.stopListening) for listener in self._listeners]
        self._listeners = []
        for waiting in tuple(self._waiting.values()):
            if waiting.connector is not None:
                waiting.connector.stopConnecting()
        connections = tuple(self._connections.values())
        if connections:
            self._closing = Deferred()
            closing = self._closing
            cut = self._reactor.callLater(CLOSE_TIME, self._cut)
            for connection in connections:
                connection.close()
            await closing
            if cut.active():
                cut.cancel()
        await gatherResults(ports)

    def _cut(self) -> None:
        for connection in tuple(self._connections.values()):
            connection.abort()


def _is_loopback(host: str) -> bool:
    return is_numeric(host) and ip_address(host).is_loopback


def _source_address(destination: Peer) -> str:
    """
    The address that the system would send from; nothing is sent to find out.
    """
    family = socket.AF_INET6 if ":" in destination.host else socket.AF_INET
    if not is_numeric(destination.host):
        return "127.0.0.1"                  # it cannot be sent to, and a look-up would block
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((destination.host, destination.port or 1))
            return str(probe.getsockname()[0])
    except OSError:
        return "::1" if family == socket.AF_INET6 else "127.0.0.1"
