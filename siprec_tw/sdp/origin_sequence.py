"""
Our own o= line: one identity for a dialog, and a version that rises with the text (RFC 3264 s.8).
"""

from __future__ import annotations

from attrs import evolve, frozen

from siprec_tw.sdp.description import Origin, SessionDescription, address_type_of
from siprec_tw.sdp.writer import write_sdp

BELOW_NUMBERS = 2**62 - 1   # a first version stays below this, both numbers fit 64 bits signed (RFC 3264 s.5)


@frozen
class OriginSequence:
    """
    Where the o= line of one dialog stands. A value: it travels with the call to another node.

    The address stays that of the first description, even where the media have moved since.
    """

    session_id: int             # 0 <= session_id < BELOW_NUMBERS; random or a clock's, the caller's choice
    address: str
    version: int = 0            # of the description sent last
    last: bytes = b""           # that description as written; empty before the first

    @property
    def origin(self) -> Origin:
        """
        The o= line of the description sent last.
        """
        return Origin(
            "-", str(self.session_id), str(self.version), "IN", address_type_of(self.address), self.address
        )

    def stamp(self, description: SessionDescription) -> tuple[OriginSequence, SessionDescription]:
        """
        The description under our o= line, and the sequence to be used next.

        The version rises by one where the text differs from the last; where it does not, it must not.
        """
        stamped = evolve(description, origin=self.origin)
        if self.last and write_sdp(stamped) != self.last:
            return evolve(self, version=self.version + 1, last=b"").stamp(description)
        return evolve(self, last=write_sdp(stamped)), stamped
