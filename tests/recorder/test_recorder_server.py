"""
Which request goes where, and what is refused before it gets there; the running calls from outside.
"""

from __future__ import annotations

from attrs import evolve
from recorder_fakes import ANSWER_DELAY, EPOCH, METADATA, METADATA_TYPE, Exchange, Studio, header, siprec_body
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.config.model import Sip
from siprec_tw.interfaces import Condition, PartyView, StreamReport, TrackView
from siprec_tw.recorder.registry import Registry
from siprec_tw.sip.dialog import DialogId


class RoutingTests(SynchronousTestCase):
    """
    Tests for L{siprec_tw.recorder.server.Server}.
    """

    def setUp(self) -> None:
        self.studio = Studio(Sip(max_calls=1))

    def refused(self, status: int, exchange: Exchange) -> Exchange:
        self.assertEqual(exchange.statuses, [status])
        return exchange

    def test_unknown_method(self) -> None:
        """
        405 with Allow (RFC 3261 s.8.2.1), in a dialog too.
        """
        self.assertIn("INVITE", header(self.refused(405, self.studio.send("SUBSCRIBE")).last, "Allow"))
        self.refused(405, self.studio.establish().send("REFER"))

    def test_unknown_extension(self) -> None:
        """
        420 names what is not supported (RFC 3261 s.8.2.2.3); tags compare without case.
        """
        invite = self.refused(420, self.studio.invite(fields="Require: SIPREC, foo\nRequire: bar, 100REL"))
        self.assertEqual(header(invite.last, "Unsupported"), "foo, bar")
        self.assertTrue(self.studio.nothing_left())

    def test_unknown_dialog(self) -> None:
        """
        481, whatever the method (RFC 3261 s.12.2.2).
        """
        for method in ("INVITE", "BYE", "UPDATE", "INFO", "OPTIONS", "PRACK"):
            self.refused(481, self.studio.send(method, tag="no"))

    def test_methods_that_need_a_dialog(self) -> None:
        """
        481 without To tag.
        """
        for method in ("BYE", "UPDATE", "INFO", "PRACK"):
            self.refused(481, self.studio.send(method))

    def test_ping(self) -> None:
        """
        OPTIONS out of a dialog: 200 with what is accepted.
        """
        options = self.refused(200, self.studio.send("OPTIONS"))
        self.assertTrue(header(options.last, "Accept"))
        self.assertIn("+sip.srs", header(options.last, "Contact"))

    def test_draining(self) -> None:
        """
        503 with Retry-After for new calls and pings, so that clients go elsewhere; running calls are served.
        """
        call = self.studio.establish()
        self.studio.server.draining = True
        for method in ("INVITE", "OPTIONS"):
            refused = self.refused(503, self.studio.send(method, call_id="two@src"))
            self.assertEqual(header(refused.last, "Retry-After"), "5")
        self.refused(200, call.send("OPTIONS"))
        self.refused(200, call.send("BYE"))

    def test_full(self) -> None:
        """
        503 above the number of calls, 200 again when one has ended.
        """
        call = self.studio.establish()
        self.refused(503, self.studio.invite(call_id="two@src"))
        call.send("BYE")
        self.assertEqual(self.studio.establish(call_id="three@src").invite.statuses, [200])

    def test_no_ports(self) -> None:
        """
        503 where no pair of ports is free.
        """
        self.studio.media.pairs = 0
        self.refused(503, self.studio.invite())

    def test_no_disk(self) -> None:
        """
        503 where the disk takes no recording.
        """
        self.studio.storage = Condition("storage", False, "full")
        self.refused(503, self.studio.invite())
        self.assertEqual(self.studio.archive.begun, [])

    def test_bug_of_ours(self) -> None:
        """
        500, and it is loud.
        """
        self.studio.gates.faults["begin"] = RuntimeError("a bug")
        self.refused(500, self.studio.invite())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_cancel_of_something_else(self) -> None:
        """
        A CANCEL of a re-INVITE changes nothing: it is answered within milliseconds anyway.
        """
        call = self.studio.establish()
        self.studio.gates.hold("keep_document")
        again = call.send("INVITE", siprec_body())
        self.studio.server.cancelled(again.incoming)
        self.studio.gates.release("keep_document")
        self.assertEqual((again.statuses, call.call.state), ([200], "confirmed"))

    def test_conditions(self) -> None:
        """
        What readiness shows: met and not met, with words.
        """
        self.studio.establish()
        self.assertEqual(
            self.studio.server.conditions(),
            (
                Condition("draining", True, "taking calls"),
                Condition("calls", False, "1 of 1 calls"),
                Condition("media", True, "18 port pairs free"),
                Condition("storage", True, "room enough"),
            ),
        )


