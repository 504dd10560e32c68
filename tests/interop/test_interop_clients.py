"""
What real recording clients send (our own text in their shapes), and what each message and call must come to.
"""

from __future__ import annotations

from typing import Any

import pytest
from call_reading import CallReading, extension_fields
from client_cases import CLIENTS, Case, ScriptedMessage, load
from kept_recordings import differences
from placed_calls import PlacedCall, placed
from running_server import RunningServer
from sdp_lines import in_short, lines_of

from siprec_tw.recording.people import People

CALLS = [(name, dialog) for name in CLIENTS for dialog in load(name).recordings]
# What only those know who receive and store the media.
WARNINGS_OF_MEDIA = {"codec-not-decoded", "source-changed", "two-sources-at-once"}


def test_every_client_of_the_table_has_its_folder() -> None:
    """
    No client of the table is forgotten.
    """
    names = {name.partition("_")[0] for name in CLIENTS}
    assert names == {
        "cisco", "oracle", "audiocodes", "ribbon", "avaya", "broadworks", "metaswitch", "twilio", "telnyx",
        "netsapiens", "opensips", "sems", "jambonz", "drachtio", "freeswitch", "genesys",
    }


@pytest.mark.parametrize("name", CLIENTS)
def test_each_message_is_read_and_answered(name: str) -> None:
    """
    Each message has the status, the description and the warnings that are written beside it.
    """
    case = load(name)
    calls: dict[str, CallReading] = {}
    for at, message in enumerate(case.messages, 1):
        found = calls.setdefault(message.dialog, CallReading()).read(message, float(at))
        # That a dialog is over, only a server knows.
        wanted = 200 if message.expected.get("status") == 481 else message.expected.get("status", 200)
        assert found.status == wanted, message.name
        assert sorted(set(found.warnings)) == message.expected["warnings"], message.name
        assert described(found.description) == expected_lines(message), message.name


@pytest.mark.parametrize(("name", "dialog"), CALLS)
def test_each_call_has_its_model(name: str, dialog: str) -> None:
    """
    Parties, who speaks on which label when, holds, extensions and warnings of the call are those expected.
    """
    case = load(name)
    call, found = read_call(case, dialog)
    expected = case.recordings[dialog]
    assert parties_of(case, call.people()) == expected["parties"]
    assert speaks_of(case, call.people()) == [without(one, "line") for one in expected["speaks"]]
    assert call.holds() == expected.get("holds", {})
    for place, fields in expected.get("extensions", {}).items():
        assert set(fields) <= set(extension_fields(call.people().metadata, place))
    codes = {*found, *(warning.code for warning in call.people().warnings)}
    assert codes == {*expected["warnings"]} - WARNINGS_OF_MEDIA


@pytest.mark.processes
@pytest.mark.parametrize("name", CLIENTS)
def test_a_real_server_records_the_calls(server: RunningServer, name: str) -> None:
    """
    Placed at a running server, every message is answered as expected and every call well recorded.
    """
    case = load(name)
    with placed(case, server.sip_port) as at_server:
        at_server.run()
        found = {dialog: manifest_of(server, at_server.calls[dialog]) for dialog in case.recordings}
        wrong = {
            dialog: differences(manifest, at_server.calls[dialog], dict(case.recordings[dialog]))
            for dialog, manifest in found.items()
        }
    assert not any(wrong.values()), wrong
    assert len(recordings_of(server, at_server.calls)) == len(case.recordings)


def manifest_of(server: RunningServer, call: PlacedCall) -> dict[str, Any]:
    """
    The manifest of a call, once it is there.
    """
    server.wait(f"the recording of {call.call_id}", lambda: recordings_of(server, {"": call}))
    (manifest,) = recordings_of(server, {"": call})
    return manifest


def recordings_of(server: RunningServer, calls: dict[str, PlacedCall]) -> list[dict[str, Any]]:
    """
    The finished recordings of these calls.
    """
    call_ids = {call.call_id for call in calls.values()}
    return [manifest for manifest in server.manifests() if manifest["call"]["call_id"] in call_ids]


def read_call(case: Case, dialog: str) -> tuple[CallReading, list[str]]:
    """
    One call of a case, and the codes of the warnings of its messages.
    """
    call, codes = CallReading(), []
    for at, message in enumerate(case.messages, 1):
        if message.dialog == dialog and message.expected.get("status") != 481:
            codes += call.read(message, float(at)).warnings
    return call, codes


def parties_of(case: Case, people: People) -> list[dict[str, Any]]:
    """
    In the shape of expected.yaml.
    """
    return [
        timed({"aor": one.aor, "name": one.name}, case, joins=one.joined, leaves=one.left)
        for one in people.parties
    ]


def speaks_of(case: Case, people: People) -> list[dict[str, Any]]:
    """
    In the shape and order of expected.yaml: by label, then by time.
    """
    aors = {party.id: party.aor for party in people.parties}
    found = [(one.label, one.first, one.end, aors[one.participant_id]) for one in people.speakers]
    return [
        timed({"label": label, "who": who}, case, **{"from": first, "until": end})
        for label, first, end, who in sorted(found, key=lambda one: (one[0], one[1], one[3]))
    ]


def timed(entry: dict[str, Any], case: Case, **instants: float | None) -> dict[str, Any]:
    """
    An entry with the names of the messages that arrived at these instants.
    """
    named = {key: case.messages[round(at) - 1].name for key, at in instants.items() if at is not None}
    return {**entry, **named}


def described(description: bytes) -> list[dict[str, Any]]:
    """
    The m-lines of a description in short, none of none.
    """
    return [line.in_short() for line in lines_of(description)] if description else []


def expected_lines(message: ScriptedMessage) -> list[dict[str, Any]]:
    """
    What the answer, or our offer, is expected to be.
    """
    return [in_short(line) for line in message.expected.get("answer", message.expected.get("offer", []))]


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    """
    An entry less one key.
    """
    return {name: value for name, value in entry.items() if name != key}
