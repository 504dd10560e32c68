"""
The spool: journals, documents, and what a full disk does to them.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from storage_fixtures import STARTED, Immediately
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import LocalError
from siprec_tw.recording.journal import (
    CallAnswered,
    CallEnded,
    CallStarted,
    DocumentKind,
    EndReason,
    from_lines,
)
from siprec_tw.storage.spool import Journal, Spool


def started(recording_id: str) -> CallStarted:
    return CallStarted(STARTED, recording_id, "n", "c", "f", "t", "sip:u", "udp:192.0.2.1:5060")


class SpoolTests(SynchronousTestCase):
    """
    L{Spool} and what it hands out.
    """

    def setUp(self) -> None:
        temporary = TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name) / "recordings"
        self.spool = Spool(self.root, Immediately())

    def begin(self, recording_id: str) -> Deferred:  # type: ignore[type-arg]
        return Deferred.fromCoroutine(self.spool.begin(started(recording_id)))

    def test_events_and_documents_in_order(self) -> None:
        """
        The journal has every event in the order given, and a document is there before its line.
        """
        recording = self.successResultOf(self.begin("r1"))
        self.successResultOf(recording.append(CallAnswered(STARTED + 1)))
        name = self.successResultOf(
            recording.keep_document(
                DocumentKind.METADATA, "application/rs-metadata", "INVITE 1", STARTED, b"<x/>"
            )
        )
        offer = self.successResultOf(
            recording.keep_document(DocumentKind.OFFER, "application/sdp", "INVITE 1", STARTED, b"v=0\r\n")
        )
        self.successResultOf(recording.append(CallEnded(STARTED + 2, EndReason.BYE)))
        self.successResultOf(recording.close())
        self.assertEqual((name, offer), ("001-metadata.xml", "002-offer.sdp"))
        directory = self.root / "spool/r1"
        self.assertEqual(recording.directory, str(directory))
        events = list(from_lines((directory / "journal.jsonl").read_bytes().splitlines()))
        self.assertEqual(
            [type(event).__name__ for event in events],
            ["CallStarted", "CallAnswered", "DocumentKept", "DocumentKept", "CallEnded"],
        )
        self.assertEqual((directory / "documents/001-metadata.xml").read_bytes(), b"<x/>")

    def test_nobody_else_may_read(self) -> None:
        """
        Directories are the owner's alone, and so are files.
        """
        recording = self.successResultOf(self.begin("r1"))
        kept = recording.keep_document(DocumentKind.OTHER, "text/plain", "INFO 1", STARTED, b"x")
        self.successResultOf(kept)
        directory = self.root / "spool/r1"
        for path in (self.root, directory.parent, directory, directory / "documents"):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        for path in (directory / "journal.jsonl", directory / "documents/001-other.txt"):
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.successResultOf(recording.close())

    def test_an_id_cannot_lead_elsewhere(self) -> None:
        """
        An id that is no plain name is refused, and so is one that is in the spool already.
        """
        for recording_id in ("", "..", "../x", "a/b", "a\0", "x" * 129):
            self.failureResultOf(self.begin(recording_id), LocalError)
        self.successResultOf(self.successResultOf(self.begin("r1")).close())
        self.failureResultOf(self.begin("r1"), LocalError)

    def test_torn_line_costs_no_other(self) -> None:
        """
        When the disk takes half a line, the next event begins on a line of its own.
        """
        self.root.mkdir()
        path = self.root / "journal.jsonl"
        journal = Journal.open(path, sync=True)
        real, read_end, write_end = journal._fd, *os.pipe()
        os.close(read_end)
        os.write(real, b'{"event":"CallAns')
        journal._fd = write_end
        self.assertRaises(OSError, journal.append, CallAnswered(STARTED))
        os.close(write_end)
        journal._fd = real
        journal.append(CallAnswered(STARTED + 1))
        journal.close()
        journal.close()
        self.assertEqual(list(from_lines(path.read_bytes().splitlines())), [CallAnswered(STARTED + 1)])
