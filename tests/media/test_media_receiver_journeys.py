"""
Tests for siprec_tw.media.receiver: long journeys in which everything changes, on a bad network.
"""

import random
from pathlib import Path

import pytest
from rtp_rig import Sender, Sent, impaired, recorded

SOUND = {0: "PCMU", 8: "PCMA"}


def journey(seed: int) -> list[Sent]:
    """
    A source that pauses, holds, sets its clock, changes codec, sends digits, and gives way to others.
    """
    choice = random.Random(seed)
    sender = Sender(ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16), timestamp=choice.getrandbits(32))
    sent: list[Sent] = []
    for _ in range(12):
        sent += sender.some(choice.randint(30, 120), choice.choice((80, 160, 240)))
        match choice.choice(("pause", "hold", "clock", "codec", "digit", "source", "length")):
            case "pause":
                sender.pause(choice.randint(1, 20) * 4000)
            case "hold":
                sender.hold(choice.uniform(1.5, 40.0))
            case "clock":
                sender.timestamp += choice.choice((-1, 1)) * choice.randint(10 * 8000, 2**30)
            case "codec":
                sender.payload_type = 8 - sender.payload_type
            case "digit":
                sound, sender.payload_type = sender.payload_type, 101
                sent += [sender.one(4, ticks=0) for _ in range(8)]
                sender.payload_type = sound
                sender.pause(1280)
            case "source":
                sender = Sender(
                    ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16),
                    timestamp=choice.getrandbits(32), now=sender.now,
                )
    return sent


@pytest.mark.parametrize("seed", range(30))
def test_nothing_that_arrived_is_missing(tmp_path: Path, seed: int) -> None:
    """
    Each packet of sound that arrived lies in a segment of its source and codec at its timestamp, and is
    counted once.
    """
    arrived = impaired(journey(seed), seed, loss=0.02, reordering=0.03, duplication=0.02)
    report, segments = recorded(tmp_path, arrived)
    missing = [one for one in arrived if one.packet.payload_type in SOUND and not found(one, segments)]
    assert [one.packet.sequence for one in missing] == []
    distinct = {(one.packet.ssrc, one.packet.sequence, one.packet.timestamp) for one in arrived}
    assert report.packets == len(distinct)
    kept = sum(segment.record.checkpoint.packets for segment in segments)
    assert (kept, report.rejected) == (len(distinct), 0)


def found(one: Sent, segments) -> bool:  # type: ignore[no-untyped-def]
    """
    Whether a segment has the packet at its place.
    """
    packet = one.packet
    return any(
        segment.at(packet.timestamp, len(packet.payload)) == packet.payload
        for segment in segments
        if segment.record.opened.ssrc == packet.ssrc
        and segment.record.opened.format.encoding == SOUND[packet.payload_type]
    )
