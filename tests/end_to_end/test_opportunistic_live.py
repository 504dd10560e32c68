"""
Keys on a line that says RTP in clear (RFC 8643): a call that is sealed by libsrtp, and one that is in clear.
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
from wire_client import Caller, manifests_of, open_wire, sdp, serving

from bench.exactness import sound_of

PACKETS = 50
KEY = shake_128(b"opportunistic").digest(30)
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(KEY).decode()}|2^20"


def payload(number: int) -> bytes:
    """
    Noise that only the number decides.
    """
    return shake_128(f"opportunistic/{number}".encode()).digest(160)


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "clear"])
def test_call_is_recorded_exactly(tmp_path: Path, sealed: bool) -> None:
    """
    The answer keeps RTP/AVP and has a key of ours; whether the client uses its own or not, every packet is there.
    """
    session = Session(Policy(
        key=KEY, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    ))
    with (
        serving(tmp_path) as server,
        open_wire("udp", server.sip_port) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        caller = Caller(wire)
        answer = caller.call(sdp(CRYPTO, ports=(40000,)))
        assert b" RTP/AVP 0\r\n" in answer.body
        assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in answer.body
        send(media, answer.ports[0], session if sealed else None)
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        manifest, = manifests_of(server, caller)
    track, = manifest["tracks"]
    assert (track["packets"], track["lost"], manifest["warnings"]) == (PACKETS, 0, [])
    assert sound_of(manifest["directory"] / "track-1.wav", 58) == b"".join(map(payload, range(PACKETS)))


def test_keys_are_passed_over_where_the_policy_says_so(tmp_path: Path) -> None:
    """
    Without the policy the answer has no key, and the sound comes in clear.
    """
    with (
        serving(tmp_path, media={"opportunistic_srtp": False}) as server,
        open_wire("udp", server.sip_port) as wire,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        caller = Caller(wire)
        answer = caller.call(sdp(CRYPTO, ports=(40000,)))
        assert b"a=crypto" not in answer.body
        send(media, answer.ports[0], None)
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        manifest, = manifests_of(server, caller)
    assert manifest["tracks"][0]["packets"] == PACKETS


def send(media: socket.socket, port: int, session: Session | None) -> None:
    """
    A packet every 20 ms.
    """
    for number in range(PACKETS):
        packet = struct.pack("!BBHII", 0x80, 0, number, 160 * number, 77) + payload(number)
        media.sendto(packet if session is None else session.protect(packet), ("127.0.0.1", port))
        time.sleep(0.02)
