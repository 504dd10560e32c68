"""
What the index keeps of a recording, as values for its tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from siprec_tw.interfaces import PartyView, RecordingRow
from siprec_tw.recording.layout import MIX
from siprec_tw.recording.manifest import Manifest, posix

MOST_TEXT = 200_000     # characters of a recording that are searched for words


@frozen
class IndexEntry:
    """
    A row with the words by which it is found.
    """

    row: RecordingRow
    words: str


def entry_of(manifest: Manifest, path: str) -> IndexEntry:
    """
    A stored recording. Raises ValueError for instants that are none.
    """
    row = RecordingRow(
        recording_id=manifest.recording_id,
        state="stored",
        verdict=manifest.verdict.name,
        call_id=manifest.call.call_id,
        started=posix(manifest.times.started),
        ended=posix(manifest.times.ended),
        duration=manifest.times.duration,
        parties=tuple(PartyView(party.id, party.aor, party.name) for party in manifest.parties),
        tracks=len(manifest.tracks),
        path=path,
        size=next((file.octets for file in manifest.files if file.name == MIX), 0),
    )
    call = manifest.call
    words = [
        *words_of(row), call.from_header, call.to_header, call.request_uri, call.source, call.user_agent,
        *(value for _, value in call.headers), *(track.label for track in manifest.tracks),
        *_strings(manifest.metadata),
    ]
    return IndexEntry(row, _joined(words))


def started_entry(row: RecordingRow) -> IndexEntry:
    """
    A recording that is under way.
    """
    return IndexEntry(row, _joined(words_of(row)))


def words_of(row: RecordingRow) -> Iterator[str]:
    """
    The texts of a row by which it can be found.
    """
    yield from (row.recording_id, row.call_id)
    for party in row.parties:
        yield from (party.participant_id, party.aor, party.name)


def write_parties(parties: Sequence[PartyView]) -> str:
    """
    Parties as the column holds them.
    """
    return json.dumps([[party.participant_id, party.aor, party.name] for party in parties])


def read_parties(text: str) -> tuple[PartyView, ...]:
    """
    Parties as the column held them.
    """
    return tuple(PartyView(*party) for party in json.loads(text))


def _joined(words: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(word for word in words if word))[:MOST_TEXT]


def _strings(value: object) -> Iterator[str]:
    """
    Every string within a JSON value, keys excepted.
    """
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _strings(inner)
        case list() | tuple():
            for inner in value:
                yield from _strings(inner)
