"""
Log observers: an event as one line for people, or as one JSON object.

  2026-11-20T10:34:25.123Z info  call  Recording abc stored: 2 tracks, 31.4 s  call_id=a@b recording_id=abc

The sentence is the event's own; after it come the fields that it does not already show. Whatever a peer
can put into a field is escaped, so that nobody writes lines of his own, and fields named like secrets are
masked, in the sentence too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from string import Formatter
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

LEVELS = ("debug", "info", "warn", "error", "critical")
SECRETS = {"token", "password", "key", "secret"}
MASK = "********"
LONGEST_VALUE = 256         # characters of one field: peers fill them

# What twisted.python.log adds to the events that come through it.
_LEGACY_FIELDS = {"isError", "message", "system", "time", "format", "why", "failure"}
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PLAIN = re.compile(r"[!#-&(-<>-\[\]-~]+")      # visible ASCII without quotes, = and backslash

Scalar = str | int | float | bool
Line = Callable[[LogEvent], str]


def text_observer(file: TextIO, level: str = "info") -> ILogObserver:
    """
    Writes one line an event (and the lines of its traceback) to a file; nothing below C{level}.
    """
    return _Observer(file, LEVELS.index(level), text_line)


def json_observer(file: TextIO, level: str = "info") -> ILogObserver:
    """
    Writes one JSON object a line an event to a file; nothing below C{level}.
    """
    return _Observer(file, LEVELS.index(level), json_line)


@implementer(ILogObserver)
class _Observer:
    """
    Filters by level, then writes what a formatter of events returns.
    """

    def __init__(self, file: TextIO, least: int, line: Line) -> None:
        self._file = file
        self._least = least
        self._line = line

    def __call__(self, event: LogEvent) -> None:
        if LEVELS.index(level_of(event)) >= self._least:
            self._file.write(self._line(event))
            self._file.flush()


def text_line(event: LogEvent) -> str:
    """
    An event as a line for people, line feed included; a traceback follows, indented.
    """
    shown = _masked(event)
    head = f"{_time(event)} {level_of(event):<5} {_room(_namespace(event))}  {escaped(formatEvent(shown))}"
    used = _fields_of_sentence(event)
    rest = " ".join(f"{name}={_quoted(value)}" for name, value in _fields(shown) if name not in used)
    traceback = "".join(f"    {escaped(line)}\n" for line in _traceback(event).splitlines())
    return f"{head}  {rest}\n{traceback}" if rest else f"{head}\n{traceback}"


def json_line(event: LogEvent) -> str:
    """
    An event as a JSON object with time, level, namespace, message, fields and perhaps traceback; a line feed.
    """
    shown = _masked(event)
    record: dict[str, object] = {
        "time": _time(event),
        "level": level_of(event),
        "namespace": _namespace(event),
        "message": formatEvent(shown),
        "fields": {name: _finite(value) for name, value in _fields(shown)},
    }
    traceback = _traceback(event)
    if traceback:
        record["traceback"] = traceback
    return json.dumps(record) + "\n"


def level_of(event: LogEvent) -> str:
    """
    The level of an event. What comes by twisted.python.log and is no error is debug: Twisted tells there of
    every socket that it opens and closes.
    """
    if not event.get("isError", True):
        return "debug"
    level = event.get("log_level")
    return "error" if level is None else str(level.name)


def escaped(text: str) -> str:
    """
    Text with control characters, line separators and characters that change direction as escapes.
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _masked(event: LogEvent) -> LogEvent:
    return {name: MASK if _is_secret(name) else value for name, value in event.items()}


def _is_secret(name: str) -> bool:
    return not name.startswith("log_") and name.lower().rpartition("_")[2] in SECRETS


def _fields(event: LogEvent) -> Iterator[tuple[str, Scalar]]:
    legacy = "isError" in event
    for name in sorted(event):
        value = event[name]
        ours = not name.startswith("log_") and not (legacy and name in _LEGACY_FIELDS)
        if ours and isinstance(value, str | int | float | bool):
            yield name, value


def _fields_of_sentence(event: LogEvent) -> set[str]:
    sentence = event.get("log_format")
    if not isinstance(sentence, str):
        return set()
    try:
        names = [name for _, name, _, _ in Formatter().parse(sentence) if name]
    except ValueError:
        return set()        # formatEvent says in its place what is wrong with the sentence
    return {re.split(r"[.\[(]", name, maxsplit=1)[0] for name in names}


def _quoted(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]}... ({len(text)} characters)"
    if _PLAIN.fullmatch(text):
        return text
    return '"' + escaped(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _finite(value: Scalar) -> Scalar:
    """
    JSON knows no NaN and no infinity.
    """
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value


def _time(event: LogEvent) -> str:
    when = float(event.get("log_time") or event.get("time") or 0.0)
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _namespace(event: LogEvent) -> str:
    namespace = event.get("log_namespace")
    if namespace in (None, "log_legacy"):
        namespace = event.get("system") or event.get("log_system") or "-"
    return str(namespace)


def _room(namespace: str) -> str:
    """
    The module at the end of a namespace: "siprec_tw.recorder.call.Call" is "call".
    """
    modules = re.findall(r"(?:^|(?<=\.))[a-z_]\w*", namespace)
    return escaped(modules[-1] if modules else namespace)


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    return str(failure.getTraceback()) if isinstance(failure, Failure) else ""
