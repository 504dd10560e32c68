"""
What the tests of the receiver share: senders, bad networks, and a reader of what was recorded.

The reader knows the layout on disk only from siprec_tw.recording.segment, and places nothing itself: it holds
each payload that was sent against the octets at its timestamp.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attrs import define, frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamReport, StreamSpec
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.recording import rtpdump
from siprec_tw.recording.segment import WAV_HEADER_SIZE, Layout, Segment, from_lines
from siprec_tw.rtp.packet import RtpPacket, write_packet

PCMU = PayloadFormat(0, "PCMU", 8000)
PCMA = PayloadFormat(8, "PCMA", 8000)
EVENTS = PayloadFormat(101, "TELEPHONE-EVENT", 8000)
NOISE = PayloadFormat(13, "CN", 8000)
G729 = PayloadFormat(18, "G729", 8000)
OPUS = PayloadFormat(96, "OPUS", 48_000, 2)
FORMATS = (PCMU, PCMA, EVENTS, NOISE, G729, OPUS)

NOW = 1_800_000_000.0
SWEEP = 0.4
ADDRESS = ("192.0.2.1", 40_000)


@frozen
class Sent:
    """
    One packet on its way.
    """

    packet: RtpPacket
    arrival: float
    address: tuple[str, int] = ADDRESS

    @property
    def octets(self) -> bytes:
        """
        The datagram.
        """
        return write_packet(self.packet)


@define
class Sender:
    """
    An RTP source that sends seeded noise; C{now} is the time of its next packet.
    """

    ssrc: int = 0x1234ABCD
    sequence: int = 1000
    timestamp: int = 50_000
    payload_type: int = 0
    now: float = NOW
    rate: int = 8000
    seed: int = 1
    address: tuple[str, int] = ADDRESS

    def one(self, octets: int = 160, ticks: int | None = None) -> Sent:
        """
        The next packet, and time goes on.
        """
        noise = random.Random(f"{self.seed} {self.ssrc} {self.sequence} {self.timestamp}")
        sequence, timestamp = self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF
        packet = RtpPacket(self.payload_type, sequence, timestamp, self.ssrc, noise.randbytes(octets))
        sent = Sent(packet, self.now, self.address)
        self.sequence += 1
        self.pause(octets if ticks is None else ticks)
        return sent

    def some(self, count: int, octets: int = 160) -> list[Sent]:
        """
        So many packets in a row.
        """
        return [self.one(octets) for _ in range(count)]

    def pause(self, ticks: int) -> None:
        """
        Send nothing for so long, while the timestamps go on.
        """
        self.timestamp += ticks
        self.now += ticks / self.rate

    def hold(self, seconds: float) -> None:
        """
        Send nothing for so long, while the timestamps stand still.
        """
        self.now += seconds


def impaired(
    sent: Sequence[Sent], seed: int, loss: float = 0.03, reordering: float = 0.05, duplication: float = 0.02
) -> list[Sent]:
    """
    What a bad network makes of packets: some lost, some held up by 15 to 200 ms, some delivered twice.
    """
    choice = random.Random(seed)
    arrived = []
    for one in sent:
        if choice.random() < loss:
            continue
        delay = choice.uniform(0.0, 0.004)
        if choice.random() < reordering:
            delay += choice.uniform(0.015, 0.2)
        arrived.append(Sent(one.packet, one.arrival + delay, one.address))
        if choice.random() < duplication:
            arrived.append(Sent(one.packet, one.arrival + delay + choice.uniform(0.0, 0.1), one.address))
    return sorted(arrived, key=lambda one: one.arrival)


class Way:
    """
    The way by which the datagrams of a sweep come to a receiver; tests/media/conftest.py tries others.
    """

    feed: Callable[[StreamReceiver, list[Datagram]], None] = StreamReceiver.receive


def receive(receiver: StreamReceiver, arrived: Iterable[Sent], sweep: float = SWEEP) -> None:
    """
    Hand packets to a receiver, sweep by sweep, in the order of their arrival.
    """
    batch: list[tuple[bytes, tuple[str, int], float]] = []
    due = None
    for one in sorted(arrived, key=lambda one: one.arrival):
        due = due or one.arrival + sweep
        if one.arrival >= due:
            if batch:
                Way.feed(receiver, batch)
                batch = []
            due += ((one.arrival - due) // sweep + 1) * sweep
        batch.append((one.octets, one.address, one.arrival))
    if batch:
        Way.feed(receiver, batch)


def receiver_in(
    directory: Path, formats: Sequence[PayloadFormat] = FORMATS, files: SegmentFiles | None = None
) -> StreamReceiver:
    """
    A receiver of the stream "s" that writes into a directory.
    """
    return StreamReceiver(StreamSpec("s", str(directory), tuple(formats)), "node-1", files)


def recorded(
    directory: Path, arrived: Iterable[Sent], sweep: float = SWEEP
) -> tuple[StreamReport, list[OnDisk]]:
    """
    Receive all of this, close, and read what there is on disk.
    """
    receiver = receiver_in(directory)
    receive(receiver, arrived, sweep)
    report = receiver.close()
    return report, on_disk(directory)


@frozen
class OnDisk:
    """
    A segment as it lies on disk.
    """

    record: Segment
    octets: bytes           # the whole file

    @property
    def sound(self) -> bytes:
        """
        From the first packet on, the lead left away.
        """
        opened = self.record.opened
        return self.octets[WAV_HEADER_SIZE + (opened.first_timestamp - opened.origin) :]

    @property
    def packets(self) -> list[bytes]:
        """
        The packets of a segment that keeps packets.
        """
        found = rtpdump.records(lambda offset, count: self.octets[offset : offset + count])
        return [one.packet for one in found]

    def at(self, timestamp: int, octets: int) -> bytes:
        """
        What lies at a timestamp (32 bits are enough) of a segment of samples.
        """
        origin = self.record.opened.origin
        offset = WAV_HEADER_SIZE + (timestamp - origin & 0xFFFFFFFF)
        return self.octets[offset : offset + octets]


def on_disk(directory: Path, stream_id: str = "s") -> list[OnDisk]:
    """
    The segments of a stream in their order; each must have a record and a file.
    """
    found = []
    for path in directory.glob(f"{stream_id}-*.jsonl"):
        record = from_lines(path.read_bytes().splitlines(keepends=True))
        assert record is not None, path
        assert record.plausible
        suffix = ".wav.part" if record.opened.layout is Layout.SAMPLES else ".rtpdump.part"
        found.append(OnDisk(record, path.with_suffix("").with_name(path.stem + suffix).read_bytes()))
    return sorted(found, key=lambda one: one.record.opened.number)


def assert_exact(segment: OnDisk, arrived: Iterable[Sent], silence: int = 0xFF) -> None:
    """
    Every packet lies at its timestamp, all else is silence, and the file ends with the last packet.
    """
    opened = segment.record.opened
    expected = bytearray([silence]) * (len(segment.octets) - WAV_HEADER_SIZE)
    end = 0
    for one in arrived:
        start = one.packet.timestamp - opened.origin & 0xFFFFFFFF
        expected[start : start + len(one.packet.payload)] = one.packet.payload
        end = max(end, start + len(one.packet.payload))
    assert len(segment.octets) - WAV_HEADER_SIZE == end
    assert segment.octets[WAV_HEADER_SIZE:] == bytes(expected)
    assert segment.record.checkpoint is not None
    assert segment.record.checkpoint.end == opened.origin + end
