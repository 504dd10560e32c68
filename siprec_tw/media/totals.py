"""
What was received of a source, of a stream, or of all of them.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.rtp.reception import Reception


@frozen
class Totals:
    """
    Packets, and octets of their payloads.
    """

    packets: int = 0        # received and kept, each once
    octets: int = 0
    lost: int = 0           # missing by their numbers
    duplicates: int = 0
    reordered: int = 0
    rejected: int = 0       # not RTP, never proven, too late

    @classmethod
    def of(cls, reception: Reception, octets: int, rejected: int) -> Totals:
        """
        The totals of one reception.
        """
        return cls(
            reception.kept, octets, reception.lost, reception.duplicates, reception.reordered, rejected
        )

    def plus(self, other: Totals) -> Totals:
        """
        Both together.
        """
        if other is NOTHING:
            return self
        if self is NOTHING:
            return other
        return Totals(
            self.packets + other.packets,
            self.octets + other.octets,
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.reordered + other.reordered,
            self.rejected + other.rejected,
        )

    def minus(self, other: Totals) -> Totals:
        """
        What came since C{other}.
        """
        return Totals(
            self.packets - other.packets,
            self.octets - other.octets,
            self.lost - other.lost,
            self.duplicates - other.duplicates,
            self.reordered - other.reordered,
            self.rejected - other.rejected,
        )


NOTHING = Totals()
