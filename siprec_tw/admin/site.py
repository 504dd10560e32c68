"""
The HTTP face as Twisted serves it.
"""

from __future__ import annotations

from io import SEEK_END

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from siprec_tw.admin.auth import Access
from siprec_tw.admin.delivery import Visit
from siprec_tw.admin.desk import Desk, Head
from siprec_tw.admin.faces import Faces
from siprec_tw.admin.json_reply import error_reply
from siprec_tw.admin.reply import FileReply, Reply
from siprec_tw.admin.routes import route_table
from siprec_tw.admin.threads import InThread
from siprec_tw.admin.wire import BoundedRequest, HttpRequest

IDLE_SECONDS = 60.0         # a connection without a request for so long is closed


def admin_site(faces: Faces, access: Access, in_thread: InThread, reactor: IReactorTime) -> Site:
    """
    The factory to listen with.
    """
    return AdminSite(AdminResource(faces, access, in_thread, reactor), reactor)


class AdminChannel(HTTPChannel):
    """
    A connection, which its site knows of as long as it is up.
    """

    site: AdminSite

    def connectionMade(self) -> None:
        """
        A client came.
        """
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.site.channels.add(self)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        The request line or a header is longer than is read: Twisted would close without a word.
        """
        body = error_reply(400, f"A line of the request has more than {self.MAX_LENGTH} octets").body
        head = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
        self.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)  # type: ignore[no-untyped-call]
        self.loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It left.
        """
        self.site.channels.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class AdminSite(Site):
    """
    A site that closes its connections with itself, and leaves the access log to its resource.
    """

    noisy = False
    protocol = AdminChannel  # type: ignore[assignment]

    def __init__(self, resource: Resource, reactor: IReactorTime) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource,
            requestFactory=BoundedRequest,
            timeout=IDLE_SECONDS,
            reactor=reactor,
        )
        self.channels: set[AdminChannel] = set()

    def stopFactory(self) -> None:
        """
        The last port was closed: close what clients keep open.
        """
        for channel in tuple(self.channels):
            channel.loseConnection()  # type: ignore[no-untyped-call]
        super().stopFactory()

    def log(self, request: object) -> None:
        """
        Nothing.
        """


class AdminResource(Resource):
    """
    Every path there is: finding the route is the desk's business, not the resource tree's.
    """

    isLeaf = True
    log = Logger()

    def __init__(self, faces: Faces, access: Access, in_thread: InThread, reactor: IReactorTime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._desk = Desk(route_table(faces, in_thread, guarded=bool(access.tokens)), access, reactor)
        self._metrics = faces.metrics
        self._in_thread = in_thread
        self._reactor = reactor

    def render(self, request: HttpRequest) -> int:
        """
        Begin to answer; Twisted need not wait.
        """
        Deferred.fromCoroutine(self._serve(request)).addErrback(self._undelivered, request)
        return NOT_DONE_YET

    async def _serve(self, request: HttpRequest) -> None:
        visit = Visit(request, self._in_thread, self._reactor)
        head = _head(request)
        finding = await self._desk.answer(head)
        match finding.answer:
            case Reply() as reply:
                visit.deliver(reply)
            case FileReply() as reply:
                await visit.deliver_file(reply)
        self._metrics.http_request(finding.route, head.method, visit.status)
        path = head.uri.partition(b"?")[0].decode("ascii", "backslashreplace")
        self.log.debug("{method} {path} {status}", method=head.method, path=path, status=visit.status)

    def _undelivered(self, failure: Failure, request: HttpRequest) -> None:
        self.log.failure("An answer could not be sent", failure)
        request.transport.abortConnection()


def _head(request: HttpRequest) -> Head:
    def all_of(name: bytes) -> tuple[str, ...]:
        values = request.requestHeaders.getRawHeaders(name) or []
        return tuple(value.decode("utf-8", "surrogateescape") for value in values)

    return Head(
        method=request.method.decode("latin-1"),
        uri=request.uri,
        version=request.clientproto.decode("latin-1"),
        hosts=all_of(b"Host"),
        authorization=",".join(all_of(b"Authorization")),
        accept=",".join(all_of(b"Accept")),
        body_size=request.content.seek(0, SEEK_END),
    )
