"""
Via: the way that a request took and its responses take back (RFC 3261 s.20.42).
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.lists import split_list
from siprec_tw.sip.message import Headers
from siprec_tw.sip.parameters import (
    Parameters,
    parameter,
    parse_parameters,
    with_parameter,
    without_parameter,
    write_parameters,
)
from siprec_tw.sip.uri import bracketed, parse_host, parse_port

MAGIC_COOKIE = "z9hG4bK"

# White space may stand around both slashes (s.25.1, SLASH), and around the colon (COLON).
_VIA = re.compile(
    r"""
    ([^\s/;,]+) \s*+ / \s*+ ([^\s/;,]+) \s*+ / \s*+ ([^\s/;,]+) \s++       # protocol, version, transport
    (\[[^\]]*\] | [^\s:;,\[\]]+) \s*+ (?: : \s*+ ([0-9]*) \s*+ )?          # host, port
    (?: ;(.*) )?                                                           # parameters
    """,
    re.DOTALL | re.VERBOSE,
)


@frozen
class Via:
    """
    One Via value. C{host} has no brackets; C{transport} is in upper case.
    """

    protocol: str                   # "SIP/2.0"
    transport: str                  # "UDP", "TCP", "TLS", ...
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @property
    def branch(self) -> str | None:
        """
        The branch, None where there is none or an empty one (RFC 2543).
        """
        return parameter(self.parameters, "branch") or None

    def parameter(self, name: str) -> str | None:
        """
        A parameter's value, "" for one that has none, None where it is absent.
        """
        return parameter(self.parameters, name)

    def with_parameter(self, name: str, value: str | None = None) -> Via:
        """
        The same Via with this parameter set.
        """
        return evolve(self, parameters=with_parameter(self.parameters, name, value))

    def without_parameter(self, name: str) -> Via:
        """
        The same Via less this parameter.
        """
        return evolve(self, parameters=without_parameter(self.parameters, name))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        place = f"{bracketed(self.host)}{port}"
        return f"{self.protocol}/{self.transport} {place}{write_parameters(self.parameters)}"


def parse_via(text: str) -> Via:
    """
    One Via value. Raises PeerError(400).
    """
    match = _VIA.fullmatch(text.strip())
    if match is None:
        raise PeerError(f"Via is {text[:80]!r}, wanted SIP/2.0/<transport> <host>")
    name, version, transport, host, port, parameters = match.groups()
    return Via(
        f"{name}/{version}".upper(), transport.upper(), parse_host(host), parse_port(port),
        parse_parameters(parameters or ""),
    )


def parse_vias(headers: Headers) -> tuple[Via, ...]:
    """
    Every Via, topmost first. Raises PeerError(400), for an empty item of a list too.
    """
    return tuple(parse_via(item) for value in headers.get_all("Via") for item in split_list(value))


def top_via(headers: Headers) -> Via:
    """
    The topmost Via, whatever is wrong with those below. Raises PeerError(400).
    """
    value = headers.get("Via")
    if value is None:
        raise PeerError("Via is missing, wanted at least one")
    return parse_via(split_list(value)[0])
