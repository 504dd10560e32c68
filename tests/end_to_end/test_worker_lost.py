"""
A media worker is killed under running calls: what it had received stays, the streams are opened anew, the rest comes.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running_server import ROOT, RunningServer
from wire_client import PAIRS, Caller, answer_to, manifests_of, media_ports, open_wire, sdp

from bench.exactness import G711_HEADER, Sent, differences, read_sent, sound_of

CALLS = 6
PACKET = 160            # samples, 20 ms
SILENCE = b"\xff"       # mu-law
MOST_KEPT_BACK = 0.6    # seconds that a killed worker may not have written yet: one sweep, and a busy machine


@contextmanager
def losing(directory: Path, count: int) -> Iterator[RunningServer]:
    """
    A ready server of so many media workers. Its log may hold no error but that workers were lost.
    """
    server = RunningServer(directory, media_ports(PAIRS), media={"workers": count})
    server.start()
    try:
        yield server
    finally:
        server.kill()
    assert [line for line in server.errors() if " is lost with " not in line] == [], server.log()


def workers(server: RunningServer) -> list[int]:
    """
    The process ids of the server's media workers.
    """
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"siprec_tw.media.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def outage_fault(stream: Sent, manifest: dict[str, Any], killed: float) -> str:
    """
    What is wrong with a track that was lost at C{killed}; "" where all is exact but for one outage of true length.
    """
    track = next(each for each in manifest["tracks"] if each["label"] == stream.label)
    outages = [gap for gap in track["gaps"] if gap["kind"] == "outage"]
    if len(outages) != 1 or len(track["gaps"]) != 1 or len(track["stream_ids"]) != 2:
        return f"gaps {track['gaps']}, streams {track['stream_ids']}"
    octets = sound_of(manifest["directory"] / f"track-{stream.label}.wav", G711_HEADER)[track["lead_samples"]:]
    start = outages[0]["start_sample"] - track["lead_samples"]
    length = outages[0]["samples"]
    packets = b"".join(packet for packet in stream.packets() if packet is not None)
    before, between, after = octets[:start], octets[start:start + length], octets[start + length:]
    if not (before and packets.startswith(before)):
        return "what was before the outage is not what was sent"
    if not (after and packets.endswith(after)):
        return "what came after the outage is not what was sent"
    if between.strip(SILENCE):
        return "the outage is not silent"
    missing = len(packets) - len(before) - len(after)
    if abs(missing - length) > PACKET:
        return f"the outage has {length} samples, wanted {missing}"
    last = stream.times[len(before) // PACKET - 1]
    if not killed - MOST_KEPT_BACK < last < killed + 0.1:
        return f"the last packet before the outage was sent {killed - last:.2f} s before the worker was killed"
    return ""


@pytest.mark.parametrize("lost", [1, 2])
def test_recordings_go_on_after_an_outage(tmp_path: Path, lost: int) -> None:
    """
    One of two workers, or both, are killed: every call goes on, exact before and after; those of the other worker
    miss nothing at all.
    """
    sent = tmp_path / "sent.jsonl"
    with losing(tmp_path, 2) as server:
        assert len(workers(server)) == 2
        client = subprocess.Popen(
            [
                sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}",
                f"--calls={CALLS}", "--rate=20", "--duration=8",
            ],
            cwd=ROOT, stderr=subprocess.DEVNULL,
        )
        try:
            server.wait("the calls", lambda: [c["state"] for c in server.calls()] == ["confirmed"] * CALLS)
            time.sleep(2.0)
            killed = time.time()
            for pid in workers(server)[:lost]:
                os.kill(pid, signal.SIGKILL)
            streams_lost = lost * CALLS
            server.wait("the streams", lambda: server.metric("siprec_streams_reopened_total") == streams_lost)
            assert server.metric("siprec_streams_lost_total") == streams_lost
            server.wait("the workers", lambda: len(workers(server)) == 2)
            assert client.wait(60) == 0
        finally:
            client.kill()
            client.wait()
        server.wait("the recordings", lambda: len(server.manifests()) == CALLS)
        manifests = {each["call"]["call_id"]: each for each in server.manifests()}
        log = server.log()
    streams = read_sent(sent)
    cut = {call_id for call_id, each in manifests.items() if len(each["tracks"][0]["stream_ids"]) == 2}
    assert len(cut) == lost * CALLS // 2
    faults = [outage_fault(each, manifests[each.call_id], killed) for each in streams if each.call_id in cut]
    assert faults == [""] * streams_lost
    for call_id, manifest in manifests.items():
        assert manifest["verdict"]["name"] == ("complete-with-loss" if call_id in cut else "complete")
        assert ("media-worker-lost" in [each["code"] for each in manifest["warnings"]]) is (call_id in cut)
    untouched = [each for each in streams if each.call_id not in cut]
    assert differences(untouched, list(manifests.values())) == []
    assert log.count("calls are opened anew") == log.count("Streams offered anew: ") == lost


def test_client_that_refuses(tmp_path: Path) -> None:
    """
    It answers 488: the call gets a BYE, and its recording has what was received, and says why it ends.
    """
    with losing(tmp_path, 1) as server, open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        ports = caller.call(sdp(ports=(40000,))).ports
        with open_wire("udp", ports[0]) as rtp:
            for number in range(60):
                head = struct.pack(">BBHII", 0x80, 0, number, number * PACKET, 7)
                rtp.send(head + bytes([number]) * PACKET)
                time.sleep(0.02)
            time.sleep(MOST_KEPT_BACK)
            os.kill(workers(server)[0], signal.SIGKILL)
            invite = wire.expect("a re-INVITE", lambda each: each.start.startswith("INVITE "), 10.0)
            assert invite.ports and invite.ports != ports
            answer_to(wire, invite, 488, "Not Acceptable Here")
            wire.expect("an ACK", lambda each: each.start.startswith("ACK "))
            answer_to(wire, wire.expect("a BYE", lambda each: each.start.startswith("BYE ")))
        server.wait("the recording", lambda: bool(manifests_of(server, caller)))
        manifest, = manifests_of(server, caller)
    assert (manifest["end"]["reason"], manifest["verdict"]["name"]) == ("media-lost", "truncated")
    octets = sound_of(manifest["directory"] / "track-1.wav", G711_HEADER)
    assert octets == b"".join(bytes([number]) * PACKET for number in range(60))
