"""
Sizes as people write them: "256KiB", "1GiB", "500MB".
"""

from __future__ import annotations

import re

UNITS = {
    "TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10,
    "TB": 10**12, "GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1,
}

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(" + "|".join(UNITS) + ")")


def parse_size(text: str) -> int:
    """
    Octets. Raises ValueError, found and wanted, unless it is one number with one unit.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f'found {text!r}, wanted a size such as "256KiB", "10MiB", "1GiB" or "500MB"')
    return round(float(match[1]) * UNITS[match[2]])


def size_text(octets: int) -> str:
    """
    A size in the largest unit that divides it: 262144 is "256KiB".
    """
    for unit, length in UNITS.items():
        if octets >= length and octets % length == 0:
            return f"{octets // length}{unit}"
    return "0B"
