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
            lambda media: None, lambda media: None, self.reports.append,
        )

    async def append(self, event: JournalEvent) -> None:
        await self.media.gates.passing("append")
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
            lambda media: None, self.reports.append, "cn",
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

    # --- lost ----------------------------------------------------------------------------------

    def mend(self) -> bool:
        return self.successResultOf(Deferred.fromCoroutine(self.tracks.mend()))

    def lose(self, *stream_ids: str) -> tuple[int, ...]:
        for stream_id in stream_ids:
            self.media.open.pop(stream_id, None)
        return self.tracks.lose(stream_ids)

    def test_lost_and_mended(self) -> None:
        """
        Closed as lost, opened under another id with the same plan; the client does not know yet.
        """
        wanted = self.follow(planned(media_line("1"), media_line("2", port=40002)))
        self.assertEqual(self.lose("r1-1-2", "of-another-call"), (1,))
        self.assertTrue(self.tracks.is_unsettled)
        self.journal.clear()
        self.assertTrue(self.mend())
        self.assertEqual(self.journal, [
            TrackClosed(EPOCH, 1, lost=True),
            TrackOpened(EPOCH, 1, "r1-1-3", "2", "audio", Direction.RECVONLY, wanted[1].formats,
                        "192.0.2.1:16388", "192.0.2.9:40002"),
        ])
        self.assertEqual((self.tracks.lost, self.tracks.is_unsettled), (set(), True))
        self.assertEqual((self.tracks.told(), self.tracks.is_unsettled), ({1}, False))

    def test_not_mended_without_ports(self) -> None:
        """
        It stays lost, is closed in the journal once, and is mended later.
        """
        self.follow(planned(media_line("1")))
        self.media.pairs = 0
        self.lose("r1-0-1")
        self.assertEqual([self.mend(), self.mend()], [False, False])
        self.assertEqual([event for event in self.journal if isinstance(event, TrackClosed)],
                         [TrackClosed(EPOCH, 0, lost=True)])
        self.media.pairs = 1
        self.assertTrue(self.mend())
        self.assertEqual((list(self.tracks.local()), self.warnings), ([0], []))

    def test_lost_while_it_is_being_opened_anew(self) -> None:
        """
        The mark of the second loss is not wiped by the end of the first mending.
        """
        self.follow(planned(media_line("1")))
        self.lose("r1-0-1")
        self.media.gates.hold("open_stream")
        mending = Deferred.fromCoroutine(self.tracks.mend())
        self.media.gates.hold("append")
        self.media.gates.release("open_stream")
        self.assertEqual(self.lose("r1-0-2"), (0,))
        self.media.gates.release("append")
        self.assertFalse(self.successResultOf(mending))
        self.assertEqual((self.tracks.lost, self.tracks.untold), ({0}, {0}))
        self.assertTrue(self.mend())
        self.assertEqual(list(self.media.open), ["r1-0-3"])

    def test_offer_of_the_client_mends_too(self) -> None:
        """
        What it wants is opened anew, what it closes is forgotten.
        """
        self.follow(planned(media_line("1"), media_line("2", port=40002)))
        self.lose("r1-0-1", "r1-1-2")
        self.follow(planned(media_line("1"), media_line("2", port=0)))
        self.assertEqual((list(self.media.open), self.tracks.lost, self.tracks.told()), (["r1-0-3"], set(), {0}))

    def test_offer_of_the_client_without_ports(self) -> None:
        """
        The line is answered refused, and is not given up: it is still to be mended.
        """
        self.follow(planned(media_line("1"), media_line("2", port=40002)))
        self.media.pairs = 1
        self.lose("r1-0-1")
        found = self.follow(planned(media_line("1"), media_line("2", port=40002)))
        self.assertEqual([media.accepted for media in found], [False, True])
        self.assertEqual(self.tracks.lost, {0})
        self.media.pairs = 2
        self.assertTrue(self.mend())
        self.assertEqual(sorted(self.tracks.local()), [0, 1])

    def test_abandoned(self) -> None:
        """
        What cannot be told is closed; a later offer of the client may open it again.
        """
        wanted = planned(media_line("1"), media_line("2", port=40002))
        self.follow(wanted)
        self.lose("r1-0-1")
        self.mend()
        self.successResultOf(Deferred.fromCoroutine(self.tracks.abandon((0,))))
        self.assertEqual((list(self.media.open), self.tracks.is_unsettled), (["r1-1-2"], False))
        self.assertEqual(self.journal[-1], TrackClosed(EPOCH, 0, lost=True))
        self.assertEqual([media.accepted for media in self.tracks.planned], [False, True])
        self.follow(wanted)
        self.assertEqual(sorted(self.tracks.local()), [0, 1])
