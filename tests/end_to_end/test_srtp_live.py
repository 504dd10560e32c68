"""
SRTP calls from an independent stack (libsrtp), recorded exactly.
"""

from __future__ import annotations

import base64
import socket
import struct
import time
from hashlib import shake_128
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session
from running_server import RunningServer
from wire_client import Caller, manifests_of, open_wire, sdp

from bench.exactness import sound_of

PACKETS = 60
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}


def secured(suite: str, key: bytes) -> bytes:
    """
    An offer of one stream by SRTP; the key is written without padding, as rtpengine does.
    """
    crypto = f"a=crypto:3 {suite} inline:{base64.b64encode(key).decode().rstrip('=')}"
    return sdp(crypto, ports=(40000,)).replace(b"RTP/AVP", b"RTP/SAVP")


def payload(number: int) -> bytes:
    """
    Noise that only the number decides.
    """
    return shake_128(f"srtp/{number}".encode()).digest(160)


@pytest.mark.parametrize("suite", SUITES)
def test_call_by_libsrtp_is_recorded_exactly(server: RunningServer, suite: str) -> None:
    """
    The answer has the line's tag and suite and a key of our own; every packet that libsrtp sealed is at its place,
    over a wrap of the sequence number, and forged ones cost nothing but a warning.
    """
    profile, size = SUITES[suite]
    key = shake_128(suite.encode()).digest(size)
    session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    with open_wire("udp", server.sip_port) as wire, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        caller = Caller(wire)
        answer = caller.call(secured(suite, key))
        assert f"a=crypto:3 {suite} inline:".encode() in answer.body
        assert base64.b64encode(key) not in answer.body
        for number in range(PACKETS):
            head = struct.pack("!BBHII", 0x80, 0, (65500 + number) & 0xFFFF, 4294960000 + 160 * number & 0xFFFFFFFF, 77)
            media.sendto(head + payload(number), ("127.0.0.1", answer.ports[0]))
            media.sendto(session.protect(head + payload(number)), ("127.0.0.1", answer.ports[0]))
            time.sleep(0.02)
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        manifest, = manifests_of(server, caller)
    check(manifest["directory"], manifest["tracks"][0])
    assert [warning["code"] for warning in manifest["warnings"]].count("srtp-not-authentic") == 1


def check(directory: Path, track: dict[str, object]) -> None:
    """
    The track is what was sent.
    """
    wanted = b"".join(map(payload, range(PACKETS)))
    assert (track["packets"], track["lost"]) == (PACKETS, 0)
    assert sound_of(directory / "track-1.wav", 58) == wanted
