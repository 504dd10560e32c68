"""
The reader's tolerance, one habit of clients after the other.
"""

from __future__ import annotations

import pytest

from siprec_tw.metadata.model import (
    Completeness,
    Extension,
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.reader import read_metadata

BODY = """
<datamode>complete</datamode>
<session session_id="S"/>
<participant participant_id="A"><nameID aor="sip:a@x.example"><name>Änne</name></nameID></participant>
<participant participant_id="B"><nameID aor="sip:b@x.example"/></participant>
<stream stream_id="1" session_id="S"><label>one</label></stream>
<stream stream_id="2" session_id="S"><label>two</label></stream>
<participantstreamassoc participant_id="A"><send>1</send><recv>2</recv></participantstreamassoc>
<participantstreamassoc participant_id="B"><send>2</send><recv>1</recv></participantstreamassoc>
"""


def recording(body: str, attributes: str = 'xmlns="urn:ietf:params:xml:ns:recording:1"') -> bytes:
    """
    A document with this content.
    """
    return f"<recording {attributes}>{body}</recording>".encode()


def read(document: bytes) -> tuple[Metadata, list[str]]:
    """
    The metadata of a document and the codes of its warnings.
    """
    reading = read_metadata(document)
    assert reading.metadata is not None
    return reading.metadata, [warning.code for warning in reading.warnings]


EXPECTED, _ = read(recording(BODY))


@pytest.mark.parametrize("document, codes", [
    (recording(BODY, ""), []),
    (recording(BODY, 'xmlns="urn:ietf:params:xml:ns:recording"'), []),
    (recording(BODY, "xmlns='urn:ietf:params:xml:ns:siprec'"), []),
    (recording(BODY, 'xmlns="urn:example:other"'), ["metadata-unknown-namespace"]),
    (recording(BODY, "xmlns='urn:ietf:params:xml:ns:siprec'").replace(b"recording", b"recording_metadata"),
     []),
    (recording(BODY).replace(b"<", b"<t:").replace(b"<t:/", b"</t:").replace(b"xmlns=", b"xmlns:t="), []),
    (recording(BODY).replace(b"datamode", b"dataMode"), []),
    (recording(BODY).replace(b"participantstreamassoc", b"participantStreamAssoc"), []),
    (recording(BODY).replace(b"participant_id", b"id").replace(b"stream_id", b"id"), []),
    (recording(BODY).replace(b"<datamode>complete</datamode>", b""), ["data-mode-missing"]),
    (recording(BODY).replace(b">complete<", b">full<"), ["data-mode-unknown"]),
    (b"<envelope>" + recording(BODY) + b"</envelope>", ["metadata-unknown-root"]),
    (recording(BODY, "").replace(b"recording", b"report"), ["metadata-unknown-root"]),
    (recording(BODY)[:-len("</recording>")], ["metadata-not-well-formed"]),
    (recording(BODY) + b"\r\n--boundary--\r\n", ["metadata-not-well-formed"]),
    (recording(BODY) + b"\0\0", []),
    (recording(BODY).replace(b'"', b"'"), []),
    (recording(BODY).replace(b'="', b"=").replace(b'">', b">").replace(b'"/>', b"/>").replace(b'" ', b" "),
     ["metadata-not-well-formed"]),
    (recording(BODY.replace("<send>1</send>", "<send><id>1</id></send>")), []),
    (recording(BODY.replace("<send>1</send>", "<send>one</send>")), ["association-by-label"]),
])
def test_same_model_from_every_dialect(document: bytes, codes: list[str]) -> None:
    """
    However it is written, it says the same.
    """
    assert read(document) == (EXPECTED, codes)


@pytest.mark.parametrize("octets, codes", [
    (recording(BODY), []),
    (b"\xef\xbb\xbf" + recording(BODY), []),
    (b'<?xml version="1.0" encoding="UTF-8"?>' + recording(BODY), []),
    (b'\r\n <?xml version="1.0"?>' + recording(BODY), ["metadata-leading-space"]),
    (b'\r\n' + recording(BODY), []),
    (recording(BODY).decode().encode("utf-16"), []),
    (recording(BODY).decode().encode("utf-16-be"), []),
    (('<?xml version="1.0" encoding="UTF-16"?>' + recording(BODY).decode()).encode("utf-16"), []),
    (b'<?xml version="1.0" encoding="UTF-16"?>' + recording(BODY), ["metadata-encoding"]),
    (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + recording(BODY), ["metadata-encoding"]),
    (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + recording(BODY).decode().encode("latin-1"), []),
    (b'<?xml version="1.0" encoding="UTF-8"?>' + recording(BODY).decode().encode("latin-1"),
     ["metadata-encoding"]),
    (recording(BODY).decode().encode("latin-1"), ["metadata-encoding"]),
    (b'<?xml version="1.0" encoding="klingon"?>' + recording(BODY), ["metadata-encoding"]),
])
def test_encodings(octets: bytes, codes: list[str]) -> None:
    """
    The octets decide what the encoding is; the declaration is only asked where they do not.
    """
    assert read(octets) == (EXPECTED, codes)


@pytest.mark.parametrize("name", [
    "Smith & Sons", "A < B", "x <sales> y", "<b>bold", "AT&T <", "&nbsp;", "</b>", "R&D; <a href='x'>",
    "&#x;", "<!-- x",
])
def test_unescaped_display_name_costs_nothing(name: str) -> None:
    """
    A display name copied as it is leaves all participants, streams and associations readable.
    """
    metadata, codes = read(recording(BODY.replace("Änne", name)))
    assert metadata.participants[0].name_ids[0].name == name
    assert metadata.participants[1:] == EXPECTED.participants[1:]
    assert metadata.participant_streams == EXPECTED.participant_streams
    assert codes == ["metadata-not-well-formed"]


@pytest.mark.parametrize("aor", [
    '"Al" <sip:a@x.example>', "sip:a@x.example;a&b", "Al & Co <sip:a@x.example>",
])
def test_unescaped_aor_costs_nothing(aor: str) -> None:
    """
    Quotes, ampersands and angle brackets within an aor attribute are part of it.
    """
    metadata, codes = read(recording(BODY.replace('aor="sip:a@x.example"', f'aor="{aor}"')))
    assert metadata.participants[0].name_ids == (NameId("sip:a@x.example", "Änne", "", aor),)
    assert metadata.participant_streams == EXPECTED.participant_streams
    assert codes[0] == "metadata-not-well-formed"


def test_control_characters_cost_nothing() -> None:
    """
    A character that XML forbids becomes U+FFFD.
    """
    metadata, _ = read(recording(BODY.replace("Änne", "An\x01ne")))
    assert metadata.participants[0].name_ids[0].name == "An\ufffdne"
    assert metadata.streams == EXPECTED.streams


def test_missing_end_tag_nests_nothing_away() -> None:
    """
    Participants that a missing end tag has put inside the one before are found.
    """
    metadata, codes = read(recording(BODY.replace("</nameID></participant>", "</nameID>")))
    assert [participant.id for participant in metadata.participants] == ["A", "B"]
    assert [stream.label for stream in metadata.streams] == ["one", "two"]
    assert codes == ["metadata-not-well-formed"]


def test_truncated_document_keeps_its_beginning() -> None:
    """
    A document cut short gives what came before the cut.
    """
    document = recording(BODY)
    metadata, codes = read(document[:document.index(b"<stream stream_id=\"2\"") + 12])
    assert [participant.id for participant in metadata.participants] == ["A", "B"]
    assert metadata.streams[0] == Stream("1", "one", "S")
    assert codes == ["metadata-not-well-formed"]


def test_early_draft_with_containers() -> None:
    """
    The first drafts had a container around the objects of a kind.
    """
    body = BODY.replace('<participant participant_id="A">', '<participants><participant participant_id="A">')
    body = body.replace('<stream stream_id="1"', '</participants><stream stream_id="1"')
    assert read(recording(body)) == (EXPECTED, [])


def test_ids_shared_by_accident() -> None:
    """
    Two streams of one id are two, and who sends that id may be heard on both; likewise two participants.
    """
    body = """<datamode>complete</datamode>
    <participant id="0"><nameID aor="sip:a@x.example"/><send>0</send></participant>
    <participant id="0"><nameID aor="sip:b@x.example"/><send>0</send></participant>
    <stream id="0"><label>1</label></stream><stream id="0"><label>2</label></stream>"""
    metadata, codes = read(recording(body))
    assert metadata.streams == (Stream("0", "1"), Stream("0#2", "2"))
    assert [(p.id, p.name_ids[0].aor) for p in metadata.participants] == [
        ("0", "sip:a@x.example"), ("0#2", "sip:b@x.example")
    ]
    assert metadata.participant_streams == (
        ParticipantStream("0", ("0", "0#2")), ParticipantStream("0#2", ("0", "0#2"))
    )
    assert codes == ["stream-id-shared", "participant-id-shared"]


def test_associations_of_a_shared_id_go_by_order() -> None:
    """
    As many associations as there are owners of the id: one each.
    """
    body = BODY.replace('"B"', '"A"')
    metadata, codes = read(recording(body))
    assert metadata.participant_streams == (
        ParticipantStream("A", ("1",), ("2",)), ParticipantStream("A#2", ("2",), ("1",))
    )
    assert codes == ["participant-id-shared"]


def test_duplicated_elements() -> None:
    """
    What is said twice counts once; of a participant the last name wins.
    """
    twice = """<session session_id="S"/><stream stream_id="1" session_id="S"><label>one</label></stream>
    <participant participant_id="B"><nameID aor="sip:b@x.example"><name>Ben</name></nameID></participant>"""
    metadata, codes = read(recording(BODY + twice))
    assert metadata.streams == EXPECTED.streams
    assert metadata.sessions == EXPECTED.sessions
    assert metadata.participants[1] == Participant("B", (NameId("sip:b@x.example", "Ben"),))
    assert codes == ["duplicate-element"] * 3


def test_associations_of_one_participant_are_joined() -> None:
    """
    One element a stream is as good as one element a participant; an ended one yields to one that lasts.
    """
    body = """<datamode>complete</datamode><stream stream_id="1"/><stream stream_id="2"/>
    <participant participant_id="A"><nameID aor="sip:a@x.example"/></participant>
    <participantstreamassoc participant_id="A"><send>2</send>
    <disassociate-time>2026-03-04T12:00:00Z</disassociate-time></participantstreamassoc>
    <participantstreamassoc participant_id="A"><send>1</send></participantstreamassoc>
    <participantstreamassoc participant_id="A"><recv>2</recv></participantstreamassoc>"""
    metadata, codes = read(recording(body))
    assert metadata.participant_streams == (ParticipantStream("A", ("1",), ("2",)),)
    assert codes == []


def test_spellings_of_times_and_references() -> None:
    """
    associate_time, dissociate-time, start-time and stop-time; references as attribute or element.
    """
    body = """<datamode>partial</datamode>
    <stream><id>s</id><session_id>S</session_id><mode>mixed</mode></stream>
    <session id="S" group="G">
    <start_time>2026-03-04T12:00:00Z</start_time><stop-time>2026-03-04T12:00:01Z</stop-time>
    <reason protocol="SIP">a</reason><reason>b</reason></session>
    <sessionrecordingassoc><associate_time>2026-03-04T12:00:00Z</associate_time></sessionrecordingassoc>
    <participantsessionassoc id="P" session="S"><associate-time>2026-03-04T12:00:00Z</associate-time>
    <dissociate-time>2026-03-04T12:00:02Z</dissociate-time></participantsessionassoc>
    <end-time>2026-03-04T12:00:03Z</end-time>"""
    metadata, codes = read(recording(body))
    noon = 1772625600.0
    assert metadata.data_mode is Completeness.PARTIAL
    assert metadata.streams == (Stream("s", "", "S", "mixed"),)
    session = metadata.sessions[0]
    assert (session.group_ref, session.reason) == ("G", "a; b")
    assert (session.start_time, session.end_time) == (noon, noon + 1)
    assert metadata.session_recordings == (SessionRecording("S", noon),)
    assert metadata.participant_sessions == (ParticipantSession("P", "S", noon, noon + 2),)
    assert metadata.end_time == noon + 3
    assert codes == []


def test_doubtful_references_are_told() -> None:
    """
    What a complete document names and does not have is warned about, and kept.
    """
    body = BODY.replace("<send>1</send>", "<send>9</send>")
    body = body.replace('assoc participant_id="B"', 'assoc participant_id="C"')
    metadata, codes = read(recording(body))
    assert metadata.participant_streams == (
        ParticipantStream("A", ("9",), ("2",)), ParticipantStream("C", ("2",), ("1",))
    )
    assert codes == ["association-unknown-participant", "association-unknown-stream"]


def test_nothing_but_a_root() -> None:
    """
    An empty recording element is metadata that says nothing.
    """
    assert read(b"<recording/>") == (Metadata(), ["data-mode-missing"])


def test_objects_without_ids() -> None:
    """
    Objects without an id are called by label, address or place.
    """
    body = """<datamode>complete</datamode><session/><group/><stream/><stream><label>7</label></stream>
    <participant><nameID aor="sip:a@x.example"/></participant>
    <participant><name>Nobody</name></participant>"""
    metadata, codes = read(recording(body))
    assert [stream.id for stream in metadata.streams] == ["stream:1", "label:7"]
    assert [session.id for session in metadata.sessions] == ["session:1"]
    assert [group.id for group in metadata.groups] == ["group:1"]
    assert [participant.id for participant in metadata.participants] == ["sip:a@x.example", "participant:2"]
    assert codes == [
        "group-without-id", "session-without-id", "stream-without-id", "stream-without-id",
        "participant-without-id", "participant-without-id", "participant-without-aor",
    ]


def test_extension_is_kept_as_it_came() -> None:
    """
    A vendor's element stands alone as XML, and its leaves are keys and values.
    """
    vendor = '<v:x xmlns:v="urn:example:v" v:n="1">t<v:y>a &amp; b</v:y><v:y>c</v:y></v:x>'
    metadata, _ = read(recording(BODY + f'<vendor:z xmlns:vendor="urn:example:z"/>{vendor}'))
    assert metadata.extensions == (
        Extension("urn:example:z", "z", '<vendor:z xmlns:vendor="urn:example:z"/>'),
        Extension(
            "urn:example:v", "x",
            '<v:x xmlns:v="urn:example:v" v:n="1">t<v:y>a &amp; b</v:y><v:y>c</v:y></v:x>',
            (("@n", "1"), ("y", "a & b"), ("y", "c")),
        ),
    )


def test_extension_finds_its_parent() -> None:
    """
    An extensiondata of the drafts goes to the object whose id it names as its parent, else to the document.
    """
    body = BODY + """<extensiondata parent="A"><v>1</v><w>2</w></extensiondata>
    <extensiondata parent="2"><v>3</v></extensiondata><extensiondata parent="?"><v>4</v></extensiondata>"""
    metadata, _ = read(recording(body, ""))
    assert metadata.participants[0].extensions[0].fields == (("@parent", "A"), ("v", "1"), ("w", "2"))
    assert metadata.streams[1].extensions[0].fields[-1] == ("v", "3")
    assert metadata.extensions[0].fields[-1] == ("v", "4")
