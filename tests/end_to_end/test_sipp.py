"""
Calls placed by sipp, an independent client, with the RTP that it can send.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest
from running_server import RunningServer, free_port
from test_calls import assert_nothing_left

SCENARIO = Path(__file__).parent / "sipp" / "call.xml"
SECONDS = 30
PACKET = 160


def run_sipp(server: RunningServer, directory: Path, transport: str, calls: int) -> bytes:
    """
    Place calls, 10 a second, each of 30 s; the sound that each of them sends, over and over.
    """
    sound = Random(7).randbytes(PACKET * 50 * 3)
    (directory / "noise.ulaw").write_bytes(sound)
    scenario = directory / "call.xml"
    scenario.write_text(SCENARIO.read_text().replace("@FILE@", str(directory / "noise.ulaw")))
    sipp = subprocess.run(
        [
            "sipp", f"127.0.0.1:{server.sip_port}", "-sf", str(scenario), "-m", str(calls), "-l", str(calls),
            "-r", "10", "-d", str(SECONDS * 1000), "-i", "127.0.0.1", "-p", str(free_port()),
            "-t", transport, "-nostdin", "-trace_err", "-error_file", str(directory / "sipp.err"),
            "-timeout", "120s", "-timeout_error",
        ],
        cwd=directory, capture_output=True, text=True, timeout=150, check=False,
    )
    errors = directory / "sipp.err"
    assert sipp.returncode == 0, errors.read_text()[:3000] if errors.exists() else sipp.stdout[-3000:]
    return sound


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_hundred_sipp_calls_are_recorded(server: RunningServer, tmp_path: Path, transport: str) -> None:
    """
    100 concurrent calls of 30 s over UDP and over TCP: each recording holds what sipp played, from its first octet.
    """
    sound = run_sipp(server, tmp_path, transport, 100)
    server.wait("100 recordings", lambda: len(server.manifests()) == 100)
    for manifest in server.manifests():
        track, inactive = manifest["tracks"]
        assert [party["aor"] for party in manifest["parties"]][1] == "sip:bob@example.com"
        assert track["lost"] == 0 and len(track["segments"]) == 1
        # The last packets go out while sipp pauses: how many is its own affair.
        assert track["samples"] >= (SECONDS - 0.5) * 8000
        octets = (manifest["directory"] / "track-1.wav").read_bytes()[58:][:track["samples"]]
        assert octets == (sound * (len(octets) // len(sound) + 1))[:len(octets)]
        assert inactive["packets"] == 0 and manifest["verdict"]["name"] == "complete"
    assert_nothing_left(server)
