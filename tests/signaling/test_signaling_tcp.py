"""
Connections: framing, the way back, reuse, bounds, and what their end means.
"""

from __future__ import annotations

from signaling_fakes import FLOW, TCP_PEER, Laboratory, lose, own_request, request
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.signaling.layer import Limits, Peer
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.reply import reply
from siprec_tw.sip.writer import write

THERE = Peer("tcp", "192.0.2.9", 5070)


class TcpTests(SynchronousTestCase):
    """
    Tests of L{Signaling} over TCP.
    """

    def laboratory(self, limits: Limits | None = None) -> Laboratory:
        """
        A layer that listens.
        """
        made = Laboratory(limits=limits)
        self.successResultOf(Deferred.fromCoroutine(made.start()))
        return made

    def ask(self, lab: Laboratory, method: str = "BYE", **options: object) -> Deferred[Response]:
        """
        Send a request of ours.
        """
        return Deferred.fromCoroutine(
            lab.signaling.request(own_request(method), THERE, **options)  # type: ignore[arg-type]
        )

    def test_messages_are_cut_and_answered_on_the_connection(self) -> None:
        """
        Two requests in pieces of any size are two requests, answered on the spot; a ping gets its pong.
        """
        lab = self.laboratory()
        lab.remembered.answer = 200
        protocol, transport = lab.connect()
        two = request("OPTIONS", transport="TCP", body="hello") + request("BYE", transport="TCP")
        for at in range(0, len(two), 7):
            protocol.dataReceived(two[at:at + 7])
        self.assertEqual([incoming.peer for incoming in lab.remembered.requests], [TCP_PEER] * 2)
        self.assertEqual([message.status for message in transport.messages()], [200, 200])
        protocol.dataReceived(b"\r\n\r\n")
        self.assertEqual(transport.value(), b"\r\n")
        self.assertTrue(transport.no_delay and transport.keep_alive)
        self.assertEqual(lab.sent(), [])

    def test_large_message_is_taken(self) -> None:
        """
        A message over TCP may be larger than a datagram.
        """
        lab = self.laboratory()
        protocol, _ = lab.connect()
        protocol.dataReceived(request(transport="TCP", body="x" * 200_000))
        self.assertEqual(len(lab.remembered.requests[0].request.body), 200_000)

    def test_response_comes_on_a_new_connection_when_the_old_is_gone(self) -> None:
        """
        A lost connection is made again, to the address it came from and the port of the Via (s.18.2.2).
        """
        lab = self.laboratory()
        protocol, _ = lab.connect()
        protocol.dataReceived(request("OPTIONS", transport="TCP"))
        lose(protocol)
        self.assertEqual(lab.signaling.connections, 0)
        [incoming] = lab.remembered.requests
        incoming.respond(reply(incoming.request, 200))
        self.assertEqual(lab.network.tcpClients[0][:2], ("192.0.2.9", 5070))
        _, transport = lab.accept()
        [response] = transport.messages()
        assert isinstance(response, Response)
        self.assertEqual(response.status, 200)

    def test_broken_stream_is_answered_and_closed(self) -> None:
        """
        Where a length cannot be told, its request gets 400 and the connection ends.
        """
        lab = self.laboratory()
        protocol, transport = lab.connect()
        protocol.dataReceived(request(transport="TCP").replace(b"Content-Length: 0", b"Content-Length: x"))
        [response] = transport.messages()
        assert isinstance(response, Response)
        self.assertEqual(response.status, 400)
        self.assertTrue(transport.disconnecting)
        protocol.dataReceived(request(transport="TCP"))
        self.assertEqual(lab.remembered.requests, [])
        self.assertEqual(lab.counts.bad, ["unreadable"])

    def test_our_request_takes_the_connection_of_its_flow(self) -> None:
        """
        While the dialog's connection is up our requests go there, else to the destination.
        """
        lab = self.laboratory()
        protocol, transport = lab.connect()
        waiting = self.ask(lab, flow=FLOW)
        [bye] = transport.messages()
        assert isinstance(bye, Request)
        self.assertIn("SIP/2.0/TCP 192.0.2.1:5060;branch=", bye.headers.get("Via") or "")
        protocol.dataReceived(write(reply(bye, 200)))
        self.assertEqual(self.successResultOf(waiting).status, 200)
        lab.network.advance(0)
        self.assertEqual(lab.signaling.live_transactions, 0)
        lose(protocol)
        self.ask(lab, flow=FLOW)
        self.assertEqual(lab.network.tcpClients[0][:2], ("192.0.2.9", 5070))

    def test_requests_wait_for_one_connection(self) -> None:
        """
        What is sent while a connection is being made goes out on it in order, and later requests reuse it.
        """
        lab = self.laboratory()
        self.ask(lab, "OPTIONS")
        self.ask(lab, "INFO")
        self.assertEqual(len(lab.network.tcpClients), 1)
        _, transport = lab.accept()
        self.ask(lab, "BYE")
        sent = [message.method for message in transport.messages() if isinstance(message, Request)]
        self.assertEqual(sent, ["OPTIONS", "INFO", "BYE"])
        self.assertEqual(len(lab.network.tcpClients), 1)

    def test_refused_connection_is_503(self) -> None:
        """
        A connection that cannot be made fails what waits for it, and the next request tries anew.
        """
        lab = self.laboratory()
        waiting = self.ask(lab)
        lab.network.tcpClients[0][2].clientConnectionFailed(lab.network.connectors[0], Failure(Refused()))
        self.assertEqual(self.successResultOf(waiting).status, 503)
        self.ask(lab)
        self.assertEqual(len(lab.network.tcpClients), 2)

    def test_lost_connection_is_503(self) -> None:
        """
        What waits for a response on a connection fails with it; a request elsewhere does not.
        """
        lab = self.laboratory()
        protocol, _ = lab.connect()
        here, elsewhere = self.ask(lab, flow=FLOW), self.ask(lab)
        lose(protocol)
        self.assertEqual(self.successResultOf(here).status, 503)
        self.assertNoResult(elsewhere)

    def test_name_is_no_destination(self) -> None:
        """
        Only numeric addresses are connected to; names are for L{Signaling.resolve}.
        """
        lab = self.laboratory()
        there = Peer("tcp", "src.example.com", 5060)
        waiting = Deferred.fromCoroutine(lab.signaling.request(own_request("BYE"), there))
        self.assertEqual(self.successResultOf(waiting).status, 503)

    def test_silent_connection_is_cut(self) -> None:
        """
        A connection has a minute for its first message and two hours between any two signs of life.
        """
        lab = self.laboratory()
        protocol, transport = lab.connect()
        lab.network.advance(59)
        self.assertFalse(transport.disconnected)
        lab.network.advance(1)
        self.assertTrue(transport.disconnected)
        lose(protocol)

        protocol, transport = lab.connect()
        protocol.dataReceived(b"\r\n\r\n")
        lab.network.advance(3600)
        protocol.dataReceived(b"\r\n\r\n")
        lab.network.advance(7199)
        self.assertFalse(transport.disconnected)
        lab.network.advance(1)
        self.assertTrue(transport.disconnected)
        lose(protocol)
        self.assertEqual((lab.signaling.connections, lab.network.getDelayedCalls()), (0, []))

    def test_peer_that_does_not_read_is_cut(self) -> None:
        """
        So much may wait in a connection whose peer does not read, and no more; one that reads starts anew.
        """
        lab = self.laboratory(Limits(unsent=100))
        protocol, transport = lab.connect()
        protocol.pauseProducing()
        protocol.send(b"x" * 60)
        protocol.resumeProducing()
        protocol.pauseProducing()
        protocol.send(b"x" * 60)
        self.assertFalse(transport.disconnected)
        protocol.send(b"x" * 60)
        self.assertTrue(transport.disconnected)
        self.assertEqual(len(transport.value()), 120)

    def test_connections_are_bounded(self) -> None:
        """
        One connection too many is dropped; what we would have to connect for fails.
        """
        lab = self.laboratory(Limits(connections=1))
        protocol, _ = lab.connect()
        _, second = lab.connect(Peer("tcp", "192.0.2.9", 40001))
        self.assertTrue(second.disconnected)
        self.assertEqual(self.successResultOf(self.ask(lab)).status, 503)
        self.assertEqual(lab.signaling.connections, 1)
        lose(protocol)
        self.ask(lab)
        self.assertEqual(len(lab.network.tcpClients), 1)

    def test_stop_closes_and_then_cuts(self) -> None:
        """
        A stop closes every connection, waits three seconds, and cuts what is still up.
        """
        lab = self.laboratory()
        protocol, transport = lab.connect()
        self.ask(lab)
        stopping = Deferred.fromCoroutine(lab.signaling.stop())
        self.assertTrue(transport.disconnecting)
        self.assertTrue(lab.network.connectors[0].stoppedConnecting)
        self.assertNoResult(stopping)
        lab.network.advance(3)
        self.assertTrue(transport.disconnected)
        lose(protocol)
        self.successResultOf(stopping)
        late, dropped = lab.accept()
        self.assertTrue(dropped.disconnected)
        lose(late)
        self.assertEqual(lab.network.getDelayedCalls(), [])
