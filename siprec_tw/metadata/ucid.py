"""
Avaya's Universal Call Identifier (UCID) as it stands in User-to-User and in vendors' extensions.

     00   FA   08   0007   0021   69A80BF5
     |    |    |    node   call   seconds since 1970
     |    |    length in octets
     |    information element "UCID"
     protocol discriminator, often left out

People and call centre software write it as twenty digits: 00007 00033 1772620789.
"""

from __future__ import annotations

import re

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_UCID = re.compile(r"(?:00|04)?FA08([0-9A-F]{4})([0-9A-F]{4})([0-9A-F]{8})")
_SUFFIX = re.compile(r"\s*;\s*encoding\s*=\s*hex\s*", re.IGNORECASE)


def decode_ucid(text: str) -> str:
    """
    The twenty digits of a UCID in hexadecimal, else the text that C{;encoding=hex} hides, else "".
    """
    digits, *suffix = _SUFFIX.split(text.strip(), maxsplit=1)
    if not _HEX.fullmatch(digits):
        return ""
    match = _UCID.match(digits.upper())
    if match:
        node, call, seconds = (int(part, 16) for part in match.groups())
        return f"{node:05d}{call:05d}{seconds:010d}"
    return _hidden_text(digits) if suffix else ""


def _hidden_text(digits: str) -> str:
    octets = bytes.fromhex(digits)
    return octets.decode("ascii") if all(0x20 <= octet < 0x7F for octet in octets) else ""
