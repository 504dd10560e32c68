"""
The finaliser: recovery, retries, and the index put right.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from storage_fixtures import STARTED, Immediately, Spooling, noise
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import RecordingRow
from siprec_tw.recording.manifest import FileEntry
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finaliser import FIRST_DELAY, LOOK_AGAIN, Finaliser
from siprec_tw.storage.recordings_index import RecordingsIndex


class FullDisk(Disk):
    """
    A disk without room, until somebody makes some.
    """

    full = True

    def write(self, path: Path, blocks: Iterable[bytes]) -> FileEntry:
        """
        Refuse as long as there is no room.
        """
        if FullDisk.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(path, blocks)


def row(recording_id: str) -> RecordingRow:
    return RecordingRow(recording_id, "recording", "", "c", STARTED, None, 0.0, (), 1, "", 0)


class FinaliserTests(SynchronousTestCase):
    """
    L{Finaliser} with an index of its own.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.clock = Clock()
        self.index = RecordingsIndex(self.root, self.root / "index.sqlite3", Immediately())
        self.do(self.index.open())
        self.addCleanup(lambda: self.do(self.index.close()))
        self.finaliser = self.finaliser_on(Disk(sync=False))

    def finaliser_on(self, disk: Disk) -> Finaliser:
        return Finaliser(self.root, self.index, Immediately(), self.clock, disk)

    def do(self, coroutine):  # type: ignore[no-untyped-def]
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def spool(self, recording_id: str, *, ended: bool = True) -> None:
        spooling = Spooling(self.root, recording_id)
        spooling.start(("a", "1"))
        spooling.segment("a", sound=noise(1, 1600))
        if ended:
            spooling.end()

    def test_a_finished_recording_is_in_the_index(self) -> None:
        """
        After finalisation the row says where the recording lies and how long it is.
        """
        self.do(self.index.insert_started(row("r1")))
        self.spool("r1")
        finished = self.do(self.finaliser.finalise("r1"))
        found = self.do(self.index.get("r1"))
        self.assertEqual((found.state, found.verdict, found.path), ("stored", "complete", finished.path))
        self.assertEqual((found.duration, found.size), (0.2, 44 + 3200))
        wav = self.index.file(found, "recording.wav")
        self.assertEqual(wav, str(self.root.resolve() / finished.path / "recording.wav"))

    def test_recovery_finishes_what_was_killed(self) -> None:
        """
        At the start everything in the spool is finished as truncated, but for what is running.
        """
        for recording_id in ("r1", "r2", "r3"):
            self.spool(recording_id, ended=False)
            self.do(self.index.insert_started(row(recording_id)))
        self.assertEqual(self.do(self.finaliser.recover({"r3"})), 2)
        states = {name: self.do(self.index.get(name)) for name in ("r1", "r2", "r3")}
        self.assertEqual([one.verdict for one in states.values()], ["truncated", "truncated", ""])
        self.assertTrue((self.root / "spool/r3").is_dir())

    def test_recovery_puts_the_index_right(self) -> None:
        """
        A row left behind by a death between rename and index is completed; one without a recording goes.
        """
        self.spool("r1")
        self.do(self.finaliser.finalise("r1"))
        self.do(self.index.insert_started(row("r1")))
        self.do(self.index.insert_started(row("gone")))
        self.do(self.finaliser.recover())
        self.assertEqual(self.do(self.index.get("r1")).state, "stored")
        self.assertIsNone(self.do(self.index.get("gone")))

    def test_full_disk_is_tried_again(self) -> None:
        """
        A recording that the disk does not take stays in the spool and is finished when there is room.
        """
        FullDisk.full = True
        finaliser = self.finaliser_on(FullDisk(sync=False))
        self.spool("r1")
        finaliser.start()
        self.addCleanup(finaliser.stop)
        self.assertIsNone(self.do(finaliser.finalise("r1")))
        self.clock.pump([LOOK_AGAIN] * 4)
        self.assertEqual(finaliser.waiting["r1"].delay, 2 * FIRST_DELAY)
        FullDisk.full = False
        self.clock.pump([LOOK_AGAIN] * 7)
        self.assertEqual(finaliser.waiting, {})
        self.assertEqual(self.do(self.index.get("r1")).verdict, "complete")
        self.assertFalse((self.root / "spool/r1").exists())

    def test_an_unknown_recording_is_our_error(self) -> None:
        """
        What is not in the spool cannot be finished, and is not tried again.
        """
        self.failureResultOf(Deferred.fromCoroutine(self.finaliser.finalise("nobody")), LocalError)
        self.assertEqual(self.finaliser.waiting, {})
