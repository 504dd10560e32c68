"""
Tests for siprec_tw.media.receiver: the sender changes its source, its codec or its clock.
"""

from pathlib import Path

import pytest
from attrs import evolve
from rtp_rig import (
    ADDRESS,
    G729,
    NOISE,
    NOW,
    OPUS,
    PCMA,
    PCMU,
    OnDisk,
    Sender,
    Sent,
    assert_exact,
    impaired,
    on_disk,
    receive,
    receiver_in,
    recorded,
)

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamReport
from siprec_tw.media.arrival import text_of
from siprec_tw.media.segment_opener import MOST_SEGMENTS
from siprec_tw.recording.segment import Layout


def reasons(segments: list[OnDisk]) -> list[str | None]:
    """
    Why each segment ended.
    """
    return [segment.record.closed and segment.record.closed.reason for segment in segments]


def codes(report: StreamReport) -> list[str]:
    """
    The codes of the warnings.
    """
    return [code for code, _ in report.warnings]


def test_a_new_source_takes_over(tmp_path: Path) -> None:
    """
    A new SSRC on the port is a new segment and a new epoch, and no packet of its start is missing.
    """
    first = Sender(ssrc=1).some(100)
    second = Sender(ssrc=2, sequence=9, timestamp=7, now=first[-1].arrival + 0.02).some(100)
    report, segments = recorded(tmp_path, first + second)
    assert_exact(segments[0], first)
    assert_exact(segments[1], second)
    assert [(one.record.opened.ssrc, one.record.opened.epoch) for one in segments] == [(1, 1), (2, 2)]
    assert (report.packets, report.lost, report.rejected, report.ssrc) == (200, 0, 0, 2)
    assert report.warnings == ()


def test_the_old_source_ends_when_it_is_silent(tmp_path: Path) -> None:
    """
    A source that others have taken over from is closed after a while, and counts on in the report.
    """
    receiver = receiver_in(tmp_path)
    first = Sender(ssrc=1).some(50)
    receive(receiver, first + Sender(ssrc=2, now=NOW + 1.0).some(50 * 40))
    old, new = on_disk(tmp_path)
    assert reasons([old, new]) == ["ssrc-changed", None]
    assert receiver.report().packets == 50 * 41
    receiver.close()


def test_two_sources_at_once(tmp_path: Path) -> None:
    """
    Two SSRCs that send at once are two segments side by side, and a warning.
    """
    first = Sender(ssrc=1).some(200)
    second = Sender(ssrc=2, now=NOW + 0.007, address=("192.0.2.2", 4)).some(200)
    report, segments = recorded(tmp_path, impaired(first + second, 3))
    assert_exact(segments[0], impaired_of(first, impaired(first + second, 3)))
    assert_exact(segments[1], impaired_of(second, impaired(first + second, 3)))
    assert codes(report) == ["two-sources-at-once"]
    assert {one.record.opened.source for one in segments} == {"192.0.2.1:40000", "192.0.2.2:4"}


def impaired_of(sent: list[Sent], arrived: list[Sent]) -> list[Sent]:
    """
    What arrived of these.
    """
    return [one for one in arrived if one.packet.ssrc == sent[0].packet.ssrc]


def test_too_many_sources_at_once(tmp_path: Path) -> None:
    """
    Four sources may live at once; what a fifth sends is counted and told.
    """
    senders = [Sender(ssrc=number, now=NOW + number / 1000).some(100) for number in range(1, 7)]
    report, segments = recorded(tmp_path, [one for sent in senders for one in sent])
    assert len(segments) == 4
    assert set(codes(report)) == {"two-sources-at-once", "too-many-sources"}
    assert report.packets == 400
    assert report.rejected == 200


def test_a_stray_packet_is_no_source(tmp_path: Path) -> None:
    """
    A single packet of another SSRC does not disturb the stream.
    """
    sent = Sender().some(100)
    stray = Sender(ssrc=99, now=NOW + 0.5).one()
    report, (segment,) = recorded(tmp_path, [*sent, stray])
    assert_exact(segment, sent)
    assert (report.packets, report.rejected, report.warnings) == (100, 1, ())


@pytest.mark.parametrize("seed", range(4))
def test_codec_changes(tmp_path: Path, seed: int) -> None:
    """
    Another codec from the same source is a new segment in the same epoch, on the same axis, whatever the
    order in which the packets round the change arrive.
    """
    sender = Sender()
    law = sender.some(103)
    sender.payload_type = 8
    other = sender.some(104)
    sender.payload_type = 0
    again = sender.some(105)
    arrived = impaired(law + other + again, seed, loss=0.0, reordering=0.3)
    report, segments = recorded(tmp_path, arrived)
    assert [one.record.opened.format for one in segments] == [PCMU, PCMA, PCMU]
    assert {one.record.opened.epoch for one in segments} == {1}
    assert_exact(segments[0], law)
    assert_exact(segments[1], other, silence=0xD5)
    assert_exact(segments[2], again)
    assert reasons(segments) == ["format-changed", "format-changed", "stream-closed"]
    assert (report.lost, report.rejected) == (0, 0)


