"""
From a URI to a peer.
"""

from __future__ import annotations

from collections.abc import Sequence

from signaling_fakes import Laboratory
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from siprec_tw.errors import PeerError
from siprec_tw.signaling.layer import Peer
from siprec_tw.sip.uri import parse_uri


@implementer(IHostResolution)
class Resolution:
    """
    A question that nobody takes back.
    """

    name = "somebody"

    def cancel(self) -> None:
        raise AssertionError("nobody cancels")


@implementer(IHostnameResolver)
class Resolver:
    """
    Knows a few addresses, or keeps silent.
    """

    def __init__(self, addresses: Sequence[IAddress], silent: bool = False) -> None:
        self.addresses = addresses
        self.silent = silent

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution = Resolution()
        resolutionReceiver.resolutionBegan(resolution)
        if not self.silent:
            for address in self.addresses:
                resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()
        return resolution


class DestinationTests(SynchronousTestCase):
    """
    Tests of L{Signaling.resolve}.
    """

    def setUp(self) -> None:
        """
        A layer with a resolver that knows two addresses.
        """
        self.lab = Laboratory()
        self.lab.network.installNameResolver(
            Resolver([IPv6Address("TCP", "2001:db8::7", 0), IPv4Address("TCP", "192.0.2.7", 0)])
        )

    def resolve(self, uri: str, transport: str = "udp") -> Deferred[Peer]:
        """
        Ask for a URI.
        """
        return Deferred.fromCoroutine(self.lab.signaling.resolve(parse_uri(uri), transport))

    def test_numeric_addresses_need_no_resolver(self) -> None:
        """
        Host, port and transport are taken as they stand; the default port is 5060.
        """
        self.lab.network.installNameResolver(Resolver([]))
        for uri, peer in (
            ("sip:src@192.0.2.9", "udp:192.0.2.9:5060"),
            ("sip:src@192.0.2.9:5070;transport=TCP", "tcp:192.0.2.9:5070"),
            ("sip:src@[2001:db8::1]:5070", "udp:[2001:db8::1]:5070"),
            ("sip:src@example.com:5070;maddr=192.0.2.4", "udp:192.0.2.4:5070"),
        ):
            self.assertEqual(str(self.successResultOf(self.resolve(uri))), peer)
        self.assertEqual(self.successResultOf(self.resolve("sip:192.0.2.9", "tcp")).transport, "tcp")

    def test_names_are_resolved(self) -> None:
        """
        A name's IPv4 address is preferred.
        """
        found = self.successResultOf(self.resolve("sip:src.example.com"))
        self.assertEqual(found, Peer("udp", "192.0.2.7", 5060))

    def test_what_cannot_be_reached_is_503(self) -> None:
        """
        No address, no such transport, or no answer of the resolver in ten seconds.
        """
        for uri in ("sips:192.0.2.9", "sip:192.0.2.9;transport=sctp"):
            self.assertEqual(self.failureResultOf(self.resolve(uri), PeerError).value.status, 503)
        self.lab.network.installNameResolver(Resolver([]))
        self.failureResultOf(self.resolve("sip:nobody.example.com"), PeerError)
        self.lab.network.installNameResolver(Resolver([], silent=True))
        waiting = self.resolve("sip:slow.example.com")
        self.lab.network.advance(10)
        self.assertEqual(self.failureResultOf(waiting, PeerError).value.status, 503)
