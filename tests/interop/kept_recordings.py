"""
A recording's manifest against what is expected of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from call_reading import extension_fields
from placed_calls import PlacedCall


def differences(manifest: dict[str, Any], call: PlacedCall, expected: dict[str, Any]) -> dict[str, Any]:
    """
    What the manifest says otherwise: subject to (found, expected).
    """
    subjects = _subjects(manifest, call, expected)
    return {subject: (found, wanted) for subject, found, wanted in subjects if found != wanted}


def _subjects(
    manifest: dict[str, Any], call: PlacedCall, expected: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    parties = expected["parties"]
    yield "verdict", manifest["verdict"]["name"], expected["verdict"]
    yield "end", manifest["end"]["reason"], "bye"
    yield "warnings", sorted({one["code"] for one in manifest["warnings"]}), sorted(expected["warnings"])
    yield "documents", sorted({one["kind"] for one in manifest["documents"]}), expected["documents"]
    yield "parties", named(manifest["parties"]), named(parties)
    yield "left", [p["left"] is not None for p in manifest["parties"]], ["leaves" in p for p in parties]
    yield "speakers", speakers_of(manifest), expected_speakers(manifest, expected)
    yield "holds", holds_of(manifest), {label: len(all) for label, all in expected.get("holds", {}).items()}
    tracks = {track["index"]: track for track in manifest["tracks"]}
    sent = {index: call.sources.packets(index) for index in tracks}
    yield "packets", {index: track["packets"] for index, track in tracks.items()}, sent
    yield "channels", [track["channel"] for track in tracks.values()], list(range(1, len(tracks) + 1))
    kept = {name.lower(): value for name, value in reversed(manifest["call"]["headers"])}
    headers = {name.lower(): value for name, value in expected.get("headers", {}).items()}
    yield "headers", {name: kept.get(name) for name in headers}, headers
    yield "from", expected.get("from", "") in manifest["call"]["from"], True
    metadata = manifest["metadata"]
    if "group" in expected:
        yield "group", [group["id"] for group in metadata["groups"]], [expected["group"]]
    for place, fields in expected.get("extensions", {}).items():
        yield f"extensions of {place}", set(fields) - set(extension_fields(metadata, place)), set()


def named(parties: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """
    Address and name of each.
    """
    return [(party["aor"], party["name"]) for party in parties]


def speakers_of(manifest: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """
    The index of the track, who is heard on it, whether to the end.
    """
    aors = {party["id"]: party["aor"] for party in manifest["parties"]}
    return sorted(
        (track["index"], aors[one["participant_id"]], one["until"] is None)
        for track in manifest["tracks"] for one in track["participants"]
    )


def expected_speakers(manifest: dict[str, Any], expected: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """
    The same of what is expected; who speaks on a line that is not recorded is heard nowhere.
    """
    indices = {track["label"]: track["index"] for track in manifest["tracks"]}
    found = []
    for one in expected["speaks"]:
        index = one.get("line", indices.get(one["label"]))
        if index is not None:
            found.append((index, one["who"], "until" not in one))
    return sorted(found)


def holds_of(manifest: dict[str, Any]) -> dict[str, int]:
    """
    How often each label was held.
    """
    return {
        track["label"]: len(track["holds"])
        for track in manifest["tracks"] if any(hold["length"] > 0 for hold in track["holds"])
    }
