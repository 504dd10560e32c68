"""
Telephone events: keys that were pressed, told in RTP (RFC 4733 s.2).

   event (8) | E R volume (6) | duration (16)     again and again while the key is down, then with E

All packets of one event bear the timestamp of its start and a duration that grows; the last is sent three
times. An event longer than the duration can tell goes on in a new packet whose timestamp lies where the
duration ended (s.2.5.1.3). A packet may hold several events, one behind the other (s.2.5.1.5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from attrs import define, frozen

from siprec_tw.errors import PeerError

BLOCK = struct.Struct("!BBH")
DIGITS = "0123456789*#ABCD"         # RFC 4733 table 3
END = 0x80

# Seconds that may lie between the parts of one key: some clients move the timestamp on with every packet.
SEAM = 0.06


@frozen
class EventPacket:
    """
    One event in one packet.
    """

    timestamp: int      # extended; where the event starts
    event: int
    ticks: int          # how long it has lasted
    end: bool
    marker: bool        # the first packet of an event, if all is well
    arrival: float      # POSIX seconds


@define
class Pressed:
    """
    A key and how long it was down.
    """

    digit: str          # 0-9 * # A-D
    first: int          # extended timestamp
    ticks: int
    ended: bool         # its end was told; else it is as long as was told last
    arrival: float      # POSIX seconds at which its first packet came, less what it had lasted by then

    @property
    def end(self) -> int:
        """
        The timestamp after it.
        """
        return self.first + self.ticks


def parse_events(payload: bytes, timestamp: int, *, marker: bool, arrival: float) -> list[EventPacket]:
    """
    The events of a payload, each behind the one before it. Raises PeerError for a size that cannot be.
    """
    if not payload or len(payload) % BLOCK.size:
        raise PeerError(f"telephone-event payload has {len(payload)} octets, wanted a multiple of {BLOCK.size}")
    events: list[EventPacket] = []
    for event, flags, ticks in BLOCK.iter_unpack(payload):
        events.append(EventPacket(timestamp, event, ticks, bool(flags & END), marker, arrival))
        timestamp, marker = timestamp + ticks, True
    return events


def pressed(packets: Iterable[EventPacket], clock_rate: int) -> list[Pressed]:
    """
    The keys of one source, in the order of their starts. C{packets} are in the order of their sequence numbers;
    events that are no keys (tones, flash) are passed over.
    """
    keys: list[Pressed] = []
    open_keys: dict[str, Pressed] = {}      # the latest of each digit
    for packet in packets:
        if packet.event >= len(DIGITS):
            continue
        digit = DIGITS[packet.event]
        key = open_keys.get(digit)
        if key is not None and _is_of(packet, key, clock_rate):
            key.ticks = max(key.ticks, packet.timestamp + packet.ticks - key.first)
            key.ended = key.ended or packet.end
            continue
        start = packet.arrival - packet.ticks / clock_rate
        open_keys[digit] = Pressed(digit, packet.timestamp, packet.ticks, packet.end, start)
        keys.append(open_keys[digit])
    return sorted(keys, key=lambda key: key.first)


def _is_of(packet: EventPacket, key: Pressed, clock_rate: int) -> bool:
    """
    Whether a packet tells more of a key: the same start, or a continuation of one that has not ended.
    """
    if packet.timestamp == key.first:
        return True
    if key.first < packet.timestamp < key.end:
        return not packet.marker
    goes_on = not key.ended and not packet.marker
    return goes_on and key.first < packet.timestamp <= key.end + SEAM * clock_rate