def test_packets_of_other_codecs_are_kept(tmp_path: Path) -> None:
    """
    What is not sample addressable is kept packet by packet, and the same axis goes on.
    """
    sender = Sender()
    law = sender.some(60)
    sender.payload_type = 18
    other = [sender.one(20, ticks=160) for _ in range(60)]
    arrived = impaired(other, 1, loss=0.1)
    _, (sound, packets) = recorded(tmp_path, law + arrived)
    assert_exact(sound, law)
    opened, checkpoint = packets.record.opened, packets.record.checkpoint
    assert (opened.format, opened.layout, opened.epoch, opened.origin) == (
        G729, Layout.PACKETS, 1, opened.first_timestamp
    )
    seen: set[bytes] = set()
    distinct = [one.octets for one in arrived if not (one.octets in seen or seen.add(one.octets))]
    assert packets.packets == distinct
    assert checkpoint is not None
    assert checkpoint.end == other[-1].packet.timestamp + 160
    assert checkpoint.packets == len(distinct)


def test_another_clock_rate_is_another_axis(tmp_path: Path) -> None:
    """
    Timestamps of a codec with another clock cannot continue those before (RFC 7160 s.3).
    """
    sender = Sender()
    law = sender.some(60)
    sender.payload_type, sender.rate = 96, 48_000
    opus = [sender.one(50, ticks=960) for _ in range(60)]
    _, (sound, packets) = recorded(tmp_path, law + opus)
    assert_exact(sound, law)
    assert packets.packets == [one.octets for one in opus]
    assert (packets.record.opened.format, packets.record.opened.epoch) == (OPUS, 2)


def test_comfort_noise_is_kept_beside(tmp_path: Path) -> None:
    """
    Comfort noise does not end the segment; the pause that it stands for is silence.
    """
    sender = Sender()
    sent = sender.some(30)
    sender.payload_type = 13
    noise = [sender.one(1, ticks=1600) for _ in range(3)]
    sender.payload_type = 0
    sent += sender.some(30)
    _, (sound, side) = recorded(tmp_path, sent + noise)
    assert_exact(sound, sent)
    assert side.record.opened.format == NOISE
    assert side.packets == [one.octets for one in noise]


def test_unknown_payload_types_are_kept(tmp_path: Path) -> None:
    """
    A codec that is sent before it is offered is kept as packets, and properly as soon as an offer explains
    it.
    """
    receiver = receiver_in(tmp_path, [PCMU])
    sender = Sender()
    law = sender.some(50)
    sender.payload_type = 97
    unknown = sender.some(50)
    receive(receiver, law + unknown)
    receiver.update_formats([PayloadFormat(97, "PCMA", 8000)])
    known = sender.some(50)
    receive(receiver, known)
    sender.payload_type = 0
    back = sender.some(50)
    receive(receiver, back)
    report = receiver.close()
    first, side, other, last = on_disk(tmp_path)
    assert_exact(first, law)
    assert (side.record.opened.format.encoding, side.record.opened.format.payload_type) == ("UNKNOWN", 97)
    assert side.packets == [one.octets for one in unknown]
    assert_exact(other, known, silence=0xD5)
    assert_exact(last, back)
    assert codes(report) == ["payload-type-unknown"]
    assert (report.lost, report.rejected) == (0, 0)


def test_static_payload_types_need_no_offer(tmp_path: Path) -> None:
    """
    PCMA that was not offered is PCMA all the same (RFC 3551 s.6), with a warning.
    """
    receiver = receiver_in(tmp_path, [OPUS])
    sent = Sender(payload_type=8).some(50)
    receive(receiver, sent)
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent, silence=0xD5)
    assert codes(report) == ["payload-type-not-offered"]


def test_another_number_for_the_same_codec(tmp_path: Path) -> None:
    """
    An offer that gives the codec another payload type does not cut the sound.
    """
    receiver = receiver_in(tmp_path, [PayloadFormat(97, "PCMU", 8000)])
    sender = Sender(payload_type=97)
    sent = sender.some(50)
    receive(receiver, sent)
    receiver.update_formats([PayloadFormat(98, "pcmu", 8000)])
    sender.payload_type = 98
    sent += sender.some(50)
    receive(receiver, sent[50:])
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent)


