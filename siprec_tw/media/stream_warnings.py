"""
What was odd about a stream: each kind is told once, however often it happens.
"""

from __future__ import annotations

from twisted.logger import Logger


class StreamWarnings:
    """
    The warnings of one stream by code, in the order in which they first came up.
    """

    log = Logger()

    def __init__(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self._texts: dict[str, str] = {}
        self.failed_writes = 0

    def warn(self, code: str, text: str) -> None:
        """
        Keep and log a warning, if there is none of this code yet.
        """
        if code not in self._texts:
            self._texts[code] = text
            self.log.warn("Stream {stream_id}: {text}", stream_id=self._stream_id, code=code, text=text)

    def write_failed(self, error: OSError, name: str) -> None:
        """
        A segment could not be written: the stream goes on, what was refused becomes a gap.
        """
        self.failed_writes += 1
        self.warn("write-failed", f"cannot write {name}: {error.strerror or error}")

    def all(self) -> tuple[tuple[str, str], ...]:
        """
        Pairs of code and text.
        """
        return tuple(self._texts.items())
