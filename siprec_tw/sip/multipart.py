"""
Bodies of one part or many (RFC 2046 s.5.1, RFC 5621), in every dialect that recording clients speak.

A delimiter is a line of dashes and the boundary, whatever the parameter's own dashes, the line
ends and the spaces behind it. The exact form is looked for first; only where the body has none of
it, any number of dashes will do. A part's own Content-Length is never believed. What was odd is told
as warnings, and what there is comes out: nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.sip.media_type import MediaType, parse_media_type
from siprec_tw.sip.message import Headers
from siprec_tw.sip.parameters import Parameters, parse_parameters, quoted
from siprec_tw.sip.text import decoded

MAX_PARTS = 64
MAX_PART_FIELDS = 32
MAX_DEPTH = 4
MAX_WARNINGS = 32

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Warnings = list[tuple[str, str]]            # (code, text)

_FIRST_LINE = re.compile(rb"\s*+--([^\r\n]{1,200})\r?\n")
_FIELD = re.compile(r"([-A-Za-z0-9.!%*_+`'~]+)[ \t]*:(.*)", re.DOTALL)
_TOKEN = re.compile(r"[-A-Za-z0-9.!%*_+`'~]+")


@frozen
class Part:
    """
    One part of a body.
    """

    headers: Headers
    body: bytes

    @property
    def media_type(self) -> MediaType | None:
        """
        What its Content-Type says, None where there is none that can be read.
        """
        try:
            return parse_media_type(self.headers.get("Content-Type") or "")
        except PeerError:
            return None

    @property
    def disposition(self) -> str:
        """
        The disposition in lower case ("session", "recording-session"), "" where there is none.
        """
        return (self.headers.get("Content-Disposition") or "").partition(";")[0].strip().lower()

    @property
    def disposition_parameters(self) -> Parameters:
        """
        What follows the disposition: C{handling}.
        """
        return parse_parameters((self.headers.get("Content-Disposition") or "").partition(";")[2])


@frozen
class Body:
    """
    A body taken apart; nested parts stand where their multipart stood.
    """

    parts: tuple[Part, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


@frozen
class _Delimiter:
    pattern: re.Pattern[bytes]      # group 1: the dashes behind the boundary
    own_dashes: int                 # how many of them belong to the boundary itself


def parts(content_type: str | None, body: bytes) -> tuple[Part, ...]:
    """
    The parts of a body, in order; a body that is no multipart is one part, an empty one none.
    """
    return read_body(content_type, body).parts


def read_body(content_type: str | None, body: bytes) -> Body:
    """
    The parts of a body, and what was odd about it: (code, text) with codes that stay the same.
    """
    if not body:
        return Body()
    headers = () if content_type is None else (("Content-Type", content_type),)
    warnings: Warnings = []
    found = _flattened(Part(Headers(headers), _without_mark(body, warnings)), 0, warnings)
    if len(found) > MAX_PARTS:
        warnings.append(("multipart-too-long", f"{len(found)} parts, wanted at most {MAX_PARTS}"))
    return Body(tuple(found[:MAX_PARTS]), tuple(dict.fromkeys(warnings))[:MAX_WARNINGS])


def write_multipart(parts: Iterable[Part], boundary: str) -> tuple[str, bytes]:
    """
    The value of Content-Type and the body of a multipart/mixed.

    Raises LocalError where the boundary occurs in a part.
    """
    delimiter = b"--" + boundary.encode()
    out = []
    for part in parts:
        if delimiter in part.body:
            raise LocalError(f"boundary {boundary!r} occurs in a part")
        fields = "".join(f"{name}: {value}\r\n" for name, value in part.headers)
        out += [delimiter, b"\r\n", fields.encode(), b"\r\n", part.body, b"\r\n"]
    written = boundary if _TOKEN.fullmatch(boundary) else quoted(boundary)
    return f"multipart/mixed;boundary={written}", b"".join((*out, delimiter, b"--\r\n"))


def _flattened(part: Part, depth: int, warnings: Warnings) -> list[Part]:
    media_type = part.media_type
    if media_type is None or media_type.type != "multipart":
        return [part]
    if depth == MAX_DEPTH:
        warnings.append(("multipart-too-deep", f"multiparts within multiparts, wanted at most {MAX_DEPTH}"))
        return [part]
    delimiter = _delimiter(media_type.parameter("boundary") or "", part.body, warnings)
    if delimiter is None:
        warnings.append(("multipart-without-delimiter", "no line of the body is a delimiter"))
        return [part]
    return [
        leaf
        for section in _sections(delimiter, part.body, warnings)
        for leaf in _flattened(_read_part(section, warnings), depth + 1, warnings)
    ]


def _delimiter(boundary: str, body: bytes, warnings: Warnings) -> _Delimiter | None:
    own = boundary.strip().encode("utf-8", "replace")
    if not own:
        warnings.append(("multipart-without-boundary", "Content-Type has no boundary"))
    else:
        found = _find_delimiter(own, body)
        if found is not None:
            return found
    first = _FIRST_LINE.match(body)
    if first is None:
        return None
    if own:
        warnings.append(("multipart-wrong-boundary", f"boundary is {boundary[:80]!r}, the body has another"))
    return _find_delimiter(first.group(1).rstrip(), body)


def _find_delimiter(boundary: bytes, body: bytes) -> _Delimiter | None:
    exact = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    if exact.search(body):
        return _Delimiter(exact, 0)
    core = boundary.strip(b"-")
    if not core:
        return None
    loose = re.compile(rb"^[ \t]*-*" + re.escape(core) + rb"(-*)[ \t]*\r?$", re.MULTILINE)
    own_dashes = len(boundary) - len(boundary.rstrip(b"-"))
    return _Delimiter(loose, own_dashes) if loose.search(body) else None


def _sections(delimiter: _Delimiter, body: bytes, warnings: Warnings) -> list[bytes]:
    found: list[bytes] = []
    start: int | None = None
    for match in delimiter.pattern.finditer(body):
        if start is not None and body[start:match.start()].strip():
            found.append(_without_line_end(body[start:match.start()]))
        if len(match.group(1) or b"") > delimiter.own_dashes or len(found) > MAX_PARTS:
            return found
        start = match.end() + 1
    warnings.append(("multipart-not-closed", "the closing delimiter is missing"))
    if start is not None and body[start:].strip():
        found.append(body[start:])
    return found


def _without_line_end(section: bytes) -> bytes:
    # The line end before a delimiter belongs to the delimiter.
    return section.removesuffix(b"\n").removesuffix(b"\r") if section.endswith(b"\n") else section


def _read_part(section: bytes, warnings: Warnings) -> Part:
    section = _without_mark(section, warnings)
    fields: list[tuple[str, str]] = []
    at = 0
    while at < len(section):
        end = section.find(b"\n", at)
        end = len(section) if end < 0 else end
        line = decoded(section[at:end]).rstrip("\r \t")
        if not line:
            at = end + 1
            break
        if fields and line[0] in " \t":
            name, value = fields.pop()
            fields.append((name, f"{value} {line.strip()}".strip()))
        else:
            match = _FIELD.fullmatch(line.lstrip(" \t"))
            if match is None or len(fields) == MAX_PART_FIELDS:
                warnings.append(("part-without-empty-line", "no empty line between a part's header and body"))
                break
            fields.append((match.group(1), match.group(2).strip()))
        at = end + 1
    return Part(Headers(tuple(fields)), _without_mark(section[at:], warnings))


def _without_mark(body: bytes, warnings: Warnings) -> bytes:
    if not body.startswith(BYTE_ORDER_MARK):
        return body
    warnings.append(("byte-order-mark", "a body begins with a byte order mark"))
    return body.removeprefix(BYTE_ORDER_MARK)
