"""
Parameters of header fields and URIs: C{;name=value;name;name="quoted"} (RFC 3261 s.7.3.1, s.25.1).

Values are kept as the wire has them, quotes included, so that what was parsed is written again
unchanged; L{parameter} takes the quotes off. A name without "=" has the value None.
"""

from __future__ import annotations

import re

Parameters = tuple[tuple[str, str | None], ...]

# A quoted string that never ends reaches to the end of the text: the scan stays linear.
_SEMICOLON = re.compile(r'"(?:[^"\\]|\\.)*+"?|;', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')


def unquoted(text: str) -> str:
    """
    The content of a quoted string, escapes undone; other text comes back as it is.
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def quoted(text: str) -> str:
    """
    The text as a quoted string.
    """
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def split_at(text: str, separator: re.Pattern[str], wanted: str) -> list[str]:
    """
    The pieces of C{text} between those matches of C{separator} that are exactly C{wanted}.
    """
    pieces = []
    start = 0
    for match in separator.finditer(text):
        if match.group() == wanted:
            pieces.append(text[start:match.start()])
            start = match.end()
    pieces.append(text[start:])
    return pieces


def parse_parameters(text: str) -> Parameters:
    """
    The parameters of C{"a=1;b"}, with or without a semicolon in front; empty ones are passed over.
    """
    if not text:
        return ()
    pieces = split_at(text, _SEMICOLON, ";") if '"' in text else text.split(";")
    found = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip()
        if name:
            found.append((name, value.strip() if equals else None))
    return tuple(found)


def write_parameters(parameters: Parameters) -> str:
    """
    The parameters with a semicolon in front of each.
    """
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def has_parameter(parameters: Parameters, name: str) -> bool:
    """
    Whether there is a parameter of this name, with a value or without.
    """
    wanted = name.lower()
    return any(n.lower() == wanted for n, _ in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """
    The value without quotes, "" for a parameter that has none, None where there is no such parameter.
    """
    wanted = name.lower()
    for n, value in parameters:
        if n.lower() == wanted:
            return unquoted(value) if value else ""
    return None


def with_parameter(parameters: Parameters, name: str, value: str | None) -> Parameters:
    """
    The parameters with this one set, in place where it was there, else last.
    """
    wanted = name.lower()
    if not has_parameter(parameters, name):
        return (*parameters, (name, value))
    return tuple((n, value) if n.lower() == wanted else (n, v) for n, v in parameters)


def without_parameter(parameters: Parameters, name: str) -> Parameters:
    """
    The parameters less this one.
    """
    wanted = name.lower()
    return tuple((n, v) for n, v in parameters if n.lower() != wanted)
