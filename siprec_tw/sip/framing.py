"""
Messages out of a stream of octets, without sockets (RFC 3261 s.18.3, RFC 5626 s.3.5.1).

A stream holds message after message, each with the body that Content-Length says; empty lines
between them mean nothing, but two in a row are a keep-alive ping, answered with L{PONG}. A message
without Content-Length has no body. When a length cannot be told, nothing behind it can be found: the
stream is broken and its connection is to be closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Request
from siprec_tw.sip.parser import (
    END_OF_HEADERS,
    MAX_HEADER_SECTION,
    BadMessage,
    content_length,
    parse_message,
    read_headers,
)

MAX_STREAM_MESSAGE = 1_048_576

PONG = b"\r\n"
_PING = b"\r\n\r\n"


class KeepAlive(Enum):
    """
    What a stream holds besides messages.
    """

    PING = "ping"


class StreamFraming:
    """
    Cuts one stream into messages of at most C{limit} octets.
    """

    def __init__(self, limit: int = MAX_STREAM_MESSAGE) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0                      # so far there is no end of header fields
        self._wanted: int | None = None         # size of the message, once its header fields are there
        self._broken: PeerError | None = None

    @property
    def waiting(self) -> int:
        """
        How many octets of an unfinished message are held.
        """
        return len(self._buffer)

    def feed(self, octets: bytes) -> Iterator[bytes | KeepAlive]:
        """
        The messages and pings that these octets complete, in order; to be iterated to its end.

        Raises PeerError after the last whole message where the stream cannot be followed any further, and
        then at every call: a L{BadMessage} has the request to be answered before closing.
        """
        self._buffer += octets
        return self._frames()

    def _frames(self) -> Iterator[bytes | KeepAlive]:
        if self._broken is not None:
            raise self._broken
        while True:
            try:
                frame = self._next()
            except PeerError as error:
                self._broken = error
                self._buffer.clear()
                raise
            if frame is None:
                return
            yield frame

    def _next(self) -> bytes | KeepAlive | None:
        if self._wanted is None:
            if self._ping():
                return KeepAlive.PING
            self._wanted = self._measure()
        if self._wanted is None or len(self._buffer) < self._wanted:
            return None
        message = bytes(self._buffer[:self._wanted])
        del self._buffer[:self._wanted]
        self._wanted = None
        self._searched = 0
        return message

    def _ping(self) -> bool:
        # A CRLF alone may be the first half of a ping whose other half is on the way.
        while self._buffer and self._buffer[0] in b"\r\n":
            start = bytes(self._buffer[:len(_PING)])
            if start == _PING:
                del self._buffer[:len(_PING)]
                return True
            if _PING.startswith(start):
                return False
            del self._buffer[:1]
        return False

    def _measure(self) -> int | None:
        end = END_OF_HEADERS.search(self._buffer, self._searched)
        if end is None and len(self._buffer) <= MAX_HEADER_SECTION:
            self._searched = max(0, len(self._buffer) - len(_PING) + 1)
            return None
        head = bytes(self._buffer if end is None else self._buffer[:end.end()])
        if len(head) > MAX_HEADER_SECTION:
            text = f"header fields have {len(head)} octets, wanted at most {MAX_HEADER_SECTION}"
            raise _refusal(head, text, 513)
        try:
            size = len(head) + (content_length(read_headers(head)) or 0)
        except PeerError as error:
            raise _refusal(head, error.text, error.status) from error
        if size > self._limit:
            raise _refusal(head, f"message has {size} octets, wanted at most {self._limit}", 513)
        return size


def _refusal(head: bytes, text: str, status: int) -> BadMessage:
    try:
        message = parse_message(head, len(head))
    except BadMessage as error:
        return BadMessage(text, status, error.request)
    return BadMessage(text, status, message if isinstance(message, Request) else None)
