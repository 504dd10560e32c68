"""
SIGKILL in mid-call: what had arrived until half a second before is a finished recording after the next start.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer

from bench.exactness import differences, read_sent
from bench.survival import missing_after_kill


@pytest.mark.parametrize("length", [2.3, 4.0, 6.1])
def test_killed_server_keeps_all_but_the_last_half_second(tmp_path: Path, length: float) -> None:
    """
    Ten calls are up when the process is killed; after a start each is there, truncated, exact and playable.
    """
    server = RunningServer(tmp_path)
    server.start()
    sent = tmp_path / "sent.jsonl"
    client = subprocess.Popen(
        [
            sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}",
            "--calls=10", "--rate=20", f"--duration={length + 1.5}",
        ],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )
    server.wait("10 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 10)
    time.sleep(length)
    killed = time.time()
    server.kill()
    client.wait(120)
    server.start()
    try:
        server.wait("10 recordings", lambda: len(server.manifests()) == 10)
        streams = read_sent(sent)
        assert len(streams) == 20
        assert missing_after_kill(streams, server.manifests(), killed) == []
        assert server.json("/api/v1/recordings")["total"] == 10
        assert not list((server.recordings / "spool").glob("*"))
        assert server.stop() == -signal.SIGTERM     # twistd, when all is done, dies of the signal it got
    finally:
        server.kill()
    assert not server.errors(), server.log()


def test_stopped_process_is_recorded_on_after_it_continues(server: RunningServer, tmp_path: Path) -> None:
    """
    SIGSTOP for two seconds: the sockets keep what comes, and nothing of it is lost.
    """
    sent = tmp_path / "sent.jsonl"
    client = subprocess.Popen(
        [
            sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}",
            "--calls=5", "--rate=20", "--duration=6",
        ],
        cwd=ROOT,
    )
    server.wait("5 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 5)
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    server.process.send_signal(signal.SIGCONT)
    assert client.wait(60) == 0
    server.wait("5 recordings", lambda: len(server.manifests()) == 5)
    assert differences(read_sent(sent), server.manifests()) == []


def test_shutdown_finalises_what_is_running(tmp_path: Path) -> None:
    """
    SIGTERM in mid-call: BYE to the client, a finished recording that says shutdown.
    """
    server = RunningServer(tmp_path)
    server.start()
    sent = tmp_path / "sent.jsonl"
    client = subprocess.Popen(
        [
            sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}",
            "--calls=3", "--rate=20", "--duration=5",
        ],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )
    try:
        server.wait("3 calls", lambda: len([c for c in server.calls() if c["state"] == "confirmed"]) == 3)
        time.sleep(1.0)
        assert server.stop() == -signal.SIGTERM     # twistd, when all is done, dies of the signal it got
    finally:
        server.kill()
        client.wait(60)
    manifests = server.manifests()
    assert [manifest["end"]["reason"] for manifest in manifests] == ["shutdown"] * 3
    assert all(manifest["verdict"]["name"] == "complete" for manifest in manifests)
    assert all(manifest["times"]["duration"] > 0.5 for manifest in manifests)
    assert not server.errors(), server.log()
