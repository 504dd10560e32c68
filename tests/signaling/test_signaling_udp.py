"""
The UDP socket and its choice.
"""

from __future__ import annotations

from signaling_fakes import Laboratory, MemoryNetwork, own_request
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.signaling.layer import Flow, Peer, Signaling
from siprec_tw.signaling.udp import UdpSocket


class Remembering:
    """
    Remembers messages.
    """

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Flow]] = []

    def message_received(self, octets: bytes, flow: Flow) -> None:
        self.received.append((octets, flow))

    def message_refused(self, error: PeerError, flow: Flow) -> None:
        raise AssertionError("a datagram is not cut")

    def connection_lost(self, peer: Peer, reason: str) -> None:
        raise AssertionError("there is no connection")


class UdpSocketTests(SynchronousTestCase):
    """
    Tests of L{UdpSocket}.
    """

    def setUp(self) -> None:
        """
        A bound socket.
        """
        self.network = MemoryNetwork()
        self.receiver = Remembering()
        self.socket = UdpSocket(self.receiver)
        self.port = self.network.listenUDP(5060, self.socket, "::1", 65535)

    def test_datagram_is_passed_on_whole(self) -> None:
        """
        A datagram of any size comes with both its ends; line ends alone come not at all.
        """
        large = b"x" * 65_000
        self.socket.datagramReceived(large, ("::2", 5070))
        self.socket.datagramReceived(b"\r\n\r\n", ("::2", 5070))
        self.socket.datagramReceived(b"\0", ("::2", 5070))
        self.assertEqual(
            self.receiver.received, [(large, Flow(Peer("udp", "::2", 5070), Peer("udp", "::1", 5060)))]
        )

    def test_what_cannot_be_sent_is_told(self) -> None:
        """
        Every fault of the socket comes back as words; a full buffer is as good as a loss on the way.
        """
        there = Peer("udp", "::2", 5070)
        self.assertEqual(self.socket.send(b"x", there), "")
        self.assertEqual(self.port.written, [(b"x", ("::2", 5070))])
        self.assertIn("no address", self.socket.send(b"x", Peer("udp", "src.example.com", 5070)))
        for fault, words in (
            (MessageLengthError("too long"), "too many"),
            (OSError(101, "Network is unreachable"), "unreachable"),
            (BlockingIOError(11, "full"), ""),
        ):
            self.port.fault = fault
            self.assertIn(words, self.socket.send(b"x", there))
        self.port.stopListening()
        self.assertIn("closed", self.socket.send(b"x", there))


class ListeningTests(SynchronousTestCase):
    """
    Tests of the listening sockets of L{Signaling}, and of the choice among them.
    """

    def setUp(self) -> None:
        """
        A layer without listeners.
        """
        self.lab = Laboratory()

    def listen(self, host: str, port: int = 5060) -> Peer:
        """
        Listen on UDP.
        """
        return self.successResultOf(Deferred.fromCoroutine(self.lab.signaling.listen("udp", host, port)))

    def via_to(self, destination: Peer, flow: Flow | None = None) -> str:
        """
        The sent-by of a request to somebody.
        """
        for port in self.lab.network.udp:
            port.written = []
        self.lab.signaling.send(own_request("ACK"), destination, flow=flow)
        [written] = [octets for port in self.lab.network.udp for octets, _ in port.written]
        return written.split(b"\r\n")[1].decode().split(" ")[2].split(";")[0]

    def test_real_port_is_told_and_large_datagrams_taken(self) -> None:
        """
        Port 0 gives a real one; the socket takes datagrams as large as there are.
        """
        self.assertEqual(self.listen("192.0.2.1", 0), Peer("udp", "192.0.2.1", 49152))
        self.assertEqual(self.lab.network.udp[0].size, 65535)

    def test_socket_fits_the_destination(self) -> None:
        """
        Address family first, then the flow's own socket, then loopback to loopback and others to others.
        """
        for host in ("127.0.0.1", "192.0.2.1", "192.0.2.2", "2001:db8::1"):
            self.listen(host)
        self.assertEqual(self.via_to(Peer("udp", "127.0.0.1", 5070)), "127.0.0.1:5060")
        self.assertEqual(self.via_to(Peer("udp", "192.0.2.9", 5070)), "192.0.2.1:5060")
        self.assertEqual(self.via_to(Peer("udp", "2001:db8::9", 5070)), "[2001:db8::1]:5060")
        peer = Peer("udp", "192.0.2.9", 5070)
        self.assertEqual(self.via_to(peer, Flow(peer, Peer("udp", "192.0.2.2", 5060))), "192.0.2.2:5060")

    def test_wildcard_is_not_written_into_the_via(self) -> None:
        """
        The Via has the address the system would send from, or the advertised one.
        """
        self.listen("0.0.0.0")
        self.assertEqual(self.via_to(Peer("udp", "127.0.0.1", 5070)), "127.0.0.1:5060")
        network = MemoryNetwork()
        signaling = Signaling(network, self.lab.remembered, random_token=lambda: "token",
                              allow=lambda peer: True, advertise="203.0.113.5")
        self.successResultOf(Deferred.fromCoroutine(signaling.listen("udp", "0.0.0.0", 5060)))
        signaling.send(own_request("ACK"), Peer("udp", "192.0.2.9", 5070))
        self.assertIn(b"UDP 203.0.113.5:5060;", network.udp[0].written[0][0])

    def test_address_in_use_is_loud(self) -> None:
        """
        A listener that cannot be had is a LocalError, and those opened before it are closed.
        """
        def refuse(*_: object) -> None:
            raise CannotListenError("127.0.0.1", 5060, OSError(98, "Address already in use"))

        self.lab.network.listenTCP = refuse  # type: ignore[method-assign]
        starting = self.lab.signaling.start([Peer("udp", "127.0.0.1", 5060), Peer("tcp", "127.0.0.1", 5060)])
        self.failureResultOf(Deferred.fromCoroutine(starting), LocalError)
        self.assertIsNone(self.lab.network.udp[0].protocol.transport)
