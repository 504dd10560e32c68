"""
What every media plane does, in this process or in workers: tests over real sockets, on a real reactor.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from rtp_rig import FORMATS, Sender, Sent, assert_exact, impaired, on_disk
from test_media_plane import Counts
from twisted.internet import reactor
from twisted.internet.task import deferLater

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import LocalError, PortsExhausted
from siprec_tw.interfaces import MediaPlane, StreamAddress, StreamKeys, StreamReport, StreamSpec
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.worker_plane import WorkerMediaPlane
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import profile_named

HOST = "127.0.0.1"
SWEEP = 0.05
QUARANTINE = 0.5
PAIRS = 8
SUITE = "AES_CM_128_HMAC_SHA1_80"


class WorkerCounts(Counts):
    """
    Metrics of workers, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cpu = 0.0

    def media_worker_cpu(self, seconds: float) -> None:
        """
        Is a sum of its own.
        """
        self.cpu += seconds


def free_ports(pairs: int) -> tuple[int, int]:
    """
    A range that nobody else will hold.
    """
    first = random.randrange(24_000, 31_000, 2)
    return first, first + 2 * pairs - 1


async def pause(seconds: float) -> None:
    """
    Let the reactor turn.
    """
    await deferLater(reactor, seconds)  # type: ignore[arg-type]


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """
    Let the reactor turn until the condition holds; it must in so many seconds.
    """
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await pause(0.02)
    raise AssertionError(f"waited {seconds} s in vain")


