"""
A recorder that does not answer: refused, silent, gone; and one that does, with the same statuses.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Coroutine
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from siprec_tw.cli.source.attempts import Attempts, OnResponse
from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.client import RecordingClient
from siprec_tw.cli.source.parties import CallStory, Party
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.message import Headers, Response

STORY = CallStory("session", (Party("A", "sip:a@x", "Alice"), Party("B", "sip:b@x", "Bob")), 1_795_170_865.0)
PLANS = (StreamPlan("1", CODECS["pcma"], lambda number: number.to_bytes(160, "big")),)
BUSY = Response(503, "Service Unavailable", Headers(()))
TRYING = Response(100, "Trying", Headers(()))


class AttemptTests(SynchronousTestCase):
    """
    One request, with a clock.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.attempts = Attempts(self.clock, Peer("tcp", "127.0.0.1", 5060), 8.0)
        self.final: Deferred[Response] = Deferred()
        self.hear: OnResponse | None = None

    def ask(self, first: bool = True, on_response: OnResponse | None = None) -> Deferred[Response]:
        async def request(hear: OnResponse) -> Response:
            self.hear = hear
            return await self.final

        return Deferred.fromCoroutine(self.attempts.response(request, on_response, first=first))

    def said(self, response: Response) -> None:
        assert self.hear is not None
        self.hear(response)

    def test_silence(self) -> None:
        """
        Who hears nothing for so long is told that there is no answer.
        """
        asking = self.ask()
        self.clock.pump([0.1] * 79)
        self.assertNoResult(asking)
        self.clock.pump([0.1] * 2)
        error = self.failureResultOf(asking, PeerError).value
        self.assertEqual((error.text, error.status), ("no answer from 127.0.0.1:5060 over TCP within 8 s", 408))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_first_word(self) -> None:
        """
        After any response the wait is as long as the transaction's, and every response is passed on.
        """
        heard: list[Response] = []
        asking = self.ask(on_response=heard.append)
        self.said(TRYING)
        self.clock.pump([1.0] * 30)
        self.assertNoResult(asking)
        self.said(BUSY)
        self.final.callback(BUSY)
        self.assertIs(self.successResultOf(asking), BUSY)
        self.assertEqual(heard, [TRYING, BUSY])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_later_requests(self) -> None:
        """
        A request within a call is waited for as long as its transaction lasts; its own 408 is no answer.
        """
        asking = self.ask(first=False)
        self.clock.advance(31)
        self.assertNoResult(asking)
        self.final.callback(Response(408, "Request Timeout", Headers(())))
        error = self.failureResultOf(asking, PeerError).value
        self.assertEqual(error.text, "no answer from 127.0.0.1:5060 over TCP")

    def test_connection_that_fails(self) -> None:
        """
        A 503 of our own over TCP is looked into: a time-out is told as such.
        """
        reactor = MemoryReactorClock()
        self.attempts.reactor = reactor
        asking = self.ask(first=False)
        self.final.callback(BUSY)
        reactor.connectors[0].stopConnecting()
        reactor.tcpClients[0][2].clientConnectionFailed(reactor.connectors[0], Failure(timeout_error()))
        self.assertIn("no connection to 127.0.0.1:5060 over TCP", self.failureResultOf(asking, PeerError).value.text)

    def test_closed(self) -> None:
        """
        What the end of the client cuts off is not looked into.
        """
        asking = self.ask(first=False)
        self.attempts.close()
        self.final.callback(BUSY)
        self.assertEqual(self.failureResultOf(asking, PeerError).value.text, "given up")


def timeout_error() -> Exception:
    from twisted.internet.error import TimeoutError

    return TimeoutError()


class Closing(Protocol):
    """
    Hangs up when something comes.
    """

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        pass


class RealRecorderTests(TestCase):
    """
    On real sockets of the loopback.
    """

    timeout = 20

    def setUp(self) -> None:
        self.clock = IReactorTime(reactor)

    def run_test(self, test: Coroutine[Deferred[object], object, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(test)

    async def refused(self, transport: str, port: int, patience: float = 8.0) -> tuple[str, float]:
        """
        The error of a call, and the seconds until it came.
        """
        peer = Peer(transport, "127.0.0.1", port)
        client = RecordingClient(
            self.clock, f"sip:127.0.0.1:{port}", peer, random=Random(1), wall=time.time, patience=patience
        )
        await client.open()
        begun = self.clock.seconds()
        call = client.call(STORY)
        try:
            await call.start(PLANS)
        except PeerError as error:
            self.assertFalse(call.heard)
            return error.text, self.clock.seconds() - begun
        finally:
            await client.close()
        raise AssertionError("the call was answered")

    async def nobody(self, transport: str, kind: int) -> None:
        with socket.socket(socket.AF_INET, kind) as gone:
            gone.bind(("127.0.0.1", 0))
            port = gone.getsockname()[1]
        text, seconds = await self.refused(transport, port)
        self.assertEqual(text, f"connection refused by 127.0.0.1:{port} over {transport.upper()}")
        self.assertLess(seconds, 4.0)

    def test_nobody_over_udp(self) -> Deferred[None]:
        """
        Where nobody listens on UDP, the refusal of the machine is heeded at once.
        """
        return self.run_test(self.nobody("udp", socket.SOCK_DGRAM))

    def test_nobody_over_tcp(self) -> Deferred[None]:
        """
        Where nobody listens on TCP, the refusal is told in the same words.
        """
        return self.run_test(self.nobody("tcp", socket.SOCK_STREAM))

    async def mute(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            port = mute.getsockname()[1]
            text, _ = await self.refused("udp", port, 0.3)
        self.assertEqual(text, f"no answer from 127.0.0.1:{port} over UDP within 0.3 s")

    def test_mute(self) -> Deferred[None]:
        """
        A recorder that says nothing is given up when patience ends.
        """
        return self.run_test(self.mute())

    async def hang_up(self) -> None:
        factory = Factory.forProtocol(Closing)
        factory.noisy = False
        listening: Callable[..., object] = reactor.listenTCP  # type: ignore[attr-defined]
        port = listening(0, factory, interface="127.0.0.1")
        try:
            number = port.getHost().port  # type: ignore[attr-defined]
            text, _ = await self.refused("tcp", number)
        finally:
            await port.stopListening()  # type: ignore[attr-defined]
        self.assertEqual(text, f"the connection to 127.0.0.1:{number} over TCP was lost before an answer")

    def test_hang_up(self) -> Deferred[None]:
        """
        A connection that is cut before the answer is told as that.
        """
        return self.run_test(self.hang_up())
