"""
What a server that was killed in mid-call must have kept: everything that had come half a second before.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bench.exactness import G711_HEADER, Sent, sound_of
from siprec_tw.cli.source.payload import SAMPLES_A_PACKET

AT_RISK = 0.5       # seconds
"""
More than the sweep interval: a packet that has been in the socket for longer must be in the file.
"""


def missing_after_kill(
    sent: list[Sent], manifests: list[dict[str, Any]], killed: float, verdicts: Collection[str] = ("truncated",)
) -> list[str]:
    """
    What is wrong with the recordings of calls without loss that were up at the POSIX time C{killed}; empty where every
    track has what was sent until half a second before, at its place, and nothing else.
    """
    found = []
    by_call = {manifest["call"]["call_id"]: manifest for manifest in manifests}
    for stream in sent:
        manifest = by_call.get(stream.call_id)
        fault = "no recording" if manifest is None else _fault(stream, manifest, killed, verdicts)
        if fault:
            found.append(f"{stream.call_id} label {stream.label}: {fault}")
    return found


def _fault(stream: Sent, manifest: dict[str, Any], killed: float, verdicts: Collection[str]) -> str:
    if manifest["verdict"]["name"] not in verdicts:
        return f"verdict is {manifest['verdict']['name']}, wanted {' or '.join(verdicts)}"
    if len(manifest["parties"]) != 2:
        return f"{len(manifest['parties'])} parties, wanted 2"
    due = [number for number, at in zip(stream.numbers, stream.times, strict=True) if at <= killed - AT_RISK]
    least = (max(due, default=-1) + 1) * SAMPLES_A_PACKET
    track = next((t for t in manifest["tracks"] if t["label"] == stream.label), None)
    if track is None or not track["files"]:
        return f"no sound, wanted {least} octets" if least else ""
    octets = sound_of(manifest["directory"] / f"track-{stream.label}.wav", G711_HEADER)[track["lead_samples"]:]
    wanted = b"".join(packet or b"" for packet in stream.packets())
    if not wanted.startswith(octets):
        return "other octets than were sent"
    return f"{len(octets)} octets, wanted {least} at least" if len(octets) < least else ""
