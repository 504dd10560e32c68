"""
The media plane in worker processes: it does what any plane does, and outlives its workers.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest
from plane_contract import HOST, PAIRS, QUARANTINE, SWEEP, PlaneContract, WorkerCounts, free_ports, until
from rtp_rig import Sender, assert_exact, on_disk
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from siprec_tw.errors import LocalError, PortsExhausted
from siprec_tw.interfaces import StreamReport
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.worker_commands import PlaneSettings
from siprec_tw.media.worker_plane import LOST, WorkerMediaPlane

pytestmark = pytest.mark.processes


def plane_of(metrics: WorkerCounts, count: int = 2, pairs: int = PAIRS, receiver: str = "auto") -> WorkerMediaPlane:
    """
    A plane that is not started.
    """
    settings = PlaneSettings(
        "node-1", HOST, free_ports(pairs), "rec.example.com", SWEEP, QUARANTINE, 1 << 18, receiver
    )
    return WorkerMediaPlane(reactor, settings, count, metrics)  # type: ignore[arg-type]


def process_of(plane: WorkerMediaPlane, post: int) -> int:
    """
    The process of a worker.
    """
    link = plane._posts[post]._link
    assert link is not None
    pid: int = link.transport.pid  # type: ignore[attr-defined]
    return pid


def lives(pid: int) -> bool:
    """
    Whether there is such a process; one that is only waited for is none.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False
    return status.rpartition(b")")[2].split()[0] != b"Z"


class LocalPlaneTests(PlaneContract, TestCase):
    """
    The plane in this process, on a real reactor.
    """

    def setUp(self) -> None:
        self.begin(self.mktemp())
        self.plane = LocalMediaPlane(
            reactor, "node-1", HOST, free_ports(PAIRS), advertise="rec.example.com",  # type: ignore[arg-type]
            sweep_interval=SWEEP, quarantine=QUARANTINE, metrics=self.metrics,
        )
        self.plane.start()

    async def tearDown(self) -> None:
        await self.plane.stop()
        self.client.close()


