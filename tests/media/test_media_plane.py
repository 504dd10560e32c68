"""
Tests for siprec_tw.media.plane and swept_port, over sockets of the loopback.

The reactor is a Clock: the sockets are real, and a sweep comes when the test says so.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import socket
import time
from collections import Counter
from pathlib import Path

import pytest
from rtp_rig import FORMATS, PCMA, Sender, Sent, assert_exact, impaired, on_disk
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import PortsExhausted
from siprec_tw.interfaces import MediaPlane, StreamAddress, StreamKeys, StreamReport, StreamSpec
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.plane import TELL_SECONDS, LocalMediaPlane
from siprec_tw.media.sweeper import Sweeper
from siprec_tw.media.swept_port import BatchProtocol, SweptPort
from siprec_tw.rtp.rtcp import SenderReport, write_compound

HOSTS = ["127.0.0.1", "::1"]


def has_address(host: str) -> bool:
    """
    Whether this machine has the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


class Counts:
    """
    Metrics that are kept in a Counter.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.sweeps: list[float] = []

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return lambda count=1: self.counted.update({name: count})

    def sweep_took(self, seconds: float) -> None:
        """
        Sweeps are kept one by one.
        """
        self.sweeps.append(seconds)


class Rig:
    """
    A plane with a range of ports that were free just now.
    """

    def __init__(self, directory: Path, host: str = "127.0.0.1", pairs: int = 8) -> None:
        self.directory = directory
        self.clock = Clock()
        self.metrics = Counts()
        first = random.randrange(24_000, 31_000, 2)
        self.plane = LocalMediaPlane(
            self.clock, "node-1", host, (first, first + 2 * pairs - 1), advertise="rec.example.com",
            sweep_interval=0.4, metrics=self.metrics,
        )
        self.plane.start()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host = host
        self.client = socket.socket(family, socket.SOCK_DGRAM)
        self.client.bind((host, 0))

    def wait(self, work):  # type: ignore[no-untyped-def]
        """
        The result of a coroutine that needs some turns of the reactor.
        """
        results: list[object] = []
        failures: list[object] = []
        Deferred.fromCoroutine(work).addCallbacks(results.append, failures.append)
        for _ in range(5):
            self.clock.advance(0)
        if failures:
            failures[0].raiseException()  # type: ignore[attr-defined]
        return results[0]

    def open(self, stream_id: str = "s") -> StreamAddress:
        """
        A stream that writes into the directory.
        """
        address: StreamAddress = self.wait(
            self.plane.open_stream(StreamSpec(stream_id, str(self.directory), FORMATS))
        )
        return address

    def close(self, stream_id: str = "s") -> StreamReport:
        """
        Its last report.
        """
        report: StreamReport = self.wait(self.plane.close_stream(stream_id))
        return report

    def send(self, port: int, sent: list[Sent], a_sweep: int = 40) -> None:
        """
        Packets from a real socket, with sweeps in between.
        """
        for index, one in enumerate(sent, 1):
            self.client.sendto(one.octets, (self.host, port))
            if index % a_sweep == 0:
                self.clock.advance(0.4)

    def end(self) -> None:
        """
        Stop the plane; nothing may be left.
        """
        self.wait(self.plane.stop())
        self.client.close()
        assert self.clock.getDelayedCalls() == []


@pytest.fixture(params=HOSTS)
def rig(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    """
    A plane on IPv4, and on IPv6 where there is any.
    """
    if not has_address(request.param):
        pytest.skip(f"no {request.param} here")
    made = Rig(tmp_path, request.param)
    yield made
    made.end()


def test_a_plane_is_a_media_plane(rig: Rig) -> None:
    """
    The plane is what the recorder wants of one.
    """
    plane: MediaPlane = rig.plane
    assert plane.open_streams() == 0
    assert plane.free_pairs() == 8
    assert plane.report("s") is None


def test_bad_network_over_sockets(rig: Rig) -> None:
    """
    3 % lost, 5 % reordered, 2 % twice: whatever a real socket delivered lies at its place.
    """
    address = rig.open()
    assert address.host == "rec.example.com"
    assert address.rtp_port % 2 == 0
    assert address.rtcp_port == address.rtp_port + 1
    sender = Sender(sequence=65_000, timestamp=2**32 - 7000)
    arrived = impaired([sender.one(8) for _ in range(1500)], 5)
    rig.send(address.rtp_port, arrived)
    before = time.time()
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, arrived)
    distinct = len({one.packet.sequence for one in arrived})
    assert (report.packets, report.duplicates) == (distinct, len(arrived) - distinct)
    assert report.rejected == 0
    assert report.last_arrival is not None
    assert before - 5 < report.last_arrival <= before + 0.1
    port = rig.client.getsockname()[1]
    assert report.source == (f"[::1]:{port}" if rig.host == "::1" else f"127.0.0.1:{port}")


def test_what_is_in_the_socket_at_the_close(rig: Rig) -> None:
    """
    Packets that no sweep has read yet are read when the stream is closed.
    """
    address = rig.open()
    sent = Sender().some(30, 8)
    rig.send(address.rtp_port, sent, a_sweep=1000)
    assert rig.plane.report("s") == StreamReport("s")
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert report.packets == 30
    assert rig.plane.open_streams() == 0


def test_arrival_is_the_kernels(rig: Rig) -> None:
    """
    The time of arrival is that of the packet, not that of the sweep.
    """
    address = rig.open()
    rig.send(address.rtp_port, Sender().some(2), a_sweep=1000)
    sent_at = time.time()
    time.sleep(0.1)
    rig.clock.advance(0.4)
    report = rig.plane.report("s")
    assert report is not None
    assert report.last_arrival is not None
    assert report.last_arrival <= sent_at + 0.01


def test_without_kernel_timestamps() -> None:
    """
    On a system that has no such timestamps the time of reading stands for them.
    """
    batches: list[list[Datagram]] = []
    clock = Clock()
    sweeper = Sweeper(clock, 0.4)
    port = SweptPort(
        0, BatchProtocol(lambda datagrams: batches.append(list(datagrams)), bool), "127.0.0.1", clock, sweeper,
        stamped=False,
    )
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"a", ("127.0.0.1", port.getHost().port))
        client.sendto(b"b", ("127.0.0.1", port.getHost().port))
        source = ("127.0.0.1", client.getsockname()[1])
    begun = time.time()
    sweeper.drain(port)
    port.stop()
    assert [(octets, address) for octets, address, _ in batches[0]] == [(b"a", source), (b"b", source)]
    assert all(begun <= arrival <= time.time() for _, _, arrival in batches[0])


def test_one_datagram_from_elsewhere() -> None:
    """
    The protocol takes single datagrams, too, as any transport of Twisted gives them.
    """
    batches: list[list[Datagram]] = []
    protocol = BatchProtocol(lambda datagrams: batches.append(list(datagrams)), bool)
    protocol.datagramReceived(b"a", ("192.0.2.1", 5))
    assert [(octets, address) for octets, address, _ in batches[0]] == [(b"a", ("192.0.2.1", 5))]


def test_two_streams_and_their_ports(rig: Rig) -> None:
    """
    Each stream has its own pair; pairs are freed into quarantine and then into the pool.
    """
    first, second = rig.open("a"), rig.open("b")
    assert first.rtp_port != second.rtp_port
    assert (rig.plane.open_streams(), rig.plane.free_pairs()) == (2, 6)
    with pytest.raises(ValueError, match="open already"):
        rig.open("a")
    one, other = Sender(ssrc=1), Sender(ssrc=2, payload_type=8)
    rig.send(first.rtp_port, one.some(20, 8))
    rig.send(second.rtp_port, other.some(20, 8))
    assert rig.close("a").ssrc == 1
    assert rig.close("b").ssrc == 2
    assert rig.plane.free_pairs() == 6
    rig.clock.advance(61)
    assert rig.plane.free_pairs() == 8
    assert on_disk(rig.directory, "b")[0].record.opened.format == PCMA


def test_closing_what_is_not_open(rig: Rig) -> None:
    """
    An unknown stream has an empty report, and new formats for it are no error.
    """
    assert rig.close("nobody") == StreamReport("nobody")
    rig.wait(rig.plane.update_stream(StreamSpec("nobody", "nowhere", ())))


def test_no_port_is_free(tmp_path: Path) -> None:
    """
    When all pairs are in use or in quarantine, another stream is refused.
    """
    rig = Rig(tmp_path, pairs=2)
    rig.open("a")
    rig.open("b")
    rig.close("a")
    with pytest.raises(PortsExhausted):
        rig.open("c")
    rig.clock.advance(61)
    rig.open("c")
    rig.end()


def test_port_that_somebody_else_holds(tmp_path: Path) -> None:
    """
    A pair of which either port is taken is skipped, and its other port is not left open.
    """
    rig = Rig(tmp_path, pairs=3)
    first = rig.plane._pool._ready[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first + 1))
        assert rig.open("a").rtp_port == first + 2
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", first))
    rig.end()


def test_no_socket_at_all(tmp_path: Path) -> None:
    """
    When the machine has no socket to give, or not on this address, the stream is refused and no port is
    spent.
    """
    rig = Rig(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare: list[int] = []
    try:
        spare.append(os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare[0] + 20, hard))
        with contextlib.suppress(OSError):
            while True:
                spare.append(os.dup(0))
        for _ in range(2):      # with none left, and with one
            with pytest.raises(PortsExhausted, match="cannot listen"):
                rig.open()
            os.close(spare.pop())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in spare:
            os.close(descriptor)
    assert rig.plane.free_pairs() == 8
    rig.open()
    rig.end()
    elsewhere = Rig(tmp_path)
    elsewhere.plane._host = "192.0.2.1"
    with pytest.raises(PortsExhausted, match="cannot listen on 192"):
        elsewhere.open()
    assert elsewhere.plane.free_pairs() == 8
    elsewhere.end()


def test_new_formats(rig: Rig) -> None:
    """
    What came before an update has the meaning of before, even where it was not read yet.
    """
    address = rig.open()
    sender = Sender(payload_type=0)
    before = sender.some(20, 8)
    rig.send(address.rtp_port, before, a_sweep=1000)
    rig.wait(rig.plane.update_stream(StreamSpec("s", "", (PayloadFormat(0, "PCMA", 8000),))))
    after = sender.some(20, 8)
    rig.send(address.rtp_port, after, a_sweep=1000)
    rig.close()
    first, second = on_disk(rig.directory)
    assert_exact(first, before)
    assert_exact(second, after, silence=0xD5)
    assert second.record.opened.format.encoding == "PCMA"


def test_bound_of_a_sweep(tmp_path: Path) -> None:
    """
    No sweep reads more of one port than the bound; what is left comes with the next, and somebody is told.
    """
    batches: list[list[bytes]] = []
    floods: list[int] = []
    clock = Clock()
    sweeper = Sweeper(clock, 0.4)
    protocol = BatchProtocol(
        lambda datagrams: batches.append([octets for octets, _, _ in datagrams]), lambda: floods.append(len(batches))
    )
    port = SweptPort(0, protocol, "127.0.0.1", clock, sweeper, most=16)
    port.start()
    sweeper.start()
    sent = [bytes([number]) for number in range(40)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for octets in sent:
            client.sendto(octets, ("127.0.0.1", port.getHost().port))
    for _ in range(4):
        clock.advance(0.4)
    assert batches == [sent[:16], sent[16:32], sent[32:]]
    assert floods == [0, 1]
    port.stop()
    sweeper.stop()


def test_streams_in_their_stride(rig: Rig) -> None:
    """
    Several streams over many sweeps through real sockets, IPv4 and IPv6: read together, exact, and from one source.
    """
    senders = [Sender(ssrc=number, now=time.time()) for number in range(3)]
    ports = [rig.open(f"s{number}").rtp_port for number in range(3)]
    sent: list[list[Sent]] = [[], [], []]
    for _ in range(6):
        for number, (sender, port) in enumerate(zip(senders, ports, strict=True)):
            some = sender.some(10, 8)
            sent[number] += some
            rig.send(port, some, a_sweep=1000)
        rig.clock.advance(0.4)
    name, port = rig.client.getsockname()[:2]
    for number in range(3):
        report = rig.plane.report(f"s{number}")
        assert report is not None
        assert (report.packets, report.source) == (60, f"[{name}]:{port}" if ":" in name else f"{name}:{port}")
        assert report.warnings == ()
        rig.close(f"s{number}")
    for segment in on_disk(rig.directory):
        assert_exact(segment, sent[segment.record.opened.ssrc])


def test_rtcp_port(rig: Rig) -> None:
    """
    Reports on the odd port are kept for the stream.
    """
    address = rig.open()
    rig.client.sendto(write_compound([SenderReport(9, 1 << 32, 2, 3, 4)]), (rig.host, address.rtcp_port))
    for _ in range(5):
        rig.clock.advance(0.4)
    receiver = rig.plane.receiver("s")
    assert receiver is not None
    assert receiver.rtcp.clocks[9].report.timestamp == 2
    assert abs(receiver.rtcp.clocks[9].arrival - time.time()) < 5


def test_metrics(rig: Rig) -> None:
    """
    Everything is told once, of streams that are open and of those that were closed between two sweeps.
    """
    first, second = rig.open("a"), rig.open("b")
    sent = Sender(ssrc=1).some(40, 8)
    rig.send(first.rtp_port, sent[:10] + sent[11:] + sent[20:22], a_sweep=1000)
    rig.client.sendto(b"no RTP", (rig.host, first.rtp_port))
    rig.clock.advance(0.4)
    rig.send(second.rtp_port, Sender(ssrc=2).some(7, 8), a_sweep=1000)
    rig.close("b")
    rig.clock.advance(0.4)
    rig.clock.advance(0.4)
    rig.clock.advance(TELL_SECONDS)
    counted = rig.metrics.counted
    assert counted["packets_received"] == 46
    assert counted["octets_received"] == 46 * 8
    assert counted["packets_lost"] == 1
    assert counted["packets_duplicate"] == 2
    assert counted["packets_rejected"] == 1
    assert counted["write_failed"] == 0
    assert len(rig.metrics.sweeps) == 4
    assert rig.plane.longest_sweep == 0.0


def test_forged_packets_are_told(rig: Rig) -> None:
    """
    What none of a stream's keys opens is counted and reported while the stream is open, though nothing is received.
    """
    keys = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((bytes(16), bytes(14), b""),))
    address = rig.wait(rig.plane.open_stream(StreamSpec("s", str(rig.directory), FORMATS, keys=keys)))
    rig.clock.advance(0.4)
    rig.send(address.rtp_port, Sender().some(5, 8), a_sweep=1000)
    rig.clock.pump([0.4] * int(TELL_SECONDS / 0.4 + 1))
    assert rig.metrics.counted["packets_rejected"] == 5


def test_stop_closes_everything(rig: Rig) -> None:
    """
    A plane that is stopped has finished every stream.
    """
    address = rig.open()
    sent = Sender().some(20, 8)
    rig.send(address.rtp_port, sent, a_sweep=1000)
    rig.wait(rig.plane.stop())
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert segment.record.closed is not None
    assert rig.plane.open_streams() == 0
