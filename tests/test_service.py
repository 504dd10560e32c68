"""
The recorder as a service: started, stopped, failed, and on other reactors.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from siprec_tw.config.addresses import HostPort, Listener, Transport
from siprec_tw.config.model import Admin, Configuration, Node, Recording, Sip
from siprec_tw.errors import LocalError
from siprec_tw.service import Recorder, token
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.parser import parse_message

UDP = Listener(Transport.UDP, "127.0.0.1", 0)
TCP = Listener(Transport.TCP, "127.0.0.1", 0)
OPTIONS = (
    b"OPTIONS sip:srs@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKa;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@127.0.0.1>;tag=t\r\nTo: <sip:srs@127.0.0.1>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Asker(DatagramProtocol):
    """
    Sends one OPTIONS.
    """

    def __init__(self, to: Peer) -> None:
        self.to = to
        self.answer: Deferred[Response] = Deferred()

    def startProtocol(self) -> None:
        assert self.transport is not None
        self.transport.write(OPTIONS, (self.to.host, self.to.port))

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(datagram)
        assert isinstance(message, Response)
        self.answer.callback(message)


class Caller(Asker):
    """
    Sends an INVITE, and perhaps the ACK to its 200.
    """

    def __init__(self, to: Peer, acknowledge: bool) -> None:
        super().__init__(to)
        self.acknowledge = acknowledge

    def startProtocol(self) -> None:
        assert self.transport is not None
        body = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        fields = b"Contact: <sip:a@127.0.0.1:9>\r\nContent-Type: application/sdp\r\n"
        fields += b"Content-Length: %d\r\n\r\n" % len(body)
        invite = OPTIONS.replace(b"OPTIONS", b"INVITE").replace(b"Content-Length: 0\r\n\r\n", fields + body)
        self.transport.write(invite, (self.to.host, self.to.port))

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        message = parse_message(datagram)
        if isinstance(message, Request) or message.status != 200 or self.answer.called:
            return
        if self.acknowledge:
            assert self.transport is not None
            to = (message.headers.get("To") or "").encode()
            ack = OPTIONS.replace(b"OPTIONS", b"ACK").replace(b"bKa", b"bKb").replace(b"<sip:srs@127.0.0.1>", to)
            self.transport.write(ack, addr)
        self.answer.callback(message)


class RecorderTests(TestCase):
    """
    Tests for L{Recorder}, on loopback and on ports that the system chooses: what it opens is the point.
    """

    def recorder(
        self, *listen: Listener, http: int = 0, directory: Path | None = None, name: str = "node-1"
    ) -> Recorder:
        root = Path(self.mktemp()).absolute() if directory is None else directory
        config = Configuration(
            sip=Sip(listen=listen or (UDP, TCP)),
            recording=Recording(directory=str(root), min_free=0),
            admin=Admin(listen=HostPort("127.0.0.1", http)),
            node=Node(id=name),
        )
        return Recorder(config, reactor)  # type: ignore[arg-type]

    def unmet(self, recorder: Recorder) -> set[str]:
        return {condition.name for condition in recorder.conditions() if not condition.ready}

    async def ask(self, to: Peer) -> int:
        asker = Asker(to)
        port = reactor.listenUDP(0, asker, interface="127.0.0.1")  # type: ignore[attr-defined]
        response = await asker.answer.addTimeout(5.0, reactor)  # type: ignore[arg-type]
        await port.stopListening()
        return response.status

    async def test_life(self) -> None:
        """
        Not ready, ready and answering, not listening any more.
        """
        recorder = self.recorder()
        self.assertEqual(self.unmet(recorder), {"sip", "storage"})
        recorder.startService()
        await recorder.started()
        self.assertEqual(self.unmet(recorder), set())
        self.assertEqual([peer.transport for peer in recorder.listening], ["udp", "tcp"])
        self.assertGreater(recorder.admin_port, 0)
        self.assertEqual(await self.ask(recorder.listening[0]), 200)
        await recorder.stopService()
        self.assertEqual(recorder.listening, ())
        self.assertIn("sip", self.unmet(recorder))

    async def test_sip_is_last(self) -> None:
        """
        HTTP is there before the disk has been looked at; SIP is not before everything else is.
        """
        recorder = self.recorder()
        recorder.startService()
        self.assertGreater(recorder.admin_port, 0)
        self.assertEqual(recorder.listening, ())
        await recorder.started()
        await recorder.stopService()

    async def test_asked_whether_it_is_up(self) -> None:
        """
        Before, while and after the start, and by as many as like.
        """
        recorder = self.recorder()
        early = recorder.started()
        self.assertFalse(early.called)
        recorder.startService()
        during = recorder.started()
        await early
        await during
        await recorder.started()
        await recorder.stopService()

    async def test_http_port_is_taken(self) -> None:
        """
        The start fails with a reason, and nothing of it is left.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            recorder = self.recorder(http=taken.getsockname()[1])
            waiting = recorder.started()
            recorder.startService()
            with self.assertRaises(LocalError):
                await waiting
            with self.assertRaises(LocalError):
                await recorder.started()
        self.assertFalse(Path(recorder.config.recording.directory).exists())

    async def test_sip_port_is_taken(self) -> None:
        """
        What had been started is stopped again: HTTP, threads, the listeners before it.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            recorder = self.recorder(TCP, Listener(Transport.UDP, "127.0.0.1", taken.getsockname()[1]))
            waiting = recorder.started()
            recorder.startService()
            with self.assertRaises(LocalError):
                await waiting
        self.assertEqual(recorder.listening, ())
        self.assertEqual([pool._threads for pool in recorder._archive._pools], [None] * 4)
        with socket.socket() as free:
            free.bind(("127.0.0.1", recorder.admin_port))

    async def test_failure_that_nobody_waits_for(self) -> None:
        """
        It is in the log.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            recorder = self.recorder(http=taken.getsockname()[1])
            recorder.startService()
        self.assertEqual(len(self.flushLoggedErrors(LocalError)), 1)
        await recorder.stopService()

    async def test_stopped_before_it_was_up(self) -> None:
        """
        A stop during the start leaves nothing open.
        """
        recorder = self.recorder()
        waiting = recorder.started()
        recorder.startService()
        await recorder.stopService()
        with contextlib.suppress(LocalError):
            await waiting
        listening = recorder.listening
        while recorder._undo:
            await recorder._undo.pop()()
        self.assertEqual(listening, ())

    async def test_two_in_one_program(self) -> None:
        """
        Each with its own ports, directory and metrics.
        """
        one, two = self.recorder(name="one"), self.recorder(name="two")
        for recorder in (one, two):
            recorder.startService()
            await recorder.started()
        self.assertEqual(len({peer for recorder in (one, two) for peer in recorder.listening}), 4)
        self.assertEqual(await self.ask(one.listening[0]), 200)
        self.assertIn(b'siprec_sip_requests_total{method="OPTIONS"} 1.0', one.metrics.exposition("")[1])
        self.assertIn(b'siprec_sip_requests_total{method="OPTIONS"} 0.0', two.metrics.exposition("")[1])
        await one.stopService()
        self.assertEqual(await self.ask(two.listening[0]), 200)
        await two.stopService()

    async def called(self, recorder: Recorder, *, acknowledge: bool) -> None:
        """
        A client calls, perhaps acknowledges, and is gone.
        """
        caller = Caller(recorder.listening[0], acknowledge)
        port = reactor.listenUDP(0, caller, interface="127.0.0.1")  # type: ignore[attr-defined]
        await caller.answer.addTimeout(5.0, reactor)  # type: ignore[arg-type]
        wanted = "confirmed" if acknowledge else "early"
        for _ in range(100):
            if [view.state for view in recorder.calls.calls()] == [wanted]:
                break
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]
        await recorder.stopService()
        await port.stopListening()

    def check_stored(self, recorder: Recorder) -> None:
        root = Path(recorder.config.recording.directory)
        self.assertEqual(len(list(root.glob("[0-9]*/*/*/*/recording.json"))), 1)
        self.assertEqual(list((root / "spool").iterdir()), [])

    async def test_stop_finishes_what_runs(self) -> None:
        """
        A call that is up when the server stops is a finished recording afterwards.
        """
        recorder = self.recorder()
        recorder.startService()
        await recorder.started()
        await self.called(recorder, acknowledge=True)
        self.check_stored(recorder)

    async def test_stop_before_the_ack(self) -> None:
        """
        So is one whose ACK has not come, and no timer outlives the server.
        """
        recorder = self.recorder()
        recorder.startService()
        await recorder.started()
        await self.called(recorder, acknowledge=False)
        self.check_stored(recorder)


