"""
The first INVITE of a call: answered, refused, given up, and nothing left where it came to nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from recorder_fakes import (
    ACK_PATIENCE,
    ANSWER_DELAY,
    EPOCH,
    METADATA,
    METADATA_TYPE,
    TWO_STREAMS,
    Exchange,
    Studio,
    header,
    media_line,
    multipart,
    sdp,
    siprec_body,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.config.model import Sip
from siprec_tw.interfaces import PartyView
from siprec_tw.recording.journal import CallAnswered, CallStarted, DocumentKind, TrackOpened, Warned

PARTIES = (PartyView("p1", "sip:ada@example.org", "Ada"), PartyView("p2", "sip:bob@example.org", "Bob"))


class AnswerTests(SynchronousTestCase):
    """
    An INVITE that is answered.
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def test_200_waits_a_little(self) -> None:
        """
        Some clients lose a 200 that comes within a millisecond of their INVITE.
        """
        invite = self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY - 0.001)
        self.assertEqual(invite.statuses, [])
        self.studio.clock.advance(0.001)
        self.assertEqual(invite.statuses, [200])

    def test_delay_counts_from_the_arrival(self) -> None:
        """
        A disk that took longer than that costs no further time.
        """
        self.studio.gates.hold("begin")
        invite = self.studio.invite()
        self.studio.clock.advance(1.0)
        self.studio.gates.release("begin")
        self.assertEqual(invite.statuses, [200])

    def test_answer(self) -> None:
        """
        200 with our SDP, a tag, a Contact with +sip.srs.
        """
        invite = self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertIn("m=audio 16384", invite.last.body.decode())
        self.assertEqual(header(invite.last, "To"), "<sip:srs@192.0.2.1>;tag=ours1")
        self.assertIn("+sip.srs", header(invite.last, "Contact"))

    def test_what_is_written(self) -> None:
        """
        Start, documents, tracks and answer, in the order in which they happened.
        """
        call = self.studio.establish().call
        spooled = self.studio.spooled(call)
        self.assertEqual(
            [type(event) for event in spooled.journal], [CallStarted, TrackOpened, TrackOpened, CallAnswered]
        )
        self.assertEqual(spooled.journal[-1], CallAnswered(EPOCH + ANSWER_DELAY))
        offer, metadata, answer = spooled.documents
        self.assertEqual(offer, (DocumentKind.OFFER, "application/sdp", "INVITE 1", TWO_STREAMS))
        self.assertEqual(metadata[:3], (DocumentKind.METADATA, METADATA_TYPE, "INVITE 1"))
        self.assertEqual(answer, (DocumentKind.ANSWER, "application/sdp", "200 INVITE 1", call.answer))

    def test_answer_does_not_wait_for_the_index(self) -> None:
        """
        A call that was acknowledged can be found, with its parties; a disk that is slow to index it is not waited for.
        """
        self.studio.gates.hold("answered")
        invite = self.studio.invite()
        self.studio.clock.advance(1.0)
        self.assertEqual(invite.statuses, [200])
        self.studio.gates.release("answered")
        self.assertEqual([parties for _, parties in self.studio.archive.indexed], [PARTIES])

    def test_metadata_that_is_no_xml_refuses_nothing(self) -> None:
        """
        Record first, complain in the manifest.
        """
        torn = METADATA[:300]
        established = self.studio.establish(siprec_body(metadata=torn))
        self.assertEqual(established.invite.statuses, [200])
        self.assertTrue(established.call.warnings)

    def test_no_sign_of_siprec_refuses_nothing(self) -> None:
        """
        A plain INVITE is recorded.
        """
        invite = self.studio.invite(("application/sdp", TWO_STREAMS), contact="<sip:src@192.0.2.9>")
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertEqual(invite.statuses, [200])

    def test_without_offer(self) -> None:
        """
        We offer in the 200; the ACK brings the answer, which is kept as one.
        """
        invite = self.studio.send("INVITE")
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertEqual(invite.last.body.count(b"m=audio"), 2)
        self.studio.ack(invite, ("application/sdp", sdp(media_line("1"), media_line("2", port=0))))
        spooled = self.studio.spooled(self.studio.calls[0])
        self.assertEqual([kind for kind, _, _, _ in spooled.documents], [DocumentKind.OFFER, DocumentKind.ANSWER])
        self.assertEqual([carrier for _, _, carrier, _ in spooled.documents], ["200 INVITE 1", "ACK 1"])
        self.assertEqual(len(self.studio.media.open), 1)

    def test_session_timer(self) -> None:
        """
        Session-Expires is agreed to, the client refreshing (RFC 4028 s.9).
        """
        invite = self.studio.invite(fields="Supported: timer\nSession-Expires: 1800")
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertEqual(header(invite.last, "Session-Expires"), "1800;refresher=uac")
        self.assertEqual(header(invite.last, "Require"), "timer")

    def test_oddities_of_the_body_are_in_the_journal(self) -> None:
        """
        The finaliser sees parts only: what was wrong with the multipart itself must be written down.
        """
        content_type, body = siprec_body()
        established = self.studio.establish((content_type, body.removesuffix(b"--b--\r\n")))
        warned = established.spooled.events(Warned)
        self.assertEqual([event.code for event in warned if isinstance(event, Warned)], ["multipart-not-closed"])


