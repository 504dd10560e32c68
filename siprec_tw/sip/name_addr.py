"""
Addresses with a display name and parameters: From, To, Contact, Route, Record-Route (RFC 3261 s.20.10).

Tolerant of what is really sent: feature tags inside the angle brackets (Avaya), brackets around
brackets (OpenSIPS: C{<<sip:192.0.2.1>;+sip.src>}), display names that should have been quoted.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.lists import list_items, split_list
from siprec_tw.sip.message import Headers
from siprec_tw.sip.parameters import (
    Parameters,
    has_parameter,
    parameter,
    parse_parameters,
    quoted,
    unquoted,
    with_parameter,
    write_parameters,
)
from siprec_tw.sip.uri import SipUri, parse_uri

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


@frozen
class NameAddr:
    """
    An address. C{uri} is the text between the brackets: any scheme, or "*" in a Contact.
    """

    display_name: str               # without quotes and escapes
    uri: str
    parameters: Parameters = ()     # of the header field, not of the URI

    @property
    def tag(self) -> str | None:
        """
        The tag of a From or To, None where there is none.
        """
        return parameter(self.parameters, "tag") or None

    def with_tag(self, tag: str) -> NameAddr:
        """
        The same address with this tag.
        """
        return evolve(self, parameters=with_parameter(self.parameters, "tag", tag))

    def parameter(self, name: str) -> str | None:
        """
        A header parameter's value, "" for one that has none, None where it is absent.
        """
        return parameter(self.parameters, name)

    def has_feature(self, name: str) -> bool:
        """
        Whether this feature tag ("+sip.src") is there, behind the brackets or wrongly inside them.
        """
        return has_parameter(self.parameters, name) or has_parameter(
            parse_parameters(self.uri.partition(";")[2]), name
        )

    def sip_uri(self) -> SipUri:
        """
        The URI. Raises PeerError as L{parse_uri} does.
        """
        return parse_uri(self.uri)

    def __str__(self) -> str:
        name = f"{quoted(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{write_parameters(self.parameters)}"


def parse_name_addr(text: str) -> NameAddr:
    """
    One address, in brackets or bare. Raises PeerError(400).
    """
    text = text.strip()
    if text.startswith('"'):
        match = _QUOTED.match(text)
        if match is None:
            raise PeerError(f"address is {text[:80]!r}, wanted a closing quote")
        name = unquoted(match.group())
        rest = text[match.end():].lstrip()
        if not rest.startswith("<"):
            raise PeerError(f"address is {text[:80]!r}, wanted <URI> after the display name")
        return _in_brackets(name, rest)
    at = text.find("<")
    if at < 0:
        return _bare(text)
    return _in_brackets(text[:at].strip(), text[at:])


def _in_brackets(name: str, text: str) -> NameAddr:
    inner = text.lstrip("<")
    uri, bracket, rest = inner.partition(">")
    if not bracket:
        raise PeerError(f"address is {text[:80]!r}, wanted a closing bracket")
    rest = rest.strip()
    if text.startswith("<<"):
        rest = rest.removesuffix(">")
    if rest and not rest.startswith(";"):
        raise PeerError(f"address goes on with {rest[:80]!r}, wanted a parameter")
    return NameAddr(name, uri.strip(), parse_parameters(rest))


def _bare(text: str) -> NameAddr:
    uri, _, parameters = text.partition(";")
    uri = uri.strip()
    if not uri or "?" in uri or ">" in uri:
        # s.20.10: a URI with a question mark stands in brackets.
        raise PeerError(f"address is {text[:80]!r}, wanted a URI, in brackets if it has headers")
    return NameAddr("", uri, parse_parameters(parameters))


def parse_contacts(text: str) -> tuple[NameAddr, ...]:
    """
    The addresses of one Contact value; "*" is an address of that URI. Raises PeerError(400).
    """
    return tuple(parse_name_addr(item) for item in split_list(text) if item)


def parse_name_addr_list(headers: Headers, name: str) -> tuple[NameAddr, ...]:
    """
    The addresses of all fields of this name (Route, Record-Route, Contact), in order. Raises PeerError(400).
    """
    return tuple(parse_name_addr(item) for item in list_items(headers, name))
