"""
From the spool to a finished recording; blocking, and to be repeated after a death at any point.

  1. the files are made beside the segments, each put in its place when it is whole,
  2. the manifest is put in its place: from here on the recording is made, and never made again,
  3. segments and their records are removed,
  4. the whole directory is renamed to where it belongs.

Made again from the same journal, documents and segments, every file has the same octets.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from attrs import frozen

from siprec_tw.codecs.decoder import DECODER_DIED, DECODER_MISSING
from siprec_tw.errors import LocalError, PeerError
from siprec_tw.metadata.participant_headers import metadata_of_headers
from siprec_tw.recording.clocks import CLOCK_IMPLAUSIBLE
from siprec_tw.recording.composition import Made, build_manifest
from siprec_tw.recording.journal import DocumentKept, DocumentKind
from siprec_tw.recording.layout import DOCUMENTS, JOURNAL, MANIFEST, SPOOL, final_path
from siprec_tw.recording.manifest import Document, FileEntry, Manifest, from_json, iso, posix, to_json
from siprec_tw.recording.people import MetadataDocument, People, people_of
from siprec_tw.recording.plan import Plan, plan_of
from siprec_tw.recording.tones import Tones
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.storage.decoding import Decode, decode
from siprec_tw.storage.disk import Disk, digest_of
from siprec_tw.storage.packet_sources import decoded
from siprec_tw.storage.rendering import Rendering
from siprec_tw.storage.spooled import UNREADABLE, OpenFiles, Spooled, opened, parts_of, read_spooled

# With one of these warnings the segments are kept beside the recording: there is something left to be done.
UNDECODED = frozenset({DECODER_MISSING, DECODER_DIED})
UNDONE = UNDECODED | {UNREADABLE}


@frozen
class Finished:
    """
    A recording that lies where it belongs.
    """

    manifest: Manifest
    path: str           # relative to the recordings directory


def finalise(
    root: Path, recording_id: str, disk: Disk, tones: Tones = Tones.KEEP, decode: Decode = decode
) -> Finished:
    """
    Finish the recording C{<root>/spool/<recording_id>}.

    @param tones: what is to become of keys that were pressed, and of their sound.
    @param decode: what decodes the packets of a segment; here and now, if nothing else is said.

    Raises OSError when the disk does not take it: then it stays in the spool and this can be called again;
    LocalError when there is no such recording.
    """
    directory = root / SPOOL / recording_id
    if not directory.is_dir():
        raise LocalError(f"recording {recording_id} is not in the spool")
    manifest = read_manifest(directory) or make(directory, disk, tones, decode)
    clean(directory, manifest, disk)
    target = final_path(posix(manifest.times.started), recording_id)
    disk.make_directory((root / target).parent)
    disk.move(directory, root / target)
    return Finished(manifest, target)


def read_manifest(directory: Path) -> Manifest | None:
    """
    The manifest of a recording's directory, or None where there is none that can be read.
    """
    try:
        return from_json((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None


def make(directory: Path, disk: Disk, tones: Tones, decode: Decode) -> Manifest:
    """
    Make the files of a recording beside what it is made of; the manifest comes last. Raises OSError.
    """
    spooled = read_spooled(directory)
    people = _people(spooled)
    with decoded(spooled, decode) as keys:
        plan = plan_of(spooled.facts, [source.sound for source in spooled.sources], keys, tones)
        with opened(spooled.sources) as files:
            made = _made(spooled, plan, files, disk)
    manifest = build_manifest(plan, spooled.started, people, made)
    disk.write(directory / MANIFEST, [to_json(manifest)])
    disk.sync_directory(directory)
    return manifest


def clean(directory: Path, manifest: Manifest, disk: Disk) -> None:
    """
    Remove what the recording was made of, unless there is something left to be made of it.
    """
    if not any(warning.code in UNDONE for warning in manifest.warnings):
        for path in parts_of(directory):
            disk.remove(path)


def _people(spooled: Spooled) -> People:
    documents = [
        MetadataDocument(kept.at, kept.carried_by, octets)
        for kept, octets in spooled.documents
        if kept.kind is DocumentKind.METADATA and octets is not None
    ]
    facts = spooled.facts
    labels = [track.label for track in facts.in_order()]
    refused = [label for label in _offered_labels(spooled) if label not in labels]
    told = metadata_of_headers(spooled.started.headers)
    return people_of(
        documents, labels, facts.ended.at if facts.ended else None, refused=refused,
        told=None if told is None else (spooled.started.at, told),
    )


def _offered_labels(spooled: Spooled) -> list[str]:
    labels: list[str] = []
    for kept, octets in spooled.documents:
        if kept.kind is DocumentKind.OFFER and octets is not None:
            try:
                labels += [media.label for media in parse_sdp(octets).description.media if media.label]
            except PeerError:
                continue        # it was refused when it came
    return labels


def _made(spooled: Spooled, plan: Plan, files: OpenFiles, disk: Disk) -> Made:
    rendering = Rendering(spooled, plan, files, disk)
    rendering.render()
    for track in plan.tracks:
        for doubt in track.clock.doubts if track.clock else ():
            spooled.warn(CLOCK_IMPLAUSIBLE, f"track {track.name}: {doubt}; its sound is as its timestamps say")
    for text in files.failed.values():
        spooled.warn(UNREADABLE, f"{text}: silence stands in its place, the segments are kept")
    documents = tuple(_document(kept, octets) for kept, octets in spooled.documents)
    return Made(
        tracks=rendering.tracks,
        files=(*rendering.entries, *_kept_files(spooled)),
        documents=documents,
        warnings=tuple(spooled.warnings),
        damaged=tuple(f"{text}." for text in files.failed.values()),
    )


def _document(kept: DocumentKept, octets: bytes | None) -> Document:
    digest = None if octets is None else sha256(octets).hexdigest()
    return Document(kept.name, kept.kind.value, kept.content_type, kept.carried_by, iso(kept.at), digest)


def _kept_files(spooled: Spooled) -> list[FileEntry]:
    journal = spooled.directory / JOURNAL
    digest = digest_of(journal)
    entries = [] if digest is None else [FileEntry(JOURNAL, journal.stat().st_size, digest)]
    for kept, octets in spooled.documents:
        if octets is not None:
            entries.append(FileEntry(f"{DOCUMENTS}/{kept.name}", len(octets), sha256(octets).hexdigest()))
    return entries