class StrictTests(SynchronousTestCase):
    """
    With strict_siprec an INVITE must show a sign of SIPREC (RFC 7866 s.6.1).
    """

    def setUp(self) -> None:
        self.studio = Studio(Sip(strict_siprec=True))

    def invited(self, body: tuple[str, bytes], **options: str) -> Exchange:
        invite = self.studio.invite(body, **options)
        self.studio.clock.advance(ANSWER_DELAY)
        return invite

    def test_no_sign(self) -> None:
        """
        421 with Require: siprec (RFC 3261 s.21.4.16).
        """
        invite = self.invited(("application/sdp", TWO_STREAMS), contact="<sip:src@192.0.2.9>")
        self.assertEqual((invite.statuses, header(invite.last, "Require")), ([421], "siprec"))
        self.assertTrue(self.studio.nothing_left())
        self.assertEqual(self.studio.archive.begun, [])

    def test_signs(self) -> None:
        """
        Require, Supported, +sip.src, src and metadata are signs, each alone.
        """
        plain = ("application/sdp", TWO_STREAMS)
        bare = "<sip:src@192.0.2.9>"
        for options in (
            {"contact": bare, "fields": "Require: siprec"},
            {"contact": bare, "fields": "Supported: timer, SIPREC"},
            {"contact": bare + ";+sip.src"},
            {"contact": bare + ";src"},
        ):
            self.assertEqual(self.invited(plain, **options).statuses, [200], options)
        self.assertEqual(self.invited(siprec_body(), contact=bare).statuses, [200])