class ViewTests(SynchronousTestCase):
    """
    Running calls as HTTP shows them.
    """

    def setUp(self) -> None:
        self.studio = Studio()

    def test_view(self) -> None:
        """
        Everything that is known of a call now.
        """
        call = self.studio.establish(fields="User-Agent: SBC/7").call
        view = self.studio.server.call(call.recording_id)
        assert view is not None
        ada, bob = PartyView("p1", "sip:ada@example.org", "Ada"), PartyView("p2", "sip:bob@example.org", "Bob")
        stream = f"{call.recording_id}-0-1"
        self.assertEqual(
            view.tracks[0],
            TrackView(0, "1", "audio", "recvonly", ("PCMU", "PCMA"), "192.0.2.1:16384", (ada,), StreamReport(stream)),
        )
        self.assertEqual([track.parties for track in view.tracks], [(ada,), (bob,)])
        shown = evolve(view, tracks=())
        self.assertEqual((shown.call_id, shown.node_id, shown.state), ("one@192.0.2.9", "node-1", "confirmed"))
        self.assertEqual((shown.started, shown.answered), (EPOCH, EPOCH + ANSWER_DELAY))
        self.assertEqual((shown.from_uri, shown.to_uri), ("sip:src@192.0.2.9", "sip:srs@192.0.2.1"))
        self.assertEqual((shown.source, shown.user_agent), ("udp:192.0.2.9:5070", "SBC/7"))
        self.assertEqual((shown.parties, shown.warnings), ((ada, bob), ()))

    def test_metadata_of_later_requests_is_shown(self) -> None:
        """
        A document changes what is seen at once.
        """
        call = self.studio.establish()
        call.send("UPDATE", (METADATA_TYPE, METADATA.replace(b"Ada", b"Eve")))
        self.assertIn("Eve", [party.name for party in self.studio.server.calls()[0].parties])

    def test_states(self) -> None:
        """
        early until the ACK, ending while the recording is being finished, gone afterwards.
        """
        invite = self.studio.invite()
        self.studio.clock.advance(ANSWER_DELAY)
        self.assertEqual([view.state for view in self.studio.server.calls()], ["early"])
        self.studio.ack(invite)
        self.studio.gates.hold("finish")
        self.studio.send("BYE", 2, tag="ours1")
        self.assertEqual([view.state for view in self.studio.server.calls()], ["ending"])
        self.studio.gates.release("finish")
        self.assertEqual(self.studio.server.calls(), ())

    def test_oldest_first(self) -> None:
        """
        In the order in which they began; an unknown one is None.
        """
        for number in range(3):
            self.studio.clock.advance(1.0)
            self.studio.establish(call_id=f"{number}@src")
        self.assertEqual([view.call_id for view in self.studio.server.calls()], ["0@src", "1@src", "2@src"])
        self.assertIsNone(self.studio.server.call("no"))


class RegistryTests(SynchronousTestCase):
    """
    Tests for L{Registry}.
    """

    def test_found_by_dialog_id_and_invite(self) -> None:
        """
        While it is in, and not when it is out; out twice is harmless.
        """
        established = Studio().establish()
        registry, call = Registry(), established.call
        dialog = DialogId("one@192.0.2.9", "ours1", "theirs")
        for found, step in ((None, registry.remove), (call, registry.add), (None, registry.remove)):
            step(call)
            self.assertIs(registry.of_dialog(dialog), found)
            self.assertIs(registry.get(call.recording_id), found)
            self.assertIs(registry.of_invite(established.invite.incoming), found)
            self.assertEqual(len(registry), 0 if found is None else 1)
        self.assertIsNone(registry.of_dialog(None))

    def test_calls_may_leave_while_they_are_looked_at(self) -> None:
        """
        A walk over the calls sees those that were there when it began.
        """
        studio = Studio()
        for number in range(3):
            studio.establish(call_id=f"{number}@src")
        for call in studio.server.registry:
            Deferred.fromCoroutine(studio.server.end_call(call.recording_id))
        self.assertEqual(len(studio.server.registry), 0)
