"""
The client on real sockets of the loopback, over UDP and TCP, towards a small recorder of the same signaling.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Coroutine
from random import Random

from scripted_recorder import Recorder
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.client import RecordingClient
from siprec_tw.cli.source.impairment import Impairment
from siprec_tw.cli.source.parties import CallStory, Party
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.cli.source.source_call import ENDED

STORY = CallStory("session", (Party("A", "sip:a@x", "Alice"), Party("B", "sip:b@x", "Bob")), 1_795_170_865.0)


def payload(number: int) -> bytes:
    return number.to_bytes(160, "big")


class ClientTests(TestCase):
    """
    Calls on the loopback.
    """

    timeout = 20
    plans = tuple(StreamPlan(label, CODECS["pcma"], payload) for label in ("1", "2"))

    def setUp(self) -> None:
        self.clock = IReactorTime(reactor)
        self.recorder = Recorder(self.clock)

    def run_test(self, test: Coroutine[Deferred[object], object, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(test)

    async def client(self, transport: str) -> RecordingClient:
        peer = await self.recorder.open(transport)
        client = RecordingClient(
            self.clock, f"sip:srs@{peer.host}:{peer.port}", peer, random=Random(1), wall=time.time
        )
        await client.open()
        return client

    async def call(self, transport: str) -> None:
        client = await self.client(transport)
        try:
            call = client.call(STORY, Impairment(loss=0.1, reorder=0.1, duplicate=0.1, seed=1))
            await call.start(self.plans)
            await deferLater(self.clock, 0.3)
            await call.hold()
            await call.resume()
            await call.update(call.metadata())
            await deferLater(self.clock, 0.3)
            await call.end()
            self.assertEqual(await call.over, ENDED)
            await deferLater(self.clock, 0.05)
            methods = [request.method for request in self.recorder.requests]
            self.assertEqual(methods, ["INVITE", "INVITE", "INVITE", "UPDATE", "BYE"])
            self.assertEqual(len(self.recorder.acks), 3)
            for index, stream in enumerate(call.streams):
                sent = [(packet.sequence, packet.timestamp, packet.payload) for packet in stream.rtp.sent()]
                self.assertGreater(len(sent), 15)
                self.assertEqual(self.recorder.received(index), sent)
        finally:
            await client.close()
            await self.recorder.close()

    def test_call_over_udp(self) -> Deferred[None]:
        """
        A whole call over UDP; what is recorded as sent is what arrives, packet for packet.
        """
        return self.run_test(self.call("udp"))

    def test_call_over_tcp(self) -> Deferred[None]:
        """
        The same over TCP.
        """
        return self.run_test(self.call("tcp"))

    async def recorder_asks(self, transport: str) -> None:
        client = await self.client(transport)
        try:
            call = client.call(STORY)
            await call.start(self.plans)
            expected = {"OPTIONS": 200, "UPDATE": 200, "INFO": 405, "INVITE": 488, "BYE": 200}
            for method, status in expected.items():
                self.assertEqual((await self.recorder.ask(method)).status, status)
            self.assertEqual(await call.over, "ended by the recorder")
            self.assertEqual((await self.recorder.ask("BYE")).status, 481)
        finally:
            await client.close()
            await self.recorder.close()

    def test_recorder_asks_over_udp(self) -> Deferred[None]:
        """
        Requests of the recorder are answered, and its BYE ends the call.
        """
        return self.run_test(self.recorder_asks("udp"))

    def test_recorder_asks_over_tcp(self) -> Deferred[None]:
        """
        The same on the connection that the call was set up by.
        """
        return self.run_test(self.recorder_asks("tcp"))

    async def reoffered(self, transport: str) -> None:
        client = await self.client(transport)
        try:
            call = client.call(STORY)
            await call.start(self.plans)
            await deferLater(self.clock, 0.1)
            heard: list[int] = []
            response = await self.recorder.ask("INVITE", self.recorder.offer(), lambda r: heard.append(r.status))
            self.assertEqual((response.status, response.headers.get("Content-Type")), (200, "application/sdp"))
            self.assertIn(b"a=sendonly", response.body)
            self.assertIn("+sip.src", response.headers.get("Contact") or "")
            while heard.count(200) < 2:
                await deferLater(self.clock, 0.05)          # no ACK yet: the 200 comes again
            number = int((response.headers.get("CSeq") or "").split()[0])
            self.recorder.acknowledge(number)
            await deferLater(self.clock, 0.1)
            await call.end()
            streams = [
                [(packet.sequence, packet.timestamp, packet.payload) for packet in stream.rtp.sent()]
                for stream in call.streams
            ]
            received = [set(self.recorder.received(index)) for index in range(2)]
            self.assertEqual(received[0] | received[1], set(streams[0]) | set(streams[1]))
            self.assertIn(streams[0][-1], received[1])
            self.assertIn(streams[1][-1], received[0])
        finally:
            await client.close()
            await self.recorder.close()

    def test_reoffered_over_udp(self) -> Deferred[None]:
        """
        A re-INVITE of the recorder moves the streams; the 200 is repeated until its ACK.
        """
        return self.run_test(self.reoffered("udp"))

    def test_reoffered_over_tcp(self) -> Deferred[None]:
        """
        The same over TCP.
        """
        return self.run_test(self.reoffered("tcp"))

    async def closed_with_calls(self) -> None:
        client = await self.client("udp")
        try:
            calls = [client.call(STORY) for _ in range(3)]
            for call in calls:
                await call.start(self.plans)
        finally:
            await client.close()
        self.assertEqual([await call.over for call in calls], [ENDED] * 3)
        await self.recorder.close()

    def test_close_ends_calls(self) -> Deferred[None]:
        """
        A client that closes ends the calls that are up.
        """
        return self.run_test(self.closed_with_calls())

    async def command(self, transport: str) -> None:
        peer = await self.recorder.open(transport)
        try:
            code = "import sys; from siprec_tw.cli.main import main; sys.exit(main())"
            out, err, status = await getProcessOutputAndValue(sys.executable, [
                "-c", code, "call", f"sip:{peer.host}:{peer.port};transport={transport}", "--duration", "0.5",
                "--calls", "3", "--rate", "20/s", "--url", "http://127.0.0.1:9",
            ], env={"PYTHONPATH": ":".join(sys.path)})
            self.assertEqual((status, err), (0, b""))
            self.assertIn(b"3 of 3 calls went well", out)
            methods = [request.method for request in self.recorder.requests]
            self.assertEqual((methods.count("INVITE"), methods.count("BYE")), (3, 3))
        finally:
            await self.recorder.close()

    def test_command_over_udp(self) -> Deferred[None]:
        """
        The command places its calls, says so, and ends with 0.
        """
        return self.run_test(self.command("udp"))

    def test_command_over_tcp(self) -> Deferred[None]:
        """
        The same over TCP, by the transport of the URI.
        """
        return self.run_test(self.command("tcp"))
