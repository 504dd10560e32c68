"""
The packets of a segment of layout PACKETS, put back into the order in which they were sent.

They lie in their file as they arrived. Nobody waits for what is read from a file, so the window in which a
late packet finds its place is generous.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.recording.rtpdump import Record
from siprec_tw.recording.segment import SegmentOpened
from siprec_tw.rtp.packet import parse_packet
from siprec_tw.rtp.sequence import SEQUENCE_BITS, TIMESTAMP_BITS, extend

WINDOW = 256        # packets, five seconds of 20 ms


@frozen
class Sent:
    """
    One packet of the segment's source; C{sequence} and C{timestamp} are extended, on the segment's own axis.
    """

    sequence: int
    timestamp: int
    payload: bytes
    marker: bool
    offset_ms: int      # since the segment's first packet arrived


def in_order(opened: SegmentOpened, records: Iterable[Record]) -> Iterator[Sent]:
    """
    Each packet once, by its sequence number; what comes later than WINDOW packets after its place is left out.
    """
    waiting: list[tuple[int, int, Sent]] = []       # by sequence number, then in the order of arrival
    latest: int | None = None
    for place, packet in enumerate(chain(unwrapped(opened, records), repeat(None, WINDOW))):
        if packet is not None:
            heapq.heappush(waiting, (packet.sequence, place, packet))
            if len(waiting) <= WINDOW:
                continue
        if waiting:
            sequence, _, first = heapq.heappop(waiting)
            if latest is None or sequence > latest:
                latest = sequence
                yield first


def unwrapped(opened: SegmentOpened, records: Iterable[Record]) -> Iterator[Sent]:
    """
    The packets as they arrived. What is not RTP, or of another source, is passed over.
    """
    sequence, timestamp = opened.first_sequence, opened.first_timestamp
    for record in records:
        if record.rtcp:
            continue
        try:
            packet = parse_packet(record.packet)
        except PeerError:
            continue
        if packet.ssrc != opened.ssrc:
            continue
        sequence = extend(packet.sequence, sequence, SEQUENCE_BITS)
        timestamp = extend(packet.timestamp, timestamp, TIMESTAMP_BITS)
        yield Sent(sequence, timestamp, packet.payload, packet.marker, record.offset_ms)
