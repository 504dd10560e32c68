"""
Addresses in a configuration: SIP listeners, host and port, a range of media ports.
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from attrs import frozen

SIP_PORT = 5060
LEAST_MEDIA_PORT = 1024
MOST_PORT = 65535

Network = IPv4Network | IPv6Network

_HOST_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")


class Transport(Enum):
    """
    What SIP is carried by.
    """

    UDP = "udp"
    TCP = "tcp"


@frozen
class HostPort:
    """
    An IP address and a port; port 0 means any free one.
    """

    host: str                   # as ipaddress writes it, without brackets
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """
        Whether only this machine can reach it.
        """
        return ip_address(self.host).is_loopback


@frozen
class Listener:
    """
    Where SIP is listened for; port 0 means any free one.
    """

    transport: Transport
    host: str                   # as ipaddress writes it, without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.transport.value}://{bracketed(self.host)}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """
        Whether only this machine can reach it.
        """
        return ip_address(self.host).is_loopback


@frozen
class PortRange:
    """
    Media ports, both ends included; RTP takes the even ones, RTCP the next (RFC 3550 s.11).
    """

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def pairs(self) -> int:
        """
        How many streams have room.
        """
        return (self.last - self.first + 1) // 2


def bracketed(host: str) -> str:
    """
    A host as it stands before a colon: IPv6 in brackets.
    """
    return f"[{host}]" if ":" in host else host


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """
    An IP address, in brackets or not. Raises ValueError, found and wanted; names are not looked up.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ip_address(bare)
    except ValueError:
        raise ValueError(f"found {text!r}, wanted an IP address such as 192.0.2.10 or 2001:db8::10") from None


def parse_host_port(text: str, default_port: int | None = None) -> HostPort:
    """
    C{host:port}, IPv6 in brackets. Raises ValueError, found and wanted.
    """
    match = _HOST_PORT.fullmatch(text)
    port = default_port if match is None or match["port"] is None else int(match["port"])
    if match is None or port is None:
        raise ValueError(f'found {text!r}, wanted address:port: "192.0.2.10:8080", "[2001:db8::10]:8080"')
    if port > MOST_PORT:
        raise ValueError(f"found port {port}, wanted 0 to {MOST_PORT}")
    address = parse_address(match["four"] if match["six"] is None else match["six"])
    if (address.version == 6) is (match["six"] is None):
        raise ValueError(f"found {text!r}, wanted brackets around IPv6 addresses and around no others")
    return HostPort(str(address), port)


def parse_listener(text: str) -> Listener:
    """
    C{udp://host[:port]} or C{tcp://host[:port]}. Raises ValueError, found and wanted.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError(f'found {text!r}, wanted a transport before it: "udp://{text}" or "tcp://{text}"')
    if scheme in ("tls", "sips", "ws", "wss"):
        raise ValueError(f"found {text!r}, {scheme} is not in this version: udp or tcp")
    if scheme not in ("udp", "tcp"):
        raise ValueError(f"found transport {scheme!r}, wanted udp or tcp")
    where = parse_host_port(rest, SIP_PORT)
    return Listener(Transport(scheme), where.host, where.port)


def parse_network(text: str) -> Network:
    """
    A network with its prefix length, or one address. Raises ValueError, found and wanted.
    """
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'found {text!r}, wanted a network such as "192.0.2.0/24" or an address') from None
    raise ValueError(f'found {text!r} with bits behind the prefix, wanted "{meant}"')


def parse_port_range(text: str) -> PortRange:
    """
    C{first-last}, first even, room for at least one pair. Raises ValueError, found and wanted.
    """
    match = re.fullmatch(r"([0-9]{1,5}) ?- ?([0-9]{1,5})", text)
    if match is None:
        raise ValueError(f'found {text!r}, wanted first-last such as "16384-32767"')
    ports = PortRange(int(match[1]), int(match[2]))
    if ports.first < LEAST_MEDIA_PORT or ports.last > MOST_PORT:
        raise ValueError(f"found {ports}, wanted ports within {LEAST_MEDIA_PORT}-{MOST_PORT}")
    if ports.first % 2:
        raise ValueError(f"found {ports}, wanted an even first port: RTP ports are even")
    if ports.last <= ports.first:
        raise ValueError(f"found {ports}, wanted room for a pair: the last port above the first")
    return ports
