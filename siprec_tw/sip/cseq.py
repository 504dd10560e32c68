"""
CSeq: the number of a request within its dialog, and its method (RFC 3261 s.20.16).
"""

from __future__ import annotations

import re

from attrs import frozen

from siprec_tw.errors import PeerError

CSEQ_LIMIT = 2**31

_CSEQ = re.compile(r"([0-9]+)\s+(\S+)")


@frozen
class CSeq:
    """
    A CSeq value.
    """

    number: int                     # below 2**31 (s.8.1.1.5)
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_cseq(text: str) -> CSeq:
    """
    A CSeq value. Raises PeerError(400), for a number of 2**31 or more too.
    """
    match = _CSEQ.fullmatch(text.strip())
    if match is None:
        raise PeerError(f"CSeq is {text[:80]!r}, wanted a number and a method")
    digits = match.group(1).lstrip("0") or "0"
    if len(digits) > 10 or int(digits) >= CSEQ_LIMIT:
        raise PeerError(f"CSeq is {digits[:40]}, wanted below 2**31")
    return CSeq(int(digits), match.group(2))
