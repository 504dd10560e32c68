"""
SRTP calls whose media comes from programs that others wrote, recorded exactly.

FFmpeg has an SRTP of its own; GStreamer's srtpenc brings GCM, AES-256 and MKI by libsrtp.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence
from hashlib import shake_128
from pathlib import Path

import pytest
from running_server import RunningServer
from wire_client import Caller, manifests_of, open_wire, sdp

from bench.exactness import sound_of

SOUND = shake_128(b"a sound that others send").digest(160 * 80)     # 1.6 s
SECONDS = 30.0
G711_HEADER = 58


def ffmpeg(file: Path, port: int, suite: str, key: bytes) -> list[str]:
    """
    The file by FFmpeg, in real time, 160 octets a packet.
    """
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-f", "mulaw", "-ar", "8000", "-ac", "1",
        "-i", str(file), "-c", "copy", "-f", "rtp", "-srtp_out_suite", suite,
        "-srtp_out_params", base64.b64encode(key).decode(), f"srtp://127.0.0.1:{port}?pkt_size=172",
    ]


def gstreamer(file: Path, port: int, protection: Sequence[str]) -> list[str]:
    """
    The file by GStreamer, in real time, 20 ms a packet.
    """
    pace = ["max-ptime=20000000", "min-ptime=20000000"]
    return [
        "gst-launch-1.0", "-q", "filesrc", f"location={file}", "blocksize=160",
        "!", "rawaudioparse", "format=mulaw", "sample-rate=8000", "num-channels=1",
        "!", "rtppcmupay", *pace, "!", "srtpenc", *protection, "!", "udpsink", "host=127.0.0.1", f"port={port}",
    ]


def recording_of(server: RunningServer, suite: str, details: str, key: bytes, command: object, file: Path) -> None:
    """
    Place a call of one secured stream, let the program send, and compare.
    """
    text = base64.b64encode(key).decode().rstrip("=")
    offer = sdp(f"a=crypto:1 {suite} inline:{text}{details}", ports=(40000,)).replace(b"RTP/AVP", b"RTP/SAVP")
    with open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        port = caller.call(offer).ports[0]
        sender = subprocess.run(
            command(port), capture_output=True, text=True, timeout=SECONDS, check=False     # type: ignore[operator]
        )
        assert sender.returncode == 0, sender.stderr
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        (manifest,) = manifests_of(server, caller)
    (track,) = manifest["tracks"]
    assert sound_of(manifest["directory"] / "track-1.wav", G711_HEADER) == file.read_bytes()
    assert track["lost"] == 0 and track["segments"][0]["rejected"] == 0
    assert manifest["verdict"]["name"] == "complete" and manifest["warnings"] == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sound.ulaw"
    path.write_bytes(SOUND)
    return path


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"])
def test_ffmpeg(server: RunningServer, file: Path, suite: str) -> None:
    """
    What FFmpeg seals is recorded octet by octet, its SRTCP beside it.
    """
    key = shake_128(suite.encode()).digest(30)
    recording_of(server, suite, "", key, lambda port: ffmpeg(file, port, suite, key), file)


GSTREAMER = {
    "AEAD_AES_128_GCM": (28, ["rtp-cipher=aes-128-gcm", "rtp-auth=null", "rtcp-cipher=aes-128-gcm", "rtcp-auth=null"]),
    "AEAD_AES_256_GCM": (44, ["rtp-cipher=aes-256-gcm", "rtp-auth=null", "rtcp-cipher=aes-256-gcm", "rtcp-auth=null"]),
    "AES_256_CM_HMAC_SHA1_80": (46, ["rtp-cipher=aes-256-icm", "rtcp-cipher=aes-256-icm"]),
}


@pytest.mark.parametrize("mki", ["", "00000004"], ids=["", "mki"])
@pytest.mark.parametrize("suite", GSTREAMER)
def test_gstreamer(server: RunningServer, file: Path, suite: str, mki: str) -> None:
    """
    What GStreamer seals is recorded octet by octet, with an MKI and without.
    """
    size, protection = GSTREAMER[suite]
    key = shake_128(suite.encode()).digest(size)
    told = [f"key={key.hex()}", *protection, *([f"mki={mki}"] if mki else [])]
    details = "|2^31|4:4" if mki else ""
    recording_of(server, suite, details, key, lambda port: gstreamer(file, port, told), file)
