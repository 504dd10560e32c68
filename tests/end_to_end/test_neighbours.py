"""
What a second server, a closed terminal and a stranger do to a running one.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer

from bench.exactness import differences, read_sent


def noise_call(server: RunningServer, sent: Path, seconds: float) -> subprocess.Popen[bytes]:
    """
    A call of that length, on its way.
    """
    client = subprocess.Popen(
        [
            sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}",
            f"--duration={seconds}",
        ],
        cwd=ROOT,
    )
    server.wait("the call", lambda: [c["state"] for c in server.calls()] == ["confirmed"])
    return client


def test_second_server_on_the_same_directory_does_not_start(server: RunningServer, tmp_path: Path) -> None:
    """
    It says who has the directory, and the running call of the first is recorded to its end.
    """
    client = noise_call(server, tmp_path / "sent.jsonl", 4)
    (tmp_path / "second").mkdir()
    second = RunningServer(tmp_path / "second", recording={"directory": str(server.recordings)})
    assert server.process is not None
    with pytest.raises(RuntimeError, match=f"in use by another recorder, process {server.process.pid}"):
        second.start()
    assert client.wait(30) == 0
    server.wait("the recording", lambda: len(server.manifests()) == 1)
    assert differences(read_sent(tmp_path / "sent.jsonl"), server.manifests()) == []


def test_closed_terminal_is_a_stop(tmp_path: Path) -> None:
    """
    SIGHUP in the foreground: the running call gets its BYE and its recording.
    """
    server = RunningServer(tmp_path)
    server.start()
    client = noise_call(server, tmp_path / "sent.jsonl", 3)
    assert server.process is not None
    time.sleep(0.5)
    server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(30) == 0
    client.wait(30)
    assert [manifest["end"]["reason"] for manifest in server.manifests()] == ["shutdown"]


def test_stranger_is_told_of_in_the_log_once(tmp_path: Path) -> None:
    """
    An address in no network of sip.allow gets 403 each time, and one line in the log that names the key.
    """
    server = RunningServer(tmp_path, sip={"allow": ["192.0.2.0/24"]})
    server.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.settimeout(5)
            for number in range(3):
                stranger.sendto(options(stranger.getsockname()[1], number), ("127.0.0.1", server.sip_port))
                assert stranger.recv(65535).startswith(b"SIP/2.0 403 ")
        assert server.log().count("it is in no network of sip.allow") == 1
    finally:
        server.kill()


def options(port: int, number: int) -> bytes:
    """
    An OPTIONS of its own transaction.
    """
    return (
        f"OPTIONS sip:recorder@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKs{number}\r\n"
        f"From: <sip:s@127.0.0.1>;tag=s\r\nTo: <sip:recorder@127.0.0.1>\r\nCall-ID: s{number}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()
