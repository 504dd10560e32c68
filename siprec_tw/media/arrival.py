"""
The values that go from the sockets to the segments; tuples, because there is one for every packet.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from attrs import frozen

Address = tuple[str, int]
"""
Host and port a datagram came from.
"""

Datagram = tuple[bytes, Address, float]
"""
Octets, source, and the POSIX seconds at which the kernel took it in.
"""

Packet = tuple[int, int, int, bytes, float, bytes, Address]
"""
Of a datagram that is RTP: sequence number (16 bits), timestamp (32 bits), payload type, payload, arrival, the
whole datagram, source.
"""

Extended = tuple[int, int, int, bytes, float, bytes]
"""
A packet on its source's axis: extended sequence number, extended timestamp, payload type, payload, arrival,
datagram.
"""


@frozen
class Run:
    """
    Packets that follow one another without a seam in sequence number and timestamp, all of one size.
    """

    first: int              # extended timestamp
    octets: bytes           # their payloads, one after the other
    first_sequence: int     # extended
    last_sequence: int      # first_sequence + packets - 1


Warn = Callable[[str, str], None]
"""
C{warn(code, text)}: each code is told once a stream.
"""


def text_of(address: Address) -> str:
    """
    "192.0.2.1:4000" or "[2001:db8::1]:4000".
    """
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(text: str) -> Address | None:
    """
    Where "192.0.2.1:4000" or "2001:db8::1:4000" is; None for a host that is a name, and where nobody can be.
    """
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    return (str(address), number) if 0 < number < 1 << 16 and not address.is_unspecified else None
