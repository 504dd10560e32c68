"""
The archive: a recording from its begin to its row, and what is left where it comes to nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from storage_fixtures import STARTED
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import PartyView, RecordingQuery
from siprec_tw.metrics import Metrics
from siprec_tw.recording.journal import CallAnswered, CallEnded, CallStarted, EndReason
from siprec_tw.storage.archive import Archive, open_archive
from siprec_tw.storage.spool import SpooledRecording

ADA = (PartyView("p1", "sip:ada@example.org", "Ada"),)


def started(recording_id: str = "r1") -> CallStarted:
    return CallStarted(STARTED, recording_id, "n", "a@src", "<sip:a@b>", "<sip:c@d>", "sip:c@d", "udp:192.0.2.1:5060")


class ArchiveTests(TestCase):
    """
    Tests for L{Archive} with its own threads: the order between them is the point.
    """

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.metrics = Metrics("test")

    def archive(self) -> Archive:
        return open_archive(reactor, self.root, self.metrics, min_free=0, retention=None)  # type: ignore[arg-type]

    async def begun(self, archive: Archive, recording_id: str = "r1") -> SpooledRecording:
        spooled = await archive.begin(started(recording_id))
        await archive.answered(started(recording_id), ADA)
        await spooled.append(CallAnswered(STARTED + 1))
        return spooled

    def metric(self, name: str) -> float | None:
        line = next(line for line in self.metrics.exposition("")[1].decode().splitlines() if line.startswith(name))
        return float(line.rsplit(" ", 1)[1])

    def test_nothing_is_touched_before_the_start(self) -> None:
        """
        To make an archive makes no file and no thread.
        """
        archive = self.archive()
        self.assertFalse(self.root.exists())
        self.assertFalse(archive.condition().ready)

    async def test_from_begin_to_finish(self) -> None:
        """
        In the index while it runs, stored when it is finished; counted, and nothing left in the spool.
        """
        archive = self.archive()
        await archive.start()
        self.assertTrue(archive.condition().ready)
        spooled = await self.begun(archive)
        running = await archive.index.get("r1")
        assert running is not None
        self.assertEqual((running.state, running.parties), ("recording", ADA))
        self.assertEqual(self.metric("siprec_recordings_pending"), 1)
        await spooled.append(CallEnded(STARTED + 5, EndReason.BYE))
        await archive.finish(spooled)
        stored = await archive.index.get("r1")
        assert stored is not None
        self.assertEqual(stored.state, "stored")
        self.assertTrue((self.root / stored.path / "recording.json").is_file())
        self.assertFalse(Path(spooled.directory).exists())
        self.assertEqual(self.metric("siprec_recordings_pending"), 0)
        await archive.stop()

    async def test_discarded(self) -> None:
        """
        Nothing is kept of a call that was never acknowledged: no directory, no row.
        """
        archive = self.archive()
        await archive.start()
        spooled = await self.begun(archive)
        await archive.discard(spooled)
        self.assertIsNone(await archive.index.get("r1"))
        self.assertFalse(Path(spooled.directory).exists())
        self.assertEqual(self.metric("siprec_recordings_pending"), 0)
        await archive.stop()

    async def test_begun_twice(self) -> None:
        """
        An id that is taken is a bug of ours, and does not count as running.
        """
        archive = self.archive()
        await archive.start()
        spooled = await self.begun(archive)
        with self.assertRaises(LocalError):
            await archive.begin(started())
        await archive.discard(spooled)
        self.assertEqual(self.metric("siprec_recordings_pending"), 0)
        await archive.stop()

    async def test_failure_is_loud_and_raises_nothing(self) -> None:
        """
        The recorder is told nothing of what goes wrong in the archive: the call is over anyway.
        """
        archive = self.archive()
        await archive.start()
        spooled = await self.begun(archive)
        shutil.rmtree(spooled.directory)
        await archive.finish(spooled)
        self.assertEqual(len(self.flushLoggedErrors(LocalError)), 1)
        await archive.stop()

    async def test_recovery(self) -> None:
        """
        What a killed process left is finished at the next start, what is running is let alone.
        """
        left = self.archive()
        await left.start()
        await self.begun(left, "killed")
        await left.stop()
        again = self.archive()
        await again.start()
        running = await self.begun(again, "running")
        await again.stop()
        third = self.archive()
        await third.start()
        assert third._recovery is not None
        await third._recovery
        page = await third.index.search(RecordingQuery())
        self.assertEqual({row.recording_id: row.verdict for row in page.rows},
                         {"killed": "truncated", "running": "truncated"})
        self.assertFalse(Path(running.directory).exists())
        await third.stop()

    async def test_index_that_cannot_be_opened(self) -> None:
        """
        The start fails, and no thread is left that would keep the program from ending.
        """
        (self.root / "index.sqlite").mkdir(parents=True)
        archive = self.archive()
        failed = Deferred.fromCoroutine(archive.start())
        with self.assertRaises(sqlite3.Error):
            await failed
        self.assertEqual([pool._threads for pool in archive._pools], [None] * len(archive._pools))
