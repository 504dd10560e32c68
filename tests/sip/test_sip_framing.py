"""
The framing of streams: messages and pings out of octets that come in any pieces.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.framing import KeepAlive, StreamFraming
from siprec_tw.sip.parser import MAX_HEADER_SECTION, BadMessage, parse_message

FIRST = b"INVITE sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nContent-Length: 10\r\n\r\n0123\r\n\r\n89"
SECOND = b"BYE sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nl:0\r\n\r\n"
NO_LENGTH = b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"


def frames(framing: StreamFraming, *pieces: bytes) -> list[bytes | KeepAlive]:
    """
    All that these pieces complete.
    """
    return [frame for piece in pieces for frame in framing.feed(piece)]


def test_many_in_one_segment() -> None:
    """
    Several messages in one segment come out one by one; no Content-Length means no body.
    """
    assert frames(StreamFraming(), FIRST + NO_LENGTH + SECOND + FIRST[:-1]) == [FIRST, NO_LENGTH, SECOND]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_one_in_many_segments(size: int) -> None:
    """
    However the stream is cut, the same messages and pings come out.
    """
    stream = FIRST + b"\r\n\r\n" + SECOND + b"\r\n" + NO_LENGTH + b"\r\n\r\n"
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    framing = StreamFraming()
    assert frames(framing, *pieces) == [FIRST, KeepAlive.PING, SECOND, NO_LENGTH, KeepAlive.PING]
    assert framing.waiting == 0


def test_keep_alives() -> None:
    """
    Two CRLF are a ping, one alone is not, and neither disturbs the next message (RFC 5626 s.3.5.1).
    """
    assert frames(StreamFraming(), b"\r\n\r\n") == [KeepAlive.PING]
    assert frames(StreamFraming(), b"\r\n", b"\r\n") == [KeepAlive.PING]
    assert frames(StreamFraming(), b"\r\n") == []
    assert frames(StreamFraming(), b"\r\n" + SECOND, b"\n\n" + SECOND) == [SECOND, SECOND]


def test_bare_line_feeds() -> None:
    """
    A peer that ends lines with LF alone is understood.
    """
    message = FIRST.replace(b"\r\n", b"\n", 4)
    assert frames(StreamFraming(), message + SECOND) == [message, SECOND]


def test_folded_content_length() -> None:
    """
    A folded Content-Length is the same to framing and parser.
    """
    message = b"BYE sip:h SIP/2.0\r\nContent-Length:\r\n  4\r\n\r\nabcd"
    assert frames(StreamFraming(), message + SECOND) == [message, SECOND]
    assert parse_message(message).body == b"abcd"


@pytest.mark.parametrize("length", [b"-1", b"x", b"5\r\nContent-Length: 6", b"99999999999"])
def test_length_that_cannot_be_told(length: bytes) -> None:
    """
    Without a length the stream is lost: what came before is delivered, the request can be answered.
    """
    framing = StreamFraming()
    got = []
    with pytest.raises(BadMessage) as caught:
        for frame in framing.feed(SECOND + FIRST.replace(b"10", length) + SECOND):
            got.append(frame)
    assert got == [SECOND]
    assert caught.value.status == 400
    assert caught.value.request is not None
    with pytest.raises(PeerError):
        frames(framing, SECOND)


def test_bounds() -> None:
    """
    A message or a header section that is too large breaks the stream before it is held in memory.
    """
    with pytest.raises(BadMessage) as caught:
        frames(StreamFraming(limit=1_000), FIRST.replace(b"10", b"1000"))
    assert (caught.value.status, caught.value.request and caught.value.request.method) == (513, "INVITE")
    framing = StreamFraming()
    with pytest.raises(PeerError):
        frames(framing, *[b"x" * 1_000] * (MAX_HEADER_SECTION // 1_000 + 1))
    assert framing.waiting == 0


def test_large_message() -> None:
    """
    A stream takes messages larger than a datagram.
    """
    message = FIRST.replace(b"10", b"200000", 1)[:-10] + bytes(200_000)
    assert frames(StreamFraming(), message[:100_000], message[100_000:]) == [message]
