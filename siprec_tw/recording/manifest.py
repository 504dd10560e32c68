"""
The manifest, C{recording.json}: all that is known of a recording. docs/recording-format.md describes it.

The classes are the document: a field is a key. Instants are ISO 8601 in UTC with milliseconds; seconds and
samples count from the first sample of the recording.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import cattrs
from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from siprec_tw.interfaces import StreamQuality

SCHEMA = 1


@frozen
class CallEntry:
    """
    The SIP call.
    """

    call_id: str
    from_header: str                    # "from" in the document
    to_header: str                      # "to"
    request_uri: str
    source: str                         # "udp:192.0.2.1:5060"
    user_agent: str
    headers: tuple[tuple[str, str], ...]


@frozen
class Times:
    """
    When it was.
    """

    started: str                        # INVITE accepted
    answered: str | None                # 2xx sent
    ended: str
    sound_started: str | None           # the first sample
    duration: float                     # seconds of sound


@frozen
class End:
    """
    How the call ended.
    """

    reason: str
    detail: str


@frozen
class VerdictEntry:
    """
    What the recording is worth.
    """

    name: str
    reason: str


@frozen
class Party:
    """
    Somebody who took part, as the metadata tells.
    """

    id: str
    aor: str
    name: str
    joined: str | None
    left: str | None


@frozen
class Speaker:
    """
    Who is heard on a track, and when.
    """

    participant_id: str
    from_seconds: float                 # "from"
    until_seconds: float | None         # "until"; null: to the end


@frozen
class SegmentEntry:
    """
    One unbroken piece of a stream.
    """

    stream_id: str
    number: int
    epoch: int
    ssrc: int
    encoding: str
    payload_type: int
    clock_rate: int
    node: str
    source: str
    start_sample: int
    samples: int
    packets: int
    lost: int
    duplicates: int
    reordered: int
    rejected: int
    jitter: float                       # seconds
    first_sequence: int
    last_sequence: int
    closed: str                         # why; "" where the process was killed


@frozen
class GapEntry:
    """
    Silence between two sounds of a track.
    """

    kind: str                           # "loss", "silence", "outage"
    start: float                        # seconds
    length: float
    start_sample: int                   # at the track's rate
    samples: int
    lost: int                           # packets


@frozen
class Hold:
    """
    The client had set the track to inactive.
    """

    start: float                        # seconds; negative before the first sample
    length: float


@frozen
class DigitEntry:
    """
    A key that was pressed, as telephone events tell (RFC 4733).
    """

    digit: str                          # 0-9 * # A-D
    start: float                        # seconds
    duration: float


@frozen
class ClockEntry:
    """
    How a track's clock runs beside the server's.
    """

    drift_ppm: float                    # millionths by which it is fast
    source: str                         # by what that is known: "rtcp", "arrival"
    corrected_ms: float                 # by which the recording's time is ahead of the track's own at its end


@frozen
class Track:
    """
    One m-line.
    """

    index: int
    label: str
    media: str
    stream_ids: tuple[str, ...]
    participants: tuple[Speaker, ...]
    encodings: tuple[str, ...]          # "PCMU/8000", in the order of their first use
    channel: int | None                 # of recording.wav, counted from 1
    files: tuple[str, ...]
    sample_rate: int
    samples: int                        # length of its file, lead included
    lead_samples: int                   # silence before the first sound
    packets: int                        # kept, side segments included
    lost: int
    peak: int | None                    # 0..32768, of what could be decoded
    segments: tuple[SegmentEntry, ...]
    side_segments: tuple[SegmentEntry, ...]     # digits, comfort noise: kept packet by packet
    gaps: tuple[GapEntry, ...]
    holds: tuple[Hold, ...]
    digits: tuple[DigitEntry, ...] = ()
    quality: StreamQuality | None = None        # null: no packet came, or the manifest is older than this key
    clock: ClockEntry | None = None     # null: too short to tell


@frozen
class Occurrence:
    """
    Something worth knowing that happened to a track.
    """

    at: str
    seconds: float
    track: int
    kind: str                           # "opened", "hold", "resume", "ssrc-changed", ...
    text: str


@frozen
class WarningEntry:
    """
    Something was wrong and the recording went on.
    """

    code: str
    text: str
    at: str


@frozen
class Document:
    """
    A body as it was received or sent, in C{documents/}.
    """

    name: str
    kind: str
    content_type: str
    carried_by: str
    at: str
    sha256: str | None                  # null: the file is missing


@frozen
class FileEntry:
    """
    A file of the recording.
    """

    name: str
    octets: int
    sha256: str


@frozen
class Manifest:
    """
    The document.
    """

    schema: int
    recording_id: str
    node_id: str
    call: CallEntry
    times: Times
    end: End
    verdict: VerdictEntry
    parties: tuple[Party, ...]
    tracks: tuple[Track, ...]
    events: tuple[Occurrence, ...]
    warnings: tuple[WarningEntry, ...]
    metadata: object                    # the final state, as metadata/ writes it in JSON; null without any
    documents: tuple[Document, ...]
    files: tuple[FileEntry, ...] = field(default=())


def iso(at: float) -> str:
    """
    An instant (POSIX seconds) as the manifest writes it: C{2026-01-31T12:00:00.000Z}.
    """
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def posix(text: str) -> float:
    """
    The instant that L{iso} wrote. Raises ValueError for anything else.
    """
    return datetime.fromisoformat(text).timestamp()


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
    renamed = {
        CallEntry: {"from_header": override(rename="from"), "to_header": override(rename="to")},
        Speaker: {"from_seconds": override(rename="from"), "until_seconds": override(rename="until")},
    }
    for cls, names in renamed.items():
        converter.register_unstructure_hook(cls, make_dict_unstructure_fn(cls, converter, **names))  # type: ignore[arg-type]
        converter.register_structure_hook(cls, make_dict_structure_fn(cls, converter, **names))  # type: ignore[arg-type]
    return converter


_CONVERTER = _converter()


def to_json(manifest: Manifest) -> bytes:
    """
    The manifest as it is written: UTF-8, indented by two, line feed at the end.
    """
    text = json.dumps(_CONVERTER.unstructure(manifest), ensure_ascii=False, indent=2)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def from_json(text: bytes) -> Manifest:
    """
    A manifest read back. Raises ValueError when it is not one, or of a later schema.
    """
    try:
        manifest = _CONVERTER.structure(json.loads(text), Manifest)
    except (KeyError, TypeError, RecursionError, cattrs.BaseValidationError) as error:
        raise ValueError(f"not a manifest: {error!r}") from error
    if manifest.schema > SCHEMA:
        raise ValueError(f"manifest has schema {manifest.schema}, wanted {SCHEMA} or less")
    return manifest
