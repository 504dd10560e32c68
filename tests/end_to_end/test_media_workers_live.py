"""
Whole calls whose RTP is received by workers, and what becomes of both when processes end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer
from test_calls import assert_nothing_left, place_noise_calls

from bench.exactness import differences, read_sent
from bench.survival import missing_after_kill


def lives(pid: int) -> bool:
    """
    Whether there is such a process; one that is only waited for is none.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False
    return status.rpartition(b")")[2].split()[0] != b"Z"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """
    A server with two workers; the log must hold no error when the test is done, and no worker may be left.
    """
    running = RunningServer(tmp_path, media={"workers": 2})
    running.start()
    workers = running.workers()
    assert len(workers) == 2
    try:
        yield running
    finally:
        running.kill()
    assert not running.errors(), running.log()
    running.wait("the end of the workers", lambda: not any(map(lives, workers)), 2.0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_are_exact_to_the_sample(server: RunningServer, tmp_path: Path, transport: str) -> None:
    """
    Twenty concurrent calls, two tracks of noise each: every octet is at its place, nothing is left, and the metrics
    are those of all workers.
    """
    sent = read_sent(place_noise_calls(server, tmp_path, transport=transport, calls=20, rate=10, duration=5))
    server.wait("20 recordings", lambda: len(server.manifests()) == 20)
    assert len(sent) == 40
    assert differences(sent, server.manifests()) == []
    assert {manifest["verdict"]["name"] for manifest in server.manifests()} == {"complete"}
    assert_nothing_left(server)
    packets = sum(len(stream.numbers) for stream in sent)
    server.wait("the sums", lambda: server.metric("siprec_rtp_packets_received_total") == packets, 5.0)
    assert server.metric("siprec_media_workers") == 2
    assert server.metric("siprec_media_worker_cpu_seconds_total") > 0
    assert server.metric("siprec_media_worker_restarts_total") == 0
    names = {condition["name"]: condition for condition in server.json("/health/ready")["conditions"]}
    assert names["media-workers"] == {"name": "media-workers", "ready": True, "text": "2 of 2 media workers run"}
    workers = server.workers()
    assert server.stop() == -signal.SIGTERM     # twistd, when all is done, dies of the signal it got
    assert not any(map(lives, workers))


@pytest.mark.parametrize("to_all", [False, True])
def test_stop_of_the_server(tmp_path: Path, to_all: bool) -> None:
    """
    SIGTERM in mid-call, to the server or to all processes at once: finished recordings, whole, and no worker is left.
    """
    server = RunningServer(tmp_path, media={"workers": 2})
    server.start()
    workers = server.workers()
    client = noise_calls(server, tmp_path, 6.0)
    try:
        server.wait("3 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 3)
        time.sleep(1.0)
        for pid in workers if to_all else ():
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert server.stop() == -signal.SIGTERM
    finally:
        server.kill()
        client.wait(60)
    manifests = server.manifests()
    assert [manifest["end"]["reason"] for manifest in manifests] == ["shutdown"] * 3
    assert all(manifest["verdict"]["name"] == "complete" for manifest in manifests)
    assert not server.errors(), server.log()
    assert not any(map(lives, workers))


def test_killed_server_is_started_again_at_once(tmp_path: Path) -> None:
    """
    The next one waits until the workers of the killed one have ended, and finishes what they left: nothing is
    missing but the last half second.
    """
    server = RunningServer(tmp_path, media={"workers": 2})
    server.start()
    workers = server.workers()
    client = noise_calls(server, tmp_path, 4.0)
    server.wait("3 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 3)
    time.sleep(2.0)
    killed = time.time()
    server.kill()
    server.start()
    try:
        assert not any(map(lives, workers))
        server.wait("3 recordings", lambda: len(server.manifests()) == 3)
        client.wait(60)
        assert missing_after_kill(read_sent(tmp_path / "sent.jsonl"), server.manifests(), killed) == []
        assert {manifest["verdict"]["name"] for manifest in server.manifests()} == {"truncated"}
    finally:
        server.kill()
        client.wait(60)
    assert not server.errors(), server.log()


def test_directory_is_in_use_while_a_worker_lives(tmp_path: Path) -> None:
    """
    The server is killed, and a worker of it holds still: the next one is not ready before that worker has ended.
    """
    server = RunningServer(tmp_path, media={"workers": 2})
    server.start()
    worker = server.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    server.kill()
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        starting.join(4.0)
        assert starting.is_alive()
    finally:
        os.kill(worker, signal.SIGCONT)
        starting.join()
        server.kill()
    assert not lives(worker)


def test_killed_worker_is_told_and_replaced(tmp_path: Path) -> None:
    """
    A call of a lost worker is a recording with a warning, of all that was swept; calls of the other are exact, and
    new calls are taken as ever.
    """
    server = RunningServer(tmp_path, media={"workers": 2})
    server.start()
    try:
        client = noise_calls(server, tmp_path, 5.0)
        server.wait("3 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 3)
        time.sleep(1.5)
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        server.wait("another worker", lambda: server.metric("siprec_media_worker_restarts_total") == 1)
        assert victim not in server.workers()
        assert server.metric("siprec_media_workers") == 2
        assert client.wait(60) == 0
        server.wait("3 recordings", lambda: len(server.manifests()) == 3)
        streams = read_sent(tmp_path / "sent.jsonl")
        lost = [m for m in server.manifests() if "media-worker-lost" in {w["code"] for w in m["warnings"]}]
        assert 1 <= len(lost) <= 2
        whole = [m for m in server.manifests() if m not in lost]
        ids = {m["call"]["call_id"] for m in whole}
        assert differences([stream for stream in streams if stream.call_id in ids], whole) == []
        again = read_sent(place_noise_calls(server, tmp_path, calls=4, rate=10, duration=2))
        server.wait("7 recordings", lambda: len(server.manifests()) == 7)
        ids = {stream.call_id for stream in again}
        assert differences(again, [m for m in server.manifests() if m["call"]["call_id"] in ids]) == []
        assert len(server.errors()) == 1
        assert "Media worker" in server.errors()[0]
    finally:
        server.kill()


def noise_calls(server: RunningServer, directory: Path, seconds: float) -> subprocess.Popen[bytes]:
    """
    Three calls of that length, on their way.
    """
    return subprocess.Popen(
        [
            sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}",
            f"--sent={directory / 'sent.jsonl'}", "--calls=3", "--rate=20", f"--duration={seconds}",
        ],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )
