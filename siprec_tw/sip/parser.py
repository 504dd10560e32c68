"""
From octets to a message (RFC 3261 s.7): lexical only, and as tolerant as can be answered for.

What is accepted beyond the grammar: bare LF, white space before the colon and none after it, empty
lines in front, spaces too many in the start line, lines that are not UTF-8 (L{siprec_tw.sip.text}).
What the header fields mean is for L{siprec_tw.sip.validation}.

A request that is wrong but can be read comes along with the error (L{BadMessage.request}), so that it
can be answered; where there is none, the message is dropped.
"""

from __future__ import annotations

import re

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Headers, Message, Request, Response
from siprec_tw.sip.text import decoded

MAX_MESSAGE = 65_535            # what a UDP datagram can hold; a stream's owner may allow more
MAX_START_LINE = 8_192
MAX_HEADER_SECTION = 49_152     # start line and header fields
MAX_HEADER_FIELDS = 256
MAX_LENGTH_DIGITS = 10

END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")

_FOLD = re.compile(r"\n[ \t]+")
_TOKEN = re.compile(r"[-A-Za-z0-9.!%*_+`'~]+")
_VERSION = re.compile(r"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE)
_STATUS_LINE = re.compile(r"(\S+)[ \t]+([1-6][0-9]{2})(?:[ \t]+(.*))?", re.DOTALL)
_OUR_VERSION = "SIP/2.0"


class BadMessage(PeerError):
    """
    A message that cannot be used as it is.

    C{request} is what could be read of it, None where there is nothing to answer.
    """

    def __init__(self, text: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(text, status)
        self.request = request


def parse_message(octets: bytes, limit: int = MAX_MESSAGE) -> Message:
    """
    One message of at most C{limit} octets: a datagram, or what L{StreamFraming} cut out.

    The body is cut to Content-Length, and is all that is left where there is none. Values hold no CR or LF
    and can be written as UTF-8. Raises BadMessage only.
    """
    if len(octets) > limit:
        raise BadMessage(f"message has {len(octets)} octets, wanted at most {limit}", 513)
    octets = octets.lstrip(b"\r\n")
    end = END_OF_HEADERS.search(octets)
    head, body = (octets.rstrip(b"\r\n"), b"") if end is None else (octets[:end.start()], octets[end.end():])
    trouble = []
    if len(head) > MAX_HEADER_SECTION:
        trouble.append((f"header fields have {len(head)} octets, wanted at most {MAX_HEADER_SECTION}", 513))
        head = head[:MAX_HEADER_SECTION]
    lines = _lines(head)
    found = len(lines) - 1
    if found > MAX_HEADER_FIELDS:
        trouble.append((f"message has {found} header fields, wanted at most {MAX_HEADER_FIELDS}", 513))
    headers = _header_fields(lines[1:MAX_HEADER_FIELDS + 1], trouble)
    body = _cut_body(headers, body, trouble)
    if lines[0][:4].upper() == "SIP/":
        return _response(lines[0], headers, body, trouble)
    return _request(lines[0], headers, body, trouble)


# (text, status), in the order of discovery; the first is the one that is raised.
_Trouble = list[tuple[str, int]]


def _lines(head: bytes) -> list[str]:
    text = decoded(head).replace("\r\n", "\n")
    if "\r" in text:
        text = text.replace("\r", " ")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return text.split("\n")


def _header_fields(lines: list[str], trouble: _Trouble) -> Headers:
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if colon and _TOKEN.fullmatch(name):
            fields.append((name, value.strip(" \t")))
        else:
            trouble.append((f"header line is {line[:80]!r}, wanted a name and a colon", 400))
    return Headers(tuple(fields))


def _cut_body(headers: Headers, body: bytes, trouble: _Trouble) -> bytes:
    try:
        length = content_length(headers)
    except PeerError as error:
        trouble.append((error.text, error.status))
        return body
    if length is None:
        return body
    if length > len(body):
        trouble.append((f"Content-Length is {length}, but only {len(body)} octets follow", 400))
    return body[:length]


def read_headers(head: bytes) -> Headers:
    """
    The header fields below a start line, less what cannot be read. Raises nothing.
    """
    return _header_fields(_lines(head.rstrip(b"\r\n"))[1:MAX_HEADER_FIELDS + 1], [])


def content_length(headers: Headers) -> int | None:
    """
    The Content-Length, None where there is none. Raises PeerError(400) if it is no number or there are two.
    """
    values = set(headers.get_all("Content-Length"))
    if not values:
        return None
    text = values.pop()
    if values:
        raise PeerError(f"Content-Length is {text[:20]!r} and {values.pop()[:20]!r}, wanted one")
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_LENGTH_DIGITS:
        raise PeerError(f"Content-Length is {text[:20]!r}, wanted at most {MAX_LENGTH_DIGITS} digits")
    return int(text)


def _response(line: str, headers: Headers, body: bytes, trouble: _Trouble) -> Response:
    match = _STATUS_LINE.fullmatch(line)
    if match is None or match.group(1).upper() != _OUR_VERSION:
        raise BadMessage(f"status line is {line[:80]!r}, wanted SIP/2.0 and a status of 100 to 699")
    if trouble:
        raise BadMessage(*trouble[0])
    return Response(int(match.group(2)), match.group(3) or "", headers, body)


def _request(line: str, headers: Headers, body: bytes, trouble: _Trouble) -> Request:
    method, _, rest = line.strip(" \t").partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not _TOKEN.fullmatch(method) or not rest:
        raise BadMessage(f"start line is {line[:80]!r}, wanted a method, a Request-URI and SIP/2.0")
    if not _VERSION.fullmatch(version):
        request = Request(method, rest.strip(" \t"), headers, body)
        raise BadMessage(f"start line ends with {version[:40]!r}, wanted SIP/2.0", 400, request)
    request = Request(method, uri.strip(" \t"), headers, body)
    if version.upper() != _OUR_VERSION:
        raise BadMessage(f"version is {version[:40]}, wanted SIP/2.0", 505, request)
    if len(line) > MAX_START_LINE:
        raise BadMessage(f"start line has {len(line)} letters, wanted at most {MAX_START_LINE}", 414, request)
    if trouble:
        raise BadMessage(*trouble[0], request)
    return request
