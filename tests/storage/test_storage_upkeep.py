"""
Retention, free space, and the thread pool.
"""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from storage_fixtures import STARTED, Immediately, Spooling, noise
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import RecordingQuery
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise
from siprec_tw.storage.free_space import FreeSpace
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.retention import DAY, Retention
from siprec_tw.storage.threads import Pool


class RetentionTests(SynchronousTestCase):
    """
    L{Retention} on recordings of two ages.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        self.clock = Clock()
        self.index = RecordingsIndex(self.root, self.root / "index.sqlite3", Immediately())
        self.do(self.index.open())
        self.addCleanup(lambda: self.do(self.index.close()))
        for recording_id, at in (("old", STARTED), ("new", STARTED + 10 * DAY)):
            spooling = Spooling(self.root, recording_id)
            spooling.start(("a", "1"))
            spooling.segment("a", sound=noise(1, 160))
            spooling.end(at)
            finished = finalise(self.root, recording_id, Disk(sync=False))
            self.do(self.index.store(finished.manifest, finished.path))

    def do(self, coroutine):  # type: ignore[no-untyped-def]
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def left(self) -> list[str]:
        return [one.recording_id for one in self.do(self.index.search(RecordingQuery())).rows]

    def test_old_recordings_go(self) -> None:
        """
        What ended longer ago than the days allowed goes, files and row; the rest stays.
        """
        self.clock.advance(STARTED + 12 * DAY)
        retention = Retention(self.root, 7, self.index, Immediately(), self.clock, self.clock.seconds)
        retention.start()
        retention.stop()
        self.assertEqual(self.left(), ["new"])
        self.assertEqual([path.name for path in (self.root / "2026/09/21").iterdir()], ["new"])
        self.assertFalse((self.root / "removed").exists())
        self.clock.advance(30 * DAY)
        self.assertEqual(self.do(retention.run()), 1)
        self.assertFalse((self.root / "2026").exists())

    def test_files_that_are_gone_already(self) -> None:
        """
        A row whose files a killed run has removed goes in the next.
        """
        shutil.rmtree(self.root / "2026/09/21/old")
        self.clock.advance(STARTED + 12 * DAY)
        retention = Retention(self.root, 7, self.index, Immediately(), self.clock, self.clock.seconds)
        self.assertEqual(self.do(retention.run()), 1)
        self.assertEqual(self.left(), ["new"])

    def test_for_ever(self) -> None:
        """
        Without a limit nothing is removed.
        """
        retention = Retention(self.root, None, self.index, Immediately(), self.clock, self.clock.seconds)
        retention.start()
        self.assertEqual((self.do(retention.run()), self.clock.getDelayedCalls()), (0, []))
        self.assertEqual(sorted(self.left()), ["new", "old"])


class FreeSpaceTests(SynchronousTestCase):
    """
    L{FreeSpace} on a directory that exists, and on one that cannot.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def watching(self, directory: Path, minimum: int) -> FreeSpace:
        space = FreeSpace(directory, minimum, Immediately(), Clock())
        self.assertFalse(space.condition.ready)
        space.start()
        space.stop()
        return space

    def test_room_enough(self) -> None:
        """
        A writable directory with room is ready, and is made if it is not there.
        """
        self.assertTrue(self.watching(self.root / "new", 1).condition.ready)
        self.assertEqual(list((self.root / "new/spool").iterdir()), [])

    def test_too_little_room(self) -> None:
        """
        Below the minimum no new calls are taken.
        """
        condition = self.watching(self.root, 1 << 62).condition
        self.assertEqual((condition.name, condition.ready), ("storage", False))
        self.assertIn("wanted 4611686018427387904", condition.text)

    def test_not_writable(self) -> None:
        """
        A directory that cannot be made is said to be so.
        """
        (self.root / "file").write_bytes(b"")
        condition = self.watching(self.root / "file/below", 1).condition
        self.assertFalse(condition.ready)
        self.assertIn("not writable", condition.text)


class PoolTests(TestCase):
    """
    L{Pool} with real threads.
    """

    def test_one_thread_keeps_the_order(self) -> None:
        """
        Work is done in the order given, in one thread which is not the reactor's, and stop waits for it.
        """
        from twisted.internet import reactor

        pool = Pool(reactor, "test", 1)  # type: ignore[arg-type]
        self.addCleanup(pool.stop)
        done: list[int] = []
        threads = set()

        def work(number: int) -> int:
            threads.add(threading.get_ident())
            done.append(number)
            return number

        results = gatherResults([pool.run(work, number) for number in range(100)])

        def check(numbers: list[int]) -> None:
            self.assertEqual((numbers, done), (list(range(100)), list(range(100))))
            self.assertEqual(len(threads - {threading.get_ident()}), 1)

        return results.addCallback(check)  # type: ignore[return-value]

    def test_stopped_threads_stay_stopped(self) -> None:
        """
        After stop, work is refused: threads begun anew would keep the program from ending.
        """
        from twisted.internet import reactor

        pool = Pool(reactor, "test", 1)  # type: ignore[arg-type]
        pool.start()
        pool.stop()
        self.failureResultOf(pool.run(len, "x"), LocalError)
