"""
The rulers of the benchmarks measure what they say: the generator sends what is checked, and the check finds faults.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from bench.build import compiled
from bench.load import PAYLOAD, Flood, Target, generate, payloads, target
from bench.machine import cpu_seconds, family
from bench.measure import cost_of
from bench.performance_page import BEGIN, END, write_page
from bench.recorded import Found, checked, manifests_by_call
from siprec_tw.codecs.g711 import MULAW_SAMPLES
from siprec_tw.recording.wav import WAVE_FORMAT_MULAW, header_g711, header_pcm16

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
TARGET = Target("127.0.0.1", 9, 0xFFFFFFFF, 65_534, 2**32 - 160)
COUNT = 50


def splitmix(seed: int, count: int) -> bytes:
    """
    Words of splitmix64, octet by octet, as its authors wrote it down.
    """
    state, octets = seed, b""
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        octets += struct.pack("<Q", z ^ z >> 31)
    return octets


def test_payloads_are_splitmix64() -> None:
    """
    The vectorised form is the sequence itself; its first word for seed 0 is the published one.
    """
    assert splitmix(0, 1) == struct.pack("<Q", 0xE220A8397B1DCDAF)
    assert payloads(0xFFFFFFFF, 7).tobytes() == splitmix(0xFFFFFFFF << 32, 7 * PAYLOAD // 8)


@needs_compiler
@pytest.mark.processes
def test_generator_sends_what_is_checked(tmp_path: Path) -> None:
    """
    Two streams of 0.4 s: 20 packets each, headers that wrap around, the payloads of the check; a flood beside them.
    """
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        each.bind(("127.0.0.1", 0))
        each.settimeout(5)
    targets = [Target("127.0.0.1", each.getsockname()[1], 7 + n, 65_530, 2**32 - 160) for n, each in enumerate(sockets)]
    running = generate(compiled("generator", tmp_path), targets[:2], 0.4, flood=Flood(targets[2], 1000.0))
    sent = running.finish()
    assert (sent.streams, sent.packets_a_stream, sent.sent, sent.refused, sent.flood_sent) == (2, 20, 40, 0, 400)
    for each, aim, count in zip(sockets, targets, (20, 20, 400), strict=True):
        rows = payloads(aim.ssrc, count)
        for number in range(count):
            head = struct.pack(
                ">BBHII", 0x80, 0, (65_530 + number) % 2**16, (2**32 - 160 + 160 * number) % 2**32, aim.ssrc
            )
            assert each.recv(2000) == head + rows[number].tobytes()
        each.close()


@needs_compiler
@pytest.mark.processes
def test_kinds_of_flood(tmp_path: Path) -> None:
    """
    Under random SSRCs each packet is of another source and else as it was; garbage has no header that could be known.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        aim = Target("127.0.0.1", sink.getsockname()[1], 7, 10, 20)
        for kind in ("sources", "garbage"):
            sent = generate(compiled("generator", tmp_path), [], 0.02, flood=Flood(aim, 5000.0, kind)).finish()
            packets = [sink.recv(2000) for _ in range(sent.flood_sent)]
            assert len(packets) == 100
            assert [packet[12:] for packet in packets] == [row.tobytes() for row in payloads(7, 100)]
            heads = [packet[:8] for packet in packets]
            plain = [struct.pack(">BBHI", 0x80, 0, 10 + n, 20 + 160 * n) for n in range(100)]
            assert (heads == plain) == (kind == "sources")
            assert len({packet[8:12] for packet in packets}) == 100


