"""
Conditions and ranges as values (RFC 9110 s.13, s.14).
"""

from __future__ import annotations

import pytest

from siprec_tw.admin.byte_range import Conditions, Portion, Representation, portion

FILE = Representation(1000, 784111777, '"tag"')
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
WHOLE = Portion(200, 0, 1000)


@pytest.mark.parametrize(("text", "expected"), [
    ("bytes=0-499", Portion(206, 0, 500)),                  # as RFC 9110 s.14.1.2 has them
    ("bytes=500-999", Portion(206, 500, 500)),
    ("bytes=-500", Portion(206, 500, 500)),
    ("bytes=500-", Portion(206, 500, 500)),
    ("bytes=0-0", Portion(206, 0, 1)),
    ("bytes=-1", Portion(206, 999, 1)),
    ("bytes=0-", Portion(206, 0, 1000)),
    ("bytes=990-2000", Portion(206, 990, 10)),              # beyond the end: up to the end
    ("bytes=-2000", Portion(206, 0, 1000)),
    ("BYTES = 1 - 2 ,", Portion(206, 1, 2)),
    ("bytes=1000-", Portion(416)),
    ("bytes=1000-1000", Portion(416)),
    ("bytes=-0", Portion(416)),
    ("bytes=5-4", WHOLE),                                   # invalid: passed over
    ("bytes=0-1,5-6", WHOLE),                               # several: passed over
    ("bytes=-", WHOLE),
    ("bytes=", WHOLE),
    ("bytes", WHOLE),
    ("bytes=a-b", WHOLE),
    ("bytes=--5", WHOLE),
    ("bytes=\u0661-\u0662", WHOLE),
    ("bytes=" + "9" * 5000 + "-", WHOLE),
    ("samples=0-1", WHOLE),
    ("", WHOLE),
])
def test_ranges(text: str, expected: Portion) -> None:
    """
    One range of octets is served; 416 where it lies outside; all else is the whole file.
    """
    assert portion(FILE, Conditions(range=text)) == expected


@pytest.mark.parametrize(("text", "status"), [
    ("bytes=0-", 416), ("bytes=-1", 200), ("bytes=-0", 200), ("", 200),
])
def test_empty_file(text: str, status: int) -> None:
    """
    An empty file has no first octet.
    """
    assert portion(Representation(0, 0, '"t"'), Conditions(range=text)) == Portion(status)


@pytest.mark.parametrize(("tags", "status"), [
    ('"tag"', 304), ('W/"tag"', 304), ('"a", "tag"', 304), ("*", 304), ('"a"', 200), ("tag", 200),
])
def test_if_none_match(tags: str, status: int) -> None:
    """
    Tags are compared weakly (RFC 9110 s.13.1.2).
    """
    assert portion(FILE, Conditions(if_none_match=tags)).status == status


@pytest.mark.parametrize(("date", "status"), [
    (DATE, 304), ("Sun, 06 Nov 1994 08:49:38 GMT", 304), ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
    ("yesterday", 200), ("Sun, 99 Nov 1994 08:49:37 GMT", 200),
])
def test_if_modified_since(date: str, status: int) -> None:
    """
    A date that is none is passed over (RFC 9110 s.13.1.3).
    """
    assert portion(FILE, Conditions(if_modified_since=date)).status == status


def test_the_tag_outranks_the_date() -> None:
    """
    With If-None-Match there is no looking at If-Modified-Since (RFC 9110 s.13.1.3).
    """
    assert portion(FILE, Conditions(if_none_match='"other"', if_modified_since=DATE)).status == 200


@pytest.mark.parametrize(("if_range", "status"), [
    ('"tag"', 206), (DATE, 206), ('W/"tag"', 200), ('"other"', 200), ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
])
def test_if_range(if_range: str, status: int) -> None:
    """
    If-Range holds for the same strong tag or the same date, no other (RFC 9110 s.13.1.5).
    """
    assert portion(FILE, Conditions(range="bytes=0-9", if_range=if_range)).status == status
