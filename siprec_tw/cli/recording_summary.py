"""
A recording's manifest as a page for people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import cattrs

from siprec_tw.cli.api_client import FoundRecording
from siprec_tw.cli.tables import length_text, octets_text, table, utc_time
from siprec_tw.errors import SiprecError
from siprec_tw.log_lines import escaped
from siprec_tw.recording.manifest import Manifest, Track, from_json

# A track goes by its label, as in the sentence of the verdict; without one by the index of its m-line.
TRACK_HEADINGS = ("TRACK", "M-LINE", "SPEAKERS", "CODECS", "PACKETS", "LOST", "LOSS", "MOS", "GAPS", "FILES")


def summary(document: bytes) -> str:
    """
    The page of a manifest, or of the index row that stands for it while its call goes on.
    """
    try:
        manifest = from_json(document)
    except ValueError:
        return _unfinished(document)
    rows = (_track_cells(track, manifest) for track in manifest.tracks)
    facts = "".join(f"{name + ':':<12}{escaped(text)}\n" for name, text in _facts(manifest) if text)
    tracks = "\n" + table(TRACK_HEADINGS, rows, frozenset({1, 4, 5, 6, 7, 8})) if manifest.tracks else ""
    return facts + tracks + _warnings(manifest) + _files(manifest)


def _facts(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "Recording", manifest.recording_id
    yield "Verdict", f"{manifest.verdict.name}: {manifest.verdict.reason}".removesuffix(": ")
    yield "Started", utc_time(manifest.times.started)
    yield "Ended", f"{utc_time(manifest.times.ended)} ({manifest.end.reason})"
    yield "Sound", length_text(manifest.times.duration)
    yield "Call-ID", manifest.call.call_id
    yield "From", manifest.call.from_header
    yield "To", manifest.call.to_header
    yield "Client", " ".join(filter(None, (manifest.call.source, manifest.call.user_agent)))
    for party in manifest.parties:
        yield "Party", " ".join(filter(None, (party.name, f"<{party.aor}>" if party.aor else party.id)))


def _track_cells(track: Track, manifest: Manifest) -> tuple[str, ...]:
    names = {party.id: party.name or party.aor or party.id for party in manifest.parties}
    speakers = dict.fromkeys(names.get(speaker.participant_id, "?") for speaker in track.participants)
    return (
        track.label or str(track.index), str(track.index), ", ".join(speakers), ", ".join(track.encodings),
        str(track.packets), str(track.lost), *_quality_cells(track), str(len(track.gaps)), ", ".join(track.files),
    )


def _quality_cells(track: Track) -> tuple[str, str]:
    quality = track.quality
    if quality is None:
        return "-", "-"
    return f"{quality.loss_rate:.2%}", "-" if quality.mos is None else f"{quality.mos:.2f}"


def _warnings(manifest: Manifest) -> str:
    lines = (f"  {warning.code}: {warning.text}" for warning in manifest.warnings)
    return "".join(f"{line}\n" for line in ("\nWarnings:", *map(escaped, lines))) if manifest.warnings else ""


def _files(manifest: Manifest) -> str:
    rows = [(f"  {entry.name}", octets_text(entry.octets)) for entry in manifest.files]
    return "\n" + table(("Files:", ""), rows, frozenset({1})) if rows else ""


def _unfinished(document: bytes) -> str:
    try:
        row = cattrs.structure(json.loads(document), FoundRecording)
    except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
        raise SiprecError("The server answered with something else than a manifest") from error
    parties = ", ".join(party.name or party.aor for party in row.parties)
    facts = (
        ("Recording", row.recording_id), ("State", row.state), ("Started", utc_time(row.started)),
        ("Call-ID", row.call_id), ("Parties", parties),
    )
    return "".join(f"{name + ':':<12}{escaped(text)}\n" for name, text in facts if text)
