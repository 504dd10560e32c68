"""
Bodies in every dialect: the same two parts, however they are wrapped.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import LocalError
from siprec_tw.sip.message import headers
from siprec_tw.sip.multipart import MAX_PARTS, Part, parts, read_body, write_multipart

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
XML = b"<?xml version='1.0'?>\n<recording/>"
MARK = b"\xef\xbb\xbf"


def wrapped(
    boundary: str = "--b", closing: str = "--b--\r\n", sdp: str = "application/sdp", xml: str = ""
) -> bytes:
    """
    A body of two parts between these delimiter lines.
    """
    return (
        f"{boundary}\r\nContent-Type: {sdp}\r\n\r\n".encode()
        + SDP
        + f"\r\n{boundary}\r\nContent-Type: application/rs-metadata+xml\r\n{xml}\r\n".encode()
        + XML
        + f"\r\n{closing}".encode()
    )


DIALECTS = {
    "plain": ("multipart/mixed;boundary=b", wrapped(), ()),
    "quoted": ('multipart/mixed; boundary="b"', wrapped(), ()),
    "space before the parameter": ("multipart/mixed ; Boundary = b", wrapped(), ()),
    "parameter after": ('multipart/mixed;boundary="b";type="application/sdp"', wrapped(), ()),
    "boundary of dashes": ("multipart/mixed;boundary=----=_P.1", wrapped("------=_P.1", "------=_P.1--"), ()),
    "parameter has the body's dashes": ("multipart/mixed;boundary=--b", wrapped(), ()),
    "body lacks the dashes": ("multipart/mixed;boundary=b", wrapped("b", "b--"), ()),
    "own dashes at the end": ("multipart/mixed;boundary=b--", wrapped("--b--", "--b----"), ()),
    "trailing spaces": ("multipart/mixed;boundary=b", wrapped("--b  ", "--b-- \t\r\n"), ()),
    "preamble and epilogue": ("multipart/mixed;boundary=b", b"hello\r\n\r\n" + wrapped() + b"bye\r\n", ()),
    "line feeds": ("multipart/mixed;boundary=b", None, ()),
    "no space": ("multipart/mixed;boundary=b", wrapped().replace(b": ", b":"), ()),
    "wrong part length": ("multipart/mixed;boundary=b", wrapped(xml="Content-Length: 3\r\n"), ()),
    "folded": (
        "multipart/mixed;boundary=b",
        wrapped(xml="Content-Disposition: recording-session;\r\n handling=required\r\n"),
        (),
    ),
    "not closed": ("multipart/mixed;boundary=b", wrapped(closing=""), ("multipart-not-closed",)),
    "last delimiter not closing": (
        "multipart/mixed;boundary=b",
        wrapped(closing="--b\r\n"),
        ("multipart-not-closed",),
    ),
    "mark in front": ("multipart/mixed;boundary=b", MARK + wrapped(), ("byte-order-mark",)),
    "mark in a part": (
        "multipart/mixed;boundary=b",
        wrapped().replace(XML, MARK + XML),
        ("byte-order-mark",),
    ),
    "no boundary": ("multipart/mixed", wrapped(), ("multipart-without-boundary",)),
    "wrong boundary": ("multipart/mixed;boundary=other", wrapped(), ("multipart-wrong-boundary",)),
    "no empty line": (
        "multipart/mixed;boundary=b",
        wrapped().replace(b"\r\n\r\nv=0", b"\r\nv=0"),
        ("part-without-empty-line",),
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects(name: str) -> None:
    """
    Every dialect yields the SDP and the metadata, octet by octet, and its warning.
    """
    content_type, body, codes = DIALECTS[name]
    sdp = SDP
    if body is None:
        body, sdp = wrapped().replace(b"\r\n", b"\n"), SDP.replace(b"\r\n", b"\n")
    got = read_body(content_type, body)
    assert [part.body.removesuffix(b"\r\n") for part in got.parts] == [sdp.removesuffix(b"\r\n"), XML]
    assert [str(part.media_type) for part in got.parts] == ["application/sdp", "application/rs-metadata+xml"]
    assert tuple(code for code, _ in got.warnings) == codes


def test_order_and_strange_parts_are_kept() -> None:
    """
    Parts come in the order of the body, unknown and untyped ones too; empty ones do not.
    """
    body = (
        b"--b\r\nContent-Type: application/gtd\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b\r\n\r\n"
        b"--b\r\nContent-Type: nonsense\r\n\r\nz\r\n--b--"
    )
    found = parts("multipart/mixed;boundary=b", body)
    assert [(str(p.media_type), p.body) for p in found] == [
        ("application/gtd", b"x"),
        ("None", b"y"),
        ("None", b"z"),
    ]


def test_single_bodies() -> None:
    """
    A body that is no multipart is one part; an empty body is none.
    """
    assert parts("application/sdp", SDP) == (Part(headers([("Content-Type", "application/sdp")]), SDP),)
    assert parts(None, b"x") == (Part(headers([]), b"x"),)
    assert parts("nonsense", b"x")[0].media_type is None
    assert parts("application/sdp", b"") == parts(None, b"") == ()


def test_disposition() -> None:
    """
    A disposition comes in lower case, its parameters apart.
    """
    part = Part(headers([("Content-Disposition", "Recording-Session ;handling=required")]), b"")
    assert (part.disposition, part.disposition_parameters) == (
        "recording-session",
        (("handling", "required"),),
    )
    assert Part(headers([]), b"").disposition == ""


def test_nested() -> None:
    """
    A multipart within a multipart is flattened in place; one nested too deep is kept whole.
    """
    inner_type, inner = write_multipart([Part(headers([("Content-Type", "a/b")]), b"1")], "inner")
    outer_type, outer = write_multipart(
        [
            Part(headers([("Content-Type", inner_type)]), inner),
            Part(headers([("Content-Type", "c/d")]), b"2"),
        ],
        "outer",
    )
    assert [p.body for p in parts(outer_type, outer)] == [b"1", b"2"]
    content_type, body = "a/b", b"deep"
    for depth in range(8):
        content_type, body = write_multipart(
            [Part(headers([("Content-Type", content_type)]), body)], f"x{depth}x"
        )
    got = read_body(content_type, body)
    assert got.parts[0].media_type is not None
    assert got.parts[0].media_type.type == "multipart"
    assert [code for code, _ in got.warnings] == ["multipart-too-deep"]


def test_without_any_delimiter() -> None:
    """
    A multipart without delimiters is kept whole.
    """
    got = read_body("multipart/mixed;boundary=b", SDP)
    assert [part.body for part in got.parts] == [SDP]
    assert [code for code, _ in got.warnings] == ["multipart-without-delimiter"]


def test_bounds() -> None:
    """
    No body yields more than so many parts.
    """
    got = read_body("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n" * 1_000)
    assert len(got.parts) == MAX_PARTS
    assert "multipart-too-long" in [code for code, _ in got.warnings]


def test_round_trip() -> None:
    """
    What is written is read again, whatever octets and line ends the parts have.
    """
    wanted = (
        Part(headers([("Content-Type", "application/sdp"), ("Content-Disposition", "session")]), SDP),
        Part(headers([("Content-Type", "application/octet-stream")]), bytes(range(256)) + b"\r\n\r\n--\r\n"),
        Part(headers([("X", "1")]), b""),
    )
    for boundary in ("b", "----=_Part_1", "a b"):
        content_type, body = write_multipart(wanted, boundary)
        assert read_body(content_type, body).parts == wanted
        assert read_body(content_type, body).warnings == ()
    with pytest.raises(LocalError):
        write_multipart([Part(headers([]), b"--b")], "b")
