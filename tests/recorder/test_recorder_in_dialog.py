"""
Requests within the dialog of a call.
"""

from __future__ import annotations

from recorder_fakes import (
    ACK_PATIENCE,
    ANSWER_DELAY,
    HELD,
    METADATA,
    METADATA_TYPE,
    TWO_STREAMS,
    Studio,
    client_request,
    header,
    media_line,
    sdp,
    siprec_body,
)
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.recording.journal import CallEnded, Direction, DocumentKind, EndReason, TrackChanged

FULL = OSError(28, "No space left on device")


class InDialogTests(SynchronousTestCase):
    """
    A call that is up, and what its client sends.
    """

    def setUp(self) -> None:
        self.studio = Studio()
        self.call = self.studio.establish()

    def wait_for_no_ack(self) -> None:
        self.studio.clock.pump([0.5] * (int(ACK_PATIENCE / 0.5) + 1))

    # --- INVITE and UPDATE ----------------------------------------------------------------------

    def test_re_invite_holds_and_resumes(self) -> None:
        """
        inactive and back: the tracks follow, the ports stay.
        """
        for body in (HELD, TWO_STREAMS):
            again = self.call.send("INVITE", ("application/sdp", body))
            self.call.ack(again)
            self.assertEqual(again.statuses, [200])
            self.assertIn(b"m=audio 16384", again.last.body)
        changes = [event.direction for event in self.call.spooled.journal if isinstance(event, TrackChanged)]
        self.assertEqual(changes, [Direction.INACTIVE] * 2 + [Direction.RECVONLY] * 2)

    def test_re_invite_adds_a_stream(self) -> None:
        """
        Oracle begins with one m-line and adds the second.
        """
        three = sdp(media_line("1"), media_line("2", port=40002), media_line("3", port=40004))
        again = self.call.send("INVITE", siprec_body(three))
        self.assertEqual(again.last.body.count(b"m=audio"), 3)
        self.assertEqual(len(self.studio.media.open), 3)

    def test_re_invite_without_body_gets_an_offer(self) -> None:
        """
        The whole description again (RFC 3261 s.14.2).
        """
        again = self.call.send("INVITE")
        self.assertEqual(again.last.body, self.call.invite.last.body)

    def test_re_invite_moves_the_target(self) -> None:
        """
        Our later requests go to the new Contact (RFC 3261 s.12.2.2).
        """
        self.call.ack(self.call.send("INVITE", siprec_body(), contact="<sip:src@192.0.2.77:5099>"))
        self.assertEqual(self.call.call.leg.dialog.remote_target, "sip:src@192.0.2.77:5099")

    def test_update_with_metadata_alone(self) -> None:
        """
        Taken, and answered 200 without a body.
        """
        update = self.call.send("UPDATE", (METADATA_TYPE, METADATA))
        self.assertEqual((update.statuses, update.last.body), ([200], b""))
        self.assertEqual(self.call.spooled.documents[-1][:3], (DocumentKind.METADATA, METADATA_TYPE, "UPDATE 2"))

    def test_update_with_description(self) -> None:
        """
        Answered with a description (RFC 3311 s.5.2).
        """
        update = self.call.send("UPDATE", ("application/sdp", HELD))
        self.assertIn(b"a=inactive", update.last.body)

    def test_update_without_body(self) -> None:
        """
        A session refresh (RFC 4028 s.7.4): the timer begins anew.
        """
        update = self.call.send("UPDATE", fields="Supported: timer\nSession-Expires: 300;refresher=uac")
        self.assertEqual(header(update.last, "Session-Expires"), "300;refresher=uac")
        timer = self.call.call.timer
        assert timer is not None
        self.assertEqual(timer.started, self.studio.clock.seconds())

    def test_refusals_change_nothing(self) -> None:
        """
        415, 422, 488 and 400 in mid-call leave the tracks and the call as they were.
        """
        self.assertEqual(self.call.send("UPDATE", ("text/plain", b"x")).statuses, [415])
        self.assertEqual(self.call.send("UPDATE", fields="Supported: timer\nSession-Expires: 60").statuses, [422])
        video = ("application/sdp", sdp(media_line("1", media="video")))
        self.assertEqual(self.call.send("INVITE", video).statuses, [488])
        self.assertEqual(self.call.send("INVITE", ("application/sdp", b"hello")).statuses, [400])
        self.assertEqual((len(self.studio.media.open), self.call.call.state), (2, "confirmed"))

    def test_disk_that_fails_in_mid_call(self) -> None:
        """
        It costs the document, not the request and not the call.
        """
        self.studio.gates.faults["keep_document"] = FULL
        update = self.call.send("UPDATE", siprec_body())
        info = self.call.send("INFO", ("text/plain", b"x"))
        bye = self.call.send("BYE", (METADATA_TYPE, METADATA))
        self.assertEqual((update.statuses, info.statuses, bye.statuses), ([200], [200], [200]))
        self.assertEqual(len(self.studio.archive.finished), 1)

    def test_journal_that_fails_in_mid_call(self) -> None:
        """
        Loud and counted; the request is answered, and the recording is finished with what there is.
        """
        self.studio.gates.faults["append"] = FULL
        again = self.call.send("INVITE", siprec_body(HELD))
        self.call.ack(again)
        bye = self.call.send("BYE")
        self.assertEqual((again.statuses, bye.statuses), ([200], [200]))
        self.assertEqual(len(self.studio.archive.finished), 1)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), self.studio.counted("siprec_write_failures_total"))

    # --- overlaps ------------------------------------------------------------------------------

    def test_second_re_invite_before_the_first_is_answered(self) -> None:
        """
        500 with Retry-After (RFC 3261 s.14.2).
        """
        self.studio.gates.hold("keep_document")
        first = self.call.send("INVITE", siprec_body())
        second = self.call.send("INVITE", siprec_body())
        self.assertEqual((second.statuses, header(second.last, "Retry-After")), ([500], "1"))
        self.studio.gates.release("keep_document")
        self.assertEqual(first.statuses, [200])

    def test_second_update_before_the_first_is_answered(self) -> None:
        """
        500 with Retry-After (RFC 3311 s.5.2); a third one afterwards is taken.
        """
        self.studio.gates.hold("keep_document")
        first = self.call.send("UPDATE", siprec_body())
        self.assertEqual(self.call.send("UPDATE", siprec_body()).statuses, [500])
        self.studio.gates.release("keep_document")
        self.assertEqual(first.statuses, [200])
        self.assertEqual(self.call.send("UPDATE", siprec_body()).statuses, [200])

    def test_update_waits_for_a_re_invite(self) -> None:
        """
        An UPDATE is worked on after the re-INVITE before it, not at the same time.
        """
        self.studio.gates.hold("keep_document")
        invite = self.call.send("INVITE", siprec_body())
        update = self.call.send("UPDATE", (METADATA_TYPE, METADATA))
        self.assertEqual((invite.statuses, update.statuses), ([], []))
        self.studio.gates.release("keep_document")
        self.assertEqual((invite.statuses, update.statuses), ([200], [200]))

    def test_offer_that_crosses_ours(self) -> None:
        """
        491 while an offer of ours awaits its answer (RFC 3261 s.14.2).
        """
        self.call.send("INVITE")
        self.assertEqual(self.call.send("UPDATE", ("application/sdp", HELD)).statuses, [491])

    def test_metadata_that_crosses_our_offer(self) -> None:
        """
        A metadata document is no offer: it is taken at any time (RFC 3311 s.5.2 speaks of offers).
        """
        self.call.send("INVITE")
        self.assertEqual(self.call.send("UPDATE", (METADATA_TYPE, METADATA)).statuses, [200])

    def test_offer_after_one_of_ours_that_was_never_answered(self) -> None:
        """
        Once the ACK is given up, so is the answer: the client's offers are taken again.
        """
        self.call.send("INVITE")
        self.wait_for_no_ack()
        self.assertEqual(self.call.send("INVITE", ("application/sdp", HELD)).statuses, [200])

    def test_older_request(self) -> None:
        """
        A CSeq below the last is answered 500 (RFC 3261 s.12.2.2).
        """
        self.call.send("OPTIONS")
        self.assertEqual(self.studio.send("OPTIONS", 1, tag=self.call.tag).statuses, [500])

    # --- OPTIONS, INFO, PRACK --------------------------------------------------------------------

    def test_options(self) -> None:
        """
        200 in a dialog that there is; Oracle asks so whether its session lives.
        """
        options = self.call.send("OPTIONS")
        self.assertEqual((options.statuses, bool(header(options.last, "Accept"))), ([200], True))

    def test_info(self) -> None:
        """
        Its body is kept.
        """
        info = self.call.send("INFO", ("application/dtmf-relay", b"Signal=1"))
        self.assertEqual(info.statuses, [200])
        self.assertEqual(self.call.spooled.documents[-1],
                         (DocumentKind.OTHER, "application/dtmf-relay", "INFO 2", b"Signal=1"))

    def test_info_of_a_package(self) -> None:
        """
        469 with an empty Recv-Info (RFC 6086 s.4.2.2).
        """
        info = self.call.send("INFO", fields="Info-Package: foo")
        self.assertEqual((info.statuses, info.last.headers.get("Recv-Info")), ([469], ""))

    def test_prack_for_nothing(self) -> None:
        """
        481 (RFC 3262 s.3).
        """
        self.assertEqual(self.call.send("PRACK", fields="RAck: 1 1 INVITE").statuses, [481])

    # --- BYE -----------------------------------------------------------------------------------

    def test_bye(self) -> None:
        """
        200, the streams closed, the recording handed on, nothing left.
        """
        bye = self.call.send("BYE", fields="Reason: Q.850;cause=16")
        self.assertEqual(bye.statuses, [200])
        self.assertEqual(self.call.spooled.journal[-1],
                         CallEnded(self.studio.now(), EndReason.BYE, "Q.850;cause=16"))
        self.assertEqual(self.studio.archive.finished, [self.call.spooled])
        self.assertTrue(self.studio.nothing_left())
        self.assertEqual(self.studio.counted("siprec_calls_ended_total", reason="bye"), 1)

    def test_bye_with_the_last_document(self) -> None:
        """
        It is kept before the journal's last line, and removes nothing.
        """
        parties = self.call.call.documents.parties()
        self.call.send("BYE", (METADATA_TYPE, METADATA))
        self.assertEqual(self.call.spooled.documents[-1][2], "BYE 2")
        self.assertEqual(self.call.call.documents.parties(), parties)

    def test_bye_twice(self) -> None:
        """
        While the recording is being finished the dialog is over: a second BYE gets 481 (RFC 3261 s.15.1.2).
        """
        self.studio.gates.hold("finish")
        self.call.send("BYE")
        self.assertEqual(self.call.send("BYE").statuses, [481])
        self.studio.gates.release("finish")
        self.assertEqual(len(self.studio.archive.finished), 1)
        self.assertTrue(self.studio.nothing_left())

    def test_bye_while_a_re_invite_is_worked_on(self) -> None:
        """
        Both are answered, in their order, and the call is over.
        """
        self.studio.gates.hold("keep_document")
        again = self.call.send("INVITE", siprec_body())
        bye = self.call.send("BYE")
        self.assertEqual((again.statuses, bye.statuses), ([], []))
        self.studio.gates.release("keep_document")
        self.assertEqual((again.statuses, bye.statuses), ([200], [200]))
        self.assertEqual(len(self.studio.archive.finished), 1)

    def test_bye_stops_a_2xx_that_awaits_its_ack(self) -> None:
        """
        After the BYE nobody waits for the 2xx of a re-INVITE any more.
        """
        self.call.send("INVITE", siprec_body())
        self.call.send("BYE")
        self.assertTrue(self.studio.nothing_left())

    def test_re_invite_without_ack_leaks_nothing(self) -> None:
        """
        A re-INVITE's 2xx that was never acknowledged is a warning, and keeps no call in the registry.
        """
        self.call.send("INVITE", siprec_body())
        self.wait_for_no_ack()
        self.assertEqual([code for code, _ in self.call.call.warnings], ["ack-missing"])
        self.call.send("BYE")
        self.assertTrue(self.studio.nothing_left())

    def test_bye_that_crosses_ours(self) -> None:
        """
        It is answered 200, though the recording is being finished already.
        """
        self.studio.gates.hold("finish")
        self.call.call.end(EndReason.OPERATOR)
        self.assertEqual(self.call.send("BYE").statuses, [200])
        self.studio.gates.release("finish")
        self.assertEqual(len(self.studio.archive.finished), 1)
        self.assertTrue(self.studio.nothing_left())

    def test_document_of_a_bye_that_crosses_ours(self) -> None:
        """
        Its document comes too late: it is passed over, and nothing is written into a journal that is closed.
        """
        self.studio.gates.hold("finish")
        self.call.call.end(EndReason.OPERATOR)
        self.assertEqual(self.call.send("BYE", (METADATA_TYPE, METADATA)).statuses, [200])
        self.assertEqual(self.flushLoggedErrors(OSError), [])
        self.assertEqual(self.studio.counted("siprec_write_failures_total"), 0)

    def test_requests_after_the_end(self) -> None:
        """
        A re-INVITE for a call that has ended is 481.
        """
        self.studio.gates.hold("finish")
        self.call.send("BYE")
        self.assertEqual(self.call.send("INVITE", siprec_body()).statuses, [481])

    def test_info_after_the_end(self) -> None:
        """
        And so is an INFO: its journal is closed.
        """
        self.studio.gates.hold("finish")
        self.call.send("BYE")
        self.assertEqual(self.call.send("INFO", ("text/plain", b"x")).statuses, [481])

    # --- ACK -----------------------------------------------------------------------------------

    def test_ack_of_a_re_invite_stops_its_2xx(self) -> None:
        """
        Repeated until then, and no more.
        """
        again = self.call.send("INVITE", siprec_body())
        self.studio.clock.advance(0.5)
        self.call.ack(again)
        self.studio.clock.advance(10)
        self.assertEqual(again.statuses, [200, 200])

    def test_ack_that_answers_nothing(self) -> None:
        """
        Unknown numbers and repeated ACKs change nothing, nor does one of another dialog.
        """
        self.studio.server.ack_received(client_request("ACK", 7, tag=self.call.tag), self.call.invite.incoming.peer)
        self.studio.server.ack_received(client_request("ACK", 1, tag=self.call.tag), self.call.invite.incoming.peer)
        self.studio.server.ack_received(client_request("ACK", 1, tag="no"), self.call.invite.incoming.peer)
        self.assertEqual(self.call.call.state, "confirmed")

    def test_ack_with_an_unreadable_answer(self) -> None:
        """
        It is logged, and the call goes on.
        """
        again = self.call.send("INVITE")
        self.call.ack(again, ("application/sdp", b"hello"))
        self.assertEqual(self.call.call.state, "confirmed")
        self.assertFalse(self.call.call.negotiation.awaits_answer)


class EarlyTests(SynchronousTestCase):
    """
    What comes between the INVITE and its ACK.
    """

    def test_bye_before_the_ack(self) -> None:
        """
        The call is over, and the 200 is repeated no more.
        """
        studio = Studio()
        invite = studio.invite()
        studio.clock.advance(ANSWER_DELAY)
        bye = studio.send("BYE", 2, tag="ours1")
        studio.clock.advance(ACK_PATIENCE)
        self.assertEqual((invite.statuses, bye.statuses), ([200], [200]))
        self.assertEqual(len(studio.archive.finished), 1)
        self.assertTrue(studio.nothing_left())
