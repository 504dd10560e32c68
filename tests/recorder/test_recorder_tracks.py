"""
The tracks of a call: opened, changed, closed as the plan says.
"""

from __future__ import annotations

from attrs import evolve
from recorder_fakes import EPOCH, FakeMediaPlane, Gates, media_line, sdp
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import RtcpPeer, StreamReport
from siprec_tw.recorder.tracks import Tracks
from siprec_tw.recording.journal import Direction, JournalEvent, TrackChanged, TrackClosed, TrackOpened
from siprec_tw.sdp.answer import AnswerPolicy, PlannedMedia, plan
from siprec_tw.sdp.parser import parse_sdp

BOTH = AnswerPolicy(media=frozenset({"audio", "video"}))


def planned(*lines: str) -> tuple[PlannedMedia, ...]:
    return plan(parse_sdp(sdp(*lines)).description, (), BOTH)


class TracksTests(SynchronousTestCase):
    """
    Tests for L{Tracks}.
    """

    def setUp(self) -> None:
        self.media = FakeMediaPlane(Gates())
        self.journal: list[JournalEvent] = []
        self.warnings: list[tuple[str, str]] = []
        self.reports: list[StreamReport] = []
        self.tracks = Tracks(
            self.media, self.append, lambda: EPOCH, "r1", "/spool/r1", lambda *warning: self.warnings.append(warning),
            lambda media: None, self.reports.append,
        )

    async def append(self, event: JournalEvent) -> None:
        self.journal.append(event)

    def follow(self, wanted: tuple[PlannedMedia, ...]) -> tuple[PlannedMedia, ...]:
        return self.successResultOf(Deferred.fromCoroutine(self.tracks.follow(wanted)))

    def test_opened(self) -> None:
        """
        Each accepted m-line gets a stream of its own, and a line in the journal.
        """
        wanted = planned(media_line("1"), media_line("2", port=40002))
        self.assertEqual(self.follow(wanted), wanted)
        formats = wanted[0].formats
        self.assertEqual(
            self.journal,
            [
                TrackOpened(EPOCH, 0, "r1-0-1", "1", "audio", Direction.RECVONLY, formats,
                            "192.0.2.1:16384", "192.0.2.9:40000"),
                TrackOpened(EPOCH, 1, "r1-1-2", "2", "audio", Direction.RECVONLY, formats,
                            "192.0.2.1:16386", "192.0.2.9:40002"),
            ],
        )
        self.assertEqual([spec.directory for spec in self.media.open.values()], ["/spool/r1", "/spool/r1"])
        self.assertEqual(sorted(self.tracks.local()), [0, 1])

    def test_nothing_changes_where_the_plan_is_the_same(self) -> None:
        """
        A re-INVITE that repeats everything leaves no trace.
        """
        wanted = planned(media_line("1"))
        self.follow(wanted)
        self.journal.clear()
        self.follow(planned(media_line("1")))
        self.assertEqual((self.journal, self.media.updates, self.media.closed), ([], [], []))

    def test_changed(self) -> None:
        """
        A hold changes the track, not the stream; other formats are told to the media plane, the port stays.
        """
        self.follow(planned(media_line("1")))
        self.journal.clear()
        held = planned(media_line("1", "inactive"))
        self.follow(held)
        other = (evolve(held[0], formats=held[0].formats[:1]),)
        self.follow(other)
        remote = "192.0.2.9:40000"
        self.assertEqual(
            self.journal,
            [
                TrackChanged(EPOCH, 0, "1", Direction.INACTIVE, held[0].formats, remote),
                TrackChanged(EPOCH, 0, "1", Direction.INACTIVE, other[0].formats, remote),
            ],
        )
        self.assertEqual(self.media.updates, [("r1-0-1", other[0].formats)])
        self.assertEqual(list(self.media.open), ["r1-0-1"])

    def test_hold_by_address_is_inactive(self) -> None:
        """
        c=0.0.0.0 is a hold though the direction says otherwise: no sound is expected.
        """
        self.follow(tuple(evolve(media, held=True) for media in planned(media_line("1"))))
        self.assertFalse(self.tracks.expects_media())
        self.follow(planned(media_line("1")))
        self.assertTrue(self.tracks.expects_media())

    def test_rtcp_follows_the_description(self) -> None:
        """
        Where our RTCP goes is told to the media plane, again when it changes, and a hold by address ends it.
        """
        tracks = Tracks(
            self.media, self.append, lambda: EPOCH, "r1", "/spool/r1", lambda *warning: None, lambda media: None,
            self.reports.append, "cn",
        )
        for line in (media_line("1"), media_line("1", port=40010), media_line("2", port=40010)):
            self.successResultOf(Deferred.fromCoroutine(tracks.follow(planned(line))))
        self.assertEqual(self.media.open["r1-0-1"].rtcp, RtcpPeer("192.0.2.9", 40001, False, "cn"))
        self.assertEqual([spec.rtcp for spec in self.media.updated], [RtcpPeer("192.0.2.9", 40011, False, "cn")])
        held = tuple(evolve(media, held=True) for media in planned(media_line("2", port=40010)))
        self.successResultOf(Deferred.fromCoroutine(tracks.follow(held)))
        self.assertIsNone(self.media.updated[-1].rtcp)

    def test_no_rtcp_without_a_name(self) -> None:
        """
        Where no reports are wanted, the media plane is told of no peer; rtcp-mux is accepted all the same.
        """
        self.follow(planned(media_line("1")))
        self.assertIsNone(self.media.open["r1-0-1"].rtcp)
        self.assertTrue(self.tracks.local()[0].rtcp_mux)

    def test_closed_by_port_zero(self) -> None:
        """
        An m-line of port 0 is closed, and what the media plane had to complain of is told.
        """
        self.follow(planned(media_line("1"), media_line("2")))
        self.media.reports["r1-1-2"] = StreamReport("r1-1-2", warnings=(("two-sources-at-once", "two"),))
        self.journal.clear()
        self.follow(planned(media_line("1"), media_line("2", port=0)))
        self.assertEqual(self.journal, [TrackClosed(EPOCH, 1)])
        self.assertEqual(self.media.closed, ["r1-1-2"])
        self.assertEqual(self.warnings, [("two-sources-at-once", "two (m-line 1)")])

    def test_closed_by_an_offer_that_is_too_short(self) -> None:
        """
        An m-line that is missing from a later offer is closed, though an offer may not do so (RFC 3264 s.8).
        """
        self.follow(planned(media_line("1"), media_line("2")))
        self.follow(planned(media_line("1")))
        self.assertEqual(self.media.closed, ["r1-1-2"])

    def test_slot_opened_again(self) -> None:
        """
        A slot that was closed and is used again has a new stream (RFC 3264 s.8.1).
        """
        self.follow(planned(media_line("1"), media_line("2")))
        self.follow(planned(media_line("1"), media_line("2", port=0)))
        self.follow(planned(media_line("1"), media_line("3")))
        self.assertEqual(list(self.media.open), ["r1-0-1", "r1-1-3"])

    def test_slot_taken_by_other_media(self) -> None:
        """
        Where audio becomes video the old stream ends and a new one begins.
        """
        self.follow(planned(media_line("1")))
        self.follow(planned(media_line("9", media="video")))
        self.assertEqual((self.media.closed, list(self.media.open)), (["r1-0-1"], ["r1-0-2"]))

    def test_one_port_short(self) -> None:
        """
        What there is a port for is recorded; the rest comes back refused.
        """
        self.media.pairs = 1
        wanted = planned(media_line("1"), media_line("2"))
        self.assertEqual([media.accepted for media in self.follow(wanted)], [True, False])
        self.assertEqual(list(self.tracks.local()), [0])

    def test_track_without_port_is_complained_of(self) -> None:
        """
        A missing leg must be visible in the recording.
        """
        self.media.pairs = 1
        self.follow(planned(media_line("1"), media_line("2")))
        self.assertEqual([code for code, _ in self.warnings], ["ports-exhausted"])

    def test_no_port_at_all(self) -> None:
        """
        A call of which nothing can be recorded is refused.
        """
        self.media.pairs = 0
        following = Deferred.fromCoroutine(self.tracks.follow(planned(media_line("1"))))
        self.assertEqual(self.failureResultOf(following, PeerError).value.status, 503)
        self.assertEqual(self.journal, [])

    def test_offer_without_streams_needs_no_port(self) -> None:
        """
        An offer that closes everything is followed, whatever ports there are.
        """
        self.follow(planned(media_line("1")))
        self.media.pairs = 0
        self.assertEqual([media.accepted for media in self.follow(planned(media_line("1", port=0)))], [False])

    def test_last_arrival(self) -> None:
        """
        The latest packet of any track; None before the first.
        """
        self.assertIsNone(self.tracks.last_arrival())
        self.follow(planned(media_line("1"), media_line("2")))
        self.assertIsNone(self.tracks.last_arrival())
        self.media.reports["r1-1-2"] = StreamReport("r1-1-2", last_arrival=EPOCH + 3)
        self.assertEqual(self.tracks.last_arrival(), EPOCH + 3)

    def test_close(self) -> None:
        """
        Every stream is closed, and said to be.
        """
        self.follow(planned(media_line("1"), media_line("2")))
        self.journal.clear()
        self.successResultOf(Deferred.fromCoroutine(self.tracks.close()))
        self.assertEqual(self.journal, [TrackClosed(EPOCH, 0), TrackClosed(EPOCH, 1)])
        self.assertEqual(self.media.open, {})
