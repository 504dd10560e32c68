"""
RTP of a few packets, from ports that no description has named.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping
from secrets import randbits

from attrs import define, field
from client_cases import Sound

from siprec_tw.srtp.context import SrtpContext

PACKET_SECONDS = 0.02
PACKET_TICKS = 160
PAYLOADS = {0: bytes(range(160)), 8: bytes(range(1, 161)), 18: bytes(20)}


def bound_socket() -> socket.socket:
    """
    A socket on a free port of loopback.
    """
    created = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    created.bind(("127.0.0.1", 0))
    return created


@define(eq=False)
class Source:
    """
    One SSRC; its timestamps go on while it is silent.
    """

    ssrc: int = field(factory=lambda: randbits(32))
    sequence: int = field(factory=lambda: randbits(15))
    timestamp: int = field(factory=lambda: randbits(31))
    sent: int = 0
    context: SrtpContext | None = None      # of a secured line
    _socket: socket.socket = field(factory=bound_socket)
    _last: float | None = None

    def catch_up(self) -> None:
        """
        Let the timestamp follow the clock over a pause.
        """
        now = time.monotonic()
        if self._last is not None:
            self.timestamp += round((now - self._last) / PACKET_SECONDS) * PACKET_TICKS
        self._last = now

    def move(self) -> None:
        """
        Go on from another port.
        """
        old, self._socket = self._socket, bound_socket()
        old.close()

    def send(self, port: int, payload_type: int) -> None:
        """
        Send one packet.
        """
        sequence, timestamp = self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF
        header = struct.pack("!BBHII", 0x80, payload_type, sequence, timestamp, self.ssrc)
        packet = header + PAYLOADS[payload_type]
        sealed = packet if self.context is None else self.context.protect(packet)
        self._socket.sendto(sealed, ("127.0.0.1", port))
        self.sequence += 1
        self.timestamp += PACKET_TICKS
        self._last = time.monotonic() + PACKET_SECONDS
        self.sent += 1

    def close(self) -> None:
        """
        Free the port.
        """
        self._socket.close()


@define(eq=False)
class Sources:
    """
    The sources of one call, by m-line.
    """

    first: dict[int, Source] = field(factory=dict)
    second: dict[int, Source] = field(factory=dict)
    retired: dict[int, int] = field(factory=dict)       # packets of sources that were replaced
    contexts: dict[int, SrtpContext] = field(factory=dict)      # of secured lines

    def sound(self, ports: Mapping[int, int], types: Mapping[int, int], sound: Sound) -> None:
        """
        Send for a while to each of these ports, in real time.
        """
        for line in ports:
            if sound.restarted and line in self.first:
                old = self.first.pop(line)
                old.close()
                self.retired[line] = self.retired.get(line, 0) + old.sent
            if sound.moved and line in self.first:
                self.first[line].move()
            self.first.setdefault(line, Source(context=self.contexts.get(line)))
        for line in sound.second_source:
            self.second.setdefault(line, Source())
        every = (*self.first.items(), *self.second.items())
        sending = [(line, source) for line, source in every if line in ports]
        for _, source in sending:
            source.catch_up()
        for _ in range(sound.packets):
            for line, source in sending:
                source.send(ports[line], types[line])
            time.sleep(PACKET_SECONDS)

    def packets(self, line: int) -> int:
        """
        How many packets were sent on a line.
        """
        sources = (lines[line].sent for lines in (self.first, self.second) if line in lines)
        return sum(sources) + self.retired.get(line, 0)

    def close(self) -> None:
        """
        Free the ports.
        """
        for lines in (self.first, self.second):
            for source in lines.values():
                source.close()
