"""
The numbers of a StreamReport as one row of an array: many reports travel between processes at once.

What a report has beside numbers does not change often and travels in whole reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_type_hints

import attrs
import numpy as np
from numpy.typing import NDArray

from siprec_tw.interfaces import StreamReport

# By what StreamReport says of a field. None is NaN; a number that may be None is exact up to 2**53.
_TYPES: dict[object, str] = {int: "i8", float: "f8", int | None: "f8", float | None: "f8"}
_HINTS = get_type_hints(StreamReport)
_NAMES = tuple(field.name for field in attrs.fields(StreamReport) if _HINTS[field.name] in _TYPES)
_WHOLE = {name for name in _NAMES if _HINTS[name] in (int, int | None)}
REST = tuple(field.name for field in attrs.fields(StreamReport) if field.name not in _NAMES)

_changed: Callable[..., StreamReport] = attrs.evolve

REPORT_ROW = np.dtype([("opening", "u8"), *((name, _TYPES[_HINTS[name]]) for name in _NAMES)])
ReportRows = NDArray[np.void]       # of REPORT_ROW; "opening" is 0 in rows that are free


def row_of(opening: int, report: StreamReport) -> tuple[object, ...]:
    """
    The row of a stream; C{opening} tells it from others that had the row before, 1 or more.
    """
    values = (getattr(report, name) for name in _NAMES)
    return opening, *(math.nan if value is None else value for value in values)


def rest_of(report: StreamReport) -> tuple[object, ...]:
    """
    What the row does not tell.
    """
    return tuple(getattr(report, name) for name in REST)


def report_of(rest: StreamReport, row: np.void) -> StreamReport:
    """
    The numbers of the row, and the rest of C{rest}.
    """
    numbers: dict[str, int | float | None] = {}
    for name, value in zip(_NAMES, row.item()[1:], strict=True):
        if math.isnan(value):
            numbers[name] = None
        else:
            numbers[name] = int(value) if name in _WHOLE else value
    return _changed(rest, **numbers)
