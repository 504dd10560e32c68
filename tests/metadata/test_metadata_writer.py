"""
Documents that we write: what RFC 7865 can carry comes back as it went.
"""

from __future__ import annotations

import json

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as some
from lxml import etree

from siprec_tw.metadata.as_json import to_json
from siprec_tw.metadata.model import (
    Completeness,
    Extension,
    Group,
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.reader import Reading, read_metadata
from siprec_tw.metadata.writer import NAMESPACE, write_metadata

VENDOR = Extension(
    "urn:example:v", "x", '<v:x xmlns:v="urn:example:v" n="1"><v:y>2</v:y></v:x>', (("@n", "1"), ("y", "2"))
)
FULL = Metadata(
    groups=(Group("G", 10.0, 90.5, (VENDOR,)),),
    sessions=(Session("S", ("a;remote=b", "c"), "G", 10.0, 90.25, "because", (VENDOR,)),),
    participants=(
        Participant("A", (
            NameId("sip:al@x.example", "Al", "en"), NameId("sip:al@x.example", "Ål", "sv"),
            NameId("tel:+15551234"),
        ), (VENDOR,)),
        Participant("B", (NameId("sip:bo@x.example", 'Bo "<&>" O\'Neil'),)),
    ),
    streams=(Stream("1", "one", "S", extensions=(VENDOR,)), Stream("2", "two", "S")),
    session_recordings=(SessionRecording("S", 10.0),),
    participant_sessions=(
        ParticipantSession("A", "S", 10.0, 80.0, (("sip.class", "business"),)), ParticipantSession("B", "S"),
    ),
    participant_streams=(
        ParticipantStream("A", ("1",), ("2",), 10.0, 80.0), ParticipantStream("B", ("2", "1")),
    ),
    extensions=(VENDOR,),
)
DOCUMENT = b"""<?xml version='1.0' encoding='UTF-8'?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="S"/>
  <participant participant_id="A">
    <nameID aor="sip:a@x.example">
      <name xml:lang="en">A &amp; Co</name>
    </nameID>
  </participant>
  <stream stream_id="1" session_id="S">
    <label>one</label>
  </stream>
  <sessionrecordingassoc session_id="S">
    <associate-time>2026-03-04T12:00:00Z</associate-time>
  </sessionrecordingassoc>
  <participantsessionassoc participant_id="A" session_id="S"/>
  <participantstreamassoc participant_id="A">
    <send>1</send>
  </participantstreamassoc>
</recording>
"""


def test_full_round_trip() -> None:
    """
    Read what we write and nothing is lost or doubtful, but that 1970 is.
    """
    reading = read_metadata(write_metadata(FULL))
    assert reading.metadata == FULL
    assert [warning.code for warning in reading.warnings] == ["time-in-1970"]


def test_partial_round_trip() -> None:
    """
    A partial document stays one.
    """
    document = evolve(FULL, data_mode=Completeness.PARTIAL, streams=(), participants=())
    assert read_metadata(write_metadata(document)).metadata == document


def test_empty_round_trip() -> None:
    """
    Nothing comes back as nothing.
    """
    assert read_metadata(write_metadata(Metadata())) == Reading(Metadata())


def test_document_as_written() -> None:
    """
    A known document, octet for octet, both ways.
    """
    reading = read_metadata(DOCUMENT)
    assert reading.metadata is not None
    assert reading.warnings == ()
    assert write_metadata(reading.metadata) == DOCUMENT


def test_order_is_that_of_the_schema() -> None:
    """
    The children of the root stand in the order of RFC 7865's schema.
    """
    root = etree.fromstring(write_metadata(FULL))
    names = [etree.QName(child).localname for child in root]
    assert list(dict.fromkeys(names)) == [
        "datamode", "group", "session", "participant", "stream", "sessionrecordingassoc",
        "participantsessionassoc", "participantstreamassoc", "x",
    ]
    assert root.tag == f"{{{NAMESPACE}}}recording"


def test_what_xml_cannot_carry() -> None:
    """
    Forbidden characters are left out, and so are extensions that are no XML or bring a DTD.
    """
    broken = (
        Extension("", "x", "<x"), Extension("", "x", "plain"),
        Extension("", "x", '<!DOCTYPE x [<!ENTITY e "f">]><x>&e;</x>'), VENDOR,
    )
    document = write_metadata(Metadata(
        participants=(Participant("A\0", (NameId("sip:a@x.example", "A\x01\ud800b\ufffe"),), broken),)
    ))
    reading = read_metadata(document)
    assert reading.metadata is not None
    expected = Participant("A", (NameId("sip:a@x.example", "Ab"),), (VENDOR,))
    assert reading.metadata.participants == (expected,)


LETTERS = some.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn"), exclude_characters='"')
NAMES = some.text(LETTERS, min_size=1, max_size=8)
TIMES = some.none() | some.integers(min_value=86400 * 366, max_value=4_000_000_000).map(float)


@some.composite
def documents(draw: some.DrawFn) -> Metadata:
    """
    Any document that RFC 7865 can carry, with consistent references.
    """
    people = draw(some.lists(NAMES, unique=True, max_size=4))
    streams = draw(some.lists(NAMES, unique=True, max_size=4))
    return Metadata(
        sessions=(Session("S", (), draw(some.just("") | NAMES), draw(TIMES), draw(TIMES)),),
        participants=tuple(
            Participant(id, (NameId(f"sip:{position}@x.example", draw(some.just("") | NAMES)),))
            for position, id in enumerate(people)
        ),
        streams=tuple(Stream(id, draw(some.just("") | NAMES), "S") for id in streams),
        participant_sessions=tuple(ParticipantSession(id, "S", draw(TIMES), draw(TIMES)) for id in people),
        participant_streams=tuple(
            ParticipantStream(id, tuple(draw(some.lists(some.sampled_from(streams), unique=True))))
            for id in people if streams
        ),
    )


@given(documents())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_round_trip(document: Metadata) -> None:
    """
    Whatever the ids, names and labels are, they come back.
    """
    assert read_metadata(write_metadata(document)) == Reading(document)


def test_json_shape() -> None:
    """
    The manifest's shape has the model's names, arrays and plain values, and survives JSON.
    """
    shape = to_json(FULL)
    assert json.loads(json.dumps(shape)) == shape
    assert list(shape) == [
        "data_mode", "groups", "sessions", "participants", "streams", "session_recordings",
        "participant_sessions", "participant_streams", "end_time", "extensions",
    ]
    assert shape["data_mode"] == "complete"
    assert shape["participant_sessions"] == [
        {"participant_id": "A", "session_id": "S", "associate_time": 10.0, "disassociate_time": 80.0,
         "parameters": [["sip.class", "business"]]},
        {"participant_id": "B", "session_id": "S", "associate_time": None, "disassociate_time": None,
         "parameters": []},
    ]
    assert shape["extensions"] == [
        {"namespace": "urn:example:v", "name": "x", "xml": VENDOR.xml, "fields": [["@n", "1"], ["y", "2"]]}
    ]
