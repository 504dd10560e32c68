"""
Whole calls over real sockets, checked octet by octet.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer

from bench.exactness import differences, read_sent


def place_noise_calls(server: RunningServer, tmp_path: Path, **wanted: object) -> Path:
    """
    Run the noise client to its end; the file of what it sent.
    """
    sent = tmp_path / "sent.jsonl"
    options = [f"--{name}={value}" for name, value in wanted.items()]
    client = subprocess.run(
        [sys.executable, "-m", "bench.noise_calls", f"--port={server.sip_port}", f"--sent={sent}", *options],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )
    assert client.returncode == 0, client.stderr[-3000:]
    return sent


# Octets that a hundred calls may leave behind: what the allocator keeps for the next ones, not what grows with each.
MOST_MEMORY_KEPT = 24 << 20
# 64*T1, for which a transaction over UDP absorbs what is repeated.
TRANSACTION_SECONDS = 32.0


def assert_nothing_left(server: RunningServer) -> None:
    """
    No call, stream, spool entry, socket, connection or transaction of a call is left.
    """
    server.wait("no running calls", lambda: server.metric("siprec_calls_active") == 0)
    assert server.metric("siprec_streams_open") == 0
    server.wait("an empty spool", lambda: not list((server.recordings / "spool").glob("*")))
    server.wait("no connections", lambda: server.metric("siprec_sip_connections") == 0)
    server.wait(
        "no transactions", lambda: server.metric("siprec_sip_transactions") == 0, TRANSACTION_SECONDS + 10
    )
    # The table of sockets is no snapshot: while others open and close theirs, a line may be missed.
    server.wait("one UDP socket, that of SIP", lambda: server.open_udp_sockets() == 1)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_hundred_calls_are_exact_to_the_sample(server: RunningServer, tmp_path: Path, transport: str) -> None:
    """
    100 concurrent calls of 30 s, 10 begun a second, two tracks of noise each: every octet is at its place.
    """
    place_noise_calls(server, tmp_path, transport=transport, calls=10, rate=10, duration=1)
    server.wait("10 recordings", lambda: len(server.manifests()) == 10)
    memory = server.resident_memory()
    sent = read_sent(place_noise_calls(server, tmp_path, transport=transport, calls=100, rate=10, duration=30))
    server.wait("100 recordings more", lambda: len(server.manifests()) == 110)
    assert len(sent) == 200
    assert differences(sent, server.manifests()) == []
    assert {manifest["verdict"]["name"] for manifest in server.manifests()} == {"complete"}
    assert_nothing_left(server)
    assert server.resident_memory() - memory < MOST_MEMORY_KEPT


def test_bad_network_costs_what_it_lost_and_no_more(server: RunningServer, tmp_path: Path) -> None:
    """
    3 % loss, 5 % reordering, 2 % duplicates: what arrived is at its place, and the length is the true one.
    """
    path = place_noise_calls(
        server, tmp_path, calls=20, rate=10, duration=20, loss=0.03, reorder=0.05, duplicate=0.02, codec="pcma"
    )
    sent = read_sent(path)
    server.wait("20 recordings", lambda: len(server.manifests()) == 20)
    assert differences(sent, server.manifests()) == []
    for stream in sent:
        manifest = next(m for m in server.manifests() if m["call"]["call_id"] == stream.call_id)
        track = next(t for t in manifest["tracks"] if t["label"] == stream.label)
        numbers = set(stream.numbers)
        assert track["lost"] == max(numbers) - min(numbers) + 1 - len(numbers)
        assert manifest["verdict"]["name"] == "complete-with-loss"
    assert_nothing_left(server)
