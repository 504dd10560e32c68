"""
A request as the routes see it, and the reading of its target (RFC 3986 s.3.3, s.3.4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from attrs import frozen

from siprec_tw.errors import PeerError

MOST_SEGMENTS = 16
MOST_SEGMENT_OCTETS = 255
MOST_PARAMETERS = 32
MOST_VALUE_OCTETS = 2048

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@frozen
class Target:
    """
    A request target taken apart and decoded.
    """

    segments: tuple[str, ...]           # "/a/b%20c" is ("a", "b c"); "/" is ("",)
    query: Mapping[str, str]


@frozen
class Ask:
    """
    A request whose route, role and parameters are in order.
    """

    variables: Mapping[str, str]        # what the route's pattern left open
    query: Mapping[str, str]            # only parameters that the route knows
    accept: str                         # the Accept header, "" without one


def parse_target(uri: bytes) -> Target:
    """
    The path's segments and the query's parameters, each parameter at most once.

    Raises PeerError(400) for what is not UTF-8 in proper percent-encoding, for control characters, for
    segments that would climb or hide a slash, and for more or longer parts than any route takes.
    """
    path, _, query = uri.partition(b"?")
    if not path.startswith(b"/"):
        raise PeerError(f"The request target is {_shown(path)}, wanted a path that begins with /")
    raw = path[1:].split(b"/")
    if len(raw) > MOST_SEGMENTS:
        raise PeerError(f"The path has {len(raw)} segments, wanted at most {MOST_SEGMENTS}")
    return Target(tuple(_segment(part) for part in raw), _parameters(query))


def _segment(raw: bytes) -> str:
    if len(raw) > MOST_SEGMENT_OCTETS:
        raise PeerError(f"A path segment has {len(raw)} octets, wanted at most {MOST_SEGMENT_OCTETS}")
    text = _decoded(raw)
    if text in (".", "..") or "/" in text or "\\" in text:
        raise PeerError(f"A path segment is {_shown(raw)}, wanted a plain name")
    return text


def _parameters(query: bytes) -> dict[str, str]:
    pieces = [piece for piece in query.split(b"&") if piece]
    if len(pieces) > MOST_PARAMETERS:
        raise PeerError(f"The query has {len(pieces)} parameters, wanted at most {MOST_PARAMETERS}")
    found: dict[str, str] = {}
    for piece in pieces:
        if len(piece) > MOST_VALUE_OCTETS:
            raise PeerError(f"A query parameter has {len(piece)} octets, wanted at most {MOST_VALUE_OCTETS}")
        raw_name, _, raw_value = piece.replace(b"+", b" ").partition(b"=")
        name = _decoded(raw_name)
        if name in found:
            raise PeerError(f"Query parameter {name!r} is given twice, wanted once")
        found[name] = _decoded(raw_value)
    return found


def _decoded(raw: bytes) -> str:
    if _BAD_ESCAPE.search(raw):
        raise PeerError(f"{_shown(raw)} has a % without two hexadecimal digits after it")
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise PeerError(f"{_shown(raw)} is not UTF-8 in percent-encoding") from None
    if _CONTROL.search(text):
        raise PeerError(f"{_shown(raw)} has a control character in it")
    return text


def _shown(raw: bytes) -> str:
    text = raw.decode("ascii", "backslashreplace")
    return repr(text if len(text) <= 60 else text[:60] + "...")
