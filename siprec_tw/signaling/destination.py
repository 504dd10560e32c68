"""
From a URI to the peer it is reached at (RFC 3263 s.4, without NAPTR and SRV).
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from siprec_tw.errors import PeerError
from siprec_tw.signaling.peer import DEFAULT_PORT, TRANSPORTS, Peer, is_numeric
from siprec_tw.sip.uri import SipUri

# Seconds that a name may take.
RESOLVE_TIME = 10.0


@implementer(IResolutionReceiver)
class _FirstAddress:
    """
    Takes the addresses of one name; C{host} fires with the first IPv4 one, else the first, else "".
    """

    def __init__(self) -> None:
        self.host: Deferred[str] = Deferred()
        self._found: list[IPv4Address | IPv6Address] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """
        Twisted calls this first.
        """

    def addressResolved(self, address: IAddress) -> None:
        """
        Twisted calls this for each address.
        """
        if isinstance(address, IPv4Address | IPv6Address):
            self._found.append(address)

    def resolutionComplete(self) -> None:
        """
        Twisted calls this last.
        """
        self._found.sort(key=lambda address: isinstance(address, IPv6Address))
        if not self.host.called:
            self.host.callback(self._found[0].host if self._found else "")


async def resolve_destination(reactor: IReactorTime, uri: SipUri, transport: str) -> Peer:
    """
    Where requests to C{uri}, the next hop of a dialog, are sent.

    The URI's transport parameter wins over C{transport}, the one of the dialog; maddr wins over the host
    (RFC 3261 s.19.1.1). Numeric addresses need no resolver. Raises PeerError(503) where there is no address
    or the transport is none of ours.
    """
    transport = uri.transport or transport
    if transport not in TRANSPORTS or uri.scheme == "sips":
        raise PeerError(f"transport of {str(uri)[:80]!r} is {transport}, wanted udp or tcp", 503)
    maddr = next((value for name, value in uri.parameters if name.lower() == "maddr"), None)
    host = maddr or uri.host
    if not is_numeric(host):
        host = await _address_of(reactor, host)
    return Peer(transport, host, uri.port or DEFAULT_PORT)


async def _address_of(reactor: IReactorTime, name: str) -> str:
    first = _FirstAddress()
    resolver = IReactorPluggableNameResolver(reactor).nameResolver
    resolver.resolveHostName(first, name)
    first.host.addTimeout(RESOLVE_TIME, reactor, onTimeoutCancel=lambda _, __: "")
    address = await first.host
    if not address:
        raise PeerError(f"{name[:80]!r} has no address", 503)
    return address
