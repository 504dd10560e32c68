"""
The parser of messages: what it forgives, what it refuses, and what is left of a message it refuses.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import LocalError
from siprec_tw.sip.message import Request, Response, headers
from siprec_tw.sip.parser import MAX_HEADER_FIELDS, MAX_MESSAGE, BadMessage, parse_message
from siprec_tw.sip.writer import write

REQUEST = b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nCall-ID: 1\r\n\r\n"


def refused(octets: bytes) -> BadMessage:
    """
    The error with which this is refused.
    """
    with pytest.raises(BadMessage) as caught:
        parse_message(octets)
    return caught.value


def test_request() -> None:
    """
    A request comes with method, URI, header fields and body.
    """
    assert parse_message(b"INVITE sip:a@b SIP/2.0\r\nX: 1\r\nl: 2\r\n\r\nhi") == Request(
        "INVITE",
        "sip:a@b",
        headers([("X", "1"), ("l", "2")]),
        b"hi",
    )


def test_response() -> None:
    """
    A response comes with status and reason, which may be missing with its space.
    """
    assert parse_message(b"SIP/2.0 486 Busy Here\r\nX: 1\r\n\r\n") == Response(
        486, "Busy Here", headers([("X", "1")])
    )
    assert parse_message(b"SIP/2.0 200\r\nX: 1\r\n\r\n") == Response(200, "", headers([("X", "1")]))


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n" + REQUEST,
        REQUEST.replace(b"\r\n", b"\n"),
        REQUEST.replace(b": ", b":"),
        REQUEST.replace(b": ", b" \t:\t "),
        REQUEST.replace(b": ", b":\r\n  "),
        REQUEST.replace(b": ", b": \n\t"),
        REQUEST.replace(b"OPTIONS ", b"OPTIONS   "),
        REQUEST.replace(b"SIP/2.0\r", b"sip/2.0  \r"),
        REQUEST.replace(b"Call-ID: 1\r\n", b"Call-ID: 1 \r\n"),
        REQUEST.removesuffix(b"\r\n"),
        REQUEST.removesuffix(b"\r\n\r\n"),
    ],
)
def test_forgiven(octets: bytes) -> None:
    """
    Line ends, spaces, folding and a missing end of the header make no difference.
    """
    assert parse_message(octets) == Request(
        "OPTIONS", "sip:h", headers([("Via", "SIP/2.0/UDP a"), ("Call-ID", "1")])
    )


def test_text_that_is_no_utf8() -> None:
    """
    A line that is no UTF-8 is taken for Latin-1, the lines around it are not; all can be written as UTF-8.
    """
    octets = (
        b"OPTIONS sip:h SIP/2.0\r\nSubject: caf\xe9\x85\x0b\r\nX: \xc3\xa9\r\nY: \xed\xa0\x80\r\nl: 0\r\n\r\n"
    )
    message = parse_message(octets)
    assert message.headers.get("Subject") == "café\x85\x0b"
    assert message.headers.get("X") == "é"
    assert message.headers.get("Y") == "í\xa0\x80"
    assert parse_message(write(message)).headers.without("l") == message.headers.without("l")


def test_content_length() -> None:
    """
    A body is cut to its length, and is all that is left where there is none; too large a length is 400.
    """
    assert parse_message(REQUEST[:-2] + b"l: 3\r\n\r\nabcdef").body == b"abc"
    assert parse_message(REQUEST + b"abcdef").body == b"abcdef"
    assert parse_message(REQUEST[:-2] + b"l: 3\r\nContent-Length: 3\r\n\r\nabcdef").body == b"abc"
    bad = refused(REQUEST[:-2] + b"l: 7\r\n\r\nabcdef")
    assert (bad.status, bad.request and bad.request.body) == (400, b"abcdef")


@pytest.mark.parametrize("length", ["-1", "", "x", "1e3", "99999999999", "9" * 5000, "٣", "+1"])
def test_wrong_content_length(length: str) -> None:
    """
    A length that is no number is answered 400.
    """
    bad = refused(REQUEST[:-2] + f"Content-Length: {length}\r\n\r\n".encode())
    assert bad.status == 400
    assert bad.request is not None


def test_bad_requests_can_be_answered() -> None:
    """
    What could be read of a bad request comes with the error.
    """
    bad = refused(REQUEST.replace(b"Call-ID: 1", b"this is no header line"))
    assert (bad.status, bad.request) == (
        400,
        Request("OPTIONS", "sip:h", headers([("Via", "SIP/2.0/UDP a")])),
    )
    assert refused(REQUEST.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia")).status == 505
    bad = refused(REQUEST.replace(b"sip:h SIP/2.0", b"sip:h HTTP/1.1"))
    assert (bad.status, bad.request is not None) == (400, True)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"\x00",
        b"\x80\x00\x12\x34",
        b"HELLO",
        b" sip:h SIP/2.0\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        b"SIP/2.0 700 x\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n",
        b"SIP/2.0 2000 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nl: 9\r\n\r\n",
    ],
)
def test_nothing_to_answer(octets: bytes) -> None:
    """
    Bad responses and what is no SIP at all leave nothing to be answered.
    """
    assert refused(octets).request is None


def test_bounds() -> None:
    """
    Messages, header sections, start lines and numbers of fields have bounds: 513 or 414 beyond them.
    """
    assert refused(REQUEST + bytes(MAX_MESSAGE)).status == 513
    assert refused(b"OPTIONS sip:" + b"a" * 9_000 + b" SIP/2.0\r\nVia: x\r\n\r\n").status == 414
    many = refused(b"OPTIONS sip:h SIP/2.0\r\nVia: x\r\n" + b"X: 1\r\n" * MAX_HEADER_FIELDS + b"\r\n")
    assert (many.status, many.request and many.request.headers.get("Via")) == (513, "x")
    large = refused(b"OPTIONS sip:h SIP/2.0\r\nVia: x\r\nX: " + b"a" * 60_000 + b"\r\n\r\n")
    assert (large.status, large.request and large.request.headers.get("Via")) == (513, "x")


def test_largest_datagram() -> None:
    """
    A body may fill the datagram to its last octet.
    """
    head = REQUEST[:-2] + b"Content-Length: 65000\r\n\r\n"
    assert len(parse_message(head + bytes(65_000)).body) == 65_000


def test_writer_sets_content_length() -> None:
    """
    The length that is written is the true one, whatever the fields say.
    """
    message = Request("BYE", "sip:h", headers([("l", "99"), ("X", "1"), ("Content-Length", "7")]), b"abc")
    assert write(message) == b"BYE sip:h SIP/2.0\r\nX: 1\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb"])
def test_writer_refuses_line_breaks(value: str) -> None:
    """
    Nobody smuggles a header field in through a value.
    """
    with pytest.raises(LocalError):
        write(Response(200, "OK", headers([("X", value)])))
    with pytest.raises(LocalError):
        write(Response(200, value, headers([])))


def test_bare_carriage_returns_do_not_reach_values() -> None:
    """
    A lone CR becomes a space, so that what was parsed can always be written.
    """
    message = parse_message(b"OPTIONS sip:h SIP/2.0\r\nX: a\rb\r\r\nY: 1\r\n\r\n")
    assert message.headers.get("X") == "a b"
    write(message)
