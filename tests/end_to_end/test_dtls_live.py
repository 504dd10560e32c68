"""
DTLS-SRTP calls from independent stacks, recorded exactly.
"""

from __future__ import annotations

import struct
import time
from hashlib import shake_128
from pathlib import Path
from typing import Any

import pytest
from gstreamer import GstreamerClient
from wire_client import Caller, manifests_of, open_wire, sdp, serving

from bench.exactness import sound_of

PACKETS = 100


def offer(client: GstreamerClient, protocol: str, setup: str) -> bytes:
    """
    One stream, from the client's media port.
    """
    lines = (f"a=setup:{setup}", f"a=fingerprint:{client.fingerprint}", "a=tls-id:" + "a" * 20)
    port = client.media.getsockname()[1]
    return sdp(*lines, ports=(port,)).replace(b"RTP/AVP", protocol.encode())


def payload(number: int) -> bytes:
    """
    Noise that only the number decides.
    """
    return shake_128(f"dtls/{number}".encode()).digest(160)


@pytest.mark.parametrize(
    ("setup", "protocol", "ours"),
    [
        ("actpass", "UDP/TLS/RTP/SAVPF", "passive"),
        ("active", "RTP/SAVP", "passive"),
        ("passive", "UDP/TLS/RTP/SAVP", "active"),
    ],
)
def test_call_by_gstreamer_is_recorded_exactly(tmp_path: Path, setup: str, protocol: str, ours: str) -> None:
    """
    GStreamer in either part: the answer has our fingerprint and our part, and every packet is at its place, over a
    wrap of the sequence number.
    """
    with (
        serving(tmp_path) as server,
        GstreamerClient(setup != "passive", tmp_path) as client,
        open_wire("udp", server.sip_port) as wire,
    ):
        caller = Caller(wire)
        answer = caller.call(offer(client, protocol, setup))
        assert f"a=setup:{ours}\r\n".encode() in answer.body
        assert b"a=fingerprint:sha-256 " in answer.body
        assert b"a=crypto" not in answer.body
        client.start(answer.ports[0])
        server.wait("GStreamer's handshake", client.shaken)
        for number in range(PACKETS):
            head = struct.pack("!BBHII", 0x80, 0, (65500 + number) & 0xFFFF, 4294960000 + 160 * number & 0xFFFFFFFF, 77)
            client.send(head + payload(number))
            time.sleep(0.02)
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        manifest, = manifests_of(server, caller)
        assert manifest["warnings"] == [], client.log()
        check(manifest, PACKETS)


def check(manifest: dict[str, Any], packets: int) -> None:
    """
    The track is what was sent.
    """
    track, = manifest["tracks"]
    assert (track["packets"], track["lost"], manifest["verdict"]["name"]) == (packets, 0, "complete")
    assert sound_of(manifest["directory"] / "track-1.wav", 58) == b"".join(map(payload, range(packets)))
