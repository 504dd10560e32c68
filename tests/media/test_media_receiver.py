"""
Tests for siprec_tw.media.receiver: every packet that arrived lies at its place, to the sample.
"""

from pathlib import Path

import pytest
from rtp_rig import (
    ADDRESS,
    EVENTS,
    NOW,
    PCMU,
    Sender,
    Sent,
    assert_exact,
    impaired,
    on_disk,
    receive,
    receiver_in,
    recorded,
)

from siprec_tw.recording.segment import Layout
from siprec_tw.recording.sound import Hole, sound_of
from siprec_tw.rtp.packet import HeaderExtension, RtpPacket


def test_plain_stream(tmp_path: Path) -> None:
    """
    Packets in order become one segment, whose record tells where it starts and ends and what came.
    """
    sender = Sender()
    sent = sender.some(500)
    report, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)
    assert segment.sound == b"".join(one.packet.payload for one in sent)
    opened, checkpoint, closed = segment.record.opened, segment.record.checkpoint, segment.record.closed
    assert (opened.node_id, opened.stream_id, opened.number, opened.epoch) == ("node-1", "s", 1, 1)
    assert (opened.ssrc, opened.format, opened.layout) == (sender.ssrc, PCMU, Layout.SAMPLES)
    assert (opened.first_timestamp, opened.origin, opened.first_sequence) == (50_000, 42_000, 1000)
    assert (opened.arrival, opened.source) == (NOW, "192.0.2.1:40000")
    assert checkpoint is not None and closed is not None
    assert (checkpoint.end, checkpoint.highest_sequence, checkpoint.packets) == (130_000, 1499, 500)
    assert checkpoint.transit == pytest.approx(NOW - 50_000 / 8000)
    assert closed.reason == "stream-closed"
    assert segment.record.gaps == segment.record.filled == []
    assert (report.packets, report.octets, report.lost, report.rejected) == (500, 80_000, 0, 0)
    assert (report.encoding, report.ssrc, report.source) == ("PCMU", sender.ssrc, "192.0.2.1:40000")
    assert (report.first_arrival, report.last_arrival) == (NOW, sent[-1].arrival)
    assert report.jitter < 1e-6
    assert report.warnings == ()


@pytest.mark.parametrize("seed", range(8))
def test_bad_network(tmp_path: Path, seed: int) -> None:
    """
    With 3 % lost, 5 % reordered and 2 % twice, all that arrived is exact, and the record tells all the rest.
    """
    sent = Sender(sequence=65_300, timestamp=2**32 - 30_000, seed=seed).some(1500)
    arrived = impaired(sent, seed)
    report, (segment,) = recorded(tmp_path, arrived)
    assert_exact(segment, arrived)
    assert_truly_told(segment.record, sent, arrived)
    distinct = {one.packet.sequence for one in arrived}
    numbers = [(one.packet.sequence - sent[0].packet.sequence) & 0xFFFF for one in arrived]
    assert report.packets == len(distinct)
    assert report.duplicates == len(arrived) - len(distinct)
    assert report.lost == max(numbers) - min(numbers) + 1 - len(distinct)
    assert report.rejected == 0
    assert report.reordered > 0


@pytest.mark.parametrize("sweep", [0.02, 0.1, 0.4, 3.0, 1000.0])
def test_sweeps_do_not_matter(tmp_path: Path, sweep: float) -> None:
    """
    However the packets fall into sweeps, the same sound is recorded, and the record tells the same holes.
    """
    sent = Sender().some(600)
    arrived = impaired(sent, 77, loss=0.05, reordering=0.1, duplication=0.05)
    report, (segment,) = recorded(tmp_path, arrived, sweep)
    assert_exact(segment, arrived)
    assert_truly_told(segment.record, sent, arrived)
    assert report.packets == len({one.packet.sequence for one in arrived})


def assert_truly_told(record, sent: list[Sent], arrived: list[Sent]) -> None:  # type: ignore[no-untyped-def]
    """
    The holes which the record tells are those that there are, and count the packets missing.
    """
    have = {one.packet.timestamp for one in arrived}
    origin, holes = record.opened.origin, []
    lost = [one for one in sent if one.packet.timestamp not in have]
    ends = [origin + (one.packet.timestamp - origin & 0xFFFFFFFF) for one in arrived]
    first, end = min(ends), max(ends)
    for one in lost:
        start = origin + (one.packet.timestamp - origin & 0xFFFFFFFF)
        if not first < start < end:
            continue
        if holes and holes[-1].end == start:
            holes[-1] = Hole(holes[-1].first, start + 160, holes[-1].lost + 1)
        else:
            holes.append(Hole(start, start + 160, 1))
    assert sound_of(record).first == first
    assert joined(sound_of(record).holes) == holes