class RefusalTests(SynchronousTestCase):
    """
    An INVITE of which no call comes leaves nothing.
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def refused(self, status: int, body: tuple[str, bytes] | None = None, **options: str) -> Exchange:
        invite = self.studio.invite(body, **options)
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertEqual(invite.statuses, [status])
        self.assertTrue(self.studio.nothing_left())
        self.assertEqual(len(self.studio.archive.discarded), len(self.studio.archive.begun))
        self.assertEqual(self.studio.archive.finished, [])
        return invite

    def test_interval_too_small(self) -> None:
        """
        422 with Min-SE, before anything is begun (RFC 4028 s.9).
        """
        invite = self.refused(422, fields="Supported: timer\nSession-Expires: 60")
        self.assertEqual(header(invite.last, "Min-SE"), "90")
        self.assertEqual(self.studio.archive.begun, [])

    def test_nothing_acceptable(self) -> None:
        """
        488 with a Warning.
        """
        invite = self.refused(488, siprec_body(sdp(media_line("1", media="video"))))
        self.assertIn("video", header(invite.last, "Warning"))

    def test_unreadable_description(self) -> None:
        """
        400 for SDP that is none.
        """
        self.refused(400, ("application/sdp", b"hello"))

    def test_unknown_body(self) -> None:
        """
        415 with Accept.
        """
        self.refused(415, ("text/plain", b"hello"))

    def test_disk_takes_no_first_line(self) -> None:
        """
        503 with Retry-After: the next server may have a disk. It is loud.
        """
        self.studio.gates.faults["begin"] = OSError(28, "No space left on device")
        invite = self.refused(503)
        self.assertEqual(header(invite.last, "Retry-After"), "5")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.studio.counted("siprec_write_failures_total"), 1)

    def test_disk_takes_no_document(self) -> None:
        """
        Before the answer a recording that cannot be kept is refused.
        """
        self.studio.gates.faults["keep_document"] = OSError(28, "No space left on device")
        self.refused(503)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_no_ports(self) -> None:
        """
        Ports that went while the call was being begun: 503.
        """
        self.studio.gates.hold("begin")
        invite = self.studio.invite()
        self.studio.media.pairs = 0
        self.studio.gates.release("begin")
        self.assertEqual(invite.statuses, [503])
        self.assertTrue(self.studio.nothing_left())

    def test_bug_of_ours_leaves_no_call(self) -> None:
        """
        Whatever goes wrong in a set-up: 500, and no call that nobody will ever end.
        """
        self.studio.gates.faults["open_stream"] = RuntimeError("a bug")
        invite = self.studio.invite()
        self.assertEqual(invite.statuses, [500])
        self.flushLoggedErrors(RuntimeError)
        self.assertTrue(self.studio.nothing_left())


class ProvisionalTests(SynchronousTestCase):
    """
    INVITEs that demand a reliable provisional response (RFC 3262).
    """

    def setUp(self) -> None:
        self.studio = Studio()
        self.invite = self.studio.invite(fields="Require: 100rel")
        self.studio.clock.advance(ANSWER_DELAY)

    def test_183_first(self) -> None:
        """
        183 with RSeq, and no 200 before its PRACK.
        """
        self.assertEqual(self.invite.statuses, [183])
        self.assertEqual(header(self.invite.last, "RSeq"), "1")

    def test_prack(self) -> None:
        """
        The PRACK is answered, and so is the INVITE.
        """
        prack = self.studio.send("PRACK", 2, tag="ours1", fields="RAck: 1 1 INVITE")
        self.assertEqual((prack.statuses, self.invite.statuses), ([200], [183, 200]))

    def test_wrong_prack(self) -> None:
        """
        481 where it is for another response, 400 where it cannot be read; the wait goes on.
        """
        wrong = self.studio.send("PRACK", 2, tag="ours1", fields="RAck: 2 1 INVITE")
        unreadable = self.studio.send("PRACK", 3, tag="ours1", fields="RAck: x")
        self.assertEqual((wrong.statuses, unreadable.statuses, self.invite.statuses), ([481], [400], [183]))

    def test_no_prack(self) -> None:
        """
        The 183 is repeated, and after 64*T1 the INVITE is refused by a 5xx (s.3).
        """
        self.studio.clock.pump([0.5] * int(ACK_PATIENCE / 0.5))
        self.assertEqual(set(self.invite.statuses[:-1]), {183})
        self.assertEqual(self.invite.statuses[-1], 504)
        self.assertTrue(self.studio.nothing_left())

    def test_cancel_while_prack_is_awaited(self) -> None:
        """
        487, as after any CANCEL, and not the 504 of a PRACK that is missing.
        """
        self.studio.server.cancelled(self.invite.incoming)
        self.assertEqual(self.invite.statuses, [183, 487])
        self.assertTrue(self.studio.nothing_left())

    def test_bye_while_prack_is_awaited(self) -> None:
        """
        A BYE in the early dialog is answered, and the INVITE gets 487 (RFC 3261 s.15.1.2).
        """
        bye = self.studio.send("BYE", 2, tag="ours1")
        self.assertEqual((bye.statuses, self.invite.statuses), ([200], [183, 487]))


class CancelTests(SynchronousTestCase):
    """
    CANCEL at every point where a set-up waits (RFC 3261 s.9.2).
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def cancel_at(self, step: str) -> Exchange:
        self.studio.gates.hold(step)
        invite = self.studio.invite()
        self.assertEqual(self.studio.gates.waiting(step), 1)
        self.studio.server.cancelled(invite.incoming)
        self.studio.gates.release(step)
        self.studio.clock.advance(1.0)
        return invite

    def check(self, step: str) -> None:
        invite = self.cancel_at(step)
        self.assertEqual(invite.statuses, [487], step)
        self.assertTrue(self.studio.nothing_left(), step)
        self.assertEqual(len(self.studio.archive.discarded), 1, step)
        self.assertEqual(self.studio.archive.finished, [])

    def test_while_documents_are_kept(self) -> None:
        """
        487, nothing left.
        """
        self.check("keep_document")

    def test_while_streams_are_opened(self) -> None:
        """
        The streams that are opened after all are closed again.
        """
        self.check("open_stream")

    def test_while_the_journal_is_written(self) -> None:
        """
        487, nothing left.
        """
        self.check("append")

    def test_while_the_index_is_written(self) -> None:
        """
        487, and the archive is told to keep nothing, index included.
        """
        self.check("answered")

    def test_while_the_200_waits(self) -> None:
        """
        487, no 200 after it.
        """
        invite = self.studio.invite()
        self.studio.server.cancelled(invite.incoming)
        self.studio.clock.advance(1.0)
        self.assertEqual(invite.statuses, [487])
        self.assertTrue(self.studio.nothing_left())

    def test_while_the_first_line_is_written(self) -> None:
        """
        There is no call yet: it is over as soon as there is one.
        """
        self.check("begin")

    def test_after_the_200(self) -> None:
        """
        A CANCEL that comes too late changes nothing.
        """
        established = self.studio.establish()
        self.studio.server.cancelled(established.invite.incoming)
        self.assertEqual(established.call.state, "confirmed")

    def test_failure_after_a_cancel(self) -> None:
        """
        What goes wrong afterwards is answered by nothing further that counts.
        """
        self.studio.gates.hold("open_stream")
        invite = self.studio.invite()
        self.studio.server.cancelled(invite.incoming)
        self.studio.media.pairs = 0
        self.studio.gates.release("open_stream")
        assert invite.final is not None
        self.assertEqual(invite.final.status, 487)
        self.assertTrue(self.studio.nothing_left())