class WorkerPlaneTests(PlaneContract, TestCase):
    """
    The plane in two workers.
    """

    plane: WorkerMediaPlane

    async def setUp(self) -> None:
        self.begin(self.mktemp())
        self.lost: list[tuple[str, ...]] = []
        self.plane = plane_of(self.metrics)
        self.plane.when_lost(self.lost.append)
        await self.plane.start()
        self.pids = [process_of(self.plane, post) for post in range(2)]

    async def tearDown(self) -> None:
        self.pids += [process_of(self.plane, post) for post in range(2)]
        await self.plane.stop()
        self.client.close()
        assert [pid for pid in self.pids if lives(pid)] == []

    async def test_recordings_are_spread(self) -> None:
        """
        Streams of one recording are in one worker, those of the next in the one that has least to do; each has a
        part of the ports. What a worker's ports cannot hold goes to the other.
        """
        ports = [
            (await self.open(f"{recording}-{number}", recording)).rtp_port
            for recording in ("one", "two", "three") for number in range(2)
        ]
        half = self.plane._posts[1].share.ports[0]
        assert [port < half for port in ports] == [True, True, False, False, True, True]
        more = [(await self.open(f"more-{number}", "two")).rtp_port for number in range(2)]
        assert [port < half for port in more] == [False, False]
        assert self.plane.free_pairs() == 0

    async def test_killed_worker(self) -> None:
        """
        Its streams are told lost and known until they are closed; what was swept is on disk; its ports rest and are
        used again by another worker. The other worker's streams feel nothing.
        """
        mine, other = await self.open("a", "one"), await self.open("b", "two")
        sent, sender, began = Sender(ssrc=1).some(40), Sender(ssrc=2), time.monotonic()
        others = sender.some(40)
        self.send(mine.rtp_port, sent)
        self.send(other.rtp_port, others)
        await until(lambda: (found := self.plane.report("a")) is not None and found.packets == 40)
        os.kill(self.pids[0], signal.SIGKILL)
        await until(lambda: self.lost)
        assert self.lost == [("a",)]
        assert (self.plane.running, self.plane.open_streams()) == (1, 1)
        assert self.plane.free_pairs() == PAIRS // 2 - 1
        assert self.plane.condition().ready
        sender.pause(int((time.monotonic() - began) * sender.rate))
        others += (more := sender.some(40))
        self.send(other.rtp_port, more)
        known = self.plane.report("a")
        assert known is not None
        assert (known.packets, [code for code, _ in known.warnings]) == (40, [LOST])
        await self.plane.update_stream(self.spec("a", "one"))
        assert await self.plane.close_stream("a") == known
        assert await self.plane.close_stream("a") == StreamReport("a")
        (segment,) = on_disk(self.directory / "one", "a")
        assert segment.octets.endswith(sent[-1].packet.payload)
        assert segment.record.closed is None
        await until(lambda: self.plane.running == 2)
        assert self.metrics.counted["media_worker_restarted"] == 1
        assert (await self.open("c", "three")).rtp_port == mine.rtp_port + 2
        await until(lambda: self.plane.free_pairs() == PAIRS - 2, 2.0)
        report = await self.plane.close_stream("b")
        assert_exact(on_disk(self.directory / "two", "b")[0], others)
        assert (report.packets, report.warnings) == (80, ())
        assert len(self.flushLoggedErrors()) == 0

    async def test_stopped_worker(self) -> None:
        """
        One that does not answer is killed and replaced; what was asked of it meanwhile fails, or gets what is known.
        """
        address, _ = await self.open("a", "one"), await self.open("b", "two")
        self.send(address.rtp_port, Sender().some(20))
        await until(lambda: (found := self.plane.report("a")) is not None and found.packets == 20)
        os.kill(self.pids[0], signal.SIGSTOP)
        opening = Deferred.fromCoroutine(self.open("c", "one"))
        closing = Deferred.fromCoroutine(self.plane.close_stream("a"))
        changing = Deferred.fromCoroutine(self.plane.update_stream(self.spec("a")))
        began = time.monotonic()
        report = await closing
        assert 4.0 < time.monotonic() - began < 9.0
        assert (report.packets, [code for code, _ in report.warnings]) == (20, [LOST])
        await changing
        with self.assertRaisesRegex(LocalError, "media worker 1 is lost"):
            await opening
        assert self.lost == []      # "a" was being closed, "c" was never open
        assert self.plane.report("c") is None
        await until(lambda: self.plane.running == 2)
        await until(lambda: self.plane.free_pairs() == PAIRS - 1, 2.0)
        assert await self.open("c", "one")

    async def test_no_worker_runs(self) -> None:
        """
        Streams are refused, new calls too, until there is a worker again.
        """
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: self.plane.running == 0)
        assert self.plane.free_pairs() == 0
        condition = self.plane.condition()
        assert (condition.ready, condition.text) == (False, "no media worker runs")
        with self.assertRaisesRegex(PortsExhausted, "no media worker runs"):
            await self.open()
        await until(lambda: self.plane.running == 2)
        assert self.plane.condition().text == "2 of 2 media workers run"
        assert await self.open()

    async def test_signals_of_a_terminal(self) -> None:
        """
        What ends the server does not end its workers: they obey their line alone.
        """
        address = await self.open()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(self.pids[0], number)
        sent = Sender().some(20, 8)
        self.send(address.rtp_port, sent)
        await self.plane.close_stream("s")
        assert_exact(on_disk(self.directory)[0], sent)
        assert self.lost == []

    async def test_cpu_is_told(self) -> None:
        """
        What workers use is counted.
        """
        await self.plane.stop()
        assert self.metrics.cpu > 0.1

    async def test_secrets_stay_in_the_pipe(self) -> None:
        """
        Neither arguments nor environment of a worker tell of streams.
        """
        await self.test_secured()
        for pid in self.pids:
            shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            assert str(self.directory).encode() not in shown
            assert b"AES_CM" not in shown


class StartTests(TestCase):
    """
    Starts that fail.
    """

    async def test_receiver_that_does_not_work(self) -> None:
        """
        The start says why, and no process is left.
        """
        plane = plane_of(WorkerCounts(), receiver="magic")
        with self.assertRaisesRegex(LocalError, "media receiver is 'magic'"):
            await plane.start()
        assert plane.running == 0
        assert not any(lives(process_of(plane, post)) for post in range(2))


