"""
The record of a segment as it is written: lines that are appended, and kept for the next time when the disk
refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.recording.layout import SEGMENT_RECORD
from siprec_tw.recording.segment import SegmentEvent, SegmentOpened, to_line

Failed = Callable[[OSError, str], None]
"""
C{failed(error, name)}: a write to the file of that name failed.
"""

MOST_WAITING = 1 << 18      # octets of lines that wait for a disk with room


class SegmentRecord:
    """
    Appends the events of one segment to C{<stem>.jsonl}; the file is open only while it is written.
    """

    def __init__(self, files: SegmentFiles, stem: str, opened: SegmentOpened, failed: Failed) -> None:
        self.name = stem + SEGMENT_RECORD
        self._files = files
        self._failed = failed
        self._length = 0
        self._waiting = to_line(opened)

    def append(self, events: Sequence[SegmentEvent]) -> None:
        """
        These events, after those that could not be written before.
        """
        lines = b"".join(map(to_line, events))
        if len(self._waiting) + len(lines) <= MOST_WAITING:
            self._waiting += lines
        if not self._waiting:
            return
        try:
            # At the length that is known to be good: a line that was torn by a full disk is written over.
            self._files.write_once(self.name, self._waiting, self._length)
        except OSError as error:
            self._failed(error, self.name)
        else:
            self._length += len(self._waiting)
            self._waiting = b""
