"""
RTCP: sender and receiver reports, source descriptions, goodbye, application-defined (RFC 3550 s.6).

A compound packet is several packets in one datagram, each with the same head:

  |V=2|P|  count  |  packet type  |   length in 32-bit words, minus one   |

Types that are not known here are kept whole: RFC 3550 s.6.1 has them ignored, not refused. The first
packet need not be a report, since a recorder is to be tolerant and RFC 5506 allows it.

Compound packets are to fit the path that they take (s.6.1). What is larger than any, or has more packets in it, is
refused before it is read: 64 kB of empty ones would cost as much as thousands of reports.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum

from attrs import frozen

from siprec_tw.errors import PeerError

CNAME = 1   # SDES item (RFC 3550 s.6.5.1)

MOST_OCTETS = 2048  # of a compound packet; more than a frame of Ethernet holds
MOST_PACKETS = 32   # in one

NTP_TO_POSIX = 2_208_988_800    # seconds from 1900 to 1970 (RFC 3550 s.4: NTP's era 0)

_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_WORD = struct.Struct("!I")
_BLOCK = struct.Struct("!6I")
_BLOCK_SIZE = _BLOCK.size
_COUNT_MASK = 0x1F
_PADDING_BIT = 0x20


class PacketType(IntEnum):
    """
    RFC 3550 s.12.1.
    """

    SENDER_REPORT = 200
    RECEIVER_REPORT = 201
    SOURCE_DESCRIPTION = 202
    GOODBYE = 203
    APPLICATION = 204


@frozen
class ReportBlock:
    """
    What one receiver says of one source (RFC 3550 s.6.4.1).
    """

    ssrc: int
    fraction_lost: int          # of 256
    lost: int                   # packets, signed, 24 bits
    highest: int                # extended sequence number
    jitter: int                 # ticks
    last_sr: int                # middle 32 bits of the NTP timestamp
    delay: int                  # since then, 1/65536 s


@frozen
class SenderReport:
    """
    SR (RFC 3550 s.6.4.1): the pair of clocks by which streams are put beside one another.
    """

    ssrc: int
    ntp: int                    # 64 bits: seconds since 1900 << 32 | fraction; 0: the sender has no clock
    timestamp: int              # the RTP timestamp of that instant
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()
    profile: bytes = b""        # profile-specific extension

    @property
    def instant(self) -> float:
        """
        The NTP timestamp as POSIX seconds.
        """
        return (self.ntp >> 32) - NTP_TO_POSIX + (self.ntp & 0xFFFFFFFF) / 2**32


@frozen
class ReceiverReport:
    """
    RR (RFC 3550 s.6.4.2).
    """

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()
    profile: bytes = b""


@frozen
class SourceChunk:
    """
    The items of one source: pairs of type and octets (RFC 3550 s.6.5).
    """

    ssrc: int
    items: tuple[tuple[int, bytes], ...] = ()


@frozen
class SourceDescription:
    """
    SDES (RFC 3550 s.6.5).
    """

    chunks: tuple[SourceChunk, ...] = ()


@frozen
class Goodbye:
    """
    BYE (RFC 3550 s.6.6).
    """

    sources: tuple[int, ...] = ()
    reason: bytes = b""


@frozen
class ApplicationDefined:
    """
    APP (RFC 3550 s.6.7).
    """

    subtype: int
    ssrc: int
    name: bytes                 # four octets
    content: bytes = b""


@frozen
class UnknownPacket:
    """
    A packet of a type that is not read here, as it came.
    """

    packet_type: int
    count: int
    body: bytes


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye | ApplicationDefined | UnknownPacket


def parse_compound(datagram: bytes) -> tuple[RtcpPacket, ...]:
    """
    The packets of a compound RTCP datagram. Raises PeerError when a head or a length is wrong, and for too much.
    """
    if len(datagram) > MOST_OCTETS:
        raise PeerError(f"RTCP datagram has {len(datagram)} octets, wanted at most {MOST_OCTETS}")
    packets: list[RtcpPacket] = []
    start = 0
    while start < len(datagram):
        if len(packets) == MOST_PACKETS:
            raise PeerError(f"RTCP datagram has more packets than {MOST_PACKETS}")
        if len(datagram) - start < _HEAD.size:
            raise PeerError(f"RTCP packet has {len(datagram) - start} octets, wanted at least {_HEAD.size}")
        first, packet_type, words = _HEAD.unpack_from(datagram, start)
        if first >> 6 != 2:
            raise PeerError(f"RTCP version is {first >> 6}, wanted 2")
        end = start + 4 * (words + 1)
        if end > len(datagram):
            raise PeerError(f"RTCP packet ends at {end}, the datagram at {len(datagram)}")
        body = datagram[start + _HEAD.size : end]
        if first & _PADDING_BIT:
            body = _without_padding(body)
        packets.append(_parse(packet_type, first & _COUNT_MASK, body))
        start = end
    if not packets:
        raise PeerError("RTCP datagram is empty")
    return tuple(packets)


def write_compound(packets: Sequence[RtcpPacket]) -> bytes:
    """
    One datagram of these packets, in order.
    """
    return b"".join(map(write_packet, packets))


def write_packet(packet: RtcpPacket) -> bytes:
    """
    One packet of such a datagram.
    """
    match packet:
        case ReceiverReport():
            body = _WORD.pack(packet.ssrc) + _write_blocks(packet.blocks) + packet.profile
            return _framed(PacketType.RECEIVER_REPORT, len(packet.blocks), body)
        case SenderReport():
            sender = _SENDER.pack(packet.ssrc, packet.ntp, packet.timestamp, packet.packets, packet.octets)
            body = sender + _write_blocks(packet.blocks) + packet.profile
            return _framed(PacketType.SENDER_REPORT, len(packet.blocks), body)
        case SourceDescription():
            body = b"".join(_write_chunk(chunk) for chunk in packet.chunks)
            return _framed(PacketType.SOURCE_DESCRIPTION, len(packet.chunks), body)
        case Goodbye():
            body = struct.pack(f"!{len(packet.sources)}I", *packet.sources)
            if packet.reason:
                body += bytes([len(packet.reason)]) + packet.reason
            return _framed(PacketType.GOODBYE, len(packet.sources), body + bytes(-len(body) % 4))
        case ApplicationDefined():
            body = _WORD.pack(packet.ssrc) + packet.name + packet.content
            return _framed(PacketType.APPLICATION, packet.subtype, body)
        case UnknownPacket():
            return _framed(packet.packet_type, packet.count, packet.body)


def _parse(packet_type: int, count: int, body: bytes) -> RtcpPacket:
    match packet_type:
        case PacketType.SENDER_REPORT:
            _wanted(body, _SENDER.size + count * _BLOCK_SIZE, "SR")
            ssrc, ntp, timestamp, sent, octets = _SENDER.unpack_from(body)
            blocks, profile = _blocks(body[_SENDER.size :], count)
            return SenderReport(ssrc, ntp, timestamp, sent, octets, blocks, profile)
        case PacketType.RECEIVER_REPORT:
            _wanted(body, 4 + count * _BLOCK_SIZE, "RR")
            blocks, profile = _blocks(body[4:], count)
            return ReceiverReport(_word(body), blocks, profile)
        case PacketType.SOURCE_DESCRIPTION:
            return SourceDescription(_chunks(body, count))
        case PacketType.GOODBYE:
            return _goodbye(body, count)
        case PacketType.APPLICATION:
            _wanted(body, 8, "APP")
            return ApplicationDefined(count, _word(body), body[4:8], body[8:])
        case _:
            return UnknownPacket(packet_type, count, body)


def _blocks(body: bytes, count: int) -> tuple[tuple[ReportBlock, ...], bytes]:
    blocks = []
    for start in range(0, count * _BLOCK_SIZE, _BLOCK_SIZE):
        ssrc, losses, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, start)
        lost = losses & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        blocks.append(ReportBlock(ssrc, losses >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks), body[count * _BLOCK_SIZE :]


def _chunks(body: bytes, count: int) -> tuple[SourceChunk, ...]:
    chunks = []
    start = 0
    for _ in range(count):
        _wanted(body, start + 4, "SDES")
        ssrc = _word(body, start)
        items, start = _items(body, start + 4)
        chunks.append(SourceChunk(ssrc, items))
    return tuple(chunks)


def _items(body: bytes, start: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    """
    The items of one chunk and where the next begins, after one to four null octets.
    """
    items = []
    while start < len(body) and body[start]:
        _wanted(body, start + 2, "SDES item")
        end = start + 2 + body[start + 1]
        _wanted(body, end, "SDES item")
        items.append((body[start], body[start + 2 : end]))
        start = end
    return tuple(items), start - start % 4 + 4


def _goodbye(body: bytes, count: int) -> Goodbye:
    _wanted(body, 4 * count, "BYE")
    sources = struct.unpack_from(f"!{count}I", body)
    rest = body[4 * count :]
    if not rest:
        return Goodbye(sources)
    _wanted(rest, 1 + rest[0], "BYE reason")
    return Goodbye(sources, rest[1 : 1 + rest[0]])


def _without_padding(body: bytes) -> bytes:
    padding = body[-1] if body else 0
    if not 1 <= padding <= len(body):
        raise PeerError(f"RTCP padding is {padding} octets, wanted 1 to {len(body)}")
    return body[:-padding]


def _wanted(body: bytes, octets: int, what: str) -> None:
    if len(body) < octets:
        raise PeerError(f"{what} has {len(body)} octets, wanted at least {octets}")


def _word(body: bytes, start: int = 0) -> int:
    word: int = _WORD.unpack_from(body, start)[0]
    return word


def _write_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join([
        _BLOCK.pack(
            block.ssrc, block.fraction_lost << 24 | block.lost & 0xFFFFFF, block.highest, block.jitter,
            block.last_sr, block.delay,
        )
        for block in blocks
    ])


def _write_chunk(chunk: SourceChunk) -> bytes:
    items = b"".join(bytes([kind, len(octets)]) + octets for kind, octets in chunk.items)
    return _WORD.pack(chunk.ssrc) + items + bytes(4 - len(items) % 4)


def _framed(packet_type: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(2 << 6 | count, packet_type, len(body) // 4) + body