def test_tokens_differ() -> None:
    """
    24 hexadecimal digits, never the same.
    """
    tokens = {token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(each) == 24 and int(each, 16) >= 0 for each in tokens)


ON_ANOTHER_REACTOR = """
import socket, sys
from importlib import import_module
import_module("twisted.internet." + sys.argv[1]).install()
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from siprec_tw.config.loader import load
from siprec_tw.service import Recorder

def ask(peer):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(open(sys.argv[3], "rb").read(), (peer.host, peer.port))
        return client.recv(65535).split(b"\\r\\n")[0].decode()

async def main():
    recorder = Recorder(load(sys.argv[2], {}), reactor)
    recorder.startService()
    await recorder.started()
    print(await deferToThread(ask, recorder.listening[0]))
    await recorder.stopService()
    print("stopped", type(reactor).__name__)

def begin():
    run = Deferred.fromCoroutine(main())
    run.addErrback(lambda failure: print(failure.getTraceback()))
    run.addBoth(lambda _: reactor.stop())

reactor.callWhenRunning(begin)
reactor.run()
"""


@pytest.mark.processes
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("module", "name"), [("selectreactor", "SelectReactor"), ("asyncioreactor", "AsyncioSelectorReactor")]
)
def test_on_another_reactor(tmp_path: Path, module: str, name: str, workers: int) -> None:
    """
    The recorder runs on the reactor that it is given, with media workers or without: started, asked over UDP, stopped,
    and the program ends.
    """
    (tmp_path / "siprec.yaml").write_text(
        f'sip: {{listen: ["udp://127.0.0.1:0"]}}\nadmin: {{listen: "127.0.0.1:0"}}\n'
        f"recording: {{directory: {tmp_path / 'recordings'}, min_free: 1MiB}}\nmedia: {{workers: {workers}}}\n"
    )
    (tmp_path / "options").write_bytes(OPTIONS)
    run = subprocess.run(
        [sys.executable, "-c", ON_ANOTHER_REACTOR, module, str(tmp_path / "siprec.yaml"), str(tmp_path / "options")],
        capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert run.stdout.splitlines() == ["SIP/2.0 200 OK", f"stopped {name}"], run.stdout + run.stderr
    assert run.returncode == 0
