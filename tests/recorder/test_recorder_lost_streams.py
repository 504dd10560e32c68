"""
Many calls whose streams are lost at once.
"""

from __future__ import annotations

from recorder_fakes import ANSWER_DELAY, TWO_STREAMS, Studio
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.recorder.lost_streams import AT_ONCE, LONGEST_TURN
from siprec_tw.recording.journal import CallEnded, EndReason

CALLS = 3 * AT_ONCE


class LostStreamsTests(SynchronousTestCase):
    """
    Tests for L{LostStreams}.
    """

    def setUp(self) -> None:
        self.studio = Studio(pairs=10 * CALLS)
        self.studio.signaling.answer = TWO_STREAMS

    def establish(self, count: int) -> None:
        """
        So many calls are up.
        """
        invites = [self.studio.invite(call_id=f"call-{number}@192.0.2.9") for number in range(count)]
        self.studio.clock.advance(ANSWER_DELAY)
        for invite in invites:
            self.studio.ack(invite)

    def test_not_all_at_once(self) -> None:
        """
        So many re-INVITEs are under way together, no more; as answers come, the rest follow.
        """
        self.establish(CALLS)
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.assertEqual(len(self.studio.signaling.requests), AT_ONCE)
        self.studio.gates.release("request")
        self.assertEqual(len(self.studio.signaling.requests), CALLS)
        self.assertEqual(self.studio.counted("siprec_streams_reopened_total"), 2 * CALLS)

    def test_silent_clients_do_not_hold_up_the_others(self) -> None:
        """
        Who has not answered after a second makes room for the next.
        """
        self.establish(CALLS)
        self.studio.gates.hold("request")
        self.studio.media.lose()
        self.studio.clock.advance(LONGEST_TURN)
        self.assertEqual(len(self.studio.signaling.requests), 2 * AT_ONCE)
        self.studio.clock.advance(LONGEST_TURN)
        self.assertEqual(len(self.studio.signaling.requests), CALLS)
        self.studio.gates.release("request")
        self.assertEqual(self.studio.counted("siprec_streams_reopened_total"), 2 * CALLS)

    def test_log_has_a_line_for_all(self) -> None:
        """
        One when the worker was lost, one when all is done.
        """
        self.establish(CALLS)
        self.studio.signaling.queued = [488]
        with capturedLogs() as events:
            self.studio.media.lose()
        mine = [event for event in events if "call_id" not in event and "BYE" not in event["log_format"]]
        self.assertEqual([event["log_level"] for event in mine], [LogLevel.warn, LogLevel.info])
        self.assertEqual((mine[0]["streams"], mine[0]["calls"]), (2 * CALLS, CALLS))
        self.assertEqual((mine[1]["agreed"], mine[1]["refused"], mine[1]["over"]), (CALLS - 1, 1, 0))

    def test_strange_streams(self) -> None:
        """
        What no call has is nothing.
        """
        self.establish(1)
        self.studio.media.tell_lost(("nobody-0-1",))
        self.studio.media.tell_lost(())
        self.assertEqual(self.studio.signaling.requests, [])
        self.assertEqual(self.studio.counted("siprec_streams_lost_total"), 0)

    def test_two_workers_one_after_the_other(self) -> None:
        """
        Both are mended by one INVITE; there is never more than one at a time.
        """
        self.establish(1)
        self.studio.media.pairs = 0
        self.studio.media.lose(0)
        self.studio.media.lose(0)
        self.studio.media.pairs = 10
        self.studio.clock.advance(0.25)
        self.assertEqual(len(self.studio.signaling.requests), 1)
        self.assertEqual(self.studio.counted("siprec_streams_reopened_total"), 2)

    def test_fault_is_loud_and_forgets_nothing(self) -> None:
        """
        A fault of ours leaves the stream lost: the next occasion brings it back.
        """
        self.establish(1)
        self.studio.gates.faults["open_stream"] = ValueError("ours")
        self.studio.media.lose(0)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        del self.studio.gates.faults["open_stream"]
        self.studio.media.lose(0)
        self.assertEqual(self.studio.counted("siprec_streams_reopened_total"), 2)

    def test_shutdown_while_offers_are_under_way(self) -> None:
        """
        The calls end as they should.
        """
        self.establish(2)
        self.studio.gates.hold("request")
        self.studio.media.lose()
        for call in self.studio.calls:
            call.end(EndReason.SHUTDOWN)
        self.studio.gates.release("request")
        self.studio.clock.advance(100.0)
        found = [spooled.events(CallEnded) for spooled in self.studio.archive.finished]
        self.assertEqual([each.reason for events in found for each in events if isinstance(each, CallEnded)],
                         [EndReason.SHUTDOWN] * 2)
        self.assertTrue(self.studio.nothing_left())