class PlaneContract:
    """
    Tests for any plane; mixed into a TestCase that makes one.
    """

    plane: LocalMediaPlane | WorkerMediaPlane
    metrics: WorkerCounts
    directory: Path
    client: socket.socket

    def begin(self, directory: str) -> None:
        """
        What the tests use beside the plane.
        """
        self.directory = Path(directory)
        self.directory.mkdir()
        self.metrics = WorkerCounts()
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind((HOST, 0))

    def spec(self, stream_id: str = "s", directory: str = "", keys: StreamKeys | None = None) -> StreamSpec:
        """
        A stream of a recording.
        """
        place = self.directory / directory
        place.mkdir(exist_ok=True)
        return StreamSpec(stream_id, str(place), FORMATS, keys=keys)

    async def open(self, stream_id: str = "s", directory: str = "") -> StreamAddress:
        """
        A stream in clear.
        """
        return await self.plane.open_stream(self.spec(stream_id, directory))

    def send(self, port: int, sent: list[Sent]) -> None:
        """
        Packets from a real socket; no more than it holds.
        """
        for one in sent:
            self.client.sendto(one.octets, (HOST, port))

    async def test_is_a_media_plane(self) -> None:
        """
        It is what the recorder wants of one.
        """
        plane: MediaPlane = self.plane
        assert plane.open_streams() == 0
        assert plane.free_pairs() == PAIRS
        assert plane.report("s") is None
        plane.when_lost(lambda ids: None)

    async def test_bad_network_over_sockets(self) -> None:
        """
        3 % lost, 5 % reordered, 2 % twice: whatever a real socket delivered lies at its place.
        """
        address = await self.open()
        assert address.host == "rec.example.com"
        assert (address.rtp_port % 2, address.rtcp_port) == (0, address.rtp_port + 1)
        sender = Sender(sequence=65_000, timestamp=2**32 - 7000)
        arrived = impaired([sender.one(8) for _ in range(900)], 5)
        for begin in range(0, len(arrived), 100):
            self.send(address.rtp_port, arrived[begin : begin + 100])
            await pause(0.06)
        report = await self.plane.close_stream("s")
        (segment,) = on_disk(self.directory)
        assert_exact(segment, arrived)
        distinct = len({one.packet.sequence for one in arrived})
        assert (report.packets, report.duplicates) == (distinct, len(arrived) - distinct)
        assert report.source == f"{HOST}:{self.client.getsockname()[1]}"
        assert segment.record.closed is not None

    async def test_what_is_in_the_socket_at_the_close(self) -> None:
        """
        Packets that no sweep has read yet are read when the stream is closed.
        """
        address = await self.open()
        sent = Sender().some(30, 8)
        self.send(address.rtp_port, sent)
        report = await self.plane.close_stream("s")
        assert_exact(on_disk(self.directory)[0], sent)
        assert report.packets == 30
        assert self.plane.open_streams() == 0

    async def test_report_while_it_is_open(self) -> None:
        """
        It tells all that the last one tells, of streams in their stride too.
        """
        address = await self.open()
        assert self.plane.report("s") == StreamReport("s")
        assert self.plane.last_arrival("s") == 0.0
        sender = Sender()
        for _ in range(4):
            self.send(address.rtp_port, sender.some(10))
            await pause(3 * SWEEP)
        await until(lambda: (found := self.plane.report("s")) is not None and found.packets == 40)
        before = self.plane.report("s")
        assert before is not None
        assert before.ssrc == sender.ssrc
        assert before.encoding == "PCMU"
        assert before.quality is not None
        assert self.plane.last_arrival("s") == before.last_arrival is not None
        assert await self.plane.close_stream("s") == before
        assert self.plane.report("s") is None
        assert self.plane.last_arrival("s") is None

    async def test_two_streams_and_their_ports(self) -> None:
        """
        Each stream has its own pair; pairs are freed into quarantine and then into the pool.
        """
        first, second = await self.open("a"), await self.open("b", "other")
        assert first.rtp_port != second.rtp_port
        assert (self.plane.open_streams(), self.plane.free_pairs()) == (2, PAIRS - 2)
        try:
            await self.open("a")
        except ValueError as error:
            assert "open already" in str(error)
        else:
            raise AssertionError("opened twice")
        self.send(first.rtp_port, Sender(ssrc=1).some(20, 8))
        self.send(second.rtp_port, Sender(ssrc=2, payload_type=8).some(20, 8))
        assert (await self.plane.close_stream("a")).ssrc == 1
        assert (await self.plane.close_stream("b")).ssrc == 2
        assert self.plane.free_pairs() == PAIRS - 2
        await until(lambda: self.plane.free_pairs() == PAIRS, 2.0)

    async def test_closing_what_is_not_open(self) -> None:
        """
        An unknown stream has an empty report, and to change it is no error.
        """
        assert await self.plane.close_stream("nobody") == StreamReport("nobody")
        await self.plane.update_stream(StreamSpec("nobody", "nowhere", ()))

    async def test_no_port_is_free(self) -> None:
        """
        When all pairs are in use or in quarantine, another stream is refused.
        """
        for number in range(PAIRS):
            await self.open(f"s{number}")
        await self.plane.close_stream("s1")
        for _ in range(2):
            try:
                await self.open("more")
            except PortsExhausted:
                continue
            raise AssertionError("opened without a port")
        await until(lambda: self.plane.free_pairs() == 1, 2.0)
        await self.open("more")

    async def test_new_formats(self) -> None:
        """
        What came before an update has the meaning of before, even where it was not read yet.
        """
        address = await self.open()
        sender = Sender(payload_type=0)
        before = sender.some(20, 8)
        self.send(address.rtp_port, before)
        await self.plane.update_stream(StreamSpec("s", "", (PayloadFormat(0, "PCMA", 8000),)))
        after = sender.some(20, 8)
        self.send(address.rtp_port, after)
        await self.plane.close_stream("s")
        first, second = on_disk(self.directory)
        assert_exact(first, before)
        assert_exact(second, after, silence=0xD5)

    async def test_secured(self) -> None:
        """
        Keys arrive as they are: what is sealed under them is opened, the rest is counted. Keys of a suite that is
        not ours raise LocalError.
        """
        keys = StreamKeys(SUITE, ((bytes(range(16)), bytes(range(14)), b""),))
        address = await self.plane.open_stream(self.spec(keys=keys))
        profile = profile_named(SUITE)
        assert profile is not None
        context = SrtpContext(profile, [MasterKey(*keys.keys[0])])
        sent = Sender().some(30, 8)
        for one in sent:
            self.client.sendto(context.protect(one.octets), (HOST, address.rtp_port))
        self.send(address.rtp_port, Sender(ssrc=9).some(3))
        report = await self.plane.close_stream("s")
        assert_exact(on_disk(self.directory)[0], sent)
        assert (report.packets, report.rejected) == (30, 3)
        assert [code for code, _ in report.warnings] == ["srtp-not-authentic"]
        try:
            await self.plane.open_stream(self.spec(keys=StreamKeys("ROT13", ())))
        except LocalError as error:
            assert "ROT13" in str(error)
        else:
            raise AssertionError("opened by a suite that is none")
        assert self.plane.free_pairs() == PAIRS - 1

    async def test_metrics(self) -> None:
        """
        Everything is told once.
        """
        first, second = await self.open("a"), await self.open("b", "other")
        sent = Sender(ssrc=1).some(40, 8)
        self.send(first.rtp_port, sent[:10] + sent[11:] + sent[20:22])
        self.client.sendto(struct.pack("!6s", b"no RTP"), (HOST, first.rtp_port))
        self.send(second.rtp_port, Sender(ssrc=2).some(7, 8))
        await self.plane.close_stream("b")
        await pause(2 * SWEEP)
        await self.plane.stop()
        counted = self.metrics.counted
        assert counted["packets_received"] == 46
        assert counted["octets_received"] == 46 * 8
        assert counted["packets_lost"] == 1
        assert counted["packets_duplicate"] == 2
        assert counted["packets_rejected"] == 1
        assert counted["write_failed"] == 0
        assert self.metrics.sweeps

    async def test_stop_closes_everything(self) -> None:
        """
        A plane that is stopped has drained and finished every stream.
        """
        address = await self.open()
        sent = Sender().some(20, 8)
        self.send(address.rtp_port, sent)
        await self.plane.stop()
        (segment,) = on_disk(self.directory)
        assert_exact(segment, sent)
        assert segment.record.closed is not None
        assert self.plane.open_streams() == 0