@implementer(IReactorProcess)
class NoProcesses(Clock):
    """
    A reactor of a machine that can start no process.
    """

    def spawnProcess(self, *args: object, **kwargs: object) -> NoReturn:
        """
        As the system says it.
        """
        raise BlockingIOError(11, "Resource temporarily unavailable")


class PatienceTests(SynchronousTestCase):
    """
    A worker that dies again and again.
    """

    def test_patience_grows(self) -> None:
        """
        1 s, 2 s, 4 s, then 30 s at most; a stop ends it.
        """
        clock = NoProcesses()
        settings = PlaneSettings("n", HOST, (20000, 20003), HOST, SWEEP, QUARANTINE, 1 << 18, "auto")
        plane = WorkerMediaPlane(clock, settings, 1, WorkerCounts())
        waits = []
        (post,) = plane._posts
        post._replace()
        for _ in range(7):
            (call,) = clock.getDelayedCalls()
            waits.append(call.getTime() - clock.seconds())
            clock.advance(waits[-1])
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        self.successResultOf(Deferred.fromCoroutine(plane.stop()))
        assert clock.getDelayedCalls() == []


PROGRAM = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamSpec
from siprec_tw.media.worker_commands import PlaneSettings
from siprec_tw.media.worker_plane import WorkerMediaPlane
from siprec_tw.metrics import Metrics

async def main():
    first = int(sys.argv[2])
    settings = PlaneSettings("n", "127.0.0.1", (first, first + 99), "127.0.0.1", 0.4, 60.0, 1 << 18, "auto")
    plane = WorkerMediaPlane(reactor, settings, 2, Metrics("1"))
    await plane.start()
    for number in range(2):
        spec = StreamSpec(str(number), sys.argv[1], (PayloadFormat(0, "PCMU", 8000),))
        address = await plane.open_stream(spec)
        print(address.rtp_port, plane._posts[number]._link.transport.pid, flush=True)

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()).addErrback(lambda failure: print(failure)))
reactor.run(installSignalHandlers=len(sys.argv) < 4)
"""


@pytest.mark.parametrize("options", [(), ("without-signals",)])
def test_control_process_is_killed(tmp_path: Path, options: tuple[str, ...]) -> None:
    """
    After its SIGKILL the workers read what has come, finish their segments and are gone within two seconds.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(free_ports(50)[0]), *options],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert child.stdout is not None
        ports, pids = zip(*(map(int, child.stdout.readline().split()) for _ in range(2)), strict=True)
        assert len(set(pids)) == 2
        sent = Sender().some(50)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for one in sent:
                client.sendto(one.octets, ("127.0.0.1", ports[0]))
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()
    ends = time.monotonic() + 2.0
    while any(map(lives, pids)):
        assert time.monotonic() < ends, "a worker outlives its server"
        time.sleep(0.02)
    (segment,) = on_disk(tmp_path, "0")
    assert_exact(segment, sent)
    assert segment.record.closed is not None

WORKER_DIES = """
import os, signal
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from siprec_tw.media.worker_commands import PlaneSettings
from siprec_tw.media.worker_plane import WorkerMediaPlane
from siprec_tw.metrics import Metrics

async def main():
    settings = PlaneSettings("n", "127.0.0.1", (31000, 31099), "127.0.0.1", 0.4, 60.0, 1 << 18, "auto")
    plane = WorkerMediaPlane(reactor, settings, 1, Metrics("1"))
    await plane.start()
    os.kill(plane._posts[0]._link.transport.pid, signal.SIGKILL)
    for running in (0, 1):
        while plane.running != running:
            await deferLater(reactor, 0.02)
    await plane.stop()
    print("replaced and stopped", flush=True)

def begin():
    Deferred.fromCoroutine(main()).addErrback(print).addBoth(lambda _: reactor.stop())

reactor.callWhenRunning(begin)
reactor.run(installSignalHandlers=False)
"""


def test_end_of_a_worker_without_signals() -> None:
    """
    In a program whose reactor is not told of the ends of children, a worker's is noticed, and it is replaced.
    """
    run = subprocess.run(
        [sys.executable, "-c", WORKER_DIES], capture_output=True, text=True, timeout=30, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.stdout == "replaced and stopped\n", run.stderr
