"""
Times, addresses of record and UCIDs as clients write them.
"""

from __future__ import annotations

import pytest

from siprec_tw.metadata.model import NameId
from siprec_tw.metadata.name_id import read_name_id
from siprec_tw.metadata.times import read_time, write_time
from siprec_tw.metadata.ucid import decode_ucid
from siprec_tw.metadata.warning_list import MOST_TEXT, MOST_WARNINGS, WarningList

NOON = 1772625600.0     # 2026-03-04T12:00:00Z


@pytest.mark.parametrize("text, instant, codes", [
    ("2026-03-04T12:00:00Z", NOON, []),
    ("2026-03-04T12:00:00z", NOON, []),
    (" 2026-03-04T14:00:00+02:00\n", NOON, []),
    ("2026-03-04T07:30:00-04:30", NOON, []),
    ("2026-03-04T12:00:00.125Z", NOON + 0.125, []),
    ("2026-03-04T12:00:00,5Z", NOON + 0.5, []),
    ("2026-03-04T11:59:60Z", NOON, []),
    ("2026-03-03T24:00:00Z", NOON - 43200, []),
    ("2026-03-04T12:00:00", NOON, ["time-without-zone"]),
    ("2026-03-04 12:00:00", NOON, ["time-without-zone"]),
    ("2026-03-04T12:00", NOON, ["time-without-zone"]),
    ("2026-03-04T12:00:00+0000", NOON, ["time-zone-malformed"]),
    ("2026-03-04T07:00:00-05", NOON, ["time-zone-malformed"]),
    ("1970-01-01T00:00:10Z", 10.0, ["time-in-1970"]),
    ("", None, []),
    ("now", None, ["time-unreadable"]),
    ("2026-02-30T12:00:00Z", None, ["time-unreadable"]),
    ("2026-03-04T25:00:00Z", None, ["time-unreadable"]),
    ("1969-12-31T23:59:59Z", None, ["time-unreadable"]),
    ("9999-12-31T23:59:59-23:00", None, ["time-unreadable"]),
    ("٢٠٢٦-03-04T12:00:00Z", None, ["time-unreadable"]),
])
def test_times(text: str, instant: float | None, codes: list[str]) -> None:
    """
    A time is POSIX seconds, with a warning where it is not as RFC 7865 wants it.
    """
    warnings = WarningList()
    assert read_time(text, warnings) == instant
    assert [warning.code for warning in warnings.all()] == codes


@pytest.mark.parametrize("instant, text", [
    (NOON, "2026-03-04T12:00:00Z"),
    (NOON + 0.125, "2026-03-04T12:00:00.125000Z"),
    (0.0, "1970-01-01T00:00:00Z"),
])
def test_written_times(instant: float, text: str) -> None:
    """
    Times are written in UTC and read back as the same instant.
    """
    assert write_time(instant) == text
    assert read_time(text, WarningList()) == instant


@pytest.mark.parametrize("text, aor, codes", [
    ("sip:alice@example.com", "sip:alice@example.com", []),
    ("SIPS:alice@example.com", "sips:alice@example.com", []),
    ("sip:alice@example.com;user=phone?subject=x", "sip:alice@example.com", []),
    ("sip:+1;phone-context=x.example@gw.example", "sip:+1;phone-context=x.example@gw.example", []),
    ("sip:02077705371", "sip:02077705371", []),
    ("tel:+15551234;phone-context=x", "tel:+15551234", []),
    ("<sip:alice@example.com>", "sip:alice@example.com", ["aor-is-name-addr"]),
    ("alice@example.com", "sip:alice@example.com", ["aor-without-scheme"]),
    ("+15551234", "tel:+15551234", ["aor-without-scheme"]),
    ("(555) 123-4567", "tel:5551234567", ["aor-without-scheme"]),
    ("*72", "tel:*72", ["aor-without-scheme"]),
    ("192.0.2.7", "sip:192.0.2.7", ["aor-without-scheme"]),
    ("gw.example.com:5060", "sip:gw.example.com:5060", ["aor-without-scheme"]),
    ("anonymous", "sip:anonymous", ["aor-without-scheme"]),
    ("", "", []),
])
def test_addresses(text: str, aor: str, codes: list[str]) -> None:
    """
    An AOR is a URI with a scheme and no parameters; what was written is kept where it differs.
    """
    warnings = WarningList()
    found = read_name_id(text, "", "", warnings)
    assert found == NameId(aor, original="" if text == aor else text)
    assert [warning.code for warning in warnings.all()] == codes


@pytest.mark.parametrize("text, name, expected", [
    ('"Alice \\"Al\\" Ames" <sip:a@b.example>;tag=7', "", 'Alice "Al" Ames'),
    ("Alice Ames <sip:a@b.example>", "", "Alice Ames"),
    ('"Alice" <sip:a@b.example;transport=tcp>', "Alice of the name element", "Alice of the name element"),
    ("<sip:a@b.example>", '"Quoted  Name"', "Quoted Name"),
])
def test_name_addr(text: str, name: str, expected: str) -> None:
    """
    A whole name-addr gives its display name where the document has no other.
    """
    found = read_name_id(text, name, "en", WarningList())
    assert found == NameId("sip:a@b.example", expected, "en", text)


@pytest.mark.parametrize("text, digits", [
    ("00FA080007002169A80BF5;encoding=hex", "00007000331772620789"),
    ("FA080007002169A80BF5", "00007000331772620789"),
    ("00fa080007002169a80bf5 ; Encoding=HEX", "00007000331772620789"),
    ("04FA080007002169A80BF5", "00007000331772620789"),
    ("63616c6c2d3432;encoding=hex", "call-42"),
    ("63616c6c2d3432", ""),
    ("0001;encoding=hex", ""),
    ("00007000331772620789", ""),
    ("FA0;encoding=hex", ""),
    ("", ""),
])
def test_ucid(text: str, digits: str) -> None:
    """
    A UCID in hexadecimal has twenty decimal digits: node, call, seconds.
    """
    assert decode_ucid(text) == digits


def test_warnings_are_said_once_and_bounded() -> None:
    """
    The same warning counts once, a habit gets one example, texts are cut, and there is a limit.
    """
    warnings = WarningList()
    warnings.add("a", "x")
    warnings.add("a", "x")
    warnings.add("a", "y" * (MOST_TEXT + 1))
    warnings.once("a", "z")
    warnings.once("b", "z")
    assert [(w.code, w.text) for w in warnings.all()] == [
        ("a", "x"), ("a", "y" * MOST_TEXT + "..."), ("b", "z"),
    ]
    for number in range(2 * MOST_WARNINGS):
        warnings.add("c", str(number))
    assert len(warnings.all()) == MOST_WARNINGS
