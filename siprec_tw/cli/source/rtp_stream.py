"""
One stream of RTP as a client sends it, and the record of what really went out (RFC 3550 s.5.1, s.6.4.1).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import ceil
from random import Random
from struct import Struct
from typing import Protocol

from attrs import define, field, frozen

from siprec_tw.cli.source.impairment import BadWay, Impairment
from siprec_tw.cli.source.payload import PACKET_TIME, SAMPLES_A_PACKET, PacketSource
from siprec_tw.rtp.rtcp import (
    CNAME,
    NTP_TO_POSIX,
    RtcpPacket,
    SenderReport,
    SourceChunk,
    SourceDescription,
    write_compound,
)

REPORT_INTERVAL = 5.0       # seconds, the least that RFC 3550 s.6.2 recommends
MOST_AT_ONCE = 50           # packets in one go after a stall; the rest follow with the next

_HEADER = Struct("!BBHII")
_VERSION = 0x80
_MARKER = 0x80


class Outlet(Protocol):
    """
    Where the datagrams of a stream go.
    """

    def send_rtp(self, datagram: bytes) -> bool:
        """
        To the RTP port; whether the system took it.
        """

    def send_rtcp(self, datagram: bytes) -> bool:
        """
        To the RTCP port; whether the system took it.
        """


@frozen
class RtpIdentity:
    """
    What a stream is known by, and where its counters begin.
    """

    payload_type: int
    ssrc: int
    first_sequence: int
    first_timestamp: int


def random_identity(random: Random, payload_type: int) -> RtpIdentity:
    """
    An identity as RFC 3550 s.5.1 wants it: random where that is no harm.
    """
    return RtpIdentity(payload_type, random.getrandbits(32), random.getrandbits(16), random.getrandbits(32))


@frozen
class SentPacket:
    """
    A packet that went onto the wire.
    """

    number: int             # of the source's packets, from 0
    sequence: int           # 16 bits
    timestamp: int          # 32 bits
    at: float               # seconds of the reactor's clock
    payload: bytes


@frozen
class _Packet:
    number: int
    sequence: int
    datagram: bytes


@define(eq=False)
class RtpStream:
    """
    Packet n is due C{n * PACKET_TIME} seconds after the start. While it is paused its packets pass unsent.
    """

    identity: RtpIdentity
    source: PacketSource
    outlet: Outlet
    way: BadWay[_Packet]
    paused: bool = False
    packets: int = 0                            # on the wire, duplicates too
    _octets: int = 0
    _next: int = 0                              # number of the next packet
    _sequence: int = 0                          # packets that were given to the way
    _started: float = 0.0
    _next_report: float = 0.0
    _talking: bool = False                      # else the next packet has the marker
    _numbers: array[int] = field(factory=lambda: array("L"))
    _sequences: array[int] = field(factory=lambda: array("H"))
    _instants: array[float] = field(factory=lambda: array("d"))

    def start(self, now: float) -> None:
        """
        The first packet is due now; of a stream that goes on, the next one, by the time that has passed.
        """
        if self._next == 0:
            self._started = self._next_report = now
        else:
            self._next = max(self._next, ceil((now - self._started) / PACKET_TIME))
            self._talking = False

    def send_due(self, now: float, wall: float) -> None:
        """
        Send what is due; C{now} is the reactor's clock, C{wall} POSIX time of the same instant.
        """
        for _ in range(MOST_AT_ONCE):
            if self._started + self._next * PACKET_TIME > now:
                break
            self._pass(self._next, now)
            self._next += 1
        if now >= self._next_report and self.packets:
            self._next_report = now + REPORT_INTERVAL
            self.outlet.send_rtcp(write_compound(self._report(now, wall)))

    def finish(self, now: float) -> None:
        """
        Send what the network still held back.
        """
        for packet in self.way.rest():
            self._send(packet, now)

    def sent(self) -> Iterator[SentPacket]:
        """
        Everything that went onto the wire, in its order; duplicates as often as they were sent.
        """
        for number, sequence, at in zip(self._numbers, self._sequences, self._instants, strict=True):
            payload = self.source(number)
            assert payload is not None
            yield SentPacket(number, sequence, self._timestamp(number), at, payload)

    def _pass(self, number: int, now: float) -> None:
        payload = None if self.paused else self.source(number)
        if payload is None:
            self._talking = False
            return
        # RFC 3551 s.4.1: the first packet of a talkspurt has the marker.
        second = self.identity.payload_type | (0 if self._talking else _MARKER)
        self._talking = True
        sequence = (self.identity.first_sequence + self._sequence) % 2**16
        self._sequence += 1
        header = _HEADER.pack(_VERSION, second, sequence, self._timestamp(number), self.identity.ssrc)
        for packet in self.way.passed(_Packet(number, sequence, header + payload)):
            self._send(packet, now)

    def _send(self, packet: _Packet, now: float) -> None:
        if self.outlet.send_rtp(packet.datagram):
            self.packets += 1
            self._octets += len(packet.datagram) - _HEADER.size
            self._numbers.append(packet.number)
            self._sequences.append(packet.sequence)
            self._instants.append(now)

    def _report(self, now: float, wall: float) -> tuple[RtcpPacket, ...]:
        ticks = round((now - self._started) / PACKET_TIME * SAMPLES_A_PACKET)
        report = SenderReport(
            ssrc=self.identity.ssrc,
            ntp=int((wall + NTP_TO_POSIX) * 2**32),
            timestamp=(self.identity.first_timestamp + ticks) % 2**32,
            packets=self.packets % 2**32,
            octets=self._octets % 2**32,
        )
        name = SourceChunk(self.identity.ssrc, ((CNAME, b"siprec-call"),))
        return report, SourceDescription((name,))

    def _timestamp(self, number: int) -> int:
        return (self.identity.first_timestamp + number * SAMPLES_A_PACKET) % 2**32


def rtp_stream(
    source: PacketSource, outlet: Outlet, identity: RtpIdentity, impairment: Impairment, name: str
) -> RtpStream:
    """
    A stream that begins with its first packet; C{name} tells its fate from that of others.
    """
    return RtpStream(identity, source, outlet, BadWay(impairment, impairment.random_of(name)))
