"""
Tests for siprec_tw.media.receiver and siprec_tw.recording.track_losses: the quality of what was received, as it is
reported and as the record tells it.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from rtp_rig import Sender, Sent, impaired, on_disk, receive, receiver_in, recorded

from siprec_tw.interfaces import StreamQuality
from siprec_tw.recording.segment import from_lines
from siprec_tw.recording.sound import sound_of
from siprec_tw.recording.stream_quality import quality_of
from siprec_tw.recording.track_losses import losses_of, packet_seconds


def told_by_record(directory: Path) -> StreamQuality | None:
    """
    The quality as a manifest has it, from the records alone.
    """
    sounds = [sound_of(one.record) for one in on_disk(directory)]
    sounds = [one for one in sounds if one.segment.opened.format.payload_type in (0, 8)]
    last = sounds[-1].segment
    assert last.checkpoint is not None
    rate = last.opened.format.clock_rate
    return quality_of(
        losses_of(sounds), last.opened.format.encoding, packet_seconds(sounds), last.checkpoint.jitter / rate
    )


def without(sent: list[Sent], *numbers: int) -> list[Sent]:
    """
    All but the packets at these places.
    """
    return [one for index, one in enumerate(sent) if index not in numbers]


def test_nothing_lost(tmp_path: Path) -> None:
    """
    Full marks of the default connection: R 93.2, MOS 4.41; one gap as long as the call.
    """
    report, _ = recorded(tmp_path, Sender().some(500))
    assert report.quality == told_by_record(tmp_path) == StreamQuality(
        loss_rate=0, longest_loss=0, bursts=0, burst_density=0, burst_duration=0, gap_density=0, gap_duration=10,
        jitter=0, r_factor=93.2, mos=4.41,
    )


def test_nothing_came(tmp_path: Path) -> None:
    """
    There is no quality of nothing.
    """
    assert receiver_in(tmp_path).close().quality is None


def test_a_burst_and_a_lonely_loss(tmp_path: Path) -> None:
    """
    Four of eight packets are missing in one place, one in another; durations by the length of a packet.
    """
    report, _ = recorded(tmp_path, without(Sender().some(500), 100, 101, 102, 107, 300))
    quality = report.quality
    assert quality == told_by_record(tmp_path)
    assert quality is not None
    assert (quality.loss_rate, quality.longest_loss) == (0.01, 3)
    assert (quality.bursts, quality.burst_density, quality.burst_duration) == (1, 0.5, 0.16)
    assert (quality.gap_density, quality.gap_duration) == (round(1 / 492, 6), 4.92)
    burst_ratio = 5 / 3 * 0.99
    assert quality.r_factor == round(93.2 - 95 / (1 / burst_ratio + 4.3), 1)


def journey(seed: int) -> list[Sent]:
    """
    A source that pauses, changes codec and begins anew, with packets of 20 ms throughout.
    """
    choice = random.Random(seed)
    sender = Sender(ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16), timestamp=choice.getrandbits(32))
    sent: list[Sent] = []
    for _ in range(10):
        sent += sender.some(choice.randint(30, 120))
        match choice.choice(("pause", "codec", "source", "nothing")):
            case "pause":
                sender.pause(choice.randint(1, 20) * 4000)
            case "codec":
                sender.payload_type = 8 - sender.payload_type
            case "source":
                sender = Sender(
                    ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16),
                    timestamp=choice.getrandbits(32), now=sender.now,
                )
    return sent


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("loss", [0.02, 0.2])
def test_report_and_record_tell_the_same(tmp_path: Path, seed: int, loss: float) -> None:
    """
    What a stream reports at its close is what the manifest will say, to the last digit.
    """
    arrived = impaired(journey(seed), seed, loss=loss, reordering=0.05, duplication=0.02)
    report, _ = recorded(tmp_path, arrived)
    assert report.quality == told_by_record(tmp_path)


def test_report_on_an_open_stream(tmp_path: Path) -> None:
    """
    A packet that is only late counts as missing until it comes.
    """
    sent = Sender().some(300)
    receiver = receiver_in(tmp_path)
    receive(receiver, without(sent, 200))
    early = receiver.report().quality
    receive(receiver, [Sent(sent[200].packet, sent[-1].arrival + 0.01)])
    late = receiver.report().quality
    assert early is not None
    assert late is not None
    assert (early.loss_rate, late.loss_rate) == (round(1 / 300, 6), 0)
    assert receiver.close().quality == late


def test_restarted_source_keeps_its_losses(tmp_path: Path) -> None:
    """
    A source that counts from elsewhere under its old name is still the same stream.
    """
    sender = Sender()
    sent = without(sender.some(200), 50)
    sender.sequence += 20_000
    sender.timestamp += 90_000_000
    sent += without(sender.some(200), 50)
    report, _ = recorded(tmp_path, sent)
    assert report.quality is not None
    assert (report.quality.loss_rate, report.quality.longest_loss) == (round(2 / 400, 6), 1)
    assert report.quality == told_by_record(tmp_path)


def test_wide_band_is_not_rated(tmp_path: Path) -> None:
    """
    Opus has losses, and no place on the scale.
    """
    sender = Sender(payload_type=96, rate=48_000)
    report, _ = recorded(tmp_path, without([sender.one(60, ticks=960) for _ in range(200)], 100, 101))
    assert report.quality is not None
    assert (report.quality.bursts, report.quality.burst_duration) == (1, 0.04)
    assert (report.quality.r_factor, report.quality.mos) == (None, None)


def test_killed_process_leaves_what_its_record_tells(tmp_path: Path) -> None:
    """
    Of a segment that was not closed, what came after the last checkpoint is estimated by the length of its file.
    """
    sent = without(Sender().some(500), 100, 101)
    receive(receiver_in(tmp_path), sent)
    whole, = on_disk(tmp_path)
    lines = (tmp_path / "s-1.jsonl").read_bytes().splitlines(keepends=True)
    record = from_lines(lines)
    assert record is not None
    assert record.closed is None
    found = losses_of([sound_of(record, record.opened.origin + len(whole.octets) - 58)])
    assert (found.expected, found.lost, found.bursts) == (500, 2, 1)