def joined(holes) -> list[Hole]:  # type: ignore[no-untyped-def]
    """
    Holes without a seam between them as one.
    """
    found: list[Hole] = []
    for hole in holes:
        if found and found[-1].end == hole.first:
            found[-1] = Hole(found[-1].first, hole.end, found[-1].lost + hole.lost)
        else:
            found.append(hole)
    return found


def test_both_counters_wrap(tmp_path: Path) -> None:
    """
    Sequence number and timestamp go through zero and the sound goes on.
    """
    sent = Sender(sequence=65_530, timestamp=2**32 - 800).some(100)
    _, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)
    assert segment.record.checkpoint is not None
    assert segment.record.checkpoint.highest_sequence == 65_629
    assert segment.record.checkpoint.end == 2**32 - 800 + 16_000


@pytest.mark.parametrize("sweep", [0.001, 0.4])
def test_the_first_to_arrive_is_not_the_first_sent(tmp_path: Path, sweep: float) -> None:
    """
    Packets that were overtaken by the first have their place in the lead, and the record tells of them.
    """
    sent = Sender(timestamp=300).some(50)
    for index, delay in ((0, 0.075), (1, 0.12), (3, 0.05)):
        sent[index] = Sent(sent[index].packet, sent[index].arrival + delay)
    _, (segment,) = recorded(tmp_path, sent, sweep)
    assert_exact(segment, sent)
    assert sound_of(segment.record).first == 300
    assert sound_of(segment.record).holes == ()


def test_packets_of_many_lengths(tmp_path: Path) -> None:
    """
    10, 20, 30 and 60 ms, one octet and odd lengths follow one another on one timeline.
    """
    sender = Sender()
    sent = [sender.one(octets) for octets in [80, 160, 240, 480, 1, 1, 160, 13, 480, 80, 80, 160] * 20]
    _, (segment,) = recorded(tmp_path, impaired(sent, 4, duplication=0.3))
    assert_exact(segment, impaired(sent, 4, duplication=0.3))


def test_a_new_packet_length_between_sweeps(tmp_path: Path) -> None:
    """
    A change of ptime needs no new segment.
    """
    sender = Sender()
    sent = sender.some(60) + sender.some(60, 240) + sender.some(60, 80)
    _, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)


def test_padding_extension_and_contributors(tmp_path: Path) -> None:
    """
    Only the payload of a packet is recorded, whatever stands before and behind it.
    """
    sent = Sender().some(20)
    dressed = []
    for index, one in enumerate(sent):
        plain = one.packet
        packet = RtpPacket(
            0, plain.sequence, plain.timestamp, plain.ssrc, plain.payload, marker=index == 0,
            contributing=(1, 2) if index % 2 else (),
            extension=HeaderExtension(0xBEDE, b"\x10\xff\0\0") if index % 3 else None,
            padding=index % 4,
        )
        dressed.append(Sent(packet, one.arrival))
    report, (segment,) = recorded(tmp_path, dressed)
    assert_exact(segment, sent)
    assert (report.packets, report.octets) == (20, 3200)


def test_pause_is_silence_of_its_length(tmp_path: Path) -> None:
    """
    When the source sends nothing and its timestamps go on, the file is silent for as long and nothing is
    lost.
    """
    sender = Sender()
    sent = sender.some(40)
    sender.pause(8000 * 12 + 37)
    sent += sender.some(40)
    report, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)
    (hole,) = sound_of(segment.record).holes
    assert (hole.end - hole.first, hole.lost) == (96_037, 0)
    assert report.lost == 0


