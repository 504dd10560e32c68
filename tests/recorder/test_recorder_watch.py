"""
Calls that nobody ends.
"""

from __future__ import annotations

from recorder_fakes import HELD, Established, Studio, header
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.recorder.call import LIVELY
from siprec_tw.recorder.watch import Watch
from siprec_tw.recording.journal import CallEnded, EndReason

SILENCE = 300.0
TIMER = "Supported: timer\nSession-Expires: 1800;refresher="


class WatchTests(SynchronousTestCase):
    """
    Tests for L{Watch}.
    """

    def setUp(self) -> None:
        self.studio = Studio()
        self.watch = Watch(self.studio.surroundings, self.studio.server.registry)
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def wait(self, seconds: float, heard: bool = False) -> None:
        """
        Time passes, with RTP all the while or without.
        """
        for _ in range(int(seconds / 5)):
            if heard:
                self.studio.media.heard(self.studio.now())
            self.studio.clock.advance(5.0)

    def held(self) -> Established:
        call = self.studio.establish()
        call.ack(call.send("INVITE", ("application/sdp", HELD)))
        return call

    def end(self, call: Established) -> tuple[EndReason, str] | None:
        ends = [event for event in call.spooled.journal if isinstance(event, CallEnded)]
        return (ends[0].reason, ends[0].detail) if ends else None

    def test_silence(self) -> None:
        """
        Sound is expected, and neither RTP nor SIP came for the time-out: the call is ended by BYE.
        """
        call = self.studio.establish()
        self.wait(SILENCE - 5)
        self.assertIsNone(self.end(call))
        self.wait(10)
        self.assertEqual(self.end(call), (EndReason.SILENCE, "neither RTP nor SIP for 300 s"))
        self.assertEqual(self.studio.signaling.methods(), ["BYE"])

    def test_rtp_is_a_sign_of_life(self) -> None:
        """
        A call that is heard goes on.
        """
        call = self.studio.establish()
        self.wait(2 * SILENCE, heard=True)
        self.assertIsNone(self.end(call))

    def test_looking_is_cheap(self) -> None:
        """
        Thousands of calls are looked at every few seconds: no whole report is made for it.
        """
        self.studio.establish()
        self.wait(60.0, heard=True)
        self.assertEqual(self.studio.media.asked, 0)

    def test_sip_is_a_sign_of_life(self) -> None:
        """
        An OPTIONS of the client counts as much.
        """
        call = self.studio.establish()
        self.wait(SILENCE - 10)
        call.send("OPTIONS")
        self.wait(SILENCE - 10)
        self.assertIsNone(self.end(call))

    def test_call_without_answer_is_left_alone(self) -> None:
        """
        Setting up a call has its own ends.
        """
        self.studio.gates.hold("append")
        self.studio.invite()
        self.wait(2 * SILENCE)
        self.assertEqual(len(self.studio.calls), 1)

    def test_held_call_is_asked(self) -> None:
        """
        Held and silent: OPTIONS after the time-out, and each answer is a sign of life.
        """
        call = self.held()
        self.wait(2 * SILENCE + 20)
        self.assertEqual(self.studio.signaling.methods(), ["OPTIONS", "OPTIONS"])
        self.assertIsNone(self.end(call))

    def test_refusal_of_options_is_a_sign_of_life(self) -> None:
        """
        OpenSIPS answers OPTIONS with 405: it is there.
        """
        self.studio.signaling.statuses["OPTIONS"] = 405
        call = self.held()
        self.wait(2 * SILENCE + 20)
        self.assertIsNone(self.end(call))

    def test_held_call_that_is_gone(self) -> None:
        """
        481 or no answer to OPTIONS: the call is over.
        """
        for status in (404, 408, 410, 481, 503):
            self.studio.signaling.statuses["OPTIONS"] = status
            call = self.held()
            self.wait(SILENCE + 10)
            self.assertEqual(self.end(call), (EndReason.SILENCE, f"held and silent; OPTIONS answered {status}"))

    def test_one_question_at_a_time(self) -> None:
        """
        While an answer is awaited nothing more is asked.
        """
        self.held()
        self.studio.gates.hold("request")
        self.wait(SILENCE + 60)
        self.assertEqual(self.studio.signaling.methods(), ["OPTIONS"])
        self.studio.gates.release("request")

    def test_client_that_came_back_while_it_was_asked(self) -> None:
        """
        OPTIONS was lost, but the client resumed the call meanwhile: it goes on.
        """
        call = self.held()
        self.studio.gates.hold("request")
        self.wait(SILENCE + 10)
        call.send("UPDATE")
        self.studio.signaling.statuses["OPTIONS"] = 408
        self.studio.gates.release("request")
        self.assertIsNone(self.end(call))

    def test_session_expired(self) -> None:
        """
        No refresh and no RTP: ended a little before the session does (RFC 4028 s.10).
        """
        call = self.studio.establish(fields=TIMER + "uac")
        self.wait(1700, heard=True)
        self.wait(LIVELY + 70)
        self.assertEqual(self.end(call), (EndReason.SESSION_EXPIRED, "no refresh came in 1800 s, nor RTP"))

    def test_session_expired_with_rtp(self) -> None:
        """
        A call that is heard is never ended; the missing refresh is a warning. When the sound stops it is over.
        """
        call = self.studio.establish(fields=TIMER + "uac")
        self.wait(2000, heard=True)
        self.assertIsNone(self.end(call))
        self.assertEqual(call.call.warnings, (("session-refresh-missing", "no refresh came in 1800 s, RTP goes on"),))
        self.wait(LIVELY + 10)
        self.assertEqual(self.end(call), (EndReason.SESSION_EXPIRED, "no refresh came in 1800 s, nor RTP"))

    def test_refresh_by_the_client(self) -> None:
        """
        An UPDATE begins the session anew.
        """
        call = self.studio.establish(fields=TIMER + "uac")
        self.wait(1000, heard=True)
        call.send("UPDATE", fields=TIMER + "uac")
        self.wait(1000, heard=True)
        self.assertEqual(call.call.warnings, ())

    def test_an_hour(self) -> None:
        """
        A call that is heard and refreshed, and one on hold that is refreshed, are left alone for more than an hour.
        """
        heard, held = self.studio.establish(fields=TIMER + "uac"), self.held()
        for _ in range(5):
            self.wait(880, heard=True)
            for call in (heard, held):
                call.send("UPDATE", fields=TIMER + "uac")
        for call in (heard, held):
            self.assertIsNone(self.end(call))
            self.assertEqual(call.call.warnings, ())
        self.assertEqual(self.studio.signaling.methods(), [])

    def test_refresh_by_us(self) -> None:
        """
        UPDATE without body at half the interval, where the client left it to us (RFC 4028 s.7.4).
        """
        self.studio.signaling.fields = (("Session-Expires", "1800;refresher=uac"),)
        call = self.studio.establish(fields=TIMER + "uas")
        self.wait(1850, heard=True)
        self.assertEqual(self.studio.signaling.methods(), ["UPDATE", "UPDATE"])
        update = self.studio.signaling.requests[0][0]
        self.assertEqual((header(update, "Session-Expires"), update.body), ("1800;refresher=uac", b""))
        self.assertEqual(call.call.warnings, ())

    def test_our_refresh_finds_the_interval_too_small(self) -> None:
        """
        422 names another one, which the next refresh has.
        """
        self.studio.signaling.statuses["UPDATE"] = 422
        self.studio.signaling.fields = (("Min-SE", "3600"),)
        self.studio.establish(fields=TIMER + "uas")
        self.wait(900, heard=True)
        timer = self.studio.calls[0].timer
        assert timer is not None
        self.assertEqual((timer.interval, timer.min_se), (3600, 3600))

    def test_our_refresh_finds_nobody(self) -> None:
        """
        481 or no answer: over, unless the call is heard (RFC 4028 s.7.4).
        """
        self.studio.signaling.statuses["UPDATE"] = 481
        call = self.studio.establish(fields=TIMER + "uas")
        self.wait(910, heard=True)
        self.assertIsNone(self.end(call))
        self.wait(LIVELY + 10)
        self.assertEqual(self.end(call), (EndReason.SESSION_EXPIRED, "our refresh was answered 481"))

    def test_dialog_that_is_lost_while_the_call_is_heard(self) -> None:
        """
        The call ends after its sound does, for the reason that the dialog is lost.
        """
        call = self.studio.establish()
        self.studio.signaling.statuses["INVITE"] = 481
        self.studio.media.heard(self.studio.now())
        self.studio.media.lose(1)
        self.wait(100, heard=True)
        self.assertIsNone(self.end(call))
        self.wait(LIVELY + 10)
        self.assertEqual(self.end(call), (EndReason.DIALOG_LOST, "our re-INVITE was answered 481"))

    def test_client_that_is_back_after_the_dialog_seemed_lost(self) -> None:
        """
        A request of its own takes that back: silence is silence then.
        """
        call = self.studio.establish()
        self.studio.signaling.statuses["INVITE"] = 481
        self.studio.media.heard(self.studio.now())
        self.studio.media.lose(1)
        call.send("OPTIONS")
        self.wait(LIVELY + 10)
        self.assertIsNone(self.end(call))

    def test_refused_refresh_is_not_repeated_without_end(self) -> None:
        """
        A client that knows no UPDATE is not sent a hundred of them.
        """
        self.studio.signaling.statuses["UPDATE"] = 405
        self.studio.establish(fields=TIMER + "uas")
        self.wait(1700, heard=True)
        self.assertLess(len(self.studio.signaling.requests), 10)

    def test_stop(self) -> None:
        """
        Nothing is looked at any more; to stop again is harmless.
        """
        self.watch.stop()
        self.watch.stop()
        call = self.studio.establish()
        self.wait(SILENCE + 10)
        self.assertIsNone(self.end(call))

    def test_failed_question_is_loud_and_harmless(self) -> None:
        """
        The next look asks again.
        """
        self.studio.gates.faults["request"] = RuntimeError("a bug")
        self.held()
        self.wait(SILENCE + 10)
        self.assertGreater(len(self.flushLoggedErrors(RuntimeError)), 0)
        del self.studio.gates.faults["request"]
        before = len(self.studio.signaling.requests)
        self.wait(5)
        self.assertEqual(len(self.studio.signaling.requests), before + 1)
