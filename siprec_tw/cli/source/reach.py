"""
Why a recorder does not answer: whether the machine there refuses, found out beside the calls.

Over UDP the system tells of a refusal (ICMP port unreachable) only on a connected socket, which the one of
the signaling, open to every peer, is not. So a second socket sends an empty line, which SIP passes over
(RFC 3261 s.7.5), and waits to be refused. Over TCP a connection that failed is tried once more.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import cast

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.error import ConnectionRefusedError as TcpRefused
from twisted.internet.interfaces import IReactorTCP, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol

from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.uri import bracketed

EMPTY_LINE = b"\r\n\r\n"
CONNECT_TIME = 3.0          # seconds


class RefusalWatch:
    """
    A socket by which the recorder's machine can refuse. Not in the reactor's poll set: on an error Twisted
    closes a socket that has nothing to read, and tells nobody.
    """

    def __init__(self, recorder: Peer) -> None:
        """
        Raises OSError where there is no way there, or no socket.
        """
        self._recorder = recorder
        family = socket.AF_INET6 if ":" in recorder.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((recorder.host, recorder.port))
        except OSError:
            self._socket.close()
            raise

    def ask(self) -> None:
        """
        Send an empty line; a refusal comes soon, or never.
        """
        with suppress(OSError):     # the one of an earlier line, or a network that is down: the INVITE tells
            self._socket.send(EMPTY_LINE)

    def reason(self) -> str:
        """
        The refusal that came since the last time, "" for none.
        """
        try:
            self._socket.recv(1)
        except BlockingIOError:
            return ""
        except ConnectionRefusedError:
            return refusal(self._recorder)
        except OSError as error:
            return f"no way to {place(self._recorder)}: {error.strerror}"
        return ""

    def close(self) -> None:
        """
        Give the socket back.
        """
        self._socket.close()


async def broken_connection(reactor: IReactorTime, recorder: Peer) -> str:
    """
    Why a request over TCP failed, in words.
    """
    endpoint = TCP6ClientEndpoint if ":" in recorder.host else TCP4ClientEndpoint
    trying = endpoint(IReactorTCP(reactor), recorder.host, recorder.port, CONNECT_TIME)
    try:
        connection = cast(Protocol, await trying.connect(Factory.forProtocol(Protocol)))
    except TcpRefused:
        return refusal(recorder)
    except ConnectError as error:
        return f"no connection to {place(recorder)}: {error}"
    cast(ITCPTransport, connection.transport).abortConnection()
    return f"the connection to {place(recorder)} was lost before an answer"


def refusal(recorder: Peer) -> str:
    """
    That nobody listens there.
    """
    return f"connection refused by {place(recorder)}"


def place(recorder: Peer) -> str:
    """
    C{127.0.0.1:5060 over UDP}.
    """
    return f"{bracketed(recorder.host)}:{recorder.port} over {recorder.transport.upper()}"
