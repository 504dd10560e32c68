"""
The numbers of a StreamReport as one row of an array: many reports travel between processes at once.

Which fields are numbers is read from the class. Its quality travels as what it is made of (LossFigures), which grows
with every packet in a known way. What is no number does not change often and travels in whole reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import cast, get_type_hints

import attrs
import numpy as np
from numpy.typing import NDArray

from siprec_tw.interfaces import StreamReport
from siprec_tw.recording.stream_quality import quality_of
from siprec_tw.rtp.loss_runs import LossFigures

# By what the class says of a field. None is NaN; a number that may be None is exact up to 2**53.
_TYPES: dict[object, str] = {int: "i8", float: "f8", int | None: "f8", float | None: "f8"}
_WHOLE = (int, int | None)

Number = int | float | None

_HINTS = get_type_hints(StreamReport)
_NUMBERS = {name: hint for name, hint in _HINTS.items() if hint in _TYPES}
_LOSSES = tuple(field.name for field in attrs.fields(LossFigures))      # whole numbers
_numbers: Callable[[StreamReport], tuple[Number, ...]] = attrgetter(*_NUMBERS)
_losses: Callable[[LossFigures], tuple[int, ...]] = attrgetter(*_LOSSES)
_changed: Callable[..., StreamReport] = attrs.evolve

REST = tuple(name for name in _HINTS if name not in _NUMBERS and name != "quality")
REPORT_ROW = np.dtype([
    ("opening", "u8"),
    ("packet_seconds", "f8"),
    *((f"losses.{name}", "i8") for name in _LOSSES),
    *((name, _TYPES[hint]) for name, hint in _NUMBERS.items()),
])
ReportRows = NDArray[np.void]       # of REPORT_ROW; "opening" is 0 in rows that are free
_CUT = 2 + len(_LOSSES)

rest_of: Callable[[StreamReport], tuple[object, ...]] = attrgetter(*REST)
"""
What the row does not tell.
"""


def row_of(opening: int, report: StreamReport, losses: LossFigures, packet_seconds: float) -> tuple[object, ...]:
    """
    The row of a stream; C{opening} tells it from others that had the row before, 1 or more.
    """
    numbers = (math.nan if value is None else value for value in _numbers(report))
    return opening, packet_seconds, *_losses(losses), *numbers


def report_of(rest: StreamReport, row: np.void) -> StreamReport:
    """
    The numbers of the row, and the rest of C{rest}.
    """
    values = cast(tuple[float, ...], row.item())
    report = _changed(rest, **dict(_named(values[_CUT:])))
    losses = LossFigures(*map(int, values[2:_CUT]))
    return _changed(report, quality=quality_of(losses, report.encoding, values[1], report.jitter))


def _named(values: tuple[float, ...]) -> Iterator[tuple[str, Number]]:
    for (name, hint), value in zip(_NUMBERS.items(), values, strict=True):
        if math.isnan(value):
            yield name, None
        else:
            yield name, int(value) if hint in _WHOLE else value
