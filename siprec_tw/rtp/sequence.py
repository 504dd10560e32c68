"""
Unwrapping of the short counters of RTP: 16 bits of sequence number, 32 bits of timestamp (RFC 3550 A.1).
"""

from __future__ import annotations

from collections.abc import Sequence

SEQUENCE_BITS = 16
TIMESTAMP_BITS = 32


def extend(value: int, reference: int, bits: int) -> int:
    """
    The number nearest to C{reference} whose lowest C{bits} are C{value}.

    The reference is an extended number; a value half a cycle away counts as behind it. The result may be
    negative: what was sent before the first packet seen may lie before zero.
    """
    cycle = 1 << bits
    ahead = (value - reference) & (cycle - 1)
    return reference + (ahead if ahead < cycle >> 1 else ahead - cycle)


def in_a_row(numbers: Sequence[int]) -> bool:
    """
    Whether each of these sequence numbers (16 bits), one at least, is that after the one before.
    """
    first = numbers[0]
    return all(number == first + index & 0xFFFF for index, number in enumerate(numbers))
