"""
The recordings index: search, pages, files, and making it anew.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from storage_fixtures import METADATA, STARTED, Immediately, Spooling, noise
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.interfaces import PartyView, RecordingQuery, RecordingRow
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import Finished, finalise
from siprec_tw.storage.index_entry import started_entry
from siprec_tw.storage.index_schema import connect
from siprec_tw.storage.recordings_index import RecordingsIndex


def row(recording_id: str, started: float = STARTED, *parties: PartyView) -> RecordingRow:
    return RecordingRow(
        recording_id, "recording", "", f"call-{recording_id}", started, None, 0.0, parties, 2, "", 0
    )


class IndexTests(SynchronousTestCase):
    """
    L{RecordingsIndex} on a database in a directory of its own.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.index = self.opened()

    def opened(self) -> RecordingsIndex:
        index = RecordingsIndex(self.root, self.root / "index.sqlite3", Immediately())
        self.do(index.open())
        self.addCleanup(lambda: self.do(index.close()))
        return index

    def do(self, coroutine):  # type: ignore[no-untyped-def]
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def found(self, **query: object) -> list[str]:
        page = self.do(self.index.search(RecordingQuery(**query)))  # type: ignore[arg-type]
        return [one.recording_id for one in page.rows]

    def stored(self, recording_id: str = "r1") -> Finished:
        spooling = Spooling(self.root, recording_id)
        spooling.start(("a", "96"), ("b", "97"))
        spooling.segment("a", sound=noise(1, 1600))
        spooling.document("001-metadata.xml", METADATA)
        spooling.end()
        finished = finalise(self.root, recording_id, Disk(sync=False))
        self.do(self.index.store(finished.manifest, finished.path))
        return finished

    def test_search_by_participant(self) -> None:
        """
        Part of a name or an AOR finds a recording, in any case; LIKE's own signs are only signs.
        """
        joerg = PartyView("p", "sip:jörg_1@example.com", "Jörg Ä%")
        self.do(self.index.insert_started(row("r1", STARTED, joerg)))
        self.do(self.index.insert_started(row("r2", STARTED, PartyView("q", "tel:+15551234", "Bob"))))
        for part in ("JÖRG", "g_1@ex", "ä%", "sip:jörg_1@example.com"):
            self.assertEqual(self.found(participant=part), ["r1"])
        self.assertEqual(self.found(participant="5551"), ["r2"])
        self.assertEqual(self.found(participant="j%g"), [])
        self.assertEqual(self.found(participant="\\"), [])

    def test_search_by_text(self) -> None:
        """
        Words of names, AORs, headers and metadata are found, all of them; FTS operators are only words.
        """
        self.stored()
        for text in (
            "alice", "Müll", "ab12", "call-r1@sbc", "SBC/7.4", "alice bob", "cd34", '"alice"', "sip:sbc"
        ):
            self.assertEqual(self.found(text=text), ["r1"], text)
        for text in ("carol", "alice carol", "alice OR carol", "NOT", '"'):
            self.assertEqual(self.found(text=text), ["r1"] if text == '"' else [], text)

    def test_search_by_time_and_state(self) -> None:
        """
        A span of time includes its beginning and not its end; a state may be a verdict.
        """
        for number in range(3):
            self.do(self.index.insert_started(row(f"r{number}", STARTED + number)))
        self.assertEqual(self.found(since=STARTED + 1), ["r2", "r1"])
        self.assertEqual(self.found(until=STARTED + 1), ["r0"])
        self.stored("s1")
        self.assertEqual(self.found(state="stored"), ["s1"])
        self.assertEqual(self.found(state="one-sided"), ["s1"])
        self.assertEqual(self.found(state="truncated"), [])

    def test_parties_change(self) -> None:
        """
        Parties that are told later are found, and the row has them.
        """
        self.do(self.index.insert_started(row("r1")))
        parties = (PartyView("p1", "sip:carol@example.com", "Carol"),)
        self.do(self.index.update_parties("r1", parties))
        self.do(self.index.update_parties("nobody", parties))
        self.assertEqual((self.found(participant="carol"), self.found(text="carol")), (["r1"], ["r1"]))
        self.assertEqual(self.do(self.index.get("r1")).parties, parties)

    def test_ten_thousand_rows_page_by_page(self) -> None:
        """
        Pages of the newest first give every row once, even when rows come in meanwhile.
        """
        rows = [started_entry(row(f"r{number:05}", STARTED + number // 3)) for number in range(10_000)]
        self.index._put(rows)
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = self.do(self.index.search(RecordingQuery(limit=500, cursor=cursor)))
            seen += [one.recording_id for one in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
            if len(seen) == 500:
                self.do(self.index.insert_started(row("new", STARTED + 99_999)))
        self.assertEqual(seen, [f"r{number:05}" for number in reversed(range(10_000))])
        self.assertEqual(page.total, 10_001)

    def test_bad_cursors_and_limits(self) -> None:
        """
        A cursor that is not ours and a limit out of bounds are the client's fault.
        """
        for cursor in ("", "x", "AAAA", "WzEsMl0=", "W251bGwsImEiXQ==", "ä", "W05hTiwiYSJd", "e30="):
            search = Deferred.fromCoroutine(self.index.search(RecordingQuery(cursor=cursor)))
            self.assertEqual(self.failureResultOf(search, PeerError).value.status, 400)
        for limit in (0, 501):
            search = Deferred.fromCoroutine(self.index.search(RecordingQuery(limit=limit)))
            self.failureResultOf(search, PeerError)

    def test_octets_that_are_no_text(self) -> None:
        """
        Ids and names that were no UTF-8 are stored with a question mark in their place.
        """
        self.do(self.index.insert_started(row("r1", STARTED, PartyView("p", "sip:\udcff@x", "\0"))))
        self.assertEqual(self.found(participant="sip:?@x"), ["r1"])
        self.assertIsNone(self.do(self.index.get("\udcff")))

    def test_files_of_a_recording_only(self) -> None:
        """
        Names that lead elsewhere, by dots, by slashes or by a symbolic link, are nobody's.
        """
        finished = self.stored()
        found = self.do(self.index.get("r1"))
        directory = self.root.resolve() / finished.path
        (directory / "link.wav").symlink_to("/etc/passwd")
        (directory / "inside.wav").symlink_to(directory / "recording.wav")
        (directory / "up").symlink_to(self.root)
        (directory / "x.tmp").write_bytes(b"half")
        (self.root / "outside").write_bytes(b"secret")
        for name in ("recording.json", "track-96.wav", "documents/001-metadata.xml"):
            self.assertEqual(self.index.file(found, name), str(directory / name))
        for name in (
            "", ".", "..", "documents", "documents/../recording.json", "../../../../outside", "/etc/passwd",
            "link.wav", "inside.wav", "up/outside", "x.tmp", "none.wav", "a\0b", "..\\x",
            "documents//001-metadata.xml",
        ):
            self.assertIsNone(self.index.file(found, name), name)
        self.assertIsNone(self.index.file(row("r2"), "recording.json"))

    def test_made_anew_from_the_manifests(self) -> None:
        """
        A lost or broken database is filled again from what lies on the disk.
        """
        self.stored("r1")
        self.stored("r2")
        before = self.do(self.index.search(RecordingQuery()))
        self.do(self.index.close())
        (self.root / "index.sqlite3").write_bytes(b"this is no database" * 1000)
        self.index = self.opened()
        self.assertEqual(self.do(self.index.search(RecordingQuery())), before)
        self.assertEqual(self.found(text="alice"), ["r2", "r1"])
        self.assertTrue((self.root / "index.sqlite3.broken").exists())

    def test_reindex_forgets_what_is_gone(self) -> None:
        """
        Rows without a directory go; those of running recordings stay.
        """
        finished = self.stored("r1")
        self.do(self.index.insert_started(row("running")))
        (self.root / finished.path).rename(self.root / "elsewhere")
        self.assertEqual(self.do(self.index.reindex()), 0)
        self.assertEqual(self.found(), ["running"])

    def test_a_later_version_is_not_touched(self) -> None:
        """
        A database of a later version is an error that says so.
        """
        path = self.root / "later.sqlite3"
        connection, fresh = connect(path)
        self.assertTrue(fresh)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        self.assertRaises(LocalError, connect, path)
