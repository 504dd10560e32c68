"""
The life of a call from its 200 to its end, and what a stop of the server makes of it.
"""

from __future__ import annotations

from attrs import evolve
from recorder_fakes import ACK_PATIENCE, ANSWER_DELAY, LOCAL, SRC, Studio, header
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.interfaces import RtcpPeer
from siprec_tw.recording.journal import CallEnded, EndReason, Warned
from siprec_tw.signaling.peer import Flow, Peer


class CallTests(SynchronousTestCase):
    """
    Tests for L{siprec_tw.recorder.call.Call} and its leg.
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def drained(self, patience: float = 20.0) -> Deferred[None]:
        return Deferred.fromCoroutine(self.studio.server.drain(patience))

    def test_200_is_repeated_until_the_ack(self) -> None:
        """
        At 0.5, 1.5, 3.5, 7.5 s and then every 4 s (RFC 3261 s.13.3.1.4).
        """
        invite = self.studio.invite()
        self.studio.clock.pump([ANSWER_DELAY, 0.5, 1.0, 2.0])
        self.assertEqual(invite.statuses, [200] * 4)
        self.studio.ack(invite)
        self.studio.clock.advance(ACK_PATIENCE)
        self.assertEqual(invite.statuses, [200] * 4)
        self.assertEqual(self.studio.calls[0].state, "confirmed")

    def test_name_of_our_rtcp(self) -> None:
        """
        All streams of a call go by one name, of 96 bits that say nothing; where no reports are wanted, by none.
        """
        asked: list[int] = []
        self.studio.server.surroundings = evolve(
            self.studio.surroundings, random_octets=lambda count: (asked.append(count), bytes([7] * count))[1]
        )
        self.studio.establish()
        self.assertEqual(
            [spec.rtcp for spec in self.studio.media.open.values()],
            [RtcpPeer("192.0.2.9", port, False, "07" * 12) for port in (40001, 40003)],
        )
        self.assertEqual(asked, [12])

    def test_no_reports(self) -> None:
        """
        The configuration may say that none are sent.
        """
        self.studio.server.surroundings = evolve(self.studio.surroundings, reports_sent=False)
        self.studio.establish()
        self.assertEqual([spec.rtcp for spec in self.studio.media.open.values()], [None, None])

    def test_no_ack(self) -> None:
        """
        After 64*T1 the dialog is ended by BYE, and what was heard is a recording.
        """
        self.studio.invite()
        self.studio.clock.pump([ANSWER_DELAY, *[0.5] * 65])
        self.assertEqual(self.studio.signaling.methods(), ["BYE"])
        self.assertTrue(self.studio.nothing_left())
        ends = [e.reason for e in self.studio.archive.finished[0].journal if isinstance(e, CallEnded)]
        self.assertEqual(ends, [EndReason.NO_ACK])

    def test_operator(self) -> None:
        """
        BYE in the dialog, over the client's flow, and a finished recording.
        """
        call = self.studio.establish()
        ended = Deferred.fromCoroutine(self.studio.server.end_call(call.call.recording_id))
        self.assertTrue(self.successResultOf(ended))
        request, destination, flow = self.studio.signaling.requests[0]
        self.assertEqual((request.method, request.uri), ("BYE", "sip:src@192.0.2.9:5070"))
        self.assertEqual((destination, flow), (Peer("udp", "192.0.2.9", 5070), Flow(SRC, LOCAL)))
        self.assertEqual(header(request, "Contact"), "<sip:192.0.2.1:5060>;+sip.srs")
        self.assertEqual(call.spooled.journal[-1],
                         CallEnded(self.studio.now(), EndReason.OPERATOR, "ended over HTTP"))
        self.assertTrue(self.studio.nothing_left())

    def test_operator_knows_no_such_call(self) -> None:
        """
        False for a recording that is not running.
        """
        self.assertFalse(self.successResultOf(Deferred.fromCoroutine(self.studio.server.end_call("no"))))

    def test_contact_that_leads_nowhere(self) -> None:
        """
        The way of the client's last request is taken instead.
        """
        call = self.studio.establish(contact="<tel:+4930>")
        call.call.end(EndReason.OPERATOR)
        self.assertEqual(self.studio.signaling.requests[0][1], SRC)

    def test_failure_of_a_stream_loses_no_recording(self) -> None:
        """
        A stream that cannot be closed costs itself: the recording is finished with what it has.
        """
        call = self.studio.establish()
        self.studio.gates.faults["close_stream"] = RuntimeError("a bug")
        call.send("BYE")
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.studio.archive.finished, [call.spooled])

    def test_warning(self) -> None:
        """
        Once each: in the journal, in the view, in the metrics.
        """
        call = self.studio.establish()
        call.call.warn("a-code", "a text")
        call.call.warn("a-code", "a text")
        self.assertEqual(call.spooled.events(Warned), [Warned(self.studio.now(), "a-code", "a text")])
        self.assertEqual(call.call.warnings, (("a-code", "a text"),))
        self.assertEqual(self.studio.counted("siprec_metadata_warnings_total", code="a-code"), 1)

    def test_warnings_are_bounded(self) -> None:
        """
        A client may do a thousand things wrong.
        """
        call = self.studio.establish().call
        for number in range(1000):
            call.warn("a-code", str(number))
        self.assertEqual(len(call.warnings), 500)

    # --- the server is stopped ---------------------------------------------------------------------

    def test_stop(self) -> None:
        """
        Every call gets a BYE, and the drain is over when the recordings have been handed on.
        """
        calls = [self.studio.establish(call_id=f"{number}@src") for number in range(3)]
        self.studio.gates.hold("finish")
        drained = self.drained()
        self.assertNoResult(drained)
        self.studio.gates.release("finish")
        self.successResultOf(drained)
        self.assertEqual(self.studio.signaling.methods(), ["BYE"] * 3)
        ends = [event.reason for call in calls for event in call.spooled.journal if isinstance(event, CallEnded)]
        self.assertEqual(ends, [EndReason.SHUTDOWN] * 3)
        self.assertTrue(self.studio.nothing_left())

    def test_stop_without_calls(self) -> None:
        """
        Over at once.
        """
        self.successResultOf(self.drained())
        self.assertTrue(self.studio.nothing_left())

    def test_stop_while_the_ack_is_awaited(self) -> None:
        """
        The recording is finished, and the BYE goes without the ACK: later there would be nobody to send it.
        """
        invite = self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY)
        self.drained()
        self.assertEqual((len(self.studio.archive.finished), self.studio.signaling.methods()), (1, ["BYE"]))
        self.studio.ack(invite)
        self.assertEqual(self.studio.signaling.methods(), ["BYE"])
        self.assertTrue(self.studio.nothing_left())

    def test_stop_where_the_ack_never_comes(self) -> None:
        """
        The BYE is sent when the wait for the ACK is over.
        """
        self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY)
        self.drained()
        self.studio.clock.pump([0.5] * 65)
        self.assertEqual(self.studio.signaling.methods(), ["BYE"])
        self.assertTrue(self.studio.nothing_left())

    def test_stop_waits_for_the_answer_to_the_bye(self) -> None:
        """
        The sockets must stay open until the client knows.
        """
        self.studio.establish()
        self.studio.gates.hold("request")
        drained = self.drained()
        self.assertNoResult(drained)
        self.studio.gates.release("request")
        self.successResultOf(drained)

    def test_stop_is_bounded(self) -> None:
        """
        A recording that cannot be finished in time does not keep the server from stopping, and is no error.
        """
        calls = [self.studio.establish(call_id=f"{number}@src").call for number in range(2)]
        self.studio.gates.hold("finish")
        drained = self.drained(patience=5.0)
        self.studio.clock.advance(5.0)
        self.successResultOf(drained)
        self.studio.gates.release("finish")
        self.assertTrue(self.studio.nothing_left())
        for call in calls:
            self.successResultOf(call.finished)
