"""
Documents in the shape of each client of interop.md: the whole model, and what a call's documents come to.

Beside each document lies what it must be read as, in the shape of C{to_json}, checked by hand when made.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from siprec_tw.metadata.as_json import to_json
from siprec_tw.metadata.attribution import Basis, attributions, check_labels, parties
from siprec_tw.metadata.model import Metadata
from siprec_tw.metadata.reader import read_metadata
from siprec_tw.metadata.update import apply, end

DOCUMENTS = Path(__file__).parent / "documents"
NAMES = sorted(path.stem for path in DOCUMENTS.glob("*.xml"))


def read(name: str) -> Metadata:
    """
    The metadata of a document.
    """
    metadata = read_metadata((DOCUMENTS / f"{name}.xml").read_bytes()).metadata
    assert metadata is not None
    return metadata


def codes(name: str) -> list[str]:
    """
    The codes of the warnings of a document.
    """
    return [warning.code for warning in read_metadata((DOCUMENTS / f"{name}.xml").read_bytes()).warnings]


def call(*names: str, final: bool = False) -> list[tuple[float, Metadata]]:
    """
    The states of a call whose documents arrive at 100, 200, 300 ...; the last one in a BYE if C{final}.
    """
    history: list[tuple[float, Metadata]] = []
    for number, name in enumerate(names, 1):
        current = history[-1][1] if history else None
        updated = apply(current, read(name), final=final and number == len(names), at=100.0 * number)
        history.append((100.0 * number, updated.metadata))
    return history


def heard(history: list[tuple[float, Metadata]]) -> list[tuple[str, str, float, float | None]]:
    """
    Label, name or address of the participant, from, until.
    """
    names = {p.id: p.name_ids[0].name or p.name_ids[0].aor for p in parties(history)}
    return [(a.label, names[a.participant_id], a.from_time, a.until_time) for a in attributions(history)]


@pytest.mark.parametrize("name", NAMES)
def test_document_is_read_as_expected(name: str) -> None:
    """
    Every document gives exactly the expected model and warnings; only a parser's own words may change.
    """
    reading = read_metadata((DOCUMENTS / f"{name}.xml").read_bytes())
    expected = json.loads((DOCUMENTS / f"{name}.json").read_text())
    assert reading.metadata is not None
    assert to_json(reading.metadata) == expected["metadata"]
    found = [[w.code, w.text] for w in reading.warnings]
    for pair in (*found, *expected["warnings"]):
        if pair[0] == "metadata-not-well-formed":
            pair[1] = ""
    assert found == expected["warnings"]


def test_every_client_has_a_document() -> None:
    """
    No client of the table that sends metadata is forgotten.
    """
    clients = {name.partition("-")[0] for name in NAMES}
    assert clients == {
        "cisco", "oracle", "audiocodes", "ribbon", "avaya", "broadworks", "metaswitch", "twilio", "telnyx",
        "netsapiens", "opensips", "sems", "jambonz", "drachtio", "freeswitch", "rfc",
    }


def test_cisco_call() -> None:
    """
    Cisco: hold and inactive end only the sending, a transfer replaces one party, the BYE ends all of it.
    """
    names = "cisco-1", "cisco-2-hold", "cisco-3-inactive", "cisco-4-transfer", "cisco-5-bye"
    history = call(*names, final=True)
    assert heard(history) == [
        ("1", "Alice Ames", 100.0, 300.0),
        ("2", "Bob Bell", 100.0, 200.0),
        ("1", "Alice Ames", 400.0, 500.0),
        ("2", "Carol Cole", 400.0, 500.0),
    ]
    assert [p.name_ids[0].name for p in parties(history)] == ["Alice Ames", "Bob Bell", "Carol Cole"]
    last = history[-1][1]
    assert [s.label for s in last.streams] == ["1", "2"]
    assert [s.sends for s in last.participant_streams] == [(last.streams[0].id,), (last.streams[1].id,), ()]
    left = [a.disassociate_time for a in last.participant_sessions]
    assert left == [1772616011.0, 1772616011.0, 1772615860.3]
    assert {a.session_id for a in last.participant_sessions} == {last.sessions[0].id}
    assert last.sessions[0].end_time == 1772616011.0


def test_cisco_inactive_loses_nobody() -> None:
    """
    An empty participantstreamassoc is hold: participants and streams stay, and are heard again afterwards.
    """
    history = call("cisco-1", "cisco-3-inactive", "cisco-1")
    assert all(a.disassociate_time is None for a in history[1][1].participant_sessions)
    assert heard(history) == [
        ("1", "Alice Ames", 100.0, 200.0),
        ("2", "Bob Bell", 100.0, 200.0),
        ("1", "Alice Ames", 300.0, None),
        ("2", "Bob Bell", 300.0, None),
    ]


def test_cisco_mistaken_id_is_repaired() -> None:
    """
    A stream's id in place of the second participant's still gives him his stream, with a warning.
    """
    assert heard(call("cisco-6-mistaken-id")) == heard(call("cisco-1"))
    assert "association-repaired" in codes("cisco-6-mistaken-id")


@pytest.mark.parametrize("name, expected", [
    ("oracle-1", [("16777227", "Dora Dean"), ("16777228", "5550199")]),
    ("oracle-2-older", [("33554443", "dora")]),
    ("oracle-3-malformed-extension", [("1", "Dora"), ("2", "Fred")]),
    ("audiocodes-1-legacy", [("1", "sip:1000@198.51.100.20"), ("2", "sip:2000@198.51.100.30")]),
    ("audiocodes-2", [("1", "Greta Gray"), ("2", "sip:2000@198.51.100.30")]),
    ("ribbon-1", [("1", "tel:+15550111"), ("2", "Hana")]),
    ("broadworks-1", [("1", "sip:kate@as.example.net"), ("2", "sip:15550166@as.example.net")]),
    ("broadworks-2-mixed", [("1", "sip:kate@as.example.net"), ("1", "sip:15550166@as.example.net")]),
    ("metaswitch-1", [("main", "Liam"), ("main", "tel:5550172")]),
    ("twilio-1", [("inbound", "+15550181"), ("outbound", "+15550182")]),
    ("telnyx-1", [("1", "sip:+15550191@telnyx.example"), ("2", "sip:+15550192@telnyx.example")]),
    ("netsapiens-1", [("1", "Mia Moss"), ("2", "Nora Nash")]),
    ("opensips-1", [("0", "Pia Pike"), ("1", "sip:bob@192.0.2.31:5070")]),
    ("opensips-2-unescaped", [("0", '"Quinn & <Sons>" < R&D'), ("1", "sip:bob@192.0.2.31:5070")]),
    ("opensips-3-no-streams", []),
    ("sems-1", [("a_leg", "Rosa Reed"), ("b_leg", "Sam Shaw")]),
    ("jambonz-1", [("1", "sip:+15550222@sip.example.org"), ("2", "sip:+15550221@sip.example.org")]),
    ("drachtio-1", [("1", "sip:tula@203.0.113.20"), ("2", "sip:umar@203.0.113.21")]),
    ("freeswitch-1", [("", "sip:walt@203.0.113.31"), ("", "sip:vera@203.0.113.30")]),
])
def test_who_is_heard_on_which_label(name: str, expected: list[tuple[str, str]]) -> None:
    """
    Each dialect tells who speaks on which m-line.
    """
    found = [(label, who) for label, who, _, _ in heard(call(name))]
    assert sorted(found) == sorted(expected)


def test_avaya_dummy_gives_way() -> None:
    """
    Avaya: the dummy of the INVITE is nobody once the UPDATE names the parties, who speak by order.
    """
    history = call("avaya-1-dummy", "avaya-2-update")
    assert [p.name_ids[0].name for p in parties(history)] == ["Ivan Ives", "Jane Jay"]
    assert heard(history) == [("10", "Ivan Ives", 200.0, None), ("20", "Jane Jay", 200.0, None)]
    assert {a.basis for a in attributions(history)} == {Basis.BY_ORDER}
    assert [a.participant_id for a in history[-1][1].participant_sessions] == ["101", "102"]


def test_avaya_dummy_alone_is_a_party() -> None:
    """
    Where no UPDATE comes, the dummy is all there is to say.
    """
    assert [p.id for p in parties(call("avaya-1-dummy"))] == ["1"]


def test_netsapiens_reuses_stream_ids() -> None:
    """
    The stream of label 1 goes on under its id in a new session; that of label 2 is another's now.
    """
    history = call("netsapiens-1", "netsapiens-2-transferred")
    assert heard(history) == [
        ("1", "Mia Moss", 100.0, None),
        ("2", "Nora Nash", 100.0, 200.0),
        ("2", "Omar Orr", 200.0, None),
    ]
    state = history[-1][1]
    assert [(s.id, s.disassociate_time) for s in state.streams] == [
        ("strOne0001", None), ("strSix0006", None), ("strTwo0002", 200.0)
    ]
    assert [(s.id, s.end_time) for s in state.sessions] == [
        ("20260304161121000671", None), ("20260304161021000631", 200.0)
    ]
    assert check_labels(state, ["1", "2"]) == ()


def test_broadworks_repeats_itself() -> None:
    """
    Identical UPDATEs change nothing and raise no warning.
    """
    first = apply(None, read("broadworks-1"), at=100.0)
    second = apply(first.metadata, read("broadworks-1"), at=200.0)
    assert second == first
    assert first.warnings == ()


def test_sems_final_document() -> None:
    """
    SEMS sends the whole document again in its BYE: everything ends at its stop-time and stays known.
    """
    history = call("sems-1", "sems-2-bye", final=True)
    state = history[-1][1]
    assert heard(history) == [("a_leg", "Rosa Reed", 100.0, 200.0), ("b_leg", "Sam Shaw", 100.0, 200.0)]
    assert [s.end_time for s in state.sessions] == [1772643900.0]
    assert [a.disassociate_time for a in state.participant_streams] == [1772643900.0, 1772643900.0]
    assert state.streams == history[0][1].streams


def test_freeswitch_mixed_stream() -> None:
    """
    One stream and no word on who sends it: it is everybody's.
    """
    assert {a.basis for a in attributions(call("freeswitch-1"))} == {Basis.MIXED}


def test_rfc_join_and_leave() -> None:
    """
    Partial documents: one joins with a stream of her own, another leaves.
    """
    history = call("rfc-1", "rfc-2-join", "rfc-3-leave")
    assert heard(history) == [
        ("96", "Anna", 100.0, None),
        ("97", "Ben", 100.0, 300.0),
        ("98", "sip:cleo@example.com", 200.0, None),
    ]
    assert history[-1][1].participants[0] == history[0][1].participants[0]


def test_call_that_ends_without_a_document() -> None:
    """
    A BYE without a body, or no BYE at all: everything open ends then.
    """
    history = call("audiocodes-2")
    state = end(history[0][1], 250.0)
    assert heard([*history, (250.0, state)]) == [
        ("1", "Greta Gray", 100.0, 250.0), ("2", "sip:2000@198.51.100.30", 100.0, 250.0)
    ]
    assert [s.end_time for s in state.sessions] == [250.0]
    assert [r.disassociate_time for r in state.session_recordings] == [250.0]