class ShutdownTests(SynchronousTestCase):
    """
    The server is stopped while a call is being set up.
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def stop_at(self, step: str) -> Exchange:
        self.studio.gates.hold(step)
        invite = self.studio.invite()
        self.drain()
        self.studio.gates.release(step)
        self.studio.clock.advance(1.0)
        return invite

    def drain(self) -> None:
        self.drained = Deferred.fromCoroutine(self.studio.server.drain(20.0))

    def test_while_streams_are_opened(self) -> None:
        """
        503, nothing left, and the drain waits for it.
        """
        invite = self.stop_at("open_stream")
        self.assertEqual(invite.statuses, [503])
        self.assertTrue(self.studio.nothing_left())
        self.successResultOf(self.drained)

    def test_while_the_first_line_is_written(self) -> None:
        """
        A call that came into being after the drain began is refused too.
        """
        invite = self.stop_at("begin")
        self.assertEqual(invite.statuses, [503])
        self.assertTrue(self.studio.nothing_left())


Body = Callable[[], tuple[str, bytes]]


@pytest.mark.parametrize(
    "body",
    [
        lambda: multipart((METADATA_TYPE, METADATA), ("application/sdp", TWO_STREAMS)),
        lambda: ("", TWO_STREAMS),
        lambda: multipart(("application/sdp", TWO_STREAMS), ("application/gtd", b"IAM,")),
    ],
)
def test_bodies_of_every_shape_are_recorded(body: Body) -> None:
    """
    Metadata first, no Content-Type, a third part: all are answered 200.
    """
    assert Studio().establish(body()).invite.statuses == [200]
