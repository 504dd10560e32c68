"""
The manifest's JSON, the verdict, names of files, and people.
"""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from siprec_tw.recording.layout import document_name, final_path, is_recording_id, track_names
from siprec_tw.recording.manifest import (
    CallEntry,
    End,
    Manifest,
    Speaker,
    Times,
    VerdictEntry,
    from_json,
    iso,
    posix,
    to_json,
)
from siprec_tw.recording.people import MetadataDocument, people_of
from siprec_tw.recording.verdict import TrackHeard, VerdictKind, verdict_of

MANIFEST = Manifest(
    1, "r", "n", CallEntry("c", "f\udcff", "t", "u", "s", "a", (("X", "y"),)),
    Times(iso(1.5), None, iso(2), None, 0.0), End("bye", ""),
    VerdictEntry("complete", "Every packet arrived."),
    (), (), (), (), {"sessions": [{"id": "s1", "end": None}]}, (),
)


def document(*people: str, mode: str = "complete", label: str = "96") -> bytes:
    """
    A document with these participants, of whom the first sends the stream.
    """
    parts = "".join(
        f'<participant participant_id="{p}"><nameID aor="sip:{p}@example.com"/></participant>'
        f'<participantsessionassoc participant_id="{p}" session_id="s"/>' for p in people
    )
    return (
        f'<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>{mode}</datamode>'
        f'<session session_id="s"/>{parts}'
        f'<stream stream_id="t" session_id="s"><label>{label}</label></stream>'
        f'<participantstreamassoc participant_id="{people[0]}"><send>t</send></participantstreamassoc>'
        "</recording>"
    ).encode()


def test_round_trip() -> None:
    """
    A manifest is read back as it was; C{from} and C{until} are keys that Python cannot have as names.
    """
    assert from_json(to_json(MANIFEST)) == MANIFEST
    assert json.loads(to_json(MANIFEST))["call"]["to"] == "t"
    assert {"from", "until"} < set(json.loads(to_json_of(Speaker("p", 0.0, None))))


def to_json_of(speaker: Speaker) -> bytes:
    from siprec_tw.recording import manifest

    return json.dumps(manifest._CONVERTER.unstructure(speaker)).encode()


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"5", b"\xff", b'{"schema":1}', b"[" * 100_000])
def test_what_is_no_manifest(text: bytes) -> None:
    """
    Anything else raises ValueError.
    """
    with pytest.raises(ValueError):
        from_json(text)


def test_a_later_schema_is_not_guessed_at() -> None:
    """
    A manifest of a later version is refused, with both versions in the message.
    """
    with pytest.raises(ValueError, match="schema 2, wanted 1"):
        from_json(to_json(evolve(MANIFEST, schema=2)))


def test_instants() -> None:
    """
    Milliseconds, UTC, and back.
    """
    assert iso(1_790_000_000.0625) == "2026-09-21T14:13:20.062Z"
    assert posix(iso(1_790_000_000.5)) == 1_790_000_000.5


@pytest.mark.parametrize(
    "tracks, ended, damaged, kind",
    [
        ([("1", 9.0, 50, 0), ("2", 9.0, 50, 0)], True, (), VerdictKind.COMPLETE),
        ([("1", 9.0, 50, 0), ("2", 9.0, 50, 3)], True, (), VerdictKind.COMPLETE_WITH_LOSS),
        ([("1", 9.0, 50, 0)], True, ("a-1 is torn.",), VerdictKind.COMPLETE_WITH_LOSS),
        ([("1", 9.0, 50, 9), ("2", 9.0, 0, 0)], True, (), VerdictKind.ONE_SIDED),
        ([("1", 9.0, 50, 0), ("2", 0.0, 0, 0)], True, (), VerdictKind.COMPLETE),
        ([("1", 9.0, 50, 0), ("2", 1.0, 0, 0)], True, (), VerdictKind.COMPLETE),
        ([("1", 9.0, 0, 0), ("2", 9.0, 0, 0)], True, (), VerdictKind.SILENT),
        ([("1", 0.0, 0, 0)], True, (), VerdictKind.COMPLETE),
        ([], True, (), VerdictKind.SILENT),
        ([("1", 9.0, 50, 0), ("2", 9.0, 0, 0)], False, (), VerdictKind.TRUNCATED),
    ],
)
def test_verdicts(
    tracks: list[tuple[str, float, int, int]], ended: bool, damaged: tuple[str, ...], kind: VerdictKind
) -> None:
    """
    The gravest word holds, and a sentence says why.
    """
    verdict = verdict_of([TrackHeard(*track) for track in tracks], ended=ended, damaged=damaged)
    assert verdict.kind is kind and verdict.reason.endswith(".")
    assert all(text in verdict.reason for text in damaged)


def test_names() -> None:
    """
    Labels become names that are fit for files and all different.
    """
    assert track_names(["96", "a_leg", "", "16777227"]) == ["96", "a_leg", "2", "16777227"]
    assert track_names(["1", "1", "", "1-1", "2"]) == ["1", "1-1-1", "2-2", "1-1", "2"]
    assert track_names(["..", "a/b", "x" * 99, "ü", "c.events"]) == ["0", "a_b", "x" * 64, "3", "c_events"]
    assert final_path(1_790_000_000.0, "r") == "2026/09/21/r"
    assert document_name(3, "metadata", "Application/RS-Metadata; charset=x") == "003-metadata.xml"
    assert document_name(12, "other", "application/gtd") == "012-other.bin"
    assert [is_recording_id(name) for name in ("01J-x_y.z", ".x", "a/b", "")] == [True, False, False, False]


def test_who_joined_and_left() -> None:
    """
    Arrivals of documents, on our clock, tell who came, who went, and who was heard when.
    """
    people = people_of(
        [
            MetadataDocument(10.0, "INVITE 1", document("alice", "bob")),
            MetadataDocument(20.0, "UPDATE 2", document("carol", "bob")),
            MetadataDocument(30.0, "UPDATE 3", b"<not xml"),
        ],
        ["96"],
        40.0,
    )
    assert [(one.id, one.joined, one.left) for one in people.parties] == [
        ("alice", 10.0, 20.0), ("bob", 10.0, None), ("carol", 20.0, None)
    ]
    assert [(one.participant_id, one.first, one.end) for one in people.speakers] == [
        ("alice", 10.0, 20.0), ("carol", 20.0, None)
    ]
    assert [(warning.at, warning.code) for warning in people.warnings][:2] == [
        (20.0, "participant-vanished"), (30.0, "metadata-not-well-formed")
    ]
    assert isinstance(people.metadata, dict)


def test_labels_that_do_not_agree() -> None:
    """
    A label of an m-line that no document ever names is warned of, one that a later document names is not.
    """
    documents = [
        MetadataDocument(10.0, "INVITE 1", document("a")),
        MetadataDocument(20.0, "UPDATE 2", document("a", label="97")),
    ]
    found = people_of(documents, ["96", "97", "98"], None).warnings
    assert [(one.code, "98" in one.text) for one in found] == [("label-not-in-metadata", True)] * 2
    assert people_of([], ["96"], None).metadata is None
