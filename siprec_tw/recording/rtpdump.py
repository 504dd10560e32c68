"""
The rtpdump format of the RTP tools: packets as they arrived, one after the other.

   "#!rtpplay1.0 <address>/<port>\\n"
   start: seconds (32), microseconds (32) | source address (32) | port (16) | padding (16)
   then each packet: length of the record (16) | length of the packet (16) | offset in ms (32) | packet

All integers are big-endian; a packet length of 0 means RTCP.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from attrs import frozen

MAGIC = b"#!rtpplay1.0 "
RECORD_HEADER = struct.Struct("!HHI")
START = struct.Struct("!IIIHH")
LONGEST_FIRST_LINE = 80

Read = Callable[[int, int], bytes]
"""
C{read(offset, octets)}: what a file holds there, less at its end.
"""


@frozen
class Record:
    """
    One packet of a dump.
    """

    packet: bytes           # RTP header included
    offset_ms: int          # milliseconds since the start of the dump
    rtcp: bool = False


def file_header(address: str, port: int, start: float) -> bytes:
    """
    What an rtpdump file begins with; C{start} is POSIX seconds.

    An address of IPv6 stands in the text line only: the binary head has no room for it.
    """
    seconds = int(start)
    text = MAGIC + f"{address}/{port}\n".encode("ascii", "replace")
    octets = bytes(int(part) for part in address.split(".")) if _is_ipv4(address) else b""
    microseconds = int((start - seconds) * 1_000_000)
    host = int.from_bytes(octets, "big")
    return text + START.pack(seconds & 0xFFFFFFFF, microseconds, host, port & 0xFFFF, 0)


def record(packet: bytes, offset_ms: int, *, rtcp: bool = False) -> bytes:
    """
    One packet as it stands in the file; what is longer than 65,527 octets is cut.
    """
    packet = packet[: 0xFFFF - RECORD_HEADER.size]
    length = RECORD_HEADER.size + len(packet)
    return RECORD_HEADER.pack(length, 0 if rtcp else len(packet), offset_ms & 0xFFFFFFFF) + packet


def records(read: Read) -> Iterator[Record]:
    """
    The packets of a dump, up to the first record that is torn or makes no sense.
    """
    for _, each in _walk(read):
        yield each


def whole_length(read: Read) -> int:
    """
    How many octets of a dump are whole, its head included; 0 where not even the head is.
    """
    length = _records_start(read) or 0
    for end, _ in _walk(read):
        length = end
    return length


def start_time(read: Read) -> float | None:
    """
    The POSIX seconds which a dump's head tells, or None where it has none.
    """
    start = _records_start(read)
    if not start:
        return None
    seconds, microseconds, _, _, _ = START.unpack(read(start - START.size, START.size))
    return float(seconds + microseconds / 1_000_000)


def _walk(read: Read) -> Iterator[tuple[int, Record]]:
    offset = _records_start(read)
    while offset is not None:
        head = read(offset, RECORD_HEADER.size)
        if len(head) < RECORD_HEADER.size:
            return
        length, packet_length, offset_ms = RECORD_HEADER.unpack(head)
        size = length - RECORD_HEADER.size
        if size < 0 or packet_length > size:
            return
        packet = read(offset + RECORD_HEADER.size, size)
        if len(packet) < size:
            return
        offset += length
        rtcp = packet_length == 0
        yield offset, Record(packet if rtcp else packet[:packet_length], offset_ms, rtcp)


def _records_start(read: Read) -> int | None:
    """
    Where the first record begins: 0 in a file without a head, None where the head is torn.
    """
    first = read(0, LONGEST_FIRST_LINE)
    if not first.startswith(MAGIC[:5]):
        return 0
    start = first.find(b"\n") + 1
    return start + START.size if start and len(read(start, START.size)) == START.size else None


def _is_ipv4(address: str) -> bool:
    parts = address.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
