"""
SIP and SIPS URIs, and tel URIs as far as a recorder meets them (RFC 3261 s.19.1, RFC 3966).
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import unquote

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.parameters import Parameters, has_parameter, parameter, parse_parameters, write_parameters

MAX_PORT = 65_535

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_NOT_IN_URI = re.compile(r'[\x00-\x20\x7f<>"]')
# user:password@ host :port ;parameters ?headers, as in s.19.1.1; the user part may hold ";" and "?".
_AFTER_SCHEME = re.compile(
    r"(?:([^@]*)@)?(\[[^\]]*\]|[^:;?\[\]@]*)(?::([0-9]*))?((?:;[^?]*)?)(?:\?(.*))?",
    re.DOTALL,
)
# Underscores are no part of the grammar, but container networks have them in names.
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
# s.19.1.4: these count even where only one of the two URIs has them.
_DECISIVE = ("user", "ttl", "method", "maddr", "transport")


@frozen
class SipUri:
    """
    A SIP, SIPS or tel URI. C{host} has no brackets; a tel URI has its number in C{user} and no host.
    """

    scheme: str                         # "sip", "sips" or "tel"
    user: str | None = None             # escapes as on the wire
    password: str | None = None
    host: str = ""
    port: int | None = None
    parameters: Parameters = ()
    headers: Parameters = ()            # what follows "?"

    @property
    def transport(self) -> str | None:
        """
        The transport parameter in lower case ("udp", "tcp", "tls"), None where there is none.
        """
        value = parameter(self.parameters, "transport")
        return value.lower() if value else None

    @property
    def lr(self) -> bool:
        """
        Whether the element is a loose router (s.19.1.1).
        """
        return has_parameter(self.parameters, "lr")

    def __str__(self) -> str:
        user = self.user or ""
        if self.scheme == "tel":
            return f"tel:{user}{write_parameters(self.parameters)}"
        if self.user is not None:
            user += "@" if self.password is None else f":{self.password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = "&".join(name if value is None else f"{name}={value}" for name, value in self.headers)
        question = "?" if headers else ""
        place = f"{bracketed(self.host)}{port}"
        return f"{self.scheme}:{user}{place}{write_parameters(self.parameters)}{question}{headers}"


def bracketed(host: str) -> str:
    """
    A host as URIs and Via write it: an IPv6 address in brackets.
    """
    return f"[{host}]" if ":" in host else host


def uri_scheme(text: str) -> str:
    """
    The scheme of any URI, in lower case. Raises PeerError(400) where there is none.
    """
    scheme, colon, _ = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise PeerError(f"URI is {text[:80]!r}, wanted a scheme and a colon in front")
    return scheme.lower()


def parse_uri(text: str) -> SipUri:
    """
    A sip, sips or tel URI. Raises PeerError: 416 for another scheme (RFC 3261 s.8.2.2.1), 400 else.
    """
    text = text.strip()
    if _NOT_IN_URI.search(text):
        raise PeerError(f"URI is {text[:80]!r}, wanted no white space, quotes or angle brackets in it")
    scheme = uri_scheme(text)
    rest = text[len(scheme) + 1:]
    if scheme == "tel":
        return _parse_tel(rest)
    if scheme not in ("sip", "sips"):
        raise PeerError(f"URI scheme is {scheme[:40]!r}, wanted sip, sips or tel", 416)
    return _parse_sip(scheme, rest, text)


def _parse_tel(rest: str) -> SipUri:
    number, _, parameters = rest.partition(";")
    if not number:
        raise PeerError("tel URI is empty, wanted a number")
    return SipUri("tel", user=number, parameters=parse_parameters(parameters))


def _parse_sip(scheme: str, rest: str, text: str) -> SipUri:
    match = _AFTER_SCHEME.fullmatch(rest)
    if match is None:
        raise PeerError(f"URI is {text[:80]!r}, wanted user@host:port;parameters?headers")
    user, host, port, parameters, headers = match.groups()
    password = None
    if user is not None and ":" in user:
        user, _, password = user.partition(":")
    return SipUri(
        scheme, user, password, parse_host(host), parse_port(port),
        parse_parameters(parameters), _parse_headers(headers or ""),
    )


def _parse_headers(text: str) -> Parameters:
    pairs = (piece.partition("=") for piece in text.split("&") if piece)
    return tuple((name, value if equals else None) for name, equals, value in pairs)


def parse_host(text: str) -> str:
    """
    A host name, IPv4 address or bracketed IPv6 address, the brackets taken off. Raises PeerError(400).
    """
    if text.startswith("[") and text.endswith("]"):
        try:
            IPv6Address(text[1:-1])
        except ValueError as error:
            raise PeerError(f"host is {text[:80]!r}, wanted an IPv6 address in brackets") from error
        return text[1:-1]
    if not _HOST_NAME.fullmatch(text):
        raise PeerError(f"host is {text[:80]!r}, wanted a name, an IPv4 address or [an IPv6 address]")
    return text


def parse_port(text: str | None) -> int | None:
    """
    A port; None for none and for an empty one. Raises PeerError(400) above 65535.
    """
    if not text:
        return None
    if len(text.lstrip("0")) > 5 or int(text[-6:]) > MAX_PORT:
        raise PeerError(f"port is {text[:20]}, wanted at most {MAX_PORT}")
    return int(text[-6:])


def equivalent(one: SipUri, other: SipUri) -> bool:
    """
    Whether two URIs are equal by RFC 3261 s.19.1.4: escapes undone, names and hosts without case.
    """
    return (
        one.scheme == other.scheme
        and one.port == other.port
        and one.host.lower() == other.host.lower()
        and _unescaped(one.user) == _unescaped(other.user)
        and _unescaped(one.password) == _unescaped(other.password)
        and _by_name(one.headers) == _by_name(other.headers)
        and _same_parameters(_by_name(one.parameters), _by_name(other.parameters))
    )


def _unescaped(text: str | None) -> str | None:
    return None if text is None else unquote(text, errors="surrogateescape")


def _by_name(parameters: Parameters) -> dict[str, str]:
    return {unquote(name).lower(): unquote(value or "").lower() for name, value in parameters}


def _same_parameters(one: dict[str, str], other: dict[str, str]) -> bool:
    if any(one.get(name) != other.get(name) for name in _DECISIVE):
        return False
    return all(one[name] == other[name] for name in one.keys() & other.keys())
