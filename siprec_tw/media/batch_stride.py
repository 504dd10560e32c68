"""
A stream in its stride: one source, whose packets of one size and payload type follow one another, written to one
file of samples.

Such a stream can be followed in a row of numbers, many streams at once, and its own objects
(L{siprec_tw.media.receiver}) are told from time to time how far it went. They are told before anybody looks at
them, and before anything else happens to them; so nobody sees a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from siprec_tw.media.arrival import Address
from siprec_tw.media.batch_clock import OpenBaseline
from siprec_tw.rtp.report_blocks import Untold

Write = Callable[[int, bytes, int], None]
"""
C{write(descriptor, octets, offset)}; raises OSError.
"""


@frozen
class Tail:
    """
    Where the next octet of an open file of samples goes.
    """

    write: Write
    descriptor: int
    offset: int
    due: int            # extended timestamp at which the record wants a checkpoint


@frozen
class Stride:
    """
    All that must be known to take the next packets of a stream in its stride.
    """

    ssrc: int
    payload_type: int
    size: int           # octets of each payload
    step: int           # ticks of each packet
    rate: int           # ticks a second
    sequence: int       # extended, of the next packet
    head: int           # extended timestamp of the next packet
    address: Address
    jitter: float       # ticks
    last_transit: float     # ticks
    clock: OpenBaseline     # the source's own
    tail: Tail


@frozen
class Progress:
    """
    How far a stream went in its stride.
    """

    step: int               # ticks of each packet
    packets: int
    octets: int
    jitter: float           # ticks
    last_transit: float     # ticks
    least: float            # transit, seconds
    newly_least: float      # the same since the clock moved its window; infinite when nothing has come since
    last_arrival: float


class Ahead(Protocol):
    """
    Who follows a stream, and may be further than its objects are.
    """

    def untold(self) -> Untold | None:
        """
        What the source's statistics do not know yet; None where nobody follows it.
        """

    def last_arrival(self) -> float | None:
        """
        When the last packet came; None where the stream's objects know it.
        """

    def settle(self) -> None:
        """
        Tell the stream's objects how far it went, and go on.
        """

    def leave(self) -> None:
        """
        The same, and follow it no more: its objects are about to change.
        """
