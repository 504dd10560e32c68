"""
Which octets of a file a request gets: conditions and ranges (RFC 9110 s.13, s.14), as values.

One range of octets is served. Several at once, other units and what does not parse are passed over, as
s.14.2 allows, and the whole file is sent.
"""

from __future__ import annotations

import re
from email.utils import formatdate, parsedate_to_datetime

from attrs import frozen

_ONE_RANGE = re.compile(r"bytes\s*=\s*,*\s*(\d{0,18})\s*-\s*(\d{0,18})\s*,*\s*", re.IGNORECASE | re.ASCII)


@frozen
class Representation:
    """
    A file as it stands.
    """

    size: int
    modified: int               # POSIX seconds
    tag: str                    # a strong entity tag with its quotes: '"1f-2a"'

    @property
    def last_modified(self) -> str:
        """
        The Last-Modified header.
        """
        return formatdate(self.modified, usegmt=True)


@frozen
class Conditions:
    """
    The headers of a request that matter here; "" where one is missing.
    """

    if_none_match: str = ""
    if_modified_since: str = ""
    if_range: str = ""
    range: str = ""


@frozen
class Portion:
    """
    What to send: C{length} octets from C{offset}, under status 200, 206, 304 or 416.
    """

    status: int
    offset: int = 0
    length: int = 0


def portion(found: Representation, wanted: Conditions) -> Portion:
    """
    The portion that a GET or HEAD gets, in the order of RFC 9110 s.13.2.2.
    """
    if _unchanged(found, wanted):
        return Portion(304)
    whole = Portion(200, 0, found.size)
    if not wanted.range or not _range_still_holds(found, wanted.if_range):
        return whole
    match = _ONE_RANGE.fullmatch(wanted.range.strip())
    if match is None:
        return whole
    return _within(found.size, match[1], match[2]) or whole


def _unchanged(found: Representation, wanted: Conditions) -> bool:
    if wanted.if_none_match:
        tags = [tag.strip().removeprefix("W/") for tag in wanted.if_none_match.split(",")]
        return "*" in tags or found.tag in tags
    since = _date(wanted.if_modified_since)
    return since is not None and found.modified <= since


def _range_still_holds(found: Representation, if_range: str) -> bool:
    return not if_range or if_range.strip() in (found.tag, found.last_modified)


def _within(size: int, first_text: str, last_text: str) -> Portion | None:
    """
    The portion of one range, 416 where it lies outside, None where it is none (RFC 9110 s.14.1.1).
    """
    if first_text:
        first = int(first_text)
        last = int(last_text) if last_text else max(first, size - 1)
        if last < first:
            return None
        if first >= size:
            return Portion(416)
        return Portion(206, first, min(last, size - 1) - first + 1)
    if not last_text or size == 0:
        return None
    length = min(int(last_text), size)
    return Portion(206, size - length, length) if length else Portion(416)


def _date(text: str) -> float | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
