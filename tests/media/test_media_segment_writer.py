"""
Tests for siprec_tw.media.segment_writer, packet_writer and segment_record: the files, and a disk that
refuses.
"""

import errno
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from rtp_rig import (
    ADDRESS,
    NOW,
    PCMA,
    PCMU,
    Sender,
    Sent,
    assert_exact,
    on_disk,
    receive,
    receiver_in,
    recorded,
)

from siprec_tw.media.arrival import Run
from siprec_tw.media.format_table import lane_of
from siprec_tw.media.rtcp_watch import RtcpSeen
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.media.segment_writer import UNKNOWN_SIZE, SampleSegment
from siprec_tw.recording.segment import Filled, Gap, Layout, SegmentOpened
from siprec_tw.recording.sound import sound_of

NEGATIVE_ZERO = {0: (b"\x7f", b"\xff"), 8: (b"", b"", 0)}
OPENED = SegmentOpened("n", "s", 1, 1, 7, PCMU, Layout.SAMPLES, 2000, 10_000, 50, NOW)


class FullDisk(SegmentFiles):
    """
    A directory on a disk that takes C{room} more octets into files whose names have C{only} in them.
    """

    def __init__(self, directory: Path, room: float = 0, only: str = "") -> None:
        super().__init__(str(directory))
        self.room = room
        self.only = only
        self.names: dict[int, str] = {}

    def open(self, name: str) -> int:
        """
        Any file can be opened.
        """
        descriptor = super().open(name)
        self.names[descriptor] = name
        return descriptor

    def write(self, descriptor: int, octets: bytes, offset: int) -> None:
        """
        As much as there is room for, then ENOSPC.
        """
        if self.only in self.names[descriptor]:
            if len(octets) > self.room:
                os.pwrite(descriptor, octets[: int(self.room)], offset)
                self.room = 0
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room -= len(octets)
        super().write(descriptor, octets, offset)


def segment_in(directory: Path, missing: int = 0) -> tuple[SampleSegment, list[OSError]]:
    failures: list[OSError] = []
    segment = SampleSegment(
        SegmentFiles(str(directory)), OPENED, lane_of(PCMU), lambda error, name: failures.append(error),
        lambda before, after: missing, RtcpSeen(),
    )
    return segment, failures


def test_runs_are_placed(tmp_path: Path) -> None:
    """
    Runs ahead of the head make gaps, runs behind it fill them, each packet of them by itself.
    """
    segment, _ = segment_in(tmp_path, missing=2)
    segment.place([Run(10_000, b"a" * 160, 50, 50)])
    segment.place([Run(10_480, b"d" * 160, 53, 53)])
    segment.place([Run(10_160, b"b" * 160 + b"c" * 160, 51, 52)])
    segment.close("stream-closed")
    (found,) = on_disk(tmp_path)
    assert found.sound == b"a" * 160 + b"b" * 160 + b"c" * 160 + b"d" * 160
    assert found.record.gaps == [Gap(10_160, 10_480, 50, 53)]
    assert found.record.filled == [Filled(10_160, 10_320, 51), Filled(10_320, 10_480, 52)]
    assert sound_of(found.record).holes == ()


def test_runs_before_the_origin_are_cut(tmp_path: Path) -> None:
    """
    Of a run that begins before the origin only whole packets after it are written; the others are counted.
    """
    segment, _ = segment_in(tmp_path)
    segment.place([Run(10_000, b"x" * 160, 50, 50)])
    segment.place([Run(1500, b"".join(bytes([65 + index]) * 160 for index in range(6)), 10, 15)])
    segment.place([Run(500, b"y" * 160, 3, 3)])
    assert segment.standing.rejected == 5
    segment.close("stream-closed")
    (found,) = on_disk(tmp_path)
    assert found.at(2140, 160) == b"E" * 160
    assert found.octets[58 : 58 + 140] == b"\xff" * 140
    assert [one.first for one in found.record.filled] == [2140, 2300]


def test_header_while_open_and_after(tmp_path: Path) -> None:
    """
    An open file claims more than it has, as SoX does for a stream; a closed one says its true length.
    """
    sender = Sender()
    receiver = receiver_in(tmp_path)
    receive(receiver, sender.some(50))
    path = tmp_path / "s-1.wav.part"
    head = path.read_bytes()[:58]
    assert struct.unpack_from("<HHIIHHH", head, 20) == (7, 1, 8000, 8000, 1, 8, 0)
    assert struct.unpack_from("<I", head, 54) == (UNKNOWN_SIZE,)
    receiver.close()
    head = path.read_bytes()[:58]
    assert struct.unpack_from("<I", head, 54) == (16_000,)
    assert struct.unpack_from("<I", head, 4) == (16_000 + 50,)
    assert path.stat().st_size == 16_058


