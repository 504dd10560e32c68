"""
Probation: a source is believed once two of its packets belong together (RFC 3550 A.1).

RFC 3550 wants two packets in sequence; here they may come in any order and with a few missing between them,
as they do on a bad network. What comes under probation is held and handed on when the source is believed, so
that the first packets of a stream are not lost.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Held = TypeVar("Held")

NEAR = 100          # RFC 3550 A.1: MAX_MISORDER, here in both directions
MOST_HELD = 16


class Probation(Generic[Held]):
    """
    The packets of one source that is not believed yet; not more than C{most_held}, the oldest go first.
    """

    def __init__(self, most_held: int = MOST_HELD) -> None:
        self._held: deque[tuple[int, Held]] = deque()
        self._most_held = most_held
        self.dropped = 0        # packets that were given up

    def offer(self, sequence: int, packet: Held) -> list[Held]:
        """
        Take a packet of 16-bit sequence number C{sequence}. When it proves the source, all held packets near
        it come out in the order of their arrival, it being the last; until then nothing.
        """
        near = [held for number, held in self._held if number == sequence or _near(number, sequence)]
        proven = any(_near(number, sequence) for number, _ in self._held)
        if proven:
            self.dropped += len(self._held) - len(near)
            self._held.clear()
            return [*near, packet]
        self._held.append((sequence, packet))
        if len(self._held) > self._most_held:
            self._held.popleft()
            self.dropped += 1
        return []

    def release(self) -> list[Held]:
        """
        Give out what is held, proven or not, in the order of arrival.
        """
        held = [packet for _, packet in self._held]
        self._held.clear()
        return held

    def __len__(self) -> int:
        return len(self._held)


def _near(one: int, other: int) -> bool:
    """
    Whether two different sequence numbers are at most NEAR apart, round the wrap.
    """
    apart = (one - other) & 0xFFFF
    return 0 < min(apart, 0x10000 - apart) <= NEAR
