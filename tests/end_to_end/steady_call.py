"""
A call with seeded noise that runs while a test does something else, and must be recorded octet by octet.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from hashlib import shake_128
from typing import Any

from attrs import define, field
from wire_client import Caller, open_wire

G711_HEADER = 58
PACKET = 160  # samples, 20 ms


def noise(seed: str, number: int) -> bytes:
    """
    The payload of a packet: what only seed and number decide.
    """
    return shake_128(f"{seed}/{number}".encode()).digest(PACKET)


def sound_of(track: dict[str, Any], manifest: dict[str, Any]) -> bytes:
    """
    The octets of a G.711 track's own file, less the silence in front of its first packet.
    """
    octets: bytes = (manifest["directory"] / f"track-{track['label']}.wav").read_bytes()
    (size,) = struct.unpack_from("<I", octets, G711_HEADER - 4)
    return octets[G711_HEADER + track["lead_samples"] : G711_HEADER + size]


@define(eq=False)
class SteadyCall:
    """
    A call of two streams of noise, one packet each every 20 ms, on sockets of its own, until it is ended.
    """

    port: int
    seed: str
    caller: Caller = field(init=False)
    sent: int = 0  # packets of each stream
    media_ports: list[int] = field(factory=list)
    ssrcs: tuple[int, ...] = ()
    _sockets: list[socket.socket] = field(factory=list)
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """
        INVITE, ACK, and sound from now on.
        """
        self.caller = Caller(open_wire("udp", self.port))
        self.media_ports = self.caller.call().ports
        self.ssrcs = tuple(
            int.from_bytes(shake_128(f"{self.seed}/ssrc/{index}".encode()).digest(4))
            for index in range(len(self.media_ports))
        )
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in self.media_ports]
        self._thread = threading.Thread(target=self._stream, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """
        No more sound, then BYE.
        """
        self._over.set()
        self._thread.join()
        self.caller.bye()
        self.caller.wire.close()
        for sock in self._sockets:
            sock.close()

    def faults(self, manifest: dict[str, Any]) -> list[str]:
        """
        What is wrong with the recording; empty where every octet is as it was sent and nothing is missed.
        """
        found = []
        if manifest["verdict"]["name"] != "complete":
            found.append(f"verdict is {manifest['verdict']}")
        if len(manifest["tracks"]) != len(self.ssrcs):
            found.append(f"{len(manifest['tracks'])} tracks")
        for index, track in enumerate(manifest["tracks"]):
            wanted = b"".join(noise(f"{self.seed}/{index}", number) for number in range(self.sent))
            octets = sound_of(track, manifest)
            if octets != wanted:
                at = next((i for i, (a, b) in enumerate(zip(octets, wanted, strict=False)) if a != b), None)
                found.append(f"track {index}: {len(octets)} octets, wanted {len(wanted)}; they differ from {at}")
            if track["lost"] or track["gaps"] or len(track["segments"]) != 1:
                found.append(
                    f"track {index}: lost {track['lost']}, gaps {track['gaps']}, {len(track['segments'])} segments"
                )
        return found

    def _stream(self) -> None:
        began = time.monotonic()
        while not self._over.is_set():
            for index, sock in enumerate(self._sockets):
                head = struct.pack(
                    ">BBHII", 0x80, 0, self.sent & 0xFFFF, self.sent * PACKET & 0xFFFFFFFF, self.ssrcs[index]
                )
                sock.sendto(head + noise(f"{self.seed}/{index}", self.sent), ("127.0.0.1", self.media_ports[index]))
            self.sent += 1
            self._over.wait(max(0.0, began + 0.02 * self.sent - time.monotonic()))
