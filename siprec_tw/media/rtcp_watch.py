"""
What the sources of a stream say in RTCP (RFC 3550 s.6): kept in memory. What they tell of their clocks goes on to the
records of segments (L{siprec_tw.media.segment_writer}).
"""

from __future__ import annotations

from typing import TypeVar

from attrs import define, field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.media.arrival import Address
from siprec_tw.rtp.rtcp import (
    CNAME,
    Goodbye,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    parse_compound,
)
from siprec_tw.rtp.rtcp_session import RtcpSession

MOST_SOURCES = 16

Kept = TypeVar("Kept")


@frozen
class ClockPair:
    """
    The latest sender report of one source.
    """

    report: SenderReport
    arrival: float          # POSIX seconds


@define
class RtcpSeen:
    """
    The RTCP of one stream.
    """

    datagrams: int = 0
    rejected: int = 0                                           # not RTCP, or cut short
    sender_reports: int = 0
    clocks: dict[int, ClockPair] = field(factory=dict)          # by SSRC, the MOST_SOURCES latest
    names: dict[int, str] = field(factory=dict)                 # SSRC to CNAME, the MOST_SOURCES latest
    goodbyes: dict[int, float] = field(factory=dict)            # SSRC to arrival, the MOST_SOURCES latest
    addresses: dict[int, Address] = field(factory=dict)         # from where each SSRC reports, the MOST_SOURCES latest
    session: RtcpSession | None = None                          # which hears how much comes

    @property
    def understood(self) -> int:
        """
        How many compound packets were RTCP.
        """
        return self.datagrams - self.rejected

    def receive(self, datagram: bytes, address: Address, arrival: float) -> None:
        """
        Take one compound packet.
        """
        self.datagrams += 1
        try:
            packets = parse_compound(datagram)
        except PeerError:
            self.rejected += 1
            return
        if self.session is not None:
            self.session.heard(len(datagram))
        for packet in packets:
            match packet:
                case SenderReport():
                    self.sender_reports += 1
                    _keep(self.clocks, packet.ssrc, ClockPair(packet, arrival))
                    _keep(self.addresses, packet.ssrc, address)
                case ReceiverReport():
                    _keep(self.addresses, packet.ssrc, address)
                case SourceDescription():
                    for chunk in packet.chunks:
                        for name in (octets for kind, octets in chunk.items if kind == CNAME):
                            _keep(self.names, chunk.ssrc, name.decode(errors="replace"))
                case Goodbye():
                    for source in packet.sources:
                        _keep(self.goodbyes, source, arrival)


    def told(self, ssrc: int) -> ClockPair | None:
        """
        The latest report of a source that has a clock.
        """
        pair = self.clocks.get(ssrc)
        return pair if pair is not None and pair.report.ntp else None


def _keep(latest: dict[int, Kept], ssrc: int, value: Kept) -> None:
    latest.pop(ssrc, None)
    latest[ssrc] = value
    if len(latest) > MOST_SOURCES:
        del latest[next(iter(latest))]
