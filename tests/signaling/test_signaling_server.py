"""
Requests from the network to the transaction user, and answers back, over UDP.
"""

from __future__ import annotations

from signaling_fakes import LOCAL, PEER, FailingUser, Laboratory, request
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.signaling.layer import Limits, Peer
from siprec_tw.sip.message import Response
from siprec_tw.sip.reply import reply

BACK = (PEER.host, PEER.port)
IN_DIALOG = "<sip:srs@192.0.2.1>;tag=ours"


class ServerTests(SynchronousTestCase):
    """
    Tests of L{Signaling} as a server.
    """

    def laboratory(self, **options: object) -> Laboratory:
        """
        A layer that listens.
        """
        made = Laboratory(**options)  # type: ignore[arg-type]
        self.successResultOf(Deferred.fromCoroutine(made.start()))
        return made

    def test_invite_gets_100_at_once_and_reaches_the_user(self) -> None:
        """
        The 100 goes out before the user sees the INVITE, which knows where it came from and to.
        """
        lab = self.laboratory()
        lab.network.advance(12.5)
        lab.datagram(request(via="SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKone;rport"))
        [(trying, where)] = lab.sent()
        assert isinstance(trying, Response)
        self.assertEqual((trying.status, where), (100, BACK))
        [incoming] = lab.remembered.requests
        self.assertEqual((incoming.peer, incoming.local, incoming.arrived), (PEER, LOCAL, 12.5))
        via = incoming.request.headers.get("Via") or ""
        self.assertIn("received=192.0.2.9", via)
        self.assertIn("rport=5070", via)
        self.assertEqual(lab.counts.requests, ["INVITE"])
        self.assertEqual(lab.counts.responses, [100])

    def test_responses_go_back_by_the_via(self) -> None:
        """
        Without rport the port is that of the Via, the host the one the request really came from (s.18.2.2).
        """
        lab = self.laboratory()
        lab.datagram(request("OPTIONS", via="SIP/2.0/UDP src.example.com:5099;branch=z9hG4bKone"))
        lab.remembered.requests[0].respond(reply(lab.remembered.requests[0].request, 200))
        self.assertEqual([where for _, where in lab.sent()], [("192.0.2.9", 5099)])

    def test_repeated_request_does_not_reach_the_user(self) -> None:
        """
        A copy gets the last response again, and when the transaction is over it is a new request.
        """
        lab = self.laboratory()
        lab.remembered.answer = 200
        lab.datagram(request("OPTIONS"))
        lab.datagram(request("OPTIONS"))
        self.assertEqual(lab.statuses(), [200, 200])
        self.assertEqual(len(lab.remembered.requests), 1)
        lab.network.advance(32)
        self.assertEqual(lab.signaling.live_transactions, 0)
        lab.datagram(request("OPTIONS"))
        self.assertEqual(len(lab.remembered.requests), 2)

    def test_refused_invite_is_over_after_ack(self) -> None:
        """
        A failure is sent again by the layer until the ACK, which the user does not see; then nothing is left.
        """
        lab = self.laboratory()
        lab.remembered.answer = 486
        lab.datagram(request())
        lab.network.advance(0.5)
        self.assertEqual(lab.statuses(), [100, 486, 486])
        lab.datagram(request("ACK", to=IN_DIALOG))
        lab.network.pump([5.0, 32.0])
        self.assertEqual(lab.statuses(), [])
        self.assertEqual(lab.remembered.acks, [])
        self.assertEqual(lab.signaling.live_transactions, 0)
        self.assertEqual(lab.network.getDelayedCalls(), [])

    def test_ack_to_a_success_reaches_the_user(self) -> None:
        """
        It does with a branch of its own, as it should, and with the INVITE's, as some clients send it.
        """
        lab = self.laboratory()
        lab.remembered.answer = 200
        lab.datagram(request())
        lab.datagram(request("ACK", branch="z9hG4bKack", to=IN_DIALOG))
        lab.datagram(request("ACK", to=IN_DIALOG))
        self.assertEqual([(ack.method, peer) for ack, peer in lab.remembered.acks], [("ACK", PEER)] * 2)

    def test_success_may_be_given_again(self) -> None:
        """
        The user repeats the 2xx through the same object until timer L.
        """
        lab = self.laboratory()
        lab.datagram(request())
        [incoming] = lab.remembered.requests
        answer = reply(incoming.request, 200, to_tag=incoming.tag)
        incoming.respond(answer)
        lab.network.advance(0.5)
        incoming.respond(answer)
        self.assertEqual(lab.statuses(), [100, 200, 200])
        lab.network.advance(32)
        incoming.respond(answer)
        self.assertEqual(lab.statuses(), [])
        self.assertEqual(lab.signaling.live_transactions, 0)

    def test_cancel_is_answered_and_told(self) -> None:
        """
        The CANCEL gets 200 with the INVITE's tag, and the user answers 487; a copy gets 200 again only.
        """
        lab = self.laboratory()
        lab.datagram(request())
        lab.datagram(request("CANCEL"))
        lab.datagram(request("CANCEL"))
        self.assertEqual(lab.statuses(), [100, 200, 487, 200])
        self.assertEqual(lab.remembered.cancels, lab.remembered.requests)

    def test_cancel_bears_the_tag_of_the_invite(self) -> None:
        """
        The To tag of the 200 to the CANCEL is the one offered to the user for its responses (s.9.2).
        """
        lab = self.laboratory()
        lab.datagram(request())
        lab.datagram(request("CANCEL"))
        answer = lab.sent()[1][0]
        tag = lab.remembered.requests[0].tag
        self.assertEqual(answer.headers.get("To"), f"<sip:srs@192.0.2.1>;tag={tag}")

    def test_cancel_that_is_too_late_changes_nothing(self) -> None:
        """
        After the final response a CANCEL gets 200 and the user hears nothing (s.9.2).
        """
        lab = self.laboratory()
        lab.remembered.answer = 200
        lab.datagram(request())
        lab.datagram(request("CANCEL"))
        self.assertEqual(lab.statuses(), [100, 200, 200])
        self.assertEqual(lab.remembered.cancels, [])

    def test_cancel_without_invite_gets_481(self) -> None:
        """
        A CANCEL that matches nothing is told so.
        """
        lab = self.laboratory()
        lab.datagram(request("CANCEL"))
        self.assertEqual(lab.statuses(), [481])

    def test_stranger_gets_403(self) -> None:
        """
        Peers that are not allowed get 403 without a transaction, and nothing to an ACK.
        """
        lab = self.laboratory(allow=lambda peer: peer.host == "198.51.100.1")
        lab.datagram(request())
        lab.datagram(request("ACK"))
        self.assertEqual(lab.statuses(), [403])
        self.assertEqual((lab.remembered.requests, lab.remembered.acks), ([], []))
        self.assertEqual(lab.signaling.live_transactions, 0)
        lab.datagram(request(), Peer("udp", "198.51.100.1", 5070))
        self.assertEqual(lab.statuses(), [100])

    def test_bad_request_is_answered_where_that_is_possible(self) -> None:
        """
        What is wrong gets its status; without a readable Via, or as an ACK or a response, it gets nothing.
        """
        lab = self.laboratory()
        for octets, expected in (
            (request(cseq="1 BYE"), [400]),
            (request().replace(b"INVITE sip:", b"INVITE http:"), [416]),
            (request().replace(b" SIP/2.0\r\nVia", b" SIP/7.0\r\nVia"), [505]),
            (request().replace(b"Content-Length: 0", b"Content-Length: 9"), [400]),
            (request().replace(b"Call-ID: one@192.0.2.9\r\n", b""), [400]),
            (request("ACK", cseq="1 BYE"), []),
            (request(via="nonsense"), []),
            (b"SIP/2.0 200 OK\r\n\r\n", []),
            (b"\x00\x01 binary \xff", []),
            (b"\r\n\r\n", []),
        ):
            lab.datagram(octets)
            self.assertEqual(lab.statuses(), expected, octets)
        self.assertEqual(lab.remembered.requests, [])
        self.assertEqual(lab.signaling.live_transactions, 0)
        self.assertEqual(set(lab.counts.bad), {"unreadable", "invalid", "no Via"})

    def test_stateless_answers_bear_the_same_tag_each_time(self) -> None:
        """
        Copies of a refused request get the same To tag (s.8.2.7).
        """
        lab = self.laboratory(allow=lambda peer: False)
        lab.datagram(request())
        lab.datagram(request())
        (one, _), (other, _) = lab.sent()
        self.assertEqual(one, other)
        self.assertIn(";tag=", one.headers.get("To") or "")

    def test_merged_invite_gets_482(self) -> None:
        """
        An INVITE that came by another way already is refused (s.8.2.2.2); OPTIONS with old numbers are not.
        """
        lab = self.laboratory()
        lab.datagram(request())
        lab.datagram(request(branch="z9hG4bKtwo"))
        self.assertEqual(lab.statuses(), [100, 482])
        lab.datagram(request("OPTIONS", branch="z9hG4bKthree"))
        lab.datagram(request("OPTIONS", branch="z9hG4bKfour"))
        self.assertEqual(len(lab.remembered.requests), 3)

    def test_overload_is_503(self) -> None:
        """
        Above the bound new requests get 503 with Retry-After; requests within a dialog still pass.
        """
        lab = self.laboratory(limits=Limits(transactions=1, retry_after=7))
        lab.datagram(request())
        lab.datagram(request("OPTIONS", branch="z9hG4bKtwo"))
        refused = lab.sent()[1][0]
        assert isinstance(refused, Response)
        self.assertEqual((refused.status, refused.headers.get("Retry-After")), (503, "7"))
        lab.datagram(request("BYE", branch="z9hG4bKthree", to=IN_DIALOG))
        self.assertEqual([incoming.request.method for incoming in lab.remembered.requests], ["INVITE", "BYE"])
        lab.datagram(request("BYE", branch="z9hG4bKfour", to=IN_DIALOG))
        self.assertEqual(lab.statuses(), [503])

    def test_failing_user_costs_one_request(self) -> None:
        """
        What the user raises is logged and answered 500; the next request is taken as ever.
        """
        lab = self.laboratory(user=FailingUser())
        lab.datagram(request())
        lab.datagram(request("CANCEL"))
        lab.datagram(request("ACK", branch="z9hG4bKack"))
        self.assertEqual(lab.statuses(), [100, 500, 200])
        lab.datagram(request("OPTIONS", branch="z9hG4bKtwo"))
        self.assertEqual(lab.statuses(), [500])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_socket_that_cannot_send_changes_nothing(self) -> None:
        """
        A response that fails is sent again when the request comes again.
        """
        lab = self.laboratory()
        lab.remembered.answer = 200
        lab.network.udp[0].fault = OSError(101, "Network is unreachable")
        lab.datagram(request("OPTIONS"))
        lab.network.udp[0].fault = None
        lab.datagram(request("OPTIONS"))
        self.assertEqual(lab.statuses(), [200])

    def test_field_with_a_line_break_is_not_sent(self) -> None:
        """
        A response that would write fields in somebody's name is a bug of ours: loud, and not sent.
        """
        lab = self.laboratory()
        lab.datagram(request("OPTIONS"))
        [incoming] = lab.remembered.requests
        incoming.respond(reply(incoming.request, 200, fields=[("X-Note", "one\r\nTwo: 2")]))
        self.assertEqual(lab.statuses(), [])
        self.assertEqual(len(self.flushLoggedErrors()), 1)
