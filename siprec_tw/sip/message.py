"""
SIP messages as values: header fields, request, response (RFC 3261 s.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from attrs import evolve, frozen

# RFC 3261 s.20, RFC 3515, RFC 4028, RFC 6665, RFC 8224: compact names and what they stand for.
COMPACT_NAMES = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}


def expanded_name(name: str) -> str:
    """
    The long form of a header field's name; a name that is not compact comes back as it is.
    """
    return COMPACT_NAMES.get(name.lower(), name)


@lru_cache(maxsize=1024)
def comparable_name(name: str) -> str:
    """
    What two names have in common if they name the same header field: the long form in lower case.
    """
    return expanded_name(name).lower()


@frozen
class Headers:
    """
    Header fields in the order of the wire; names compare without case, compact equal to long.

    Values are text without folding and without white space around them. One field is one
    entry: lists in one field value (C{Via: a, b}) are split by who knows the header.
    """

    fields: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """
        The first value of this name, or None.
        """
        wanted = comparable_name(name)
        return next((value for n, value in self.fields if comparable_name(n) == wanted), None)

    def get_all(self, name: str) -> tuple[str, ...]:
        """
        Every value of this name, in order.
        """
        wanted = comparable_name(name)
        return tuple(value for n, value in self.fields if comparable_name(n) == wanted)

    def add(self, name: str, *values: str) -> Headers:
        """
        These fields, and after them one of this name for each value.
        """
        return Headers(self.fields + tuple((name, value) for value in values))

    def prepend(self, name: str, value: str) -> Headers:
        """
        This value first of all fields, as a new Via is (RFC 3261 s.16.6).
        """
        return Headers(((name, value), *self.fields))

    def without(self, name: str) -> Headers:
        """
        These fields less all of this name.
        """
        wanted = comparable_name(name)
        return Headers(tuple(f for f in self.fields if comparable_name(f[0]) != wanted))

    def replace(self, name: str, *values: str) -> Headers:
        """
        These fields with all of this name replaced; the new ones stand where the first stood, else last.
        """
        wanted = comparable_name(name)
        new = tuple((name, value) for value in values)
        at = next((i for i, f in enumerate(self.fields) if comparable_name(f[0]) == wanted), None)
        if at is None:
            return Headers(self.fields + new)
        rest = tuple(f for f in self.fields[at:] if comparable_name(f[0]) != wanted)
        return Headers(self.fields[:at] + new + rest)


def headers(fields: Iterable[tuple[str, str]]) -> Headers:
    """
    Header fields from pairs of name and value.
    """
    return Headers(tuple(fields))


@frozen
class Request:
    """
    A SIP request. The Request-URI is the text of the wire: a wrong one is answered, not lost.
    """

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    def with_headers(self, new: Headers) -> Request:
        """
        The same request under other header fields.
        """
        return evolve(self, headers=new)


@frozen
class Response:
    """
    A SIP response (RFC 3261 s.7.2).
    """

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def with_headers(self, new: Headers) -> Response:
        """
        The same response under other header fields.
        """
        return evolve(self, headers=new)


Message = Request | Response
