"""
Tracks that should be heard and are not.
"""

from __future__ import annotations

from attrs import evolve
from recorder_fakes import EPOCH, HELD, Established, Studio, media_line, sdp
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.config.model import Recording
from siprec_tw.interfaces import CallView, StreamQuality, StreamReport
from siprec_tw.recorder.hearing import MOST_TOLD, Hearing
from siprec_tw.recorder.watch import Watch
from siprec_tw.recording.journal import Warned
from siprec_tw.recording.manifest import iso

LIMIT = 10.0


class HearingTests(SynchronousTestCase):
    """
    Tests for L{Hearing}: one track, looked at.
    """

    def setUp(self) -> None:
        self.hearing = Hearing()
        self.warnings: list[tuple[str, str]] = []

    def look(self, now: float, heard: float | None = None, since: float = 100.0) -> list[str]:
        """
        The codes of what is told by this look.
        """
        self.warnings = []
        self.hearing.look("m-line 1", heard, since, now, LIMIT, lambda *warning: self.warnings.append(warning))
        return [code for code, _ in self.warnings]

    def test_silence_is_told_once(self) -> None:
        """
        With its start, when it is as long as the limit, and not again.
        """
        self.assertEqual(self.look(109.9), [])
        self.assertEqual(self.look(110), ["stream-silent"])
        self.assertEqual(self.warnings[0][1], f"m-line 1 is silent since {iso(100)}: not one packet came for 10 s")
        self.assertEqual((self.look(115), self.hearing.silent_since), ([], 100.0))

    def test_silence_begins_with_the_last_packet(self) -> None:
        """
        What came before is not silence.
        """
        self.assertEqual(self.look(121, heard=112), [])
        self.assertEqual(self.look(122, heard=112), ["stream-silent"])
        self.assertEqual(self.hearing.silent_since, 112)

    def test_heard_again(self) -> None:
        """
        The next packet ends it, and the next silence is another.
        """
        self.look(110)
        self.assertEqual(self.look(115, heard=114), ["stream-heard-again"])
        self.assertIn(iso(100), self.warnings[0][1])
        self.assertIsNone(self.hearing.silent_since)
        self.assertEqual(self.look(124, heard=114), ["stream-silent"])

    def test_heard_and_silent_again_between_two_looks(self) -> None:
        """
        Both are told.
        """
        self.look(110)
        self.assertEqual(self.look(140, heard=120), ["stream-heard-again", "stream-silent"])
        self.assertEqual(self.hearing.silent_since, 120)

    def test_to_be_heard_only_from_later_on(self) -> None:
        """
        A hold that came and went between two looks: the silence before it is over without a word.
        """
        self.look(110)
        self.assertEqual(self.look(118, since=117), [])
        self.assertIsNone(self.hearing.silent_since)
        self.assertEqual(self.look(127, since=117), ["stream-silent"])

    def test_one_way_is_told_once_a_silence(self) -> None:
        """
        Of a track that is silent; what is heard is missed no more.
        """
        self.hearing.miss("m-line 1", lambda *warning: self.warnings.append(warning))
        self.assertEqual((self.warnings, self.hearing.one_way), ([], False))
        self.look(110)
        for _ in range(2):
            self.hearing.miss("m-line 1", lambda *warning: self.warnings.append(warning))
        self.assertEqual([code for code, _ in self.warnings], ["stream-silent", "one-way"])
        self.look(115, heard=114)
        self.assertFalse(self.hearing.one_way)

    def test_who_only_listens_is_not_told_of_without_end(self) -> None:
        """
        After some silences the track is still seen to be silent, but nothing more is written.
        """
        told = []
        for number in range(MOST_TOLD + 5):
            told += self.look(120 + 20 * number, heard=105 + 20 * number)
            self.assertIsNotNone(self.hearing.silent_since)
            if "what follows" in self.warnings[-1][1] if self.warnings else False:
                self.assertEqual(number + 1, MOST_TOLD)
        self.assertEqual(told.count("stream-silent"), MOST_TOLD)
        self.assertEqual(told.count("stream-heard-again"), MOST_TOLD)