@pytest.mark.parametrize("seed", range(4))
def test_held_timestamps(tmp_path: Path, seed: int) -> None:
    """
    When the source stands still for 30 s and its timestamps with it, what follows is a new epoch, from its
    first packet.
    """
    sender = Sender()
    before = sender.some(100)
    sender.hold(30.0)
    after = sender.some(100)
    report, segments = recorded(tmp_path, impaired(before, seed) + impaired(after, seed + 100, loss=0.0))
    assert_exact(segments[0], impaired(before, seed))
    assert_exact(segments[1], after)
    assert [one.record.opened.epoch for one in segments] == [1, 2]
    assert reasons(segments) == ["clock-jumped", "stream-closed"]
    early = [one.record.checkpoint for one in segments]
    assert early[0] is not None and early[1] is not None
    assert early[1].transit - early[0].transit == pytest.approx(30.0, abs=0.005)
    assert report.rejected == 0


def test_a_jump_within_a_sweep(tmp_path: Path) -> None:
    """
    A source that sets its timestamps anew without a pause is cut at the right packet, reordered as they may
    be.
    """
    sender = Sender()
    before = sender.some(110)
    sender.timestamp -= 5 * 8000
    after = sender.some(110)
    arrived = impaired(before + after, 6, loss=0.0, reordering=0.2, duplication=0.1)
    _, segments = recorded(tmp_path, arrived)
    assert_exact(segments[0], before)
    assert_exact(segments[1], after)
    assert len(segments) == 2


def test_random_timestamps_after_a_transfer(tmp_path: Path) -> None:
    """
    Any new timestamp of the same source, sequence numbers going on, is a new epoch and loses nothing.
    """
    sender = Sender()
    pieces = []
    for timestamp in (50_000, 4_000_000_000, 1, 2**31 + 77):
        sender.timestamp = timestamp
        pieces.append(sender.some(70))
    report, segments = recorded(tmp_path, [one for piece in pieces for one in piece])
    for segment, piece in zip(segments, pieces, strict=True):
        assert_exact(segment, piece)
    assert (report.lost, report.rejected) == (0, 0)


def test_a_stall_of_the_network_is_no_jump(tmp_path: Path) -> None:
    """
    Three seconds of packets that arrive at once after a stall have their place in the same segment.
    """
    sent = Sender().some(500)
    stalled = [
        Sent(one.packet, max(one.arrival, NOW + 6.1) + index * 1e-5) if 150 <= index < 305 else one
        for index, one in enumerate(sent)
    ]
    _, (segment,) = recorded(tmp_path, stalled)
    assert_exact(segment, sent)
    assert segment.record.gaps == []


def test_a_long_gap_begins_a_new_segment(tmp_path: Path) -> None:
    """
    More than a minute of nothing is not written; the axis tells how long it was.
    """
    sender = Sender()
    before = sender.some(50)
    sender.pause(8000 * 61)
    after = sender.some(50)
    _, segments = recorded(tmp_path, before + after)
    assert_exact(segments[0], before)
    assert_exact(segments[1], after)
    assert {one.record.opened.epoch for one in segments} == {1}
    assert segments[1].record.opened.first_timestamp - segments[0].record.checkpoint.end == 8000 * 61
    assert reasons(segments) == ["gap-too-long", "stream-closed"]


def test_a_minute_is_filled(tmp_path: Path) -> None:
    """
    Up to a minute is silence in the file.
    """
    sender = Sender()
    sent = sender.some(50)
    sender.pause(8000 * 59)
    sent += sender.some(50)
    _, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)


def test_a_long_outage(tmp_path: Path) -> None:
    """
    After two minutes of lost packets, more than one believes at once, the same axis goes on and the loss is
    counted.
    """
    sender = Sender()
    sent = sender.some(6200)
    report, segments = recorded(tmp_path, sent[:100] + sent[6100:])
    assert_exact(segments[0], sent[:100])
    assert_exact(segments[1], sent[6100:])
    assert {one.record.opened.epoch for one in segments} == {1}
    assert report.lost == 6000


def test_source_that_restarts(tmp_path: Path) -> None:
    """
    The same SSRC with new numbers and timestamps, as after a restart, is a new epoch; none of its packets is
    taken for an old one.
    """
    first = Sender(sequence=30_000).some(100)
    second = Sender(sequence=29_800, timestamp=7, now=first[-1].arrival + 0.02, seed=2).some(100)
    third = Sender(sequence=100, timestamp=99_000, now=second[-1].arrival + 0.02, seed=3).some(100)
    report, segments = recorded(tmp_path, first + second + third)
    for segment, sent in zip(segments, (first, second, third), strict=True):
        assert_exact(segment, sent)
    assert [one.record.opened.epoch for one in segments] == [1, 2, 3]
    assert (report.packets, report.duplicates, report.lost) == (300, 0, 0)


