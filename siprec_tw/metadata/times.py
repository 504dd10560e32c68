"""
Dates and times of recording metadata: xs:dateTime in UTC by RFC 7865, and what clients write instead.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from siprec_tw.metadata.warning_list import WarningList

MOST_LETTERS = 64
LAST_YEAR = 9998        # one below datetime's, so that a zone cannot lead out of its range

_DATE_TIME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[Tt ]+"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,18}))?)?"
    r"\s*(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>\d\d)(?P<colon>:?)(?P<zone_minute>\d\d)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(text: str, warnings: WarningList) -> float | None:
    """
    The instant that C{text} names, or None with a warning if it names none; "" is None without one.

    Without a zone it is taken as UTC (Oracle, Avaya); a zone may lack its colon (OpenSIPS). Ribbon counts
    from its start in 1970: kept, with a warning.
    """
    text = text.strip()
    if not text:
        return None
    match = _DATE_TIME.fullmatch(text) if len(text) <= MOST_LETTERS else None
    instant = _instant(match) if match else None
    if match is None or instant is None:
        warnings.add("time-unreadable", f"found {text!r}, wanted a time like 2026-01-31T12:00:00Z")
        return None
    if match["zone"] is None:
        warnings.once("time-without-zone", f"{text!r} names no zone: taken as UTC")
    elif match["sign"] and not (match["colon"] and match["zone_minute"]):
        warnings.once("time-zone-malformed", f"the zone of {text!r} is not written +hh:mm")
    if match["year"] == "1970":
        warnings.once("time-in-1970", f"{text!r} lies in 1970: the client's clock is not set")
    return instant


def write_time(instant: float) -> str:
    """
    An instant as xs:dateTime in UTC, microseconds only where there are any.
    """
    moment = _EPOCH + timedelta(seconds=instant)
    return moment.replace(tzinfo=None).isoformat(timespec="auto") + "Z"


def _instant(match: re.Match[str]) -> float | None:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    # xs:dateTime has 24:00:00, and a leap second is 60
    if not 1970 <= year <= LAST_YEAR or hour > 24 or minute > 59 or second > 60:
        return None
    try:
        days = (date(year, month, day) - _EPOCH.date()).days
    except ValueError:
        return None
    whole = days * 86400 + hour * 3600 + minute * 60 + second - _offset(match)
    return whole + float(f"0.{match['fraction'] or 0}")


def _offset(match: re.Match[str]) -> int:
    if not match["sign"]:
        return 0
    seconds = int(match["zone_hour"]) * 3600 + int(match["zone_minute"] or 0) * 60
    return -seconds if match["sign"] == "-" else seconds
