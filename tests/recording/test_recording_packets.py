"""
Packets put into order, and where they have sound.
"""

from __future__ import annotations

import random

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.packet_order import WINDOW, in_order
from siprec_tw.recording.packet_sound import PacketSpans
from siprec_tw.recording.rtpdump import Record
from siprec_tw.recording.segment import Layout, SegmentOpened
from siprec_tw.recording.sound import Hole, Run
from siprec_tw.rtp.packet import RtpPacket, write_packet

FORM = PayloadFormat(18, "G729", 8000)
FIRST = 2**32 - 800         # the timestamp wraps soon
SEQUENCE = 2**16 - 3        # and so does the sequence number
OPENED = SegmentOpened("n", "a", 1, 1, 7, FORM, Layout.PACKETS, FIRST, FIRST, SEQUENCE, 1000.0)


def record(number: int, *, ssrc: int = 7) -> Record:
    packet = RtpPacket(
        18, (SEQUENCE + number) & 0xFFFF, (FIRST + 160 * number) & 0xFFFFFFFF, ssrc, bytes([number & 0xFF])
    )
    return Record(write_packet(packet), max(0, 20 * number))


def numbers(records: list[Record]) -> list[int]:
    found = list(in_order(OPENED, records))
    assert all(one.timestamp - FIRST == 160 * (one.sequence - SEQUENCE) for one in found)
    return [one.sequence - SEQUENCE for one in found]


def test_order_over_wrapped_counters() -> None:
    """
    Packets that were shuffled within the window come out in order, each once, those before the first too.
    """
    wanted = list(range(-2, 3000))
    chance = random.Random(3)
    shuffled = sorted(wanted, key=lambda number: number + chance.uniform(0, WINDOW / 2))
    shuffled += shuffled[-20:]
    assert numbers([record(number) for number in shuffled]) == wanted


def test_packet_that_is_far_too_late() -> None:
    """
    What comes more than a window behind its place is left out.
    """
    late = [*range(5), *range(6, 600), 5, 600]
    assert numbers([record(number) for number in late]) == [*range(5), *range(6, 601)]


def test_what_is_not_of_the_source() -> None:
    """
    RTCP, torn packets and those of another source are passed over.
    """
    rtcp = Record(b"\x81\xc8" + bytes(26), 2, rtcp=True)
    records = [record(0), Record(b"\x80", 1), record(5, ssrc=9), rtcp, record(1)]
    assert numbers(records) == [0, 1]


def test_spans_of_packets() -> None:
    """
    Packets in a row are a run; a step of the timestamp is silence, one of the sequence number a loss.
    """
    spans = PacketSpans([])
    packets = ((10, 0, 160), (11, 160, 160), (12, 800, 160), (15, 1440, 160))
    assert [spans.take(*each) for each in packets] == [0] * 4
    sound = spans.sound()
    assert sound is not None
    assert sound.runs == (Run(0, 320), Run(800, 960), Run(1440, 1600))
    assert sound.holes == (Hole(320, 800, 0), Hole(960, 1440, 2))
    assert (sound.first_sequence, sound.first, sound.end) == (10, 0, 1600)


def test_packets_that_overlap() -> None:
    """
    What a packet has in common with those before it is covered already.
    """
    spans = PacketSpans([])
    assert [spans.take(*each) for each in ((1, 0, 320), (2, 160, 320), (3, 0, 160))] == [0, 160, 160]
    sound = spans.sound()
    assert sound is not None and sound.runs == (Run(0, 480),) and sound.holes == ()


def test_packets_kept_elsewhere_are_not_missing() -> None:
    """
    Of four numbers that are missing three are those of events: one is lost, in a hole of no length.
    """
    spans = PacketSpans([3, 11, 12, 13, 99])
    spans.take(10, 0, 160)
    spans.take(15, 160, 160)
    sound = spans.sound()
    assert sound is not None
    assert sound.holes == (Hole(160, 160, 1),) and sound.runs == (Run(0, 160), Run(160, 320))


def test_no_packet_at_all() -> None:
    """
    Nothing comes of nothing.
    """
    assert PacketSpans([]).sound() is None
