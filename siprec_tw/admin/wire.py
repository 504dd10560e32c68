"""
Twisted's HTTP request, as far as it is used here, with types; and one whose body is bounded.
"""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from siprec_tw.admin.desk import MOST_BODY

MOST_DRAINED = 1 << 20      # octets of a body that is too large which are read before the connection is cut


class Aborted(Protocol):
    """
    A TCP connection.
    """

    def abortConnection(self) -> None:
        """
        See ITCPTransport.
        """


class HttpRequest(Protocol):
    """
    What L{twisted.web.server.Request} is, as far as it is used here.
    """

    method: bytes
    uri: bytes
    clientproto: bytes
    content: BinaryIO
    requestHeaders: Headers
    responseHeaders: Headers
    transport: Aborted

    def notifyFinish(self) -> Deferred[None]:
        """
        See IRequest.
        """

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        """
        See IRequest.
        """

    def write(self, data: bytes) -> None:
        """
        See IRequest.
        """

    def finish(self) -> None:
        """
        See IRequest.
        """

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        See IConsumer.
        """

    def unregisterProducer(self) -> None:
        """
        See IConsumer.
        """


class BoundedRequest(Request):
    """
    A request that keeps no more of its body than is looked at, and nothing on disk.
    """

    def gotLength(self, length: int | None) -> None:
        """
        The body comes, of so many octets, or of nobody knows how many.
        """
        self._kept = self.content = BytesIO()
        self._received = 0

    def handleContentChunk(self, data: bytes) -> None:
        """
        A piece of the body.
        """
        self._received += len(data)
        if self._kept.tell() <= MOST_BODY:
            self._kept.write(data)
        if self._received > MOST_DRAINED:
            cast(Aborted, self.transport).abortConnection()
