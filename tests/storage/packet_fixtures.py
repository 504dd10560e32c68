"""
Segments of packets whose payloads are real.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from storage_fixtures import STARTED, Spooling

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording import rtpdump
from siprec_tw.recording.segment import Checkpoint, Layout, SegmentClosed, SegmentOpened, to_line
from siprec_tw.rtp.packet import RtpPacket, write_packet

SEQUENCE = 65_530       # so that it wraps


@frozen
class Placed:
    """
    One packet: its sequence number and timestamp, both extended and counted from the segment's first.
    """

    sequence: int
    ticks: int
    payload: bytes
    marker: bool = False


def steady(payloads: Sequence[bytes], step: int, *, sequence: int = 0, ticks: int = 0) -> list[Placed]:
    """
    One payload every C{step} ticks.
    """
    return [Placed(sequence + i, ticks + i * step, payload) for i, payload in enumerate(payloads)]


def sent(
    spooling: Spooling, stream_id: str, form: PayloadFormat, packets: Sequence[Placed], *, number: int = 1,
    first: int = 2**32 - 4000, arrival: float = STARTED + 1, epoch: int = 1,
) -> None:
    """
    A PACKETS segment that holds these packets in the order given, each arriving when its timestamp says.
    """
    stem = f"{stream_id}-{number}"
    begin = packets[0]
    octets = rtpdump.file_header("192.0.2.1", 40_000, arrival)
    for one in packets:
        packet = RtpPacket(
            form.payload_type, (SEQUENCE + one.sequence) & 0xFFFF, (first + one.ticks) & 0xFFFFFFFF, 7,
            one.payload, marker=one.marker,
        )
        offset = max(0, round((one.ticks - begin.ticks) / form.clock_rate * 1000))
        octets += rtpdump.record(write_packet(packet), offset)
    (spooling.directory / f"{stem}.rtpdump.part").write_bytes(octets)
    opened = SegmentOpened(
        "node-1", stream_id, number, epoch, 7, form, Layout.PACKETS, first + begin.ticks, first + begin.ticks,
        SEQUENCE + begin.sequence, arrival, "192.0.2.1:40000",
    )
    last = max(one.ticks for one in packets)
    highest = SEQUENCE + max(one.sequence for one in packets)
    transit = arrival - (first + begin.ticks) / form.clock_rate
    events = [
        opened, Checkpoint(first + last, highest, len(packets), 0, 0, 0, 0.0, transit),
        SegmentClosed("stream-closed"),
    ]
    (spooling.directory / f"{stem}.jsonl").write_bytes(b"".join(to_line(event) for event in events))
