"""
Documents that mean harm, and documents that are merely broken: never an exception, never much time.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from siprec_tw.metadata.as_json import to_json
from siprec_tw.metadata.attribution import attributions, check_labels, parties
from siprec_tw.metadata.extensions import MOST_EXTENSIONS, MOST_FIELDS, MOST_KEY
from siprec_tw.metadata.identity import MOST_OWNERS
from siprec_tw.metadata.model import Metadata
from siprec_tw.metadata.name_id import MOST_LETTERS
from siprec_tw.metadata.reader import MOST_OBJECTS, read_metadata
from siprec_tw.metadata.update import apply
from siprec_tw.metadata.warning_list import MOST_WARNINGS
from siprec_tw.metadata.writer import write_metadata
from siprec_tw.metadata.xml_tree import MOST_DEPTH, MOST_ELEMENTS, MOST_OCTETS

DOCUMENTS = Path(__file__).parent / "documents"
MUTANTS = 10_000

INJURIES = (b"<", b">", b"&", b'"', b"'", b"</", b"/>", b"<!--", b"]]>", b"\0", b"=", b"aor=\"", b"<name>")

BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE recording [
 <!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<recording><datamode>&c;</datamode></recording>"""
EXTERNAL_ENTITY = b"""<?xml version="1.0"?>
<!DOCTYPE recording [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<recording><participant participant_id="&x;"/></recording>"""
EXTERNAL_SUBSET = b'<!DOCTYPE recording SYSTEM "http://192.0.2.1/evil.dtd"><recording/>'
LATE_DOCTYPE = b'<recording><session/></recording><!DOCTYPE x [<!ENTITY y "z">]>'


@pytest.mark.parametrize("document", [BILLION_LAUGHS, EXTERNAL_ENTITY, EXTERNAL_SUBSET, LATE_DOCTYPE])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_any_doctype_is_refused(document: bytes, encoding: str) -> None:
    """
    A document with a DOCTYPE is not read, in whatever encoding it hides.
    """
    reading = read_metadata(document.decode().encode(encoding))
    assert reading.metadata is None
    assert "metadata-doctype" in [warning.code for warning in reading.warnings]


def test_undefined_entities_are_text() -> None:
    """
    An entity that nobody defined is repaired into the text that it looks like.
    """
    party = b"<participant id='1'><aor>sip:a@b</aor><name>&laugh;</name></participant>"
    reading = read_metadata(b"<recording>" + party + b"</recording>")
    assert reading.metadata is not None
    assert reading.metadata.participants[0].name_ids[0].name == "&laugh;"


@pytest.mark.parametrize("document, code", [
    (b"<recording>" + b" " * MOST_OCTETS + b"</recording>", "metadata-too-large"),
    (b"<recording>" + b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH + b"</recording>", "metadata-too-deep"),
    (b"<recording>" * 300, "metadata-too-deep"),
    (b"<recording>" + b"<a/>" * MOST_ELEMENTS + b"</recording>", "metadata-too-many-elements"),
    (b"<recording><a " + b" ".join(b"a%d='1'" % i for i in range(80_000)) + b"/></recording>",
     "metadata-too-many-attributes"),
])
def test_bounds(document: bytes, code: str) -> None:
    """
    Too large, too deep, too many: no metadata, and the warning that says so.
    """
    reading = read_metadata(document)
    assert reading.metadata is None
    assert code in [warning.code for warning in reading.warnings]


def test_bounds_are_inclusive() -> None:
    """
    A document exactly at the bounds of depth and number is read.
    """
    deep = b"<recording>" + b"<a>" * (MOST_DEPTH - 1) + b"</a>" * (MOST_DEPTH - 1) + b"</recording>"
    many = b"<recording>" + b"<a/>" * (MOST_ELEMENTS - 1) + b"</recording>"
    assert read_metadata(deep).metadata is not None
    assert read_metadata(many).metadata is not None


def test_extensions_and_warnings_are_bounded() -> None:
    """
    What is kept of a hostile document stays small: its namespaces are not copied into each extension.
    """
    namespaces = b"".join(b' xmlns:n%d="urn:example:%d"' % (i, i) for i in range(5_000))
    body = b"".join(b"<x%d/>" % i for i in range(10_000)) + b"<participant/>" * 1_000
    reading = read_metadata(b"<recording" + namespaces + b">" + body + b"</recording>")
    assert reading.metadata is not None
    assert len(reading.metadata.extensions) == MOST_EXTENSIONS
    assert sum(len(extension.xml) for extension in reading.metadata.extensions) < 50 * MOST_EXTENSIONS
    assert len(reading.warnings) == MOST_WARNINGS
    assert "extensions-too-large" in [warning.code for warning in reading.warnings]


