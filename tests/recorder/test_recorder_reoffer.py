"""
The streams of a call offered anew, after the media worker that received them was lost.
"""

from __future__ import annotations

import base64

from recorder_fakes import (
    ACK_PATIENCE,
    ANSWER_DELAY,
    EPOCH,
    HELD,
    LOCAL,
    METADATA,
    METADATA_TYPE,
    SRC,
    TWO_STREAMS,
    Established,
    Studio,
    header,
    media_line,
    sdp,
    siprec_body,
)
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.interfaces import StreamReport
from siprec_tw.recorder.reoffer import MOST_RETRIES, PAUSE, PORTS_PATIENCE, WORKER_PATIENCE
from siprec_tw.recording.journal import (
    CallEnded,
    Direction,
    DocumentKind,
    EndReason,
    TrackChanged,
    TrackClosed,
    TrackOpened,
    Warned,
)
from siprec_tw.recording.manifest import iso
from siprec_tw.sdp.description import MediaDescription, SessionDescription
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sip.message import Request
from siprec_tw.sip.reply import reply

OTHER_PORTS = sdp(media_line("1", port=41000), media_line("2", port=41002))
MUCH = 100_000.0


class ReofferTests(SynchronousTestCase):
    """
    A call that is up, whose streams are lost.
    """

    def setUp(self) -> None:
        self.studio = Studio()
        self.call = self.studio.establish()
        self.studio.signaling.answer = TWO_STREAMS

    # --- what was sent and written ---------------------------------------------------------------

    def invites(self) -> list[Request]:
        """
        Our re-INVITEs so far.
        """
        return [request for request, _, _ in self.studio.signaling.requests if request.method == "INVITE"]

    def offer(self, number: int = -1) -> SessionDescription:
        """
        The offer of one of them.
        """
        return parse_sdp(self.invites()[number].body).description

    def ports(self, number: int = -1) -> list[int]:
        """
        The ports in it.
        """
        return [media.port for media in self.offer(number).media]

    def acks(self) -> list[str]:
        """
        The CSeq of every ACK of ours.
        """
        return [header(message, "CSeq") for message, _, _ in self.studio.signaling.sent]

    def events(self) -> list[tuple[str, int, bool]]:
        """
        Tracks opened and closed, in order; whether they were lost.
        """
        return [
            (type(event).__name__, event.track, isinstance(event, TrackClosed) and event.lost)
            for event in self.call.spooled.journal if isinstance(event, TrackOpened | TrackClosed)
        ]

    def warnings(self) -> list[str]:
        """
        What the journal has of lost workers.
        """
        return [e.text for e in self.call.spooled.journal if isinstance(e, Warned) and e.code == "media-worker-lost"]

    def ended(self) -> list[EndReason]:
        """
        How the call ended, if it did.
        """
        return [event.reason for event in self.call.spooled.journal if isinstance(event, CallEnded)]

    def counted(self) -> tuple[float, float]:
        """
        Streams lost, and opened anew.
        """
        names = ("siprec_streams_lost_total", "siprec_streams_reopened_total")
        return self.studio.counted(names[0]), self.studio.counted(names[1])

    # --- agreed ----------------------------------------------------------------------------------

    def test_lost_streams_are_offered_on_new_ports(self) -> None:
        """
        Both tracks are closed and opened in the journal; one re-INVITE has both m-lines with new ports.
        """
        self.studio.media.lose()
        self.assertEqual(self.ports(), [16388, 16390])
        self.assertEqual([media.label for media in self.offer().media], ["1", "2"])
        self.assertEqual([media.formats for media in self.offer().media], [("0", "8"), ("0", "8")])
        self.assertEqual([media.attributes[-1].name for media in self.offer().media], ["recvonly", "recvonly"])
        opened = [("TrackOpened", 0, False), ("TrackOpened", 1, False)]
        first = [("TrackClosed", 0, True), ("TrackOpened", 0, False)]
        second = [("TrackClosed", 1, True), ("TrackOpened", 1, False)]
        self.assertEqual(self.events(), opened + first + second)
        self.assertEqual(len(self.invites()), 1)
        self.assertEqual((len(self.studio.media.open), self.counted()), (2, (2, 2)))

    def test_new_streams_have_ids_of_their_own(self) -> None:
        """
        The segments of the lost streams stay as they are: nothing is written over them.
        """
        before = set(self.studio.media.open)
        self.studio.media.lose()
        self.assertEqual(before & set(self.studio.media.open), set())

    def test_living_stream_stays_where_it_is(self) -> None:
        """
        Only the lost m-line has a new port.
        """
        self.studio.media.lose(1)
        self.assertEqual(self.ports(), [16384, 16388])
        self.assertEqual(self.events()[2:], [("TrackClosed", 1, True), ("TrackOpened", 1, False)])

    def test_closed_line_keeps_its_place(self) -> None:
        """
        An m-line that the client had closed has port 0 (RFC 3264 s.8.2), and is not opened by a strange answer.
        """
        self.call.ack(self.call.send("INVITE", siprec_body(sdp(media_line("1", port=0), media_line("2")))))
        self.studio.media.lose()
        self.assertEqual((self.ports(), self.offer().media[0].label), ([0, 16388], "1"))
        self.assertEqual(len(self.studio.media.open), 1)

    def test_request_in_full(self) -> None:
        """
        Our Contact, Allow, the route of the dialog, a rising version, the next CSeq of ours.
        """
        route = "<sip:proxy.example.org;lr>"
        studio = Studio()
        studio.signaling.answer = TWO_STREAMS
        call = studio.establish(fields=f"Record-Route: {route}")
        studio.media.lose()
        request, destination, flow = studio.signaling.requests[-1]
        self.assertEqual((request.uri, header(request, "Route")), ("sip:src@192.0.2.9:5070", route))
        self.assertEqual(header(request, "Contact"), "<sip:192.0.2.1:5060>;+sip.srs")
        self.assertEqual((header(request, "CSeq"), header(request, "Content-Type")), ("1 INVITE", "application/sdp"))
        self.assertIn("UPDATE", header(request, "Allow"))
        self.assertEqual((destination.host, flow is not None), ("proxy.example.org", True))
        before = parse_sdp(call.invite.last.body).description.origin
        after = parse_sdp(request.body).description.origin
        self.assertEqual((after.session_id, int(after.version)), (before.session_id, int(before.version) + 1))
        ack, way, _ = studio.signaling.sent[0]
        self.assertEqual((header(ack, "Route"), way.host), (route, "proxy.example.org"))

    def test_session_timer_goes_with_it(self) -> None:
        """
        It refreshes the session, as every re-INVITE does (RFC 4028 s.7.4).
        """
        studio = Studio()
        studio.signaling.answer = TWO_STREAMS
        studio.signaling.fields = (("Session-Expires", "900;refresher=uac"),)
        call = studio.establish(fields="Supported: timer\nSession-Expires: 600;refresher=uac")
        studio.clock.advance(100.0)
        studio.media.lose()
        request = studio.signaling.requests[-1][0]
        self.assertEqual(header(request, "Session-Expires"), "600;refresher=uas")
        timer = call.call.timer
        assert timer is not None
        self.assertEqual((timer.interval, timer.started), (900, studio.clock.seconds()))

    def test_session_too_short_for_the_client(self) -> None:
        """
        422: sent again at once with the interval that the client wants (RFC 4028 s.7.3).
        """
        studio = Studio()
        studio.signaling.answer = TWO_STREAMS
        studio.signaling.queued = [422]
        studio.signaling.fields = (("Min-SE", "900"),)
        studio.establish(fields="Supported: timer\nSession-Expires: 600;refresher=uac")
        studio.media.lose()
        studio.clock.advance(0)
        found = [header(request, "Session-Expires") for request, _, _ in studio.signaling.requests]
        self.assertEqual(found, ["600;refresher=uas", "900;refresher=uas"])
        self.assertEqual(len(studio.media.open), 2)

    def test_every_2xx_is_acknowledged(self) -> None:
        """
        The first and each repeated one, with the number of the INVITE (RFC 3261 s.13.2.2.4), to the Contact of the 2xx.
        """
        self.studio.signaling.fields = (("Contact", "<sip:src@192.0.2.77:5099>"),)
        self.studio.media.lose()
        self.assertEqual(self.acks(), ["1 ACK"])
        _, destination, _ = self.studio.signaling.sent[0]
        self.assertEqual((destination.host, destination.port), ("192.0.2.77", 5099))
        self.assertEqual(self.call.call.leg.dialog.remote_target, "sip:src@192.0.2.77:5099")
        self.studio.signaling.hearers[0](reply(self.invites()[0], 200))
        self.studio.signaling.hearers[0](reply(self.invites()[0], 183))
        self.assertEqual(self.acks(), ["1 ACK"] * 2)

    def test_answer_is_planned_like_any(self) -> None:
        """
        What it changes is in the journal; what it closes is closed.
        """
        self.studio.signaling.answer = sdp(media_line("1", "inactive", port=41000), media_line("2", port=0))
        self.studio.media.lose()
        changed = [event for event in self.call.spooled.journal if isinstance(event, TrackChanged)]
        self.assertEqual(
            [(event.track, event.direction, event.remote) for event in changed],
            [(0, Direction.INACTIVE, "192.0.2.9:41000")],
        )
        self.assertEqual(self.events()[-1], ("TrackClosed", 1, False))
        self.assertEqual((self.counted(), self.ended()), ((2, 1), []))

    def test_documents_are_kept(self) -> None:
        """
        Our offer and the client's answer.
        """
        self.studio.media.lose()
        kept = [document[:3] for document in self.call.spooled.documents[-2:]]
        self.assertEqual(kept, [
            (DocumentKind.OFFER, "application/sdp", "our INVITE 1"),
            (DocumentKind.ANSWER, "application/sdp", "200 our INVITE 1"),
        ])

    def test_answer_that_is_missing_or_unreadable(self) -> None:
        """
        Complained of; the streams stay open as they were offered.
        """
        for answer, code in ((None, "answer-missing"), (b"hello", "answer-not-usable")):
            self.studio.signaling.answer = answer
            self.studio.media.lose()
            self.assertIn(code, [warning for warning, _ in self.call.call.warnings])
            self.assertEqual((len(self.studio.media.open), self.call.call.is_over), (2, False))

    def test_hold_stays_a_hold(self) -> None:
        """
        A stream that the client holds is offered as it was: we do not ask for what is held.
        """
        self.call.ack(self.call.send("INVITE", siprec_body(HELD)))
        self.studio.signaling.answer = HELD
        self.studio.media.lose()
        self.assertEqual([media.attributes[-1].name for media in self.offer().media], ["inactive", "inactive"])
        self.assertFalse(self.call.call.tracks.expects_media())

    def test_lost_twice(self) -> None:
        """
        The next worker dies too: once more, and the versions rise.
        """
        self.studio.media.lose()
        self.studio.media.lose(0)
        self.assertEqual(self.ports(), [16392, 16390])
        self.assertEqual([self.offer(n).origin.version for n in (0, 1)], ["1", "2"])
        self.assertEqual(self.counted(), (3, 3))

    def test_lost_again_while_the_answer_is_awaited(self) -> None:
        """
        One more offer follows, and nothing is forgotten.
        """
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.studio.media.lose(0)
        self.studio.gates.release("request")
        self.studio.clock.advance(PAUSE)
        self.assertEqual(self.ports(), [16392, 16390])
        self.assertFalse(self.call.call.tracks.is_unsettled)
        self.assertEqual(self.counted(), (3, 2))

    def test_warnings_have_the_times(self) -> None:
        """
        When it was lost, and when it was received again.
        """
        self.studio.clock.advance(5.0)
        self.studio.media.lose()
        found = [e for e in self.call.spooled.journal if isinstance(e, Warned)]
        at = EPOCH + self.studio.clock.seconds()
        self.assertEqual([(e.at, e.code) for e in found], [(at, "media-worker-lost")] * 2)
        self.assertEqual([e.text for e in found], [
            f"m-lines 0, 1 not received since {iso(at)}",
            f"m-lines 0, 1 opened anew, as the client knows since {iso(at)}",
        ])

    # --- not now ---------------------------------------------------------------------------------

    def test_glare(self) -> None:
        """
        491: again after the time of RFC 3261 s.14.1, below two seconds for us, who did not choose the Call-ID.
        """
        self.studio.signaling.queued = [491]
        self.studio.media.lose()
        self.assertEqual(len(self.invites()), 1)
        self.studio.clock.advance(2.0)
        self.assertEqual(len(self.invites()), 2)
        self.assertEqual((len(self.studio.media.open), self.counted()), (2, (2, 2)))

    def test_client_was_answered_with_the_new_ports(self) -> None:
        """
        Its re-INVITE crossed ours: the answer has the new ports already, and nothing is left to do.
        """
        self.studio.signaling.queued = [491]
        self.studio.media.lose()
        again = self.call.send("INVITE", siprec_body(OTHER_PORTS))
        self.assertIn(b"m=audio 16388", again.last.body)
        self.call.ack(again)
        self.studio.clock.advance(MUCH)
        self.assertEqual((len(self.invites()), self.counted()), (1, (2, 2)))

    def test_client_that_is_overloaded(self) -> None:
        """
        After a Retry-After it is asked again then, within bounds, and after a 503 without one soon (RFC 3261 s.20.33).
        """
        rows = ((500, "7", 7.0), (503, "3 (busy);duration=9", 3.0), (503, "", 2.0), (480, "900", 32.0))
        for status, value, pause in rows:
            self.setUp()
            self.studio.signaling.queued = [status]
            self.studio.signaling.fields = (("Retry-After", value),) if value else ()
            self.studio.media.lose()
            self.studio.clock.advance(pause - 0.5)
            self.assertEqual(len(self.invites()), 1)
            self.studio.clock.advance(0.6)
            self.assertEqual((len(self.invites()), len(self.studio.media.open), self.counted()), (2, 2, (2, 2)))

    def test_lost_again_while_the_client_wants_to_be_left_alone(self) -> None:
        """
        The second loss does not ask before the pause of the first is over, and one offer does for both.
        """
        self.studio.signaling.queued = [503]
        self.studio.media.lose()
        self.studio.media.lose(0)
        self.studio.clock.pump([PAUSE] * 7)
        self.assertEqual(len(self.invites()), 1)
        self.studio.clock.pump([PAUSE] * 4)
        self.assertEqual((len(self.invites()), self.call.call.tracks.is_unsettled), (2, False))

    def test_overload_without_end(self) -> None:
        """
        After some tries it is a refusal.
        """
        self.studio.signaling.statuses["INVITE"] = 503
        self.studio.media.lose()
        self.studio.clock.pump([2.0] * 2 * MOST_RETRIES)
        self.assertEqual(len(self.invites()), MOST_RETRIES + 1)
        self.assertEqual(self.ended(), [EndReason.MEDIA_LOST])
        self.assertTrue(self.studio.nothing_left())

    def test_glare_without_end(self) -> None:
        """
        A client that always answers 491 has refused after some tries.
        """
        self.studio.signaling.statuses["INVITE"] = 491
        self.studio.media.lose()
        self.studio.clock.pump([2.0] * 2 * MOST_RETRIES)
        self.assertEqual(len(self.invites()), MOST_RETRIES + 1)
        self.assertEqual(self.ended(), [EndReason.MEDIA_LOST])

    def test_re_invite_of_the_client_meanwhile(self) -> None:
        """
        491 while ours is unanswered (RFC 3261 s.14.2), with and without an offer; then it is taken.
        """
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.assertEqual(self.call.send("INVITE", siprec_body()).statuses, [491])
        self.assertEqual(self.call.send("INVITE").statuses, [491])
        self.assertEqual(self.call.send("UPDATE", siprec_body()).statuses, [491])
        self.assertEqual(self.call.send("UPDATE", (METADATA_TYPE, METADATA)).statuses, [200])
        self.studio.gates.release("request")
        self.assertEqual(self.call.send("INVITE", siprec_body()).statuses, [200])

    def test_bye_of_the_client_meanwhile(self) -> None:
        """
        It does not wait for the answer to our re-INVITE.
        """
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.assertEqual(self.call.send("BYE").statuses, [200])
        self.assertEqual(self.ended(), [EndReason.BYE])
        self.studio.gates.release("request")
        self.studio.clock.advance(MUCH)
        self.assertEqual((self.acks(), self.studio.nothing_left()), (["1 ACK"], True))

    def test_refresh_being_worked_on(self) -> None:
        """
        A re-INVITE of the client that is in its turn goes first, and its answer says it all.
        """
        self.studio.gates.hold("keep_document")
        again = self.call.send("INVITE", siprec_body(OTHER_PORTS))
        self.studio.media.lose()
        self.studio.gates.release("keep_document")
        self.assertIn(b"m=audio 16388", again.last.body)
        self.call.ack(again)
        self.studio.clock.advance(MUCH)
        self.assertEqual((self.invites(), self.counted()), ([], (2, 2)))

    def test_refresh_that_waits_for_its_turn_behind_ours(self) -> None:
        """
        A re-INVITE of the client that came while new streams were being opened is answered with them.
        """
        self.studio.gates.hold("open_stream")
        self.studio.media.lose()
        again = self.call.send("INVITE", siprec_body(OTHER_PORTS))
        self.studio.gates.release("open_stream")
        self.assertIn(b"m=audio 16388", again.last.body)
        self.call.ack(again)
        self.studio.clock.advance(MUCH)
        self.assertEqual(self.invites(), [])

    def test_re_invite_without_offer(self) -> None:
        """
        Our offer in its 200 has the new ports, and the ACK the answer.
        """
        self.studio.signaling.queued = [491]
        self.studio.media.lose()
        again = self.call.send("INVITE")
        self.assertIn(b"m=audio 16388", again.last.body)
        self.call.ack(again, ("application/sdp", TWO_STREAMS))
        self.studio.clock.advance(MUCH)
        self.assertEqual((len(self.invites()), self.counted()), (1, (2, 2)))

    def test_ack_is_awaited(self) -> None:
        """
        No INVITE of ours before the ACK to a 2xx has come (RFC 3261 s.14.1).
        """
        again = self.call.send("INVITE", siprec_body())
        self.studio.media.lose()
        self.studio.clock.advance(1.0)
        self.assertEqual(self.invites(), [])
        self.call.ack(again)
        self.studio.clock.advance(PAUSE)
        self.assertEqual(self.ports(), [16388, 16390])

    def test_no_port_at_first(self) -> None:
        """
        What takes the place of the lost worker is not up yet: tried again, and offered when it is.
        """
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.studio.clock.pump([PAUSE] * 4)
        self.assertEqual(self.invites(), [])
        self.studio.media.pairs = 20
        self.studio.clock.advance(PAUSE)
        self.assertEqual((len(self.invites()), self.counted()), (1, (2, 2)))
        self.assertNotIn("ports-exhausted", [code for code, _ in self.call.call.warnings])

    def test_bye_while_ports_are_awaited(self) -> None:
        """
        It is served at once, and nothing goes on after it.
        """
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.assertEqual(self.call.send("BYE").statuses, [200])
        self.studio.clock.advance(MUCH)
        self.assertTrue(self.studio.nothing_left())

    # --- refused ---------------------------------------------------------------------------------

    def test_refusals_end_a_call_without_streams(self) -> None:
        """
        401, 407, 488, 405 and 500: no track is left; BYE, and the reason.
        """
        for status in (401, 407, 488, 405, 500):
            self.setUp()
            self.studio.signaling.statuses["INVITE"] = status
            self.studio.media.lose()
            self.assertEqual(self.ended(), [EndReason.MEDIA_LOST])
            self.assertEqual(self.studio.signaling.methods(), ["INVITE", "BYE"])
            self.assertEqual(self.warnings()[1:], [f"m-lines 0, 1 stay closed: our re-INVITE was answered {status}"])
            self.assertEqual((self.acks(), self.counted()), ([], (2, 0)))
            self.assertTrue(self.studio.nothing_left())

    def test_refusal_leaves_the_living_streams(self) -> None:
        """
        The call goes on with what is received; the lost track stays closed, and its new port is given back.
        """
        self.studio.signaling.statuses["INVITE"] = 488
        self.studio.media.lose(1)
        self.assertEqual((list(self.call.call.tracks.open), len(self.studio.media.open)), ([0], 1))
        self.assertEqual(self.events()[-1][:2], ("TrackClosed", 1))
        self.assertFalse(self.call.call.is_over)
        self.studio.clock.advance(10.0)
        self.assertEqual(len(self.invites()), 1)

    def test_after_a_refusal_the_client_can_bring_it_back(self) -> None:
        """
        Its own re-INVITE opens the track again.
        """
        self.studio.signaling.statuses["INVITE"] = 488
        self.studio.media.lose(1)
        again = self.call.send("INVITE", siprec_body())
        self.assertEqual(again.statuses, [200])
        self.assertEqual(sorted(self.call.call.tracks.open), [0, 1])

    def test_dialog_that_is_gone(self) -> None:
        """
        481 and 408: the client knows no such call; BYE, and the reason (RFC 3261 s.12.2.1.2).
        """
        for status in (481, 408):
            self.setUp()
            self.studio.signaling.statuses["INVITE"] = status
            self.studio.media.lose(1)
            self.assertEqual(self.ended(), [EndReason.DIALOG_LOST])
            self.assertEqual(self.studio.signaling.methods(), ["INVITE", "BYE"])

    def test_dialog_that_is_gone_while_the_call_is_heard(self) -> None:
        """
        481 and 408, and another track is heard: the call goes on, and tells of it; its new stream stays open.
        """
        for status in (481, 408):
            self.setUp()
            self.studio.signaling.statuses["INVITE"] = status
            self.studio.media.heard(self.studio.now())
            self.studio.media.lose(1)
            why = f"our re-INVITE was answered {status}"
            self.assertEqual((self.ended(), self.studio.signaling.methods()), ([], ["INVITE"]))
            self.assertEqual(self.warnings()[1:], [
                f"m-line 1 opened anew, and the client could not be told: {why}; the call is heard"
            ])
            self.assertEqual((len(self.studio.media.open), self.call.call.leg.lost), (2, why))

    def test_client_that_could_not_be_told_asks_itself(self) -> None:
        """
        Its own re-INVITE shows that it knows the dialog, and its answer has the new port.
        """
        self.studio.signaling.statuses["INVITE"] = 408
        self.studio.media.heard(self.studio.now())
        self.studio.media.lose(1)
        again = self.call.send("INVITE", siprec_body())
        ports = [media.port for media in parse_sdp(again.last.body).description.media]
        self.assertEqual((ports, self.call.call.leg.lost), ([16384, 16388], ""))
        self.assertEqual(self.counted(), (1, 1))

    def test_answer_after_we_gave_up_shows_that_the_dialog_lives(self) -> None:
        """
        It has its ACK, and the call does not end with the next silence.
        """
        self.studio.gates.hold("request")
        self.studio.media.lose(1)
        self.studio.media.heard(self.studio.now() + ACK_PATIENCE)
        self.studio.clock.advance(ACK_PATIENCE)
        self.assertNotEqual(self.call.call.leg.lost, "")
        self.studio.gates.release("request")
        self.assertEqual((self.call.call.leg.lost, self.acks(), self.ended()), ("", ["1 ACK"], []))

    def test_client_that_never_answers(self) -> None:
        """
        A final response is awaited 64*T1; a 2xx that comes later still has its ACK.
        """
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.studio.clock.advance(ACK_PATIENCE)
        self.assertEqual(self.ended(), [EndReason.DIALOG_LOST])
        self.studio.gates.release("request")
        self.assertEqual(self.acks(), ["1 ACK"])

    def test_no_port_ever(self) -> None:
        """
        After a minute the tracks stay closed.
        """
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.studio.clock.pump([PAUSE] * int(WORKER_PATIENCE / PAUSE - 1))
        self.assertEqual(self.ended(), [])
        self.studio.clock.pump([PAUSE] * int(10 / PAUSE))
        self.assertEqual((self.invites(), self.ended()), ([], [EndReason.MEDIA_LOST]))

    def test_worker_that_takes_its_time(self) -> None:
        """
        What takes the place of the lost one needs half a minute: the call is still there, and goes on.
        """
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.studio.clock.pump([PAUSE] * int(30 / PAUSE))
        self.studio.media.pairs = 20
        self.studio.clock.pump([PAUSE] * int(5 / PAUSE))
        self.assertEqual((len(self.invites()), self.counted(), self.ended()), (1, (2, 2), []))

    def test_port_for_one_of_two(self) -> None:
        """
        What has a port is offered, the other m-line is closed.
        """
        self.studio.media.pairs = 1
        self.studio.media.lose()
        self.studio.clock.pump([PAUSE] * int(PORTS_PATIENCE / PAUSE + 1))
        self.assertEqual(self.ports(), [16388, 0])
        self.assertEqual((self.counted(), self.ended()), ((2, 1), []))

    def test_client_that_refuses_every_stream(self) -> None:
        """
        A 2xx that closes all m-lines: nothing is left to be recorded.
        """
        self.studio.signaling.answer = sdp(media_line("1", port=0), media_line("2", port=0))
        self.studio.media.lose()
        self.assertEqual((self.acks(), self.ended()), (["1 ACK"], [EndReason.MEDIA_LOST]))

    # --- keys ------------------------------------------------------------------------------------

    def secured(self, key: str) -> bytes:
        """
        A description of one SRTP stream with this key.
        """
        crypto = f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
        return sdp(f"m=audio 40000 RTP/SAVP 0 8\r\na=label:1\r\n{crypto}a=sendonly\r\n")

    def key(self, first: int) -> str:
        """
        A key and salt of octets that rise from C{first}.
        """
        return base64.b64encode(bytes(range(first, first + 30))).decode()

    def offered_crypto(self, media: MediaDescription) -> list[str]:
        """
        The words of its crypto line.
        """
        crypto, = media.cryptos
        return crypto.split()

    def test_srtp(self) -> None:
        """
        The offer has the agreed suite, tag and a fresh key; the answer's key opens what comes (RFC 4568 s.5.1.3).
        """
        fresh = iter((bytes(range(200, 250)), bytes(range(150, 200)), bytes(range(150, 200))))
        studio = Studio(random_octets=lambda count: next(fresh)[:count])
        call = studio.establish(("application/sdp", self.secured(self.key(1))))
        studio.signaling.answer = self.secured(self.key(60))
        studio.media.lose()
        media, = parse_sdp(studio.signaling.requests[-1][0].body).description.media
        self.assertEqual(
            self.offered_crypto(media), ["3", "AES_CM_128_HMAC_SHA1_80", f"inline:{self.key(150)}"]
        )
        spec, = studio.media.specs[-1:]
        assert spec.keys is not None
        self.assertEqual(spec.keys.keys, ((bytes(range(60, 76)), bytes(range(76, 90)), b""),))
        self.assertEqual({code for code, _ in call.call.warnings}, {"media-worker-lost"})

    def test_srtp_goes_on_counting(self) -> None:
        """
        The new stream is told how many packets came before, over several losses, as the roll-over counter goes on
        (RFC 3711 s.3.3.1); so is the change of keys that follows. A stream that the client opens anew begins at zero.
        """
        studio = Studio()
        call = studio.establish(("application/sdp", self.secured(self.key(1))))
        studio.signaling.answer = self.secured(self.key(60))
        for packets, lost in ((140_000, 20), (300, -5)):
            stream_id, = studio.media.open
            studio.media.reports[stream_id] = StreamReport(stream_id, packets=packets, lost=lost)
            studio.media.lose()
        self.assertEqual([spec.packets_before for spec in studio.media.specs], [0, 140_020, 140_020, 140_320])
        call.ack(call.send("INVITE", ("application/sdp", self.secured(self.key(1)).replace(b"40000", b"0"))))
        call.ack(call.send("INVITE", ("application/sdp", self.secured(self.key(1)))))
        self.assertEqual(studio.media.specs[-1].packets_before, 0)

    def test_srtp_answer_without_its_key(self) -> None:
        """
        The key that the client had is kept, and complained of.
        """
        studio = Studio()
        call = studio.establish(("application/sdp", self.secured(self.key(1))))
        studio.signaling.answer = self.secured(self.key(60)).replace(b"crypto:3", b"crypto:9")
        studio.media.lose()
        self.assertIn("no-usable-key", [code for code, _ in call.call.warnings])
        spec, = studio.media.specs[-1:]
        assert spec.keys is not None
        self.assertEqual(spec.keys.keys[0][0], bytes(range(1, 17)))
        self.assertEqual(len(studio.media.open), 1)


