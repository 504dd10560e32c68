"""
The index of a packet: its sequence number with the roll-over counter above it (RFC 3711 s.3.3.1).

  | roll-over counter, 32 bits | sequence number, 16 bits |

The counter is not sent. A receiver takes the one that brings the packet nearest to the highest index that it
has authenticated. Below zero there is nothing: there the cycle above is meant.
"""

from __future__ import annotations

from siprec_tw.errors import PeerError
from siprec_tw.rtp.packet import HEADER_SIZE, VERSION

CYCLE = 1 << 16
HALF = CYCLE >> 1
INDEX_END = 1 << 48

_EXTENSION_BIT = 0x10
_COUNT_MASK = 0x0F


def nearest_index(sequence: int, highest: int) -> int:
    """
    The index of a sequence number, the highest authentic index being known.
    """
    ahead = (sequence - highest) & 0xFFFF
    index = highest + (ahead if ahead < HALF else ahead - CYCLE)
    return index if index >= 0 else index + CYCLE


def rtp_header_size(packet: bytes, trailer: int) -> int:
    """
    How many octets of a packet stay readable: fixed header, contributing sources and extension.

    C{trailer} is what follows the payload: tag and MKI. Raises PeerError where there is no room for all this.
    """
    if len(packet) < HEADER_SIZE:
        raise PeerError(f"datagram has {len(packet)} octets, wanted at least {HEADER_SIZE}")
    first = packet[0]
    if first >> 6 != VERSION:
        raise PeerError(f"RTP version is {first >> 6}, wanted {VERSION}")
    size = HEADER_SIZE + 4 * (first & _COUNT_MASK)
    if first & _EXTENSION_BIT:
        if len(packet) < size + 4:
            raise PeerError(f"datagram has {len(packet)} octets, wanted {size + 4} for its header extension")
        size += 4 + 4 * int.from_bytes(packet[size + 2 : size + 4])
    if len(packet) < size + trailer:
        raise PeerError(f"datagram has {len(packet)} octets, wanted {size + trailer} for header, MKI and tag")
    return size
