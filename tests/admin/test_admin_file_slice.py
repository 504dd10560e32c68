"""
Files on their way to clients that are slow, or gone, or fooled; and once over a real socket.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from admin_fakes import Admin, at_once
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from zope.interface.verify import verifyObject

from siprec_tw.admin.file_slice import CHUNK, STALL_SECONDS, FileSlice
from siprec_tw.admin.site import admin_site
from siprec_tw.admin.threads import ReactorThreads

T = TypeVar("T")

SOUND = os.urandom(CHUNK) * 40      # more than the sockets' buffers hold


class Client:
    """
    A consumer that pauses its producer after every C{window} octets.
    """

    def __init__(self, window: int = 1 << 40) -> None:
        self.window = window
        self.received = b""
        self.producer: FileSlice | None = None

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming and isinstance(producer, FileSlice)
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        before = len(self.received) // self.window
        self.received += data
        if len(self.received) // self.window > before:
            assert self.producer is not None
            self.producer.pauseProducing()


class FileSliceTests(SynchronousTestCase):
    """
    A slice and its client.
    """

    def begun(self, client: Client, source: bytes, length: int) -> tuple[FileSlice, Deferred[bool]]:
        self.clock = Clock()
        piece = FileSlice(BytesIO(source), length, client, at_once, self.clock)
        verifyObject(IPushProducer, piece)
        return piece, Deferred.fromCoroutine(piece.send())

    def test_whole(self) -> None:
        """
        Exactly so many octets are sent, and the producer is gone afterwards.
        """
        client = Client()
        _, sent = self.begun(client, SOUND, CHUNK + 10)
        self.assertTrue(self.successResultOf(sent))
        self.assertEqual(client.received, SOUND[:CHUNK + 10])
        self.assertIsNone(client.producer)

    def test_slow_client(self) -> None:
        """
        Nothing is read ahead of a client that pauses; it goes on where it stood.
        """
        client = Client(window=CHUNK)
        piece, sent = self.begun(client, SOUND, 5 * CHUNK)
        for chunks in range(1, 5):
            self.assertEqual(len(client.received), chunks * CHUNK)
            self.assertNoResult(sent)
            self.clock.advance(STALL_SECONDS - 1)
            piece.resumeProducing()
        self.assertTrue(self.successResultOf(sent))
        self.assertEqual(client.received, SOUND[:5 * CHUNK])

    def test_stalled_client(self) -> None:
        """
        A client that takes nothing for a minute is given up; a late change of mind does no harm.
        """
        client = Client(window=CHUNK)
        piece, sent = self.begun(client, SOUND, len(SOUND))
        self.clock.advance(STALL_SECONDS)
        self.assertFalse(self.successResultOf(sent))
        piece.resumeProducing()
        self.assertEqual(len(client.received), CHUNK)

    def test_client_that_goes(self) -> None:
        """
        A client that is gone ends it, paused or not, and is not spoken to any more.
        """
        client = Client(window=CHUNK)
        piece, sent = self.begun(client, SOUND, len(SOUND))
        piece.stopProducing()
        self.assertFalse(self.successResultOf(sent))
        self.assertIs(client.producer, piece)

    def test_client_that_goes_during_a_read(self) -> None:
        """
        What was being read when the client went is not written.
        """
        client = Client()
        reading: Deferred[None] = Deferred()

        def later(work: Callable[[], T], /) -> Deferred[T]:
            return reading.addCallback(lambda _: work())

        piece = FileSlice(BytesIO(SOUND), len(SOUND), client, later, Clock())
        sent = Deferred.fromCoroutine(piece.send())
        piece.stopProducing()
        reading.callback(None)
        self.assertFalse(self.successResultOf(sent))
        self.assertEqual(client.received, b"")

    def test_file_that_is_shorter(self) -> None:
        """
        A file that lost its end cannot keep the promise of its length.
        """
        client = Client()
        _, sent = self.begun(client, b"short", 10)
        self.assertFalse(self.successResultOf(sent))
        self.assertEqual(client.received, b"short")

    def test_disk_that_fails(self) -> None:
        """
        A read error is logged and ends it.
        """
        path = Path(self.mktemp())
        path.write_bytes(SOUND)

        def broken(work: Callable[[], T], /) -> Deferred[T]:
            raise OSError("the disk is on fire")

        with path.open("rb") as source:
            piece = FileSlice(source, 10, Client(), broken, Clock())
            self.assertFalse(self.successResultOf(Deferred.fromCoroutine(piece.send())))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class Leaver(Protocol):
    """
    A client that asks for the sound and goes when it begins to come.
    """

    def __init__(self) -> None:
        self.left: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"GET /api/v1/recordings/rec-1/audio HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure) -> None:
        self.left.callback(None)


class SocketTests(TestCase):
    """
    A download over a loopback port, with the reactor's own threads.
    """

    def setUp(self) -> None:
        stored = Path(self.mktemp()) / "2026/11/20/rec-1"
        stored.mkdir(parents=True)
        (stored / "recording.wav").write_bytes(SOUND)
        admin = Admin(stored.parents[3])
        site = admin_site(admin.faces, admin.access, ReactorThreads(reactor), reactor)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.site, self.port = site, port
        self.addCleanup(self.closed)
        self.addCleanup(port.stopListening)
        pool = HTTPConnectionPool(reactor, persistent=True)
        self.addCleanup(pool.closeCachedConnections)
        self.client = HTTPClient(Agent(reactor, pool=pool))
        self.url = f"http://127.0.0.1:{port.getHost().port}/api/v1/recordings/rec-1/audio"

    def closed(self) -> Deferred[None]:
        """
        Wait until the server has no connection left.
        """
        if not self.site.channels:
            return succeed(None)
        return deferLater(reactor, 0.01, self.closed).addTimeout(5, reactor)

    def test_downloads(self) -> Deferred[None]:
        """
        Whole, in part, from the end and in pieces put together: the octets are the file's.
        """
        return Deferred.fromCoroutine(self._download())

    async def _download(self) -> None:
        whole = await self._got(200)
        self.assertEqual(whole, SOUND)
        self.assertEqual(await self._got(206, "bytes=-70000"), SOUND[-70000:])
        step = 1_000_000
        pieces = [
            await self._got(206, f"bytes={first}-{first + step - 1}") for first in range(0, len(SOUND), step)
        ]
        self.assertEqual(b"".join(pieces), SOUND)
        self.assertIn(b"range-not-satisfiable", await self._got(416, f"bytes={len(SOUND)}-"))

    async def _got(self, status: int, wanted: str | None = None) -> bytes:
        headers = {} if wanted is None else {"Range": wanted}
        response = await self.client.get(self.url, headers=headers)
        self.assertEqual(response.code, status)
        body: bytes = await response.content()
        self.assertEqual(response.length, len(body))
        return body

    def test_client_that_goes_away(self) -> Deferred[None]:
        """
        A client that closes in the middle leaves nothing behind, and the next one is served.
        """
        return Deferred.fromCoroutine(self._leave())

    async def _leave(self) -> None:
        leaver = Leaver()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port), leaver)
        await leaver.left
        await self.closed()
        self.assertEqual(await self._got(200), SOUND)

    def test_stop(self) -> Deferred[None]:
        """
        When the port is closed, the connections that clients keep open are closed too.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._got(200)
        self.assertEqual(len(self.site.channels), 1)
        await self.port.stopListening()
        await self.closed()