@pytest.mark.skipif(shutil.which("sox") is None, reason="SoX is not installed")
@pytest.mark.parametrize("payload_type", [0, 8])
@pytest.mark.parametrize("closed", [True, False])
def test_any_player_plays_it(tmp_path: Path, closed: bool, payload_type: int) -> None:
    """
    SoX reads the file whole, closed or left open by a process that was killed.
    """
    sent = Sender(payload_type=payload_type).some(100)
    receiver = receiver_in(tmp_path)
    receive(receiver, sent)
    if closed:
        receiver.close()
    command = ["sox", "-V1", "-t", "wav", str(tmp_path / "s-1.wav.part"), "-t", "raw", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    # SoX has no negative zero.
    assert raw[8000:] == b"".join(one.packet.payload for one in sent).replace(*NEGATIVE_ZERO[payload_type])


def test_a_law_is_silent_in_its_own_way(tmp_path: Path) -> None:
    """
    Lead and gaps of A-law are 0xD5.
    """
    sender = Sender(payload_type=8)
    sent = sender.some(10)
    sender.pause(800)
    sent += sender.some(10)
    _, (segment,) = recorded(tmp_path, sent)
    assert segment.record.opened.format == PCMA
    assert_exact(segment, sent, silence=0xD5)


def test_full_disk_becomes_a_gap(tmp_path: Path) -> None:
    """
    While the disk refuses, the stream goes on; what was refused is silence afterwards and the record says so.
    """
    sender = Sender()
    disk = FullDisk(tmp_path, room=58 + 8000 + 160 * 60 + 77, only=".wav")
    receiver = receiver_in(tmp_path, files=disk)
    first, refused, later = sender.some(60), sender.some(40), sender.some(60)
    receive(receiver, first)
    receive(receiver, refused)
    disk.room = float("inf")
    receive(receiver, later)
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, first + later)
    holes = sound_of(segment.record).holes
    assert [hole.first for hole in holes[1:]] == [hole.end for hole in holes[:-1]]
    assert (holes[0].first, holes[-1].end) == (50_000 + 60 * 160, 50_000 + 100 * 160)
    assert [code for code, _ in report.warnings] == ["write-failed"]
    assert "No space left" in report.warnings[0][1]
    assert receiver.failed_writes == 2
    assert report.packets == 160


def test_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    """
    A stream that can write nothing at first is recorded from when it can.
    """
    sender = Sender()
    disk = FullDisk(tmp_path)
    receiver = receiver_in(tmp_path, files=disk)
    lost, later = sender.some(60), sender.some(60)
    receive(receiver, lost)
    disk.room = float("inf")
    receive(receiver, later)
    receiver.close()
    (segment,) = on_disk(tmp_path)
    for one in later:
        assert segment.at(one.packet.timestamp, 160) == one.packet.payload
    for one in lost:
        assert segment.at(one.packet.timestamp, 160) == b"\xff" * 160


def test_torn_lines_are_written_over(tmp_path: Path) -> None:
    """
    A line of which the disk took only half is whole as soon as there is room; none is missing or torn.
    """
    sender = Sender()
    disk = FullDisk(tmp_path, room=float("inf"), only=".jsonl")
    receiver = receiver_in(tmp_path, files=disk)
    sent = sender.some(20)
    receive(receiver, sent)
    for room in (40.0, 10.0, float("inf")):
        disk.room = room
        sender.pause(800)
        more = sender.some(20)
        receive(receiver, more)
        sent += more
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent)
    assert [gap.end - gap.first for gap in segment.record.gaps] == [800, 800, 800]
    text = (tmp_path / "s-1.jsonl").read_bytes()
    assert all(line.startswith(b"{") and line.endswith(b"}") for line in text.splitlines())


def test_torn_packets_are_written_over(tmp_path: Path) -> None:
    """
    A sweep of packets that the disk took only half of is given up; the file stays readable.
    """
    sender = Sender(payload_type=18)
    disk = FullDisk(tmp_path, room=900, only=".rtpdump")
    receiver = receiver_in(tmp_path, files=disk)
    sent = [sender.one(20, ticks=160) for _ in range(60)]
    receive(receiver, sent[:20])
    receive(receiver, sent[20:40])
    disk.room = float("inf")
    receive(receiver, sent[40:])
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert segment.packets == [one.octets for one in sent[:20] + sent[40:]]


def test_directory_that_is_gone(tmp_path: Path) -> None:
    """
    Without its directory a stream is counted and warned of, and nothing is raised.
    """
    receiver = receiver_in(tmp_path / "nowhere")
    receive(receiver, Sender().some(50))
    report = receiver.close()
    assert report.packets == 50
    assert [code for code, _ in report.warnings] == ["write-failed"]


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """
    One descriptor is open while there is sound, none for side packets, none after the close.
    """
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc")
    before = len(list(descriptors.iterdir()))
    sender = Sender()
    receiver = receiver_in(tmp_path)
    sent = sender.some(20)
    sender.payload_type = 101
    sent += [sender.one(4, ticks=0) for _ in range(3)]
    receive(receiver, sent)
    assert len(list(descriptors.iterdir())) == before + 1
    receiver.close()
    assert len(list(descriptors.iterdir())) == before


def test_arrival_order_of_packets(tmp_path: Path) -> None:
    """
    Packets are kept as they arrived, late ones late, with the milliseconds since the first.
    """
    sender = Sender(payload_type=18)
    sent = [sender.one(20, ticks=160) for _ in range(10)]
    late = Sent(sent[3].packet, sent[6].arrival + 0.001)
    arrived = sorted([*sent[:3], *sent[4:], late], key=lambda one: one.arrival)
    receiver = receiver_in(tmp_path)
    receiver.receive([(one.octets, ADDRESS, one.arrival) for one in arrived])
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert segment.packets == [one.octets for one in arrived]
    assert segment.octets.startswith(b"#!rtpplay1.0 192.0.2.1/40000\n")
