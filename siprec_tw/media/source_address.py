"""
Where a source sends from.

A source may move: clients change their ports, and what is between them and us does. But one packet proves nothing,
since anybody can send it: the address moves when two packets in sequence have come from the new one (RFC 3550 A.1),
and none from the old one between them. Which packets are kept does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from siprec_tw.media.arrival import Address, Packet
from siprec_tw.rtp.sequence import in_a_row


class SourceAddress:
    """
    The address of one source.
    """

    __slots__ = ("_elsewhere", "latest")

    def __init__(self, address: Address) -> None:
        self.latest = address
        self._elsewhere: tuple[Address, int] | None = None      # where the last packet came from, and its number

    def follow(self, packets: Iterable[Packet]) -> tuple[Address, ...]:
        """
        Take packets in the order of their arrival; the addresses that the source has moved to.
        """
        moves: list[Address] = []
        for packet in packets:
            address, sequence = packet[6], packet[0]
            if address == self.latest:
                self._elsewhere = None
                continue
            before, self._elsewhere = self._elsewhere, (address, sequence)
            if before is not None and before[0] == address and in_a_row((before[1], sequence)):
                self.latest, self._elsewhere = address, None
                moves.append(address)
        return tuple(moves)

    def stay(self) -> None:
        """
        Packets came, all from the latest address.
        """
        self._elsewhere = None