def test_new_numbers_on_the_same_clock(tmp_path: Path) -> None:
    """
    A sender whose sequence numbers start anew, lower by a few, while its timestamps go on, loses nothing.
    """
    sender = Sender(sequence=30_000)
    first = sender.some(200)
    sender.sequence -= 150
    second = sender.some(200)
    report, segments = recorded(tmp_path, first + second)
    assert_exact(segments[0], first)
    assert_exact(segments[1], second)
    assert report.packets == 400


def test_address_changes(tmp_path: Path) -> None:
    """
    Packets from another address or port are the same stream, as the source tells; the report warns once.
    """
    sender = Sender()
    sent = sender.some(50)
    sender.address = ("2001:db8::7", 5000)
    sent += sender.some(50)
    report, (segment,) = recorded(tmp_path, sent)
    assert_exact(segment, sent)
    assert codes(report) == ["source-changed"]
    assert report.source == "[2001:db8::7]:5000"


def test_forged_packets_move_nothing(tmp_path: Path) -> None:
    """
    The address moves with two packets in sequence: not with one, nor with two that are none, nor with the source's own
    between them; across sweeps as within one.
    """
    sender, elsewhere = Sender(), ("203.0.113.9", 666)
    sent = sender.some(200)
    for index in (50, 52, 90, 93, 150, 152):
        sent[index] = evolve(sent[index], address=elsewhere)
    receiver = receiver_in(tmp_path)
    receive(receiver, sent, sweep=0.02)
    assert (receiver.report().source, receiver.report().warnings) == (text_of(ADDRESS), ())
    moved = [evolve(one, address=elsewhere) for one in sender.some(2)]
    receive(receiver, moved[:1])
    assert receiver.report().source == text_of(ADDRESS)
    receive(receiver, moved[1:])
    assert receiver.report().source == text_of(elsewhere)
    assert codes(receiver.close()) == ["source-changed"]


def test_segments_are_bounded(tmp_path: Path) -> None:
    """
    A source that changes its codec with every packet fills no directory.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    sent = []
    for index in range(MOST_SEGMENTS + 200):
        sender.payload_type = 8 * (index % 2)
        sent.append(sender.one())
    receive(receiver, sent)
    report = receiver.close()
    assert len(list(tmp_path.glob("*.jsonl"))) == MOST_SEGMENTS
    assert "too-many-segments" in codes(report)
    assert report.rejected == 200


def test_stereo_and_strange_rates(tmp_path: Path) -> None:
    """
    Channels are interleaved octets of one tick; a clock rate that cannot be is taken as 8000.
    """
    receiver = receiver_in(tmp_path, [PayloadFormat(97, "PCMU", 16_000, 2), PayloadFormat(98, "PCMA", 0, 0)])
    sender = Sender(payload_type=97, rate=16_000)
    stereo = [sender.one(640, ticks=320) for _ in range(25)]
    sender.payload_type, sender.rate = 98, 8000
    mono = sender.some(25)
    receive(receiver, stereo + mono)
    receiver.close()
    first, second = on_disk(tmp_path)
    assert first.octets[58 + 2 * 16_000 :] == b"".join(one.packet.payload for one in stereo)
    assert first.record.checkpoint is not None
    assert first.record.checkpoint.end == 50_000 + 25 * 320
    assert second.record.opened.format == PayloadFormat(98, "PCMA", 8000)
    assert_exact(second, mono, silence=0xD5)


def test_wrong_sized_payload(tmp_path: Path) -> None:
    """
    Half a sample at the end of a stereo packet is left away.
    """
    receiver = receiver_in(tmp_path, [PayloadFormat(97, "PCMU", 8000, 2)])
    sender = Sender(payload_type=97)
    sent = [sender.one(321, ticks=160) for _ in range(25)]
    receive(receiver, sent)
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert segment.octets[58 + 16_000 :] == b"".join(one.packet.payload[:320] for one in sent)


def test_every_order_of_a_change(tmp_path: Path) -> None:
    """
    Source, codec and clock may change at once.
    """
    first = Sender(ssrc=1, payload_type=8).some(60)
    second = [evolve(one, address=("192.0.2.9", 9)) for one in Sender(ssrc=2, now=NOW + 1.2).some(60)]
    _, segments = recorded(tmp_path, impaired(first + second, 2, loss=0.0))
    assert_exact(segments[0], first, silence=0xD5)
    assert_exact(segments[1], second)