@pytest.mark.parametrize("aor", [
    b"1 " * 400_000 + b"x", b'"\\' * 400_000, b"a &lt;" * 100_000, b"+" * 900_000,
])
def test_endless_addresses_are_cut(aor: bytes) -> None:
    """
    An address as large as the document is cut before anything looks for a pattern in it.
    """
    party = b"<participant id='1'><aor>" + aor + b"</aor></participant>"
    reading = read_metadata(b"<recording>" + party + b"</recording>")
    assert reading.metadata is not None
    name_id = reading.metadata.participants[0].name_ids[0]
    assert max(len(name_id.aor), len(name_id.name), len(name_id.original)) <= MOST_LETTERS + len("sip:")
    assert "name-too-long" in [warning.code for warning in reading.warnings]


def test_keys_of_extensions_are_bounded() -> None:
    """
    Long names of nested elements do not multiply with the leaves in them.
    """
    nested = (b"<a label='" + b"k" * 10_000 + b"'>") * 30 + b"<b>1</b>" * 10_000 + b"</a>" * 30
    reading = read_metadata(b"<recording>" + nested + b"</recording>")
    assert reading.metadata is not None
    fields = reading.metadata.extensions[0].fields
    assert len(fields) == MOST_FIELDS
    assert max(len(key) for key, _ in fields) <= MOST_KEY + 100


def test_objects_are_bounded() -> None:
    """
    Thousands of objects that share ids do not multiply: so many of a kind are read, so many may share an id.
    """
    streams = b"".join(b"<stream id='x'><label>%d</label></stream>" % i for i in range(3_000))
    people = b"".join(b"<participant id='x'><aor>sip:%d@x.example</aor><send>x</send></participant>" % i
                      for i in range(2_000))
    sends = b"<participantstreamassoc id='x'><send>x</send></participantstreamassoc>" * 3_000
    reading = read_metadata(b"<recording>" + streams + people + sends + b"</recording>")
    assert reading.metadata is not None
    assert len(reading.metadata.streams) == len(reading.metadata.participants) == MOST_OWNERS
    assert sum(len(one.sends) for one in reading.metadata.participant_streams) == MOST_OWNERS ** 2
    unshared = b"".join(b"<stream id='%d'/>" % i for i in range(3_000))
    other = read_metadata(b"<recording>" + unshared + b"</recording>")
    assert other.metadata is not None
    assert len(other.metadata.streams) == MOST_OBJECTS
    codes = {warning.code for warning in (*reading.warnings, *other.warnings)}
    assert {"too-many-objects", "id-shared-by-too-many"} <= codes


@pytest.mark.parametrize("document, code", [
    (b"", "metadata-empty"),
    (b" \r\n\t\0", "metadata-empty"),
    (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n", "metadata-not-xml"),
    (b"{\"recording\": 1}", "metadata-not-xml"),
    (b"<<<<", "metadata-not-xml"),
    (b"<html><body/></html>", "metadata-unknown-root"),
    (bytes(range(256)), "metadata-not-xml"),
])
def test_no_metadata(document: bytes, code: str) -> None:
    """
    What is no metadata document gives none, and a warning.
    """
    reading = read_metadata(document)
    assert reading.metadata is None
    assert code in [warning.code for warning in reading.warnings]


def test_mutated_documents_raise_nothing() -> None:
    """
    Ten thousand broken documents go through the reader and all that follows it without an exception.
    """
    dice = random.Random(7865)
    originals = [path.read_bytes() for path in sorted(DOCUMENTS.glob("*.xml"))]
    state: Metadata | None = None
    readable = 0
    for number in range(MUTANTS):
        document = mutated(dice.choice(originals), dice)
        metadata = read_metadata(document).metadata
        if metadata is None:
            continue
        readable += 1
        before, state = state, apply(state, metadata, final=number % 7 == 0, at=float(number)).metadata
        if number % 10 == 0:
            history = [(number - 1.0, before), (float(number), state)] if before else [(float(number), state)]
            attributions(history)
            parties(history)
            check_labels(state, ["1", "2"])
            to_json(state)
            assert read_metadata(write_metadata(metadata)).metadata is not None
        if number % 5 == 0:
            state = None
    assert readable > MUTANTS / 2


def mutated(document: bytes, dice: random.Random) -> bytes:
    """
    A document with one to four injuries.
    """
    pieces = bytearray(document)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(pieces) + 1)
        length = dice.choice((1, 1, 2, 8, 40, 300))
        match dice.randrange(6):
            case 0:
                del pieces[at:at + length]
            case 1:
                pieces[at:at] = dice.randbytes(length % 9)
            case 2:
                pieces[at:at] = dice.choice(INJURIES)
            case 3:
                source = dice.randrange(len(pieces) + 1)
                pieces[at:at] = pieces[source:source + length]
            case 4:
                pieces[at:at + 1] = bytes([dice.randrange(256)])
            case _:
                del pieces[at:]
                pieces += b"" if dice.random() < 0.5 else b"</recording>"
    return bytes(pieces)
