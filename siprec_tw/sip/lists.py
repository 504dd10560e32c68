"""
Header fields whose value is a list (RFC 3261 s.7.3.1): commas separate, and fields of one name add up.
"""

from __future__ import annotations

import re

from siprec_tw.sip.message import Headers
from siprec_tw.sip.parameters import split_at

# Neither a quoted string nor angle brackets need an end: the scan stays linear.
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"?|<[^>]*+>?|,', re.DOTALL)


def split_list(text: str) -> tuple[str, ...]:
    """
    The items of a list, split on commas outside quotes and angle brackets; empty items are kept as "".
    """
    if "," not in text:
        return (text.strip(),)
    pieces = split_at(text, _COMMA, ",") if '"' in text or "<" in text else text.split(",")
    return tuple(piece.strip() for piece in pieces)


def list_items(headers: Headers, name: str) -> tuple[str, ...]:
    """
    The items of all fields of this name, in order, less the empty ones.
    """
    return tuple(item for value in headers.get_all(name) for item in split_list(value) if item)


def parse_tokens(headers: Headers, name: str) -> tuple[str, ...]:
    """
    The tokens of Require, Supported, Allow and the like, parameters cut off, each as it was written.
    """
    return tuple(item.partition(";")[0].rstrip() for item in list_items(headers, name))