def test_events_between_the_sound(tmp_path: Path) -> None:
    """
    Telephone events are kept beside the sound; their sequence numbers are not missing in it.
    """
    sender = Sender()
    sent = sender.some(30)
    sender.payload_type = 101
    events = [sender.one(4, ticks=0) for _ in range(7)]
    sender.payload_type = 0
    sender.pause(1600)
    more = sender.some(30)
    report, (sound, side) = recorded(tmp_path, sent + events + more)
    assert_exact(sound, sent + more)
    (hole,) = sound_of(sound.record).holes
    assert (hole.end - hole.first, hole.lost) == (1600, 0)
    assert side.record.opened.format == EVENTS
    assert side.record.opened.layout is Layout.PACKETS
    assert side.record.opened.epoch == sound.record.opened.epoch
    assert side.packets == [one.octets for one in events]
    assert sound.record.opened.number == 1
    assert (report.lost, report.packets, report.encoding) == (0, 67, "PCMU")
    assert sound.record.checkpoint is not None
    assert sound.record.checkpoint.packets == 60


def test_a_loss_among_the_events(tmp_path: Path) -> None:
    """
    Of the numbers between two packets of sound only those count as lost that never came.
    """
    sender = Sender()
    sent = sender.some(30)
    sender.payload_type = 101
    events = [sender.one(4, ticks=0) for _ in range(7)]
    sender.payload_type = 0
    sender.pause(1600)
    more = sender.some(30)
    _, (sound, _) = recorded(tmp_path, [*sent, *events[:3], *events[4:], *more])
    assert [hole.lost for hole in sound_of(sound.record).holes] == [1]


def test_checkpoints(tmp_path: Path) -> None:
    """
    Every five seconds of the stream the record says where it stands.
    """
    receive(receiver_in(tmp_path), Sender().some(50 * 16 + 1))
    lines = (tmp_path / "s-1.jsonl").read_bytes().splitlines()
    assert sum(b'"Checkpoint"' in line for line in lines) == 3


def test_gap_lines_come_before_the_silence(tmp_path: Path) -> None:
    """
    While the stream is open, the file's length never tells of more than the record does.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    sent = sender.some(10)
    receive(receiver, sent)
    sender.pause(1600)
    sent += sender.some(10)
    receive(receiver, sent[10:])
    (segment,) = on_disk(tmp_path)
    assert [(gap.end - gap.first, gap.after - gap.before) for gap in segment.record.gaps] == [(1600, 1)]
    assert segment.record.closed is None
    sound = sound_of(segment.record, seen=segment.record.opened.origin + len(segment.octets) - 58)
    assert (sound.first, sound.end) == (50_000, 50_000 + 21 * 160 + 1440)
    receiver.close()


def test_late_packet_before_the_lead_is_dropped(tmp_path: Path) -> None:
    """
    What is older than the lead has no place; it is counted.
    """
    sent = Sender().some(120)
    old = Sent(sent[0].packet, sent[90].arrival)
    report, (segment,) = recorded(tmp_path, [*sent[60:], old])
    assert_exact(segment, sent[60:])
    assert (report.packets, report.rejected) == (60, 1)


def test_sound_without_octets(tmp_path: Path) -> None:
    """
    Packets without payload, as some send to keep the way open, write nothing and are no loss.
    """
    sender = Sender()
    sent = sender.some(10)
    empty = [sender.one(0) for _ in range(5)]
    more = sender.some(10)
    report, (segment,) = recorded(tmp_path, sent + empty + more)
    assert_exact(segment, sent + more)
    assert (report.lost, report.packets) == (0, 25)


def test_one_packet_is_a_recording(tmp_path: Path) -> None:
    """
    A stream of a single packet was never proven, but it is all there is: it is kept at the close.
    """
    sent = Sender().some(1)
    report, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)
    assert report.packets == 1


def test_nothing_at_all(tmp_path: Path) -> None:
    """
    A stream that received nothing leaves no file.
    """
    report, segments = recorded(tmp_path, [])
    assert segments == []
    assert (report.stream_id, report.packets, report.first_arrival, report.ssrc) == ("s", 0, None, None)


def test_report_while_open(tmp_path: Path) -> None:
    """
    A report tells what has been swept until now, with the jitter in seconds.
    """
    receiver = receiver_in(tmp_path)
    sent = Sender().some(400)
    sent = [Sent(one.packet, one.arrival + 0.01 * (index % 2)) for index, one in enumerate(sent)]
    receive(receiver, sent)
    report = receiver.report()
    assert report.packets == 400
    assert 0.0095 < report.jitter < 0.0101
    assert report.source == f"{ADDRESS[0]}:{ADDRESS[1]}"
    receiver.close()
