"""
The log of a worker on its way into the server's: one line of JSON an event on standard error.

A worker never waits for its log: what the pipe does not take is dropped.
"""

from __future__ import annotations

import json
import os

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from siprec_tw.log_lines import level_of

LONGEST_LINE = 16_384       # octets; what is longer is cut
_LEAST = ("info", "warn", "error", "critical")


@implementer(ILogObserver)
class LineObserver:
    """
    Writes events from info up to a descriptor that does not block.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, event: LogEvent) -> None:
        if level_of(event) in _LEAST:
            try:
                os.write(self._descriptor, line_of(event))
            except OSError:
                return      # full, or the server is gone: receiving goes on


def line_of(event: LogEvent) -> bytes:
    """
    An event as a line, line feed included: its sentence and its fields, what is no scalar as text.
    """
    fields = {
        name: value if isinstance(value, str | int | float | bool) else str(value)
        for name, value in event.items() if not name.startswith("log_")
    }
    failure = event.get("log_failure")
    traceback = failure.getTraceback() if isinstance(failure, Failure) else ""
    parts = {
        "level": level_of(event), "namespace": str(event.get("log_namespace", "-")),
        "sentence": str(event.get("log_format", "")), "fields": fields, "traceback": traceback,
    }
    return json.dumps(parts).encode() + b"\n"


class ForwardedLog:
    """
    Takes what a worker wrote to standard error, and logs it as from that worker.
    """

    log = Logger()

    def __init__(self, worker: int) -> None:
        self.last = ""          # line that was no event: perhaps what the interpreter said when it died
        self._worker = worker
        self._rest = b""

    def take(self, octets: bytes) -> None:
        """
        More of it.
        """
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            self._forward(line[:LONGEST_LINE])
        if len(self._rest) > LONGEST_LINE:
            self._forward(self._rest[:LONGEST_LINE])
            self._rest = b""

    def _forward(self, line: bytes) -> None:
        try:
            parts = json.loads(line)
            level = LogLevel.levelWithName(parts["level"])
            fields = {str(name): value for name, value in dict(parts["fields"]).items()}
            fields["worker"] = self._worker
            Logger(str(parts["namespace"])).emit(level, str(parts["sentence"]), **fields)
            for text in str(parts["traceback"]).splitlines():
                self.log.error("{text}", text=text, worker=self._worker)
        except Exception:
            # Whatever stands there is shown; it is a line of the interpreter, or one that was cut.
            self.last = line.decode(errors="replace")
            if self.last:
                self.log.warn("{text}", text=self.last, worker=self._worker)
