"""
SIP over TCP (RFC 3261 s.18): one connection, cut into messages, bounded in every direction.
"""

from __future__ import annotations

from typing import Protocol as TypingProtocol
from typing import cast

from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.transaction_user import Limits
from siprec_tw.signaling.udp import Receiver, peer_of
from siprec_tw.sip.framing import PONG, KeepAlive, StreamFraming


class ConnectionOwner(TypingProtocol):
    """
    What keeps the connections.
    """

    receiver: Receiver

    def connection_made(self, connection: TcpConnection) -> bool:
        """
        A connection is up; False where there are too many, and it will be dropped.
        """

    def connection_closed(self, connection: TcpConnection, reason: str) -> None:
        """
        A connection that was taken is down.
        """

    def connection_failed(self, peer: Peer, reason: str) -> None:
        """
        A connection of ours could not be made.
        """


class Wire(TypingProtocol):
    """
    What is asked of a TCP transport, beyond ITransport.
    """

    def write(self, data: bytes) -> None:
        """
        Send, some time.
        """

    def loseConnection(self) -> None:
        """
        Close when everything is sent.
        """

    def abortConnection(self) -> None:
        """
        Close now.
        """

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        Tell this one when the buffer is full and when it is empty.
        """

    def unregisterProducer(self) -> None:
        """
        Tell it no more; else the connection would never close.
        """

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Send small messages at once.
        """

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """
        Find out when the peer's machine is gone.
        """


@implementer(IPushProducer)
class TcpConnection(Protocol):
    """
    A connection, ours or the peer's; as its transport's producer it hears when the peer does not read.
    """

    def __init__(self, reactor: IReactorTime, owner: ConnectionOwner, limits: Limits) -> None:
        self.peer = Peer("tcp", "", 0)
        self.local = Peer("tcp", "", 0)
        self._reactor = reactor
        self._owner = owner
        self._limits = limits
        self._framing = StreamFraming()
        self._idle: IDelayedCall | None = None
        self._quiet = limits.first_message      # how long silence is borne
        self._paused = False
        self._unsent = 0                        # since the transport asked to pause
        self._closing = False

    @property
    def _wire(self) -> Wire:
        return cast(Wire, self.transport)

    def connectionMade(self) -> None:
        """
        Twisted calls this when the connection is up.
        """
        assert self.transport is not None
        self.peer = peer_of("tcp", self.transport.getPeer())
        self.local = peer_of("tcp", self.transport.getHost())
        self._wire.setTcpNoDelay(True)
        self._wire.setTcpKeepAlive(True)
        self._wire.registerProducer(self, True)
        self._idle = self._reactor.callLater(self._quiet, self.abort)
        if not self._owner.connection_made(self):
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """
        Octets came.
        """
        if self._closing:
            return
        self._touch()
        flow = Flow(self.peer, self.local)
        try:
            for frame in self._framing.feed(data):
                self._quiet = self._limits.idle
                if isinstance(frame, KeepAlive):
                    self.send(PONG)
                else:
                    self._owner.receiver.message_received(frame, flow)
        except PeerError as error:
            self._owner.receiver.message_refused(error, flow)
            self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Twisted calls this when the connection is down.
        """
        self._closing = True
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self._owner.connection_closed(self, reason.getErrorMessage())

    def send(self, octets: bytes) -> None:
        """
        Send; a peer that does not read loses its connection when too much waits for it.
        """
        if self._closing:
            return
        if self._paused:
            self._unsent += len(octets)
            if self._unsent > self._limits.unsent:
                self.abort()
                return
        self._touch()
        self._wire.write(octets)

    def close(self) -> None:
        """
        Close when everything is sent.
        """
        if not self._closing:
            self._closing = True
            self._wire.unregisterProducer()
            self._wire.loseConnection()

    def abort(self) -> None:
        """
        Close at once.
        """
        self._closing = True
        self._wire.abortConnection()

    def _touch(self) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.reset(self._quiet)

    def pauseProducing(self) -> None:
        """
        The transport's buffer is full.
        """
        self._paused = True
        self._unsent = 0

    def resumeProducing(self) -> None:
        """
        The transport's buffer is empty.
        """
        self._paused = False

    def stopProducing(self) -> None:
        """
        The connection is down; L{connectionLost} does what is to be done.
        """


class TcpListener(ServerFactory):
    """
    Takes connections.
    """

    noisy = False

    def __init__(self, reactor: IReactorTime, owner: ConnectionOwner, limits: Limits) -> None:
        self._reactor = reactor
        self._owner = owner
        self._limits = limits

    def buildProtocol(self, addr: IAddress | None) -> TcpConnection:
        """
        A connection is coming.
        """
        return TcpConnection(self._reactor, self._owner, self._limits)


class TcpConnecting(ClientFactory):
    """
    Makes one connection.
    """

    noisy = False

    def __init__(self, reactor: IReactorTime, owner: ConnectionOwner, limits: Limits, peer: Peer) -> None:
        self._reactor = reactor
        self._owner = owner
        self._limits = limits
        self._peer = peer

    def buildProtocol(self, addr: IAddress | None) -> TcpConnection:
        """
        The connection is coming up.
        """
        return TcpConnection(self._reactor, self._owner, self._limits)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """
        Nobody took the connection, or not in time.
        """
        self._owner.connection_failed(self._peer, reason.getErrorMessage())
