"""
The names of things on disk: where a recording lies and what its files are called.

  <directory>/spool/<recording-id>/            while it is being recorded, and until it is finalised
  <directory>/remade/<recording-id>/           while it is made anew, and its former files until they are removed
  <directory>/YYYY/MM/DD/<recording-id>/       afterwards; the date is that of its start, in UTC
      recording.json recording.wav track-<name>.wav track-<name>.rtpdump track-<name>.events.rtpdump
      journal.jsonl documents/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

SPOOL = "spool"
REMADE = "remade"
JOURNAL = "journal.jsonl"
DOCUMENTS = "documents"
MANIFEST = "recording.json"
MIX = "recording.wav"
SEGMENT_RECORD = ".jsonl"
SAMPLES_PART = ".wav.part"
PACKETS_PART = ".rtpdump.part"
UNFINISHED = ".tmp"

LONGEST_NAME = 64

_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_RECORDING_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")

_SUFFIXES = {"application/sdp": "sdp", "application/json": "json", "text/plain": "txt"}


def is_recording_id(text: str) -> bool:
    """
    Whether this can be the name of a recording's directory.
    """
    return _RECORDING_ID.fullmatch(text) is not None


def final_path(started: float, recording_id: str) -> str:
    """
    Where a finished recording lies, relative to the recordings directory.
    """
    return f"{datetime.fromtimestamp(started, UTC):%Y/%m/%d}/{recording_id}"


def track_names(labels: Sequence[str]) -> list[str]:
    """
    A name fit for a file for each track, in order and all different, even where case does not count.

    Labels come from the peer: strange characters become one underscore, a missing label the track's index.
    """
    fit = [_fit(label) for label in labels]
    wished = {name.casefold() for name in fit}
    names: dict[int, str] = {}
    taken: set[str] = set()
    for index in sorted(range(len(fit)), key=lambda i: not fit[i]):     # labels before mere indices
        own = fit[index] or str(index)
        while own.casefold() in taken or (own != fit[index] and own.casefold() in wished):
            own = f"{own}-{index}"
        taken.add(own.casefold())
        names[index] = own
    return [names[index] for index in range(len(fit))]


def document_name(number: int, kind: str, content_type: str) -> str:
    """
    The name of the n-th kept document: C{003-metadata.xml}.
    """
    main = content_type.split(";")[0].strip().lower()
    suffix = "xml" if main.endswith(("xml", "rs-metadata")) else _SUFFIXES.get(main, "bin")
    return f"{number:03d}-{kind}.{suffix}"


def _fit(label: str) -> str:
    return _STRANGE.sub("_", label).strip("_-")[:LONGEST_NAME] if label.strip() else ""