@needs_compiler
@pytest.mark.processes
def test_generator_stops_with_equally_many_packets(tmp_path: Path) -> None:
    """
    SIGTERM in mid-run ends it at the end of a period.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        targets = [target("127.0.0.1", sink.getsockname()[1], Random(n)) for n in range(30)]
        running = generate(compiled("generator", tmp_path), targets, 30.0)
        time.sleep(max(0.0, running.began - time.monotonic()) + 0.11)
        sent = running.stop()
    assert 5 <= sent.packets_a_stream < 1000
    assert sent.sent == 30 * sent.packets_a_stream


@needs_compiler
@pytest.mark.processes
def test_raw_limit_receives_everything(tmp_path: Path) -> None:
    """
    The raw limit loses nothing, and costs something.
    """
    program = str(compiled("raw_limit", tmp_path))
    cost = cost_of((program, "--streams", "20"), 20, 1.0, 0.2, compiled("generator", tmp_path), (None, None))
    assert cost.us_a_packet > 0
    assert cost.lost_share <= 0
    assert cost.load.packets_a_stream == 110


def test_cpu_clock_runs_with_work() -> None:
    """
    The clock of a process and all that it started, here of this one and a child, advances by what both work.
    """
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    before = cpu_seconds(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert family(os.getpid()) == [os.getpid(), child.pid]
        assert cpu_seconds(child.pid) >= 0.3
        assert cpu_seconds(os.getpid()) - before >= 0.3
        child.communicate(b"\n")


def recording(directory: Path, sound: np.ndarray, lead: int, first_sequence: int, packets: int) -> dict[str, Any]:
    """
    A recording of one track as the recorder would write it.
    """
    where = directory / "2026" / "01" / "02" / "r1"
    where.mkdir(parents=True)
    octets = np.concatenate([np.full(lead, 0xFF, np.uint8), sound.reshape(-1)])
    head = header_g711(WAVE_FORMAT_MULAW, 8000, 1, len(octets))
    (where / "track-1.wav").write_bytes(head + octets.tobytes())
    mix = MULAW_SAMPLES[octets].astype("<i2").tobytes()
    (where / "recording.wav").write_bytes(header_pcm16(8000, 1, len(mix)) + mix)
    track = {
        "label": "1", "channel": 1, "lead_samples": lead, "packets": packets, "files": ["track-1.wav"],
        "segments": [{"first_sequence": first_sequence}],
    }
    manifest = {"recording_id": "r1", "call": {"call_id": "c1"}, "tracks": [track]}
    (where / "recording.json").write_text(json.dumps(manifest))
    return manifests_by_call(directory)["c1"]


def test_whole_recording_is_found_whole(tmp_path: Path) -> None:
    """
    Every packet is at its place, after a lead of silence.
    """
    manifest = recording(tmp_path, payloads(TARGET.ssrc, COUNT), 37, 65_534, COUNT)
    assert checked(manifest, [("1", TARGET)], COUNT) == Found(1, COUNT, 0)


def test_lost_packets_are_counted(tmp_path: Path) -> None:
    """
    Two at the beginning, one in the middle, one at the end: lost, and no fault.
    """
    sound = payloads(TARGET.ssrc, COUNT)[2:-1].copy()
    sound[10] = 0xFF
    manifest = recording(tmp_path, sound, 0, 65_536, COUNT - 4)
    assert checked(manifest, [("1", TARGET)], COUNT) == Found(1, COUNT - 4, 4)


def test_wrong_octet_is_a_fault(tmp_path: Path) -> None:
    """
    One octet that was not sent is found.
    """
    sound = payloads(TARGET.ssrc, COUNT).copy()
    sound[7, 159] ^= 1
    found = checked(recording(tmp_path, sound, 0, 65_534, COUNT), [("1", TARGET)], COUNT)
    assert (found.packets, found.lost) == (COUNT - 1, 1)
    assert "packets [7]" in found.faults[0]


def test_wrong_mix_is_a_fault(tmp_path: Path) -> None:
    """
    The channel of recording.wav is compared too.
    """
    manifest = recording(tmp_path, payloads(TARGET.ssrc, COUNT), 0, 65_534, COUNT)
    path = manifest["directory"] / "recording.wav"
    octets = bytearray(path.read_bytes())
    octets[1000] ^= 1
    path.write_bytes(octets)
    assert checked(manifest, [("1", TARGET)], COUNT).faults == ("r1 label 1: recording.wav differs from the track",)


def test_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    """
    A new table replaces the old one and nothing else.
    """
    page = tmp_path / "performance.md"
    write_page(page, "old table")
    page.write_text(page.read_text() + "\nby hand\n")
    write_page(page, "new table")
    text = page.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert "old table" not in text
    assert "new table" in text
    assert text.endswith("\nby hand\n")
    (tmp_path / "other.md").write_text("no marks")
    with pytest.raises(ValueError, match="no marks"):
        write_page(tmp_path / "other.md", "any table")
