"""
Where a message comes from or goes to: a transport, an address and a port.
"""

from __future__ import annotations

from ipaddress import ip_address

from attrs import frozen

from siprec_tw.errors import PeerError

TRANSPORTS = ("udp", "tcp")
DEFAULT_PORT = 5060


@frozen
class Peer:
    """
    One end of a SIP hop; written C{udp:192.0.2.1:5060} or C{tcp:[2001:db8::1]:5060}.
    """

    transport: str          # "udp" or "tcp"
    host: str               # numeric, no brackets
    port: int

    @property
    def reliable(self) -> bool:
        """
        Whether the transport repeats what was lost, so that the transaction need not (RFC 3261 s.17).
        """
        return self.transport != "udp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"


@frozen
class Flow:
    """
    A pair of ends: where a request came from and the listening address it came to (compare RFC 5626 s.2).

    Our own requests to the same peer use its connection, or go out from the same UDP socket.
    """

    peer: Peer
    local: Peer


def parse_peer(text: str) -> Peer:
    """
    A peer from what L{Peer.__str__} wrote. Raises PeerError.
    """
    transport, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if transport not in TRANSPORTS or not is_numeric(host) or not (port.isascii() and port.isdigit()):
        raise PeerError(f"peer is {text!r}, wanted udp:<address>:<port> or tcp:<address>:<port>")
    if int(port) > 65535:
        raise PeerError(f"port is {port}, wanted at most 65535")
    return Peer(transport, host, int(port))


def is_numeric(host: str) -> bool:
    """
    Whether this is an IPv4 or IPv6 address (no brackets) and not a name.
    """
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
