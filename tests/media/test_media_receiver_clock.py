"""
Tests for siprec_tw.media.receiver: what records tell of the clocks of sources.
"""

from __future__ import annotations

import json
from pathlib import Path

from attrs import evolve
from rtp_rig import ADDRESS, NOW, Sender, Sent, receive, receiver_in

from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.recording.segment import ClockTold, Segment, from_lines
from siprec_tw.rtp.rtcp import (
    CNAME,
    NTP_TO_POSIX,
    RtcpPacket,
    SenderReport,
    SourceChunk,
    SourceDescription,
    write_compound,
)

RATE = 8000


def record_in(directory: Path, number: int = 1) -> Segment:
    found = from_lines((directory / f"s-{number}.jsonl").read_bytes().splitlines())
    assert found is not None
    return found


def delayed(sent: list[Sent], seconds: float) -> list[Sent]:
    return [evolve(one, arrival=one.arrival + seconds) for one in sent]


def report(receiver: StreamReceiver, sender: Sender, instant: float | None, *, name: bytes = b"pbx") -> None:
    """
    A sender report of where the sender is now; C{instant} is by its own clock, None where it has none.
    """
    ntp = 0 if instant is None else int((instant + NTP_TO_POSIX) * 2**32)
    packets: list[RtcpPacket] = [SenderReport(sender.ssrc, ntp, sender.timestamp & 0xFFFFFFFF, 1, 160)]
    if name:
        packets.append(SourceDescription((SourceChunk(sender.ssrc, ((CNAME, name),)),)))
    receiver.receive_rtcp([(write_compound(packets), ADDRESS, sender.now)])


def test_the_least_transit_since_each_checkpoint(tmp_path: Path) -> None:
    """
    Each checkpoint tells the least transit since the one before, beside the least of all.
    """
    sender = Sender(timestamp=2**32 - 80_000)
    receiver = receiver_in(tmp_path)
    base = NOW - sender.timestamp / RATE
    for late in (0.1, 0.02, 0.03, 0.05):
        receive(receiver, delayed(sender.some(250), late))
    receiver.close()
    record = record_in(tmp_path)
    least = [round(transit - base, 3) for _, transit in record.transits]
    assert least == [0.1, 0.02, 0.03, 0.05]
    assert [at - 2**32 + 80_000 for at, _ in record.transits] == [40_000, 80_000, 120_000, 160_000]
    assert record.checkpoint is not None and round(record.checkpoint.transit - base, 3) == 0.02


def test_nothing_since_the_last_checkpoint(tmp_path: Path) -> None:
    """
    A segment that closes at once after a checkpoint tells nothing new, in plain JSON.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    receive(receiver, sender.some(250))
    receiver.close()
    lines = (tmp_path / "s-1.jsonl").read_bytes().splitlines()
    checkpoints = [line for line in map(json.loads, lines) if line["event"] == "Checkpoint"]
    assert [line["recent"] is None for line in checkpoints] == [False, True]
    assert b"Infinity" not in b"".join(lines)


def test_sender_reports(tmp_path: Path) -> None:
    """
    The latest report is told with each checkpoint, once, on the axis of the segment, with the name of its source.
    """
    sender = Sender(timestamp=2**32 - 1600)
    receiver = receiver_in(tmp_path)
    for number in range(4):
        receive(receiver, sender.some(100))
        for _ in range(3 if number != 2 else 0):
            report(receiver, sender, 12.5 + number)
        receive(receiver, sender.some(150))
    receiver.close()
    told = record_in(tmp_path).clocks
    first = 2**32 - 1600
    assert [evolve(one, arrival=round(one.arrival, 3)) for one in told] == [
        ClockTold(first + 160 * (250 * number + 100), 12.5 + number, "pbx", NOW + 5 * number + 2)
        for number in (0, 1, 3)
    ]


def test_reports_that_tell_nothing(tmp_path: Path) -> None:
    """
    A sender without a clock, one whose timestamps are of elsewhere, another source: nothing is told.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    receive(receiver, sender.some(200))
    report(receiver, sender, None)
    report(receiver, evolve(sender, ssrc=9), NOW)
    receive(receiver, sender.some(200))
    report(receiver, evolve(sender, timestamp=sender.timestamp + 10_000_000), NOW)
    receive(receiver, sender.some(200))
    receiver.close()
    assert record_in(tmp_path).clocks == []


def test_a_report_of_the_clock_before(tmp_path: Path) -> None:
    """
    A report that came before a segment began is not told of it; a name need not be there.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    receive(receiver, sender.some(10))
    report(receiver, sender, NOW, name=b"")
    sender.payload_type = 8
    receive(receiver, sender.some(300))
    report(receiver, sender, NOW + 1, name=b"")
    receive(receiver, sender.some(300))
    receiver.close()
    assert [told.instant for told in record_in(tmp_path, 1).clocks] == [NOW]
    assert [(told.instant, told.name) for told in record_in(tmp_path, 2).clocks] == [(NOW + 1, "")]