class EarlyTests(SynchronousTestCase):
    """
    Streams that are lost before the call is answered, or before its ACK.
    """

    def setUp(self) -> None:
        self.studio = Studio()
        self.studio.signaling.answer = TWO_STREAMS

    def established(self, body: tuple[str, bytes] | None = None) -> Established:
        """
        A call whose streams are lost before its answer goes out.
        """
        invite = self.studio.invite(body)
        self.studio.media.lose()
        self.studio.clock.advance(ANSWER_DELAY)
        return Established(self.studio, invite, self.studio.calls[-1])

    def test_answer_has_the_new_ports(self) -> None:
        """
        Opened anew before the 200 goes out: the client never hears of the others, and no re-INVITE follows.
        """
        call = self.established()
        answer = parse_sdp(call.invite.last.body).description
        self.assertEqual([media.port for media in answer.media], [16388, 16390])
        call.ack(call.invite)
        self.studio.clock.advance(1.0)
        self.assertEqual(self.studio.signaling.requests, [])

    def test_offer_in_the_answer_has_the_new_ports(self) -> None:
        """
        The same for an INVITE without offer.
        """
        call = self.established(("", b""))
        offer = parse_sdp(call.invite.last.body).description
        self.assertEqual([media.port for media in offer.media], [16388, 16390])
        call.ack(call.invite, ("application/sdp", TWO_STREAMS))
        self.assertEqual([t.planned.remote_port for t in call.call.tracks.open.values()], [40000, 40002])

    def test_no_port_in_time(self) -> None:
        """
        503, so that the client tries another recorder.
        """
        invite = self.studio.invite()
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.studio.clock.pump([ANSWER_DELAY] + [PAUSE] * int(PORTS_PATIENCE / PAUSE + 2))
        self.assertEqual(invite.statuses, [503])
        self.assertTrue(self.studio.nothing_left())

    def test_cancel_while_ports_are_awaited(self) -> None:
        """
        487, and nothing is left.
        """
        invite = self.studio.invite()
        self.studio.media.pairs = 0
        self.studio.media.lose()
        self.studio.clock.advance(ANSWER_DELAY)
        self.studio.server.cancelled(invite.incoming)
        self.studio.clock.pump([PAUSE] * 3)
        self.assertEqual(invite.statuses, [487])
        self.assertTrue(self.studio.nothing_left())

    def test_lost_before_the_ack(self) -> None:
        """
        The re-INVITE follows when the ACK has come.
        """
        invite = self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY)
        self.studio.media.lose()
        self.studio.clock.advance(PAUSE)
        self.assertEqual(self.studio.signaling.requests, [])
        self.studio.ack(invite)
        self.studio.clock.advance(PAUSE)
        self.assertEqual(self.studio.signaling.methods(), ["INVITE"])

    def test_lost_while_the_call_ends(self) -> None:
        """
        A call that is leaving is left alone.
        """
        call = self.studio.establish()
        self.studio.gates.hold("close_stream")
        call.send("BYE")
        self.studio.media.lose()
        self.studio.gates.release("close_stream")
        self.studio.clock.advance(MUCH)
        self.assertEqual((self.studio.signaling.requests, self.studio.nothing_left()), ([], True))


class OtherWayTests(SynchronousTestCase):
    """
    Requests of the client from elsewhere.
    """

    def test_sent_on_the_flow_of_the_last_request(self) -> None:
        """
        On the connection that the client's last request came by.
        """
        studio = Studio()
        studio.signaling.answer = TWO_STREAMS
        studio.establish()
        studio.media.lose()
        _, destination, flow = studio.signaling.requests[-1]
        assert flow is not None
        self.assertEqual((destination, flow.peer, flow.local), (SRC, SRC, LOCAL))