class SilentTrackTests(SynchronousTestCase):
    """
    Tests for L{Watch} and L{Tracks}: what is seen of a call while it is up.
    """

    def setUp(self) -> None:
        self.studio = Studio(recording=Recording(silent_after=LIMIT))
        self.watch = Watch(self.studio.surroundings, self.studio.server.registry)
        self.watch.start()
        self.addCleanup(self.watch.stop)
        self.call: Established = self.studio.establish()

    def wait(self, seconds: float, *heard: int) -> None:
        """
        Time passes, in which packets come on these m-lines.
        """
        for _ in range(int(seconds)):
            for index in heard:
                stream_id = self.call.call.tracks.open[index].stream_id
                self.studio.media.reports[stream_id] = StreamReport(
                    stream_id, packets=50, first_arrival=EPOCH, last_arrival=self.studio.now()
                )
            self.studio.clock.advance(1.0)

    def codes(self) -> list[str]:
        return [code for code, _ in self.call.call.warnings]

    def view(self) -> CallView:
        found = self.studio.server.call(self.call.call.recording_id)
        assert found is not None
        return found

    def test_all_is_well(self) -> None:
        """
        Tracks that are heard are not told of.
        """
        self.wait(60, 0, 1)
        self.assertEqual(self.codes(), [])
        self.assertEqual([(track.silent_since, track.one_way) for track in self.view().tracks], [(None, False)] * 2)

    def test_second_stream_is_never_heard(self) -> None:
        """
        Silent since the answer, and the call is one-way: in the view, the journal and the counts.
        """
        self.wait(20, 0)
        self.assertEqual(self.codes(), ["stream-silent", "one-way"])
        answered = self.call.call.answered
        assert answered is not None
        (_, silent), (_, one_way) = self.call.call.warnings
        self.assertEqual(
            silent, f"m-line 1 (label 2) is silent since {iso(answered)}: not one packet came for 10 s"
        )
        self.assertEqual(
            one_way, f"m-line 1 (label 2) was never heard since {iso(answered)}, while another track is"
        )
        self.assertEqual([event.code for event in self.call.spooled.journal if isinstance(event, Warned)], self.codes())
        first, second = self.view().tracks
        self.assertEqual((first.silent_since, first.one_way), (None, False))
        self.assertEqual((second.silent_since, second.one_way), (answered, True))
        self.assertEqual((self.call.call.tracks.silent(), self.call.call.tracks.one_way()), (1, True))

    def test_heard_at_last(self) -> None:
        """
        The call goes on; it was one-way, and is no more.
        """
        self.wait(20, 0)
        self.wait(10, 0, 1)
        self.assertEqual(self.codes(), ["stream-silent", "one-way", "stream-heard-again"])
        self.assertEqual((self.call.call.tracks.silent(), self.call.call.tracks.one_way()), (0, False))

    def test_silent_for_a_while(self) -> None:
        """
        A track that was heard once makes no call one-way.
        """
        self.wait(5, 0, 1)
        self.wait(20, 0)
        self.assertEqual(self.codes(), ["stream-silent"])

    def test_nobody_is_heard(self) -> None:
        """
        Two silent tracks; that is no one-way call.
        """
        self.wait(20)
        self.assertEqual(self.codes(), ["stream-silent", "stream-silent"])
        self.assertFalse(self.call.call.tracks.one_way())

    def test_held_track_is_not_expected(self) -> None:
        """
        Nothing is missed of an inactive track; when it is resumed, it has as long as any other.
        """
        self.wait(5, 0, 1)
        self.call.ack(self.call.send("INVITE", ("application/sdp", HELD)))
        self.wait(60)
        self.assertEqual(self.codes(), [])
        self.call.ack(self.call.send("INVITE", ("application/sdp", sdp(media_line("1"), media_line("2", port=40002)))))
        resumed = self.studio.now()
        self.wait(8, 0)
        self.assertEqual(self.codes(), [])
        self.wait(8, 0)
        self.assertEqual(self.codes(), ["stream-silent"])
        since = self.view().tracks[1].silent_since
        assert since is not None
        self.assertLess(abs(since - resumed), 1.0)

    def test_hold_ends_a_silence(self) -> None:
        """
        What is inactive is not silent, and is not told to be heard again.
        """
        self.wait(20, 0)
        self.call.ack(self.call.send("INVITE", ("application/sdp", HELD)))
        self.wait(6)
        self.assertEqual((self.call.call.tracks.silent(), self.call.call.tracks.one_way()), (0, False))
        self.assertEqual(self.codes(), ["stream-silent", "one-way"])

    def test_stream_that_nobody_knows_of(self) -> None:
        """
        Where there is no report, nothing is concluded.
        """
        self.studio.media.open.clear()
        self.wait(20)
        self.assertEqual(self.codes(), [])

    def test_closed_streams_are_counted(self) -> None:
        """
        At its close the loss and the score of each stream go to the metrics; of one that got nothing, none.
        """
        stream_id = self.call.call.tracks.open[0].stream_id
        self.wait(1, 0)
        quality = StreamQuality(0.02, 1, 0, 0.0, 0.0, 0.02, 1.0, 0.0, r_factor=63.0, mos=3.25)
        self.studio.media.reports[stream_id] = evolve(self.studio.media.reports[stream_id], quality=quality)
        self.call.send("BYE")
        self.assertEqual(self.studio.counted("siprec_stream_mos_sum"), 3.25)
        self.assertEqual(self.studio.counted("siprec_stream_mos_count"), 1)
        self.assertEqual(self.studio.counted("siprec_stream_loss_ratio_sum"), 0.02)
        self.assertEqual(self.studio.counted("siprec_stream_loss_ratio_count"), 1)
