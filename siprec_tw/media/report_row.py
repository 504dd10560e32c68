"""
The numbers of a StreamReport as one row of an array: many reports travel between processes at once.

Which fields are numbers is read from the class: those of its own, and those of its quality. What a report has beside
numbers does not change often and travels in whole reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import cast, get_type_hints

import attrs
import numpy as np
from numpy.typing import NDArray

from siprec_tw.interfaces import StreamQuality, StreamReport

# By what a class says of a field. None is NaN; a number that may be None is exact up to 2**53.
_TYPES: dict[object, str] = {int: "i8", float: "f8", int | None: "f8", float | None: "f8"}
_WHOLE = (int, int | None)

Number = int | float | None


def _numbers(kind: type) -> dict[str, object]:
    hints = get_type_hints(kind)
    return {name: hint for name, hint in hints.items() if hint in _TYPES}


_OWN, _QUALITY = _numbers(StreamReport), _numbers(StreamQuality)
_own: Callable[[StreamReport], tuple[Number, ...]] = attrgetter(*_OWN)
_quality: Callable[[StreamQuality], tuple[Number, ...]] = attrgetter(*_QUALITY)
_NO_QUALITY = (0, *(0 for _ in _QUALITY))
_changed: Callable[..., StreamReport] = attrs.evolve
_made: Callable[..., StreamQuality] = StreamQuality

REST = tuple(name for name in get_type_hints(StreamReport) if name not in _OWN and name != "quality")
REPORT_ROW = np.dtype([
    ("opening", "u8"),
    *((name, _TYPES[hint]) for name, hint in _OWN.items()),
    ("quality", "i8"),      # whether there is any
    *((f"quality.{name}", _TYPES[hint]) for name, hint in _QUALITY.items()),
])
ReportRows = NDArray[np.void]       # of REPORT_ROW; "opening" is 0 in rows that are free

rest_of: Callable[[StreamReport], tuple[object, ...]] = attrgetter(*REST)
"""
What the row does not tell.
"""


def row_of(opening: int, report: StreamReport) -> tuple[object, ...]:
    """
    The row of a stream; C{opening} tells it from others that had the row before, 1 or more.
    """
    quality = _NO_QUALITY if report.quality is None else (1, *_quality(report.quality))
    return opening, *(math.nan if value is None else value for value in (*_own(report), *quality))


def report_of(rest: StreamReport, row: np.void) -> StreamReport:
    """
    The numbers of the row, and the rest of C{rest}.
    """
    values = cast(tuple[float, ...], row.item())
    cut = 1 + len(_OWN)
    quality = _made(**dict(_named(_QUALITY, values[cut + 1 :]))) if values[cut] else None
    return _changed(rest, quality=quality, **dict(_named(_OWN, values[1:cut])))


def _named(hints: dict[str, object], values: tuple[float, ...]) -> Iterator[tuple[str, Number]]:
    for (name, hint), value in zip(hints.items(), values, strict=True):
        if math.isnan(value):
            yield name, None
        else:
            yield name, int(value) if hint in _WHOLE else value
