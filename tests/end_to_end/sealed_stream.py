"""
A stream of SRTP sealed by libsrtp: which packet is sent when, and under which key, is the test's affair.
"""

from __future__ import annotations

import base64
import socket
import struct
import time
from collections.abc import Iterator
from hashlib import shake_128

from attrs import define, field, frozen
from pylibsrtp import Policy, Session

PACKET = 160        # samples, 20 ms
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30, 10),
    "AES_CM_128_HMAC_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30, 4),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28, 0),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44, 0),
}


def paced(count: int) -> Iterator[int]:
    """
    Numbers of packets, each when its timestamp says; what was delayed is caught up with.
    """
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + PACKET / 8000 * number - time.monotonic()))
        yield number


@frozen
class Key:
    """
    A master key with its salt, by the name that decides both.
    """

    suite: str
    name: str
    mki: bytes = b""

    @property
    def material(self) -> bytes:
        """
        Master key and master salt.
        """
        return shake_128(f"{self.suite}/{self.name}".encode()).digest(SUITES[self.suite][1])

    def line(self, tag: int = 1) -> str:
        """
        The attribute that tells it, as terse as clients are: no padding; a lifetime where there is an MKI.
        """
        text = base64.b64encode(self.material).decode().rstrip("=")
        mki = f"|2^31|{int.from_bytes(self.mki)}:{len(self.mki)}" if self.mki else ""
        return f"a=crypto:{tag} {self.suite} inline:{text}{mki}"

    def session(self) -> Session:
        """
        What seals with it.
        """
        profile = SUITES[self.suite][0]
        return Session(Policy(key=self.material, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))


@define(eq=False)
class SealedStream:
    """
    Packets of noise, numbered from 0, to one port.
    """

    seed: str
    port: int
    first: int = 0                      # sequence number of packet 0
    sock: socket.socket = field(factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    _sessions: dict[Key, Session] = field(factory=dict)

    def payload(self, number: int) -> bytes:
        """
        What packet C{number} holds.
        """
        return shake_128(f"{self.seed}/{number}".encode()).digest(PACKET)

    def plain(self, number: int) -> bytes:
        """
        Packet C{number} in clear.
        """
        head = struct.pack(
            "!BBHII", 0x80, 0, (self.first + number) & 0xFFFF, 4294960000 + PACKET * number & 0xFFFFFFFF, 77
        )
        return head + self.payload(number)

    def sealed(self, number: int, key: Key) -> bytes:
        """
        Packet C{number} under a key; the MKI stands before the tag of HMAC (RFC 3711 s.3.1), or at the end behind a
        ciphertext that has its tag within (RFC 7714).
        """
        if key not in self._sessions:
            self._sessions[key] = key.session()
        packet: bytes = self._sessions[key].protect(self.plain(number))
        end = len(packet) - SUITES[key.suite][2]
        return packet[:end] + key.mki + packet[end:]

    def send(self, packet: bytes) -> None:
        """
        Send it as it is.
        """
        self.sock.sendto(packet, ("127.0.0.1", self.port))
