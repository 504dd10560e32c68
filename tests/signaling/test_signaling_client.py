"""
Our own requests over UDP, and the end of everything.
"""

from __future__ import annotations

from signaling_fakes import LOCAL, PEER, Laboratory, own_request
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import LocalError
from siprec_tw.signaling.layer import Flow, Peer
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.reply import reply
from siprec_tw.sip.writer import write

BACK = (PEER.host, PEER.port)


class ClientTests(SynchronousTestCase):
    """
    Tests of L{Signaling} as a client.
    """

    def setUp(self) -> None:
        """
        A layer that listens.
        """
        self.lab = Laboratory()
        self.successResultOf(Deferred.fromCoroutine(self.lab.start()))
        self.seen: list[int] = []

    def ask(self, method: str) -> tuple[Deferred[Response], Request]:
        """
        Send a request; what is waited for, and what was sent.
        """
        waiting = Deferred.fromCoroutine(self.lab.signaling.request(
            own_request(method), PEER, on_response=lambda response: self.seen.append(response.status)
        ))
        [(sent, where)] = self.lab.sent()
        assert isinstance(sent, Request)
        self.assertEqual(where, BACK)
        return waiting, sent

    def answer(self, sent: Request, status: int) -> None:
        """
        The peer answers.
        """
        self.lab.datagram(write(reply(sent, status, to_tag="theirs")))

    def test_request_gets_a_via_and_its_response(self) -> None:
        """
        The Via has a new branch and asks for rport; the final response ends the wait, the copy nothing.
        """
        waiting, sent = self.ask("OPTIONS")
        self.assertEqual(
            sent.headers.get("Via"), "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtoken2;rport"
        )
        self.answer(sent, 100)
        self.assertNoResult(waiting)
        self.answer(sent, 486)
        self.answer(sent, 486)
        self.assertEqual(self.successResultOf(waiting).status, 486)
        self.assertEqual(self.seen, [100, 486])
        self.lab.network.advance(5)
        self.assertEqual(self.lab.signaling.live_transactions, 0)
        self.assertEqual(self.lab.network.getDelayedCalls(), [])

    def test_silence_is_408(self) -> None:
        """
        A request is repeated for 64*T1 and then counts as answered 408 (s.8.1.3.1).
        """
        waiting, sent = self.ask("BYE")
        self.lab.network.pump([0.5] * 63)
        self.assertNoResult(waiting)
        self.assertEqual({message for message, _ in self.lab.sent()}, {sent})
        self.lab.network.advance(0.5)
        response = self.successResultOf(waiting)
        self.assertEqual((response.status, response.headers.get("CSeq")), (408, "1 BYE"))
        self.assertEqual(self.lab.network.getDelayedCalls(), [])

    def test_way_that_fails_is_503(self) -> None:
        """
        What cannot be sent counts as answered 503, at once (s.8.1.3.1).
        """
        self.lab.network.udp[0].fault = OSError(113, "No route to host")
        waiting = Deferred.fromCoroutine(self.lab.signaling.request(own_request("BYE"), PEER))
        self.assertEqual(self.successResultOf(waiting).status, 503)
        v6 = Peer("udp", "2001:db8::9", 5060)
        waiting = Deferred.fromCoroutine(self.lab.signaling.request(own_request("BYE"), v6))
        self.assertEqual(self.successResultOf(waiting).status, 503)
        self.assertEqual(self.lab.signaling.live_transactions, 0)

    def test_every_success_of_an_invite_is_told(self) -> None:
        """
        A 2xx that comes again is told again, so that its ACK can be sent again, until timer M.
        """
        waiting, sent = self.ask("INVITE")
        for status in (180, 200, 200):
            self.answer(sent, status)
        self.assertEqual(self.successResultOf(waiting).status, 200)
        self.assertEqual(self.seen, [180, 200, 200])
        self.lab.network.advance(32)
        self.assertEqual(self.lab.signaling.live_transactions, 0)

    def test_invite_that_is_only_provisionally_answered(self) -> None:
        """
        It is cancelled when the patience is over, and counts as answered 408; nothing is left of it and its CANCEL.
        """
        waiting = Deferred.fromCoroutine(self.lab.signaling.request(
            own_request("INVITE"), PEER, on_response=lambda response: self.seen.append(response.status), patience=32.0
        ))
        [(sent, _)] = self.lab.sent()
        assert isinstance(sent, Request)
        self.answer(sent, 100)
        self.lab.network.advance(32.0)
        self.assertEqual(self.successResultOf(waiting).status, 408)
        [(cancel, where)] = self.lab.sent()
        assert isinstance(cancel, Request)
        self.assertEqual((cancel.method, cancel.headers.get("CSeq"), where), ("CANCEL", "1 CANCEL", BACK))
        self.assertEqual(cancel.headers.get("Via"), sent.headers.get("Via"))
        self.answer(cancel, 200)
        self.answer(sent, 200)
        self.assertEqual(self.seen, [100, 200])
        self.lab.network.advance(32.0)
        self.assertEqual((self.lab.signaling.live_transactions, self.lab.network.getDelayedCalls()), (0, []))

    def test_cancelled_invite_that_gets_no_final_response(self) -> None:
        """
        It is forgotten 64*T1 after its CANCEL, whatever the peer does (s.9.1).
        """
        Deferred.fromCoroutine(self.lab.signaling.request(own_request("INVITE"), PEER, patience=5.0))
        [(sent, _)] = self.lab.sent()
        assert isinstance(sent, Request)
        self.answer(sent, 180)
        self.lab.network.pump([5.0, *[0.5] * 64])
        self.assertEqual((self.lab.signaling.live_transactions, self.lab.network.getDelayedCalls()), (0, []))

    def test_failure_of_an_invite_is_acknowledged(self) -> None:
        """
        The layer sends the ACK to a failure by itself.
        """
        waiting, sent = self.ask("INVITE")
        self.answer(sent, 486)
        self.assertEqual(self.successResultOf(waiting).status, 486)
        [(ack, where)] = self.lab.sent()
        assert isinstance(ack, Request)
        self.assertEqual((ack.method, ack.headers.get("Via"), where), ("ACK", sent.headers.get("Via"), BACK))

    def test_success_is_acknowledged_by_send(self) -> None:
        """
        A message without transaction gets a Via of its own and is sent once.
        """
        self.lab.signaling.send(own_request("ACK"), PEER, flow=Flow(PEER, LOCAL))
        [(ack, where)] = self.lab.sent()
        self.assertEqual(ack.headers.get("Via"), "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtoken2;rport")
        self.assertEqual(where, BACK)
        self.lab.network.advance(60)
        self.assertEqual(self.lab.sent(), [])

    def test_response_without_request_is_dropped(self) -> None:
        """
        What answers nothing is counted.
        """
        _, sent = self.ask("OPTIONS")
        stray = sent.with_headers(sent.headers.replace("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKno"))
        self.answer(stray, 200)
        self.assertEqual(self.lab.counts.bad, ["stray response"])

    def test_cancelled_wait_ends_only_the_wait(self) -> None:
        """
        Who stops waiting gets CancelledError; the response that comes later is dropped in peace.
        """
        waiting, sent = self.ask("INVITE")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.answer(sent, 200)
        self.lab.network.advance(32)
        self.assertEqual(self.seen, [])
        self.assertEqual(self.lab.signaling.live_transactions, 0)

    def test_failing_listener_to_responses_costs_nothing(self) -> None:
        """
        What C{on_response} raises is logged; the wait ends as ever and the transaction too.
        """
        def fail(response: Response) -> None:
            raise RuntimeError("a bug of the caller")

        asking = self.lab.signaling.request(own_request("BYE"), PEER, on_response=fail)
        waiting = Deferred.fromCoroutine(asking)
        sent = self.lab.sent()[0][0]
        assert isinstance(sent, Request)
        self.answer(sent, 200)
        self.assertEqual(self.successResultOf(waiting).status, 200)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.lab.network.advance(5)
        self.assertEqual(self.lab.signaling.live_transactions, 0)

    def test_request_that_cannot_be_written_is_ours(self) -> None:
        """
        A line break within a field is a LocalError of the caller, and leaves no transaction.
        """
        bad = own_request("BYE", ("X-Note", "one\r\nTwo: 2"))
        self.failureResultOf(Deferred.fromCoroutine(self.lab.signaling.request(bad, PEER)), LocalError)
        self.assertEqual(self.lab.signaling.live_transactions, 0)

    def test_stop_leaves_nothing(self) -> None:
        """
        After the stop nobody waits, no timer is armed and nothing is sent, whatever the user still does.
        """
        waiting, _ = self.ask("BYE")
        self.lab.datagram(write(own_request("INVITE", ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx"))))
        self.lab.sent()
        self.successResultOf(Deferred.fromCoroutine(self.lab.signaling.stop()))
        self.assertEqual(self.successResultOf(waiting).status, 503)
        [incoming] = self.lab.remembered.requests
        incoming.respond(reply(incoming.request, 486))
        self.assertEqual(self.lab.sent(), [])
        self.assertEqual(self.lab.network.getDelayedCalls(), [])
        again = Deferred.fromCoroutine(self.lab.signaling.request(own_request("BYE"), PEER))
        self.assertEqual(self.successResultOf(again).status, 503)
        self.assertEqual(self.lab.network.getDelayedCalls(), [])
