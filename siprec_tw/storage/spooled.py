"""
A recording in the spool, read: its journal, its documents, its segments and their files.

It may be the remains of a process that was killed at any moment. What is unreadable becomes a warning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, evolve, field, frozen

from siprec_tw.codecs.decoder import Undecodable
from siprec_tw.recording.call_facts import CallFacts, read_journal
from siprec_tw.recording.journal import CallStarted, DocumentKept, DocumentKind, Warned, from_lines
from siprec_tw.recording.layout import (
    DOCUMENTS,
    JOURNAL,
    PACKETS_PART,
    SAMPLES_PART,
    SEGMENT_RECORD,
    UNFINISHED,
)
from siprec_tw.recording.rtpdump import Read, records
from siprec_tw.recording.segment import MOST_SECONDS, WAV_HEADER_SIZE, Layout, Segment
from siprec_tw.recording.segment import from_lines as segment_from_lines
from siprec_tw.recording.sound import Sound, packets_end, samples_end, sound_of
from siprec_tw.storage.disk import READ_SIZE

UNREADABLE = "segment-unreadable"    # the code of a warning; with it nothing of the segments is removed

PARTS = {Layout.SAMPLES: SAMPLES_PART, Layout.PACKETS: PACKETS_PART}


@frozen
class Source:
    """
    A segment and the file that holds its sound.
    """

    path: Path
    sound: Sound
    linear: Path | None = None              # the samples of what had to be decoded
    failure: Undecodable | None = None      # why it was not


@define
class Spooled:
    """
    Everything that a recording is made of.
    """

    directory: Path
    started: CallStarted
    facts: CallFacts
    sources: list[Source] = field(factory=list)
    documents: list[tuple[DocumentKept, bytes | None]] = field(factory=list)
    warnings: list[Warned] = field(factory=list)

    def warn(self, code: str, text: str) -> None:
        """
        Note what is wrong with the files themselves.
        """
        self.warnings.append(Warned(max(self.facts.latest, self.started.at), code, text))


def read_spooled(directory: Path) -> Spooled:
    """
    Read a recording's directory in the spool. Raises OSError when it cannot be listed.
    """
    names = sorted(path.name for path in directory.iterdir())
    journal = _octets(directory / JOURNAL)
    facts = read_journal(from_lines((journal or b"").splitlines()))
    stems = [name.removesuffix(SEGMENT_RECORD) for name in names if name.endswith(SEGMENT_RECORD)]
    segments = [(stem, _segment(directory, stem)) for stem in stems if stem + SEGMENT_RECORD != JOURNAL]
    arrivals = [segment.opened.arrival for _, segment in segments if segment]
    started = evolve(facts.started or _stand_in(directory, facts, arrivals), recording_id=directory.name)
    spooled = Spooled(directory, started, facts)
    if facts.started is None:
        spooled.warn("journal-without-start", "the journal has lost its first line: who called is not known")
    for stem, segment in segments:
        _take(spooled, stem, segment)
    spooled.documents.extend(_documents(spooled))
    return spooled


def parts_of(directory: Path) -> list[Path]:
    """
    What is not needed any more when a recording has been made: segments, their records, and unfinished files.
    """
    suffixes = (SEGMENT_RECORD, UNFINISHED, *PARTS.values())
    paths = sorted(path for path in directory.iterdir() if path.name.endswith(suffixes))
    return [path for path in paths if path.name != JOURNAL]


@define
class OpenFiles:
    """
    The segments' files while sound is fetched from them. What cannot be read is silence, and is remembered.
    """

    _sources: list[Source] = field(alias="sources")
    failed: dict[int, str] = field(factory=dict)
    _open: dict[Path, int | None] = field(factory=dict)

    def sound(self, source: int, offset: int, octets: int) -> bytes:
        """
        What a source sounds like from C{offset} octets after its origin: a SAMPLES file, or decoded packets.
        """
        linear = self._sources[source].linear
        if linear is not None:
            return self._read(source, linear, offset, octets)
        return self.octets(source, WAV_HEADER_SIZE + offset, octets)

    def octets(self, source: int, offset: int, octets: int) -> bytes:
        """
        What the file of a source holds there; less at its end, nothing where it cannot be read.
        """
        return self._read(source, self._sources[source].path, offset, octets)

    def dump(self, source: int) -> Read:
        """
        The same for a PACKETS file that is read from its beginning to its end: fetched in large pieces.
        """
        window, start = b"", 0

        def read(offset: int, octets: int) -> bytes:
            nonlocal window, start
            if not start <= offset or offset + octets > start + len(window):
                window, start = self.octets(source, offset, max(octets, READ_SIZE)), offset
            return window[offset - start : offset - start + octets]

        return read

    def _read(self, source: int, path: Path, offset: int, octets: int) -> bytes:
        try:
            if path not in self._open:
                self._open[path] = _descriptor(path)
            fd = self._open[path]
            return b"" if fd is None else os.pread(fd, octets, offset)
        except OSError as error:
            self.failed.setdefault(source, f"{path.name}: {error.strerror}")
            return b""

    def close(self) -> None:
        """
        Close them all.
        """
        for fd in self._open.values():
            if fd is not None:
                os.close(fd)
        self._open.clear()


@contextmanager
def opened(sources: list[Source]) -> Iterator[OpenFiles]:
    """
    The files of these sources for as long as they are needed.
    """
    files = OpenFiles(sources)
    try:
        yield files
    finally:
        files.close()


def _descriptor(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _segment(directory: Path, stem: str) -> Segment | None:
    return segment_from_lines((_octets(directory / (stem + SEGMENT_RECORD)) or b"").splitlines())


def _take(spooled: Spooled, stem: str, segment: Segment | None) -> None:
    if segment is None or not segment.plausible:
        text = f"{stem}: its record has lost its first line or is damaged; its files are kept"
        spooled.warn(UNREADABLE, text)
        return
    away = abs(segment.opened.arrival - spooled.started.at)
    if away > MOST_SECONDS:
        # The clock of the server was set during the call: between would lie silence that fills the disk.
        text = f"{stem}: it begins {away:.0f} s from the start of the call, wanted {MOST_SECONDS} at most"
        spooled.warn(UNREADABLE, f"{text}; its files are kept")
        return
    path = spooled.directory / (stem + PARTS[segment.opened.layout])
    seen = _seen(segment, path)
    if seen is None:
        spooled.warn("segment-without-file", f"{path.name} is missing or cannot be read")
    spooled.sources.append(Source(path, sound_of(segment, seen)))


def _seen(segment: Segment, path: Path) -> int | None:
    """
    The timestamp after the last sample that the file itself shows, or None where there is no file.
    """
    try:
        size = path.stat().st_size
    except OSError:
        return None
    if segment.opened.layout is Layout.SAMPLES:
        return samples_end(segment, max(0, size - WAV_HEADER_SIZE))
    if segment.closed is not None:
        return segment.opened.first_timestamp
    with opened([Source(path, sound_of(segment))]) as files:
        return packets_end(segment, records(files.dump(0)))


def _documents(spooled: Spooled) -> Iterator[tuple[DocumentKept, bytes | None]]:
    """
    The documents that the journal names, and then those that a killed process wrote and could not name.
    """
    directory = spooled.directory / DOCUMENTS
    for kept in spooled.facts.documents:
        octets = _octets(directory / kept.name) if Path(kept.name).name == kept.name else None
        if octets is None:
            spooled.warn("document-missing", f"{kept.name} is missing or cannot be read")
        yield kept, octets
    named = {kept.name for kept in spooled.facts.documents}
    found = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    for name in found:
        if name not in named and not name.endswith(UNFINISHED):
            at = max(spooled.facts.latest, spooled.started.at)
            yield DocumentKept(at, _kind(name), name, "", ""), _octets(directory / name)


def _kind(name: str) -> DocumentKind:
    word = name.partition("-")[2].partition(".")[0]
    return DocumentKind(word) if word in {kind.value for kind in DocumentKind} else DocumentKind.OTHER


def _stand_in(directory: Path, facts: CallFacts, arrivals: list[float]) -> CallStarted:
    """
    A start for a journal without one: the earliest instant that anything else tells.
    """
    known = [one for one in (facts.answered, *facts.changes, *facts.documents, *facts.warnings) if one]
    instants = [one.at for one in known] + arrivals
    journal = directory / JOURNAL
    at = min(instants) if instants else (journal if journal.exists() else directory).stat().st_mtime
    return CallStarted(at, directory.name, "", "", "", "", "", "")


def _octets(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
