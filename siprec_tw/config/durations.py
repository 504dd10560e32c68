"""
Durations as people write them: "500ms", "5s", "1h30m", "30d".
"""

from __future__ import annotations

import re

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_WANTED = 'wanted a duration such as "500ms", "5s", "2m", "1h30m" or "30d"'


def parse_duration(text: str) -> float:
    """
    Seconds. Raises ValueError, found and wanted, unless larger units stand before smaller ones, each once.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"found {text!r}, {_WANTED}")
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    if units != [unit for unit in UNITS if unit in units]:
        raise ValueError(f"found {text!r}, wanted larger units before smaller ones, each once: 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def duration_text(seconds: float) -> str:
    """
    The shortest way to write a duration, to the millisecond: 5400.0 is "1h30m".
    """
    rest = round(seconds * 1000)
    text = ""
    for unit, length in UNITS.items():
        count, rest = divmod(rest, round(length * 1000))
        if count:
            text += f"{count}{unit}"
    return text or "0s"
