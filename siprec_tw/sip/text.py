"""
Header text out of octets: UTF-8 as RFC 3261 s.7 wants it, Latin-1 where a client does not know better.
"""

from __future__ import annotations


def decoded(octets: bytes) -> str:
    """
    The text of header lines: a line that is no UTF-8 is taken for Latin-1.

    Raises nothing, and what comes out can always be written as UTF-8: it goes into journals and indexes.
    """
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return "\n".join(_line(line) for line in octets.split(b"\n"))


def _line(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
