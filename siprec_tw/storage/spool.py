"""
The spool: what is known of calls that are being recorded, written as it happens.

Each recording is a directory. Its journal is appended to by one thread, in order; when the Deferred of an
append fires, the kernel has the line, and the death of this process cannot lose it.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred

from siprec_tw.errors import LocalError
from siprec_tw.recording.journal import CallStarted, DocumentKept, DocumentKind, JournalEvent, to_line
from siprec_tw.recording.layout import DOCUMENTS, JOURNAL, SPOOL, document_name, is_recording_id
from siprec_tw.storage.disk import DIRECTORY_MODE, FILE_MODE, Disk
from siprec_tw.storage.threads import Threads


@define
class Journal:
    """
    The journal file of one recording; every method blocks and raises OSError.
    """

    path: Path
    sync: bool
    _fd: int
    _torn: bool = False

    @classmethod
    def open(cls, path: Path, *, sync: bool) -> Journal:
        """
        Open a journal to be appended to, a new one if there is none.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return cls(path, sync, os.open(path, flags, FILE_MODE))

    def append(self, event: JournalEvent) -> None:
        """
        Write one line. A line that a full disk has torn is ended first, so that it costs no other.
        """
        rest = b"\n" * self._torn + to_line(event)
        self._torn = True
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self._torn = False
        if self.sync:
            os.fsync(self._fd)

    def close(self) -> None:
        """
        Close the file; harmless when it is closed.
        """
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


@define
class SpooledRecording:
    """
    A recording that is under way.
    """

    recording_id: str
    directory: str                  # absolute; where the media plane writes the segments
    _journal: Journal = field(alias="journal")
    _threads: Threads = field(alias="threads")
    _documents: int = 0

    def append(self, event: JournalEvent) -> Deferred[None]:
        """
        Write an event into the journal. Fires when the kernel has it; fails with OSError.
        """
        return self._threads.run(self._journal.append, event)

    def keep_document(
        self, kind: DocumentKind, content_type: str, carried_by: str, at: float, body: bytes
    ) -> Deferred[str]:
        """
        Keep a body as it came and note it in the journal. Fires with its name; fails with OSError.
        """
        self._documents += 1
        name = document_name(self._documents, kind.value, content_type)
        event = DocumentKept(at, kind, name, content_type, carried_by)
        return self._threads.run(self._write_document, event, body)

    def close(self) -> Deferred[None]:
        """
        Close the journal, after all that was given before.
        """
        return self._threads.run(self._journal.close)

    def _write_document(self, event: DocumentKept, body: bytes) -> str:
        directory = Path(self.directory) / DOCUMENTS
        directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        Disk(sync=self._journal.sync).write(directory / event.name, [body])
        self._journal.append(event)
        return event.name


@define
class Spool:
    """
    The recordings that are under way, in C{<directory>/spool}.
    """

    directory: Path                 # of all recordings
    _threads: Threads = field(alias="threads")  # one thread, so that order is kept
    sync: bool = False              # fsync every line: for machines that lose their power

    async def begin(self, started: CallStarted) -> SpooledRecording:
        """
        Make a recording's directory and its journal's first line. Raises OSError, and LocalError for an
        id that cannot name a directory or has one.
        """
        if not is_recording_id(started.recording_id):
            raise LocalError(f"recording id is {started.recording_id!r}, wanted letters, digits, . _ and -")
        return await self._threads.run(self._begin, started)

    def _begin(self, started: CallStarted) -> SpooledRecording:
        directory = self.directory.absolute() / SPOOL / started.recording_id
        Disk(sync=self.sync).make_directory(directory.parent)
        try:
            directory.mkdir(mode=DIRECTORY_MODE)
        except FileExistsError as error:
            raise LocalError(f"recording {started.recording_id} is in the spool already") from error
        journal = Journal.open(directory / JOURNAL, sync=self.sync)
        journal.append(started)
        return SpooledRecording(started.recording_id, str(directory), journal, self._threads)
