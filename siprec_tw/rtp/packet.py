"""
The RTP data packet (RFC 3550 s.5.1, s.5.3.1).

  0                   1                   2                   3
  |V=2|P|X|  CC   |M|     PT      |       sequence number         |
  |                           timestamp                           |
  |             synchronization source (SSRC) identifier          |
  |             contributing sources, CC times                    |
  |  defined by profile           |    length (32-bit words)      |   only with X
  |                    header extension ...                       |
  |  payload ...                        | padding | padding count |   padding only with P
"""

from __future__ import annotations

import struct

from attrs import frozen

from siprec_tw.errors import PeerError

FIXED_HEADER = struct.Struct("!BBHII")
HEADER_SIZE = 12
VERSION = 2
PLAIN_FIRST_OCTET = VERSION << 6        # version 2 without padding, extension and contributing sources
MARKER = 0x80

# RFC 5761 s.4: where RTP and RTCP share a port, these values of the second octet are RTCP.
FIRST_RTCP_TYPE = 192
LAST_RTCP_TYPE = 223

_EXTENSION_HEADER = struct.Struct("!HH")
_PADDING_BIT = 0x20
_EXTENSION_BIT = 0x10
_COUNT_MASK = 0x0F


@frozen
class HeaderExtension:
    """
    The header extension (RFC 3550 s.5.3.1): what the profile defined, and whole 32-bit words.
    """

    profile: int            # 16 bits
    octets: bytes = b""     # a multiple of four


@frozen
class RtpPacket:
    """
    One RTP data packet.
    """

    payload_type: int
    sequence: int                               # 16 bits
    timestamp: int                              # 32 bits, ticks of the payload's clock
    ssrc: int
    payload: bytes
    marker: bool = False
    contributing: tuple[int, ...] = ()          # CSRC identifiers, 15 at most
    extension: HeaderExtension | None = None
    padding: int = 0                            # octets after the payload, their count included; 255 at most


def parse_packet(datagram: bytes) -> RtpPacket:
    """
    A datagram as an RTP packet. Raises PeerError for what is not RTP of version 2, or is cut short.
    """
    if len(datagram) < HEADER_SIZE:
        raise PeerError(f"datagram has {len(datagram)} octets, wanted at least {HEADER_SIZE}")
    first, second, sequence, timestamp, ssrc = FIXED_HEADER.unpack_from(datagram)
    if first >> 6 != VERSION:
        raise PeerError(f"RTP version is {first >> 6}, wanted {VERSION}")
    start = HEADER_SIZE + 4 * (first & _COUNT_MASK)
    contributing = _contributing(datagram, first & _COUNT_MASK)
    extension = None
    if first & _EXTENSION_BIT:
        extension = _extension(datagram, start)
        start += _EXTENSION_HEADER.size + len(extension.octets)
    padding = _padding(datagram, start) if first & _PADDING_BIT else 0
    return RtpPacket(
        second & 0x7F, sequence, timestamp, ssrc, datagram[start : len(datagram) - padding],
        marker=bool(second & MARKER), contributing=contributing, extension=extension, padding=padding,
    )


def write_packet(packet: RtpPacket) -> bytes:
    """
    The octets of a packet: what parse_packet gave comes out as it came in, but for the padding's content.
    """
    first = VERSION << 6 | len(packet.contributing)
    if packet.padding:
        first |= _PADDING_BIT
    if packet.extension is not None:
        first |= _EXTENSION_BIT
    second = packet.payload_type | (MARKER if packet.marker else 0)
    parts = [FIXED_HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)]
    parts += [source.to_bytes(4, "big") for source in packet.contributing]
    if packet.extension is not None:
        words = len(packet.extension.octets) // 4
        parts += [_EXTENSION_HEADER.pack(packet.extension.profile, words), packet.extension.octets]
    parts.append(packet.payload)
    if packet.padding:
        parts.append(bytes(packet.padding - 1) + bytes([packet.padding]))
    return b"".join(parts)


def is_rtcp(datagram: bytes) -> bool:
    """
    Whether a datagram on a port that RTP uses too is RTCP (RFC 5761 s.4).
    """
    return (
        len(datagram) >= 8
        and datagram[0] >> 6 == VERSION
        and FIRST_RTCP_TYPE <= datagram[1] <= LAST_RTCP_TYPE
    )


def _contributing(datagram: bytes, count: int) -> tuple[int, ...]:
    end = HEADER_SIZE + 4 * count
    if len(datagram) < end:
        raise PeerError(f"datagram has {len(datagram)} octets, wanted {end} for {count} contributing sources")
    return struct.unpack_from(f"!{count}I", datagram, HEADER_SIZE)


def _extension(datagram: bytes, start: int) -> HeaderExtension:
    content = start + _EXTENSION_HEADER.size
    if len(datagram) < content:
        raise PeerError(f"datagram has {len(datagram)} octets, wanted {content} for its header extension")
    profile, words = _EXTENSION_HEADER.unpack_from(datagram, start)
    end = content + 4 * words
    if len(datagram) < end:
        raise PeerError(f"datagram has {len(datagram)} octets, wanted {end} for its header extension")
    return HeaderExtension(profile, datagram[content:end])


def _padding(datagram: bytes, start: int) -> int:
    room = len(datagram) - start
    padding = datagram[-1]
    if not 1 <= padding <= room:
        raise PeerError(f"padding is {padding} octets, wanted 1 to {room}")
    return padding
