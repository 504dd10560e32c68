"""
Text in columns, and how times, lengths and sizes are shown to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from unicodedata import east_asian_width

from siprec_tw.log_lines import escaped


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """
    Rows under headings; the columns in C{right} are set flush right. Control characters are escaped.
    """
    cells = [tuple(headings), *(tuple(map(escaped, row)) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = [
            " " * (width - _width(cell)) + cell if index in right else cell + " " * (width - _width(cell))
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip() + "\n")
    return "".join(lines)


def length_text(seconds: float) -> str:
    """
    A length as a clock would show it: "1:05", "1:00:05".
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def octets_text(octets: int) -> str:
    """
    A size in three digits or so: "940 B", "1.2 MB".
    """
    size = float(octets)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def utc_time(instant: str) -> str:
    """
    An ISO 8601 instant to the second, in UTC like all else that a recorder tells; other text as it is.
    """
    try:
        return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return instant


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
