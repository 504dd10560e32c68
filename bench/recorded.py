"""
Compares the recordings of a load (L{bench.load}) with what the generator sent, octet by octet; counts what is lost.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from bench.load import PAYLOAD, Octets, Target, payloads
from siprec_tw.codecs.g711 import MULAW_SAMPLES
from siprec_tw.recording.wav import G711_HEADER_SIZE, PCM16_HEADER_SIZE

SILENCE = 0xFF              # mu-law


@frozen
class Found:
    """
    What the files of some streams hold.
    """

    streams: int = 0
    packets: int = 0        # at their places, every octet
    lost: int = 0           # silence in their places, or nothing
    faults: tuple[str, ...] = ()

    @property
    def lost_share(self) -> float:
        """
        From 0 to 1.
        """
        return self.lost / max(1, self.lost + self.packets)

    def plus(self, other: Found) -> Found:
        """
        Both together.
        """
        return Found(
            self.streams + other.streams, self.packets + other.packets, self.lost + other.lost,
            self.faults + other.faults,
        )


def manifests_by_call(recordings: Path) -> dict[str, dict[str, Any]]:
    """
    The finished recordings' manifests by Call-ID; their directory is under the key C{directory}.
    """
    found = {}
    for path in recordings.glob("[0-9]*/*/*/*/recording.json"):
        manifest = json.loads(path.read_text())
        found[manifest["call"]["call_id"]] = {**manifest, "directory": path.parent}
    return found


def checked(manifest: Mapping[str, Any], streams: Sequence[tuple[str, Target]], count: int) -> Found:
    """
    A recording against its streams, label and target, of so many packets each: the tracks' own files and recording.wav.
    """
    found = Found()
    mix = _sound(manifest["directory"] / "recording.wav", PCM16_HEADER_SIZE)
    channels = mix.view("<i2").reshape(-1, len(manifest["tracks"]))
    for label, target in streams:
        track = next((t for t in manifest["tracks"] if t["label"] == label), None)
        if track is None or not track["segments"]:
            found = found.plus(Found(1, 0, count))
            continue
        octets = _sound(manifest["directory"] / track["files"][0], G711_HEADER_SIZE)
        result = _stream(octets, track, target, count)
        channel = channels[:, track["channel"] - 1]
        if not np.array_equal(channel[:len(octets)], MULAW_SAMPLES[octets]) or channel[len(octets):].any():
            result = evolve(result, faults=(*result.faults, "recording.wav differs from the track"))
        told = (track["packets"], result.packets)
        if told[0] != told[1]:
            result = evolve(result, faults=(*result.faults, f"the manifest says {told[0]} packets, the file {told[1]}"))
        where = f"{manifest['recording_id']} label {label}"
        found = found.plus(evolve(result, faults=tuple(f"{where}: {fault}" for fault in result.faults)))
    return found


def _stream(octets: Octets, track: Mapping[str, Any], target: Target, count: int) -> Found:
    """
    One track's octets: the packet at each place, silence there, or a fault.
    """
    first = (track["segments"][0]["first_sequence"] - target.sequence) & 0xFFFF     # of the sent, that was received
    sound = octets[track["lead_samples"]:]
    if (octets[:track["lead_samples"]] != SILENCE).any():
        return Found(1, 0, count, ("sound before the first packet",))
    rows = len(sound) // PAYLOAD
    if len(sound) % PAYLOAD or first + rows > count:
        return Found(1, 0, count, (f"{len(sound)} octets after packet {first}, wanted at most {count} packets",))
    here = sound.reshape(rows, PAYLOAD)
    wanted = payloads(target.ssrc, count)[first:first + rows]
    if np.array_equal(here, wanted):
        return Found(1, rows, count - rows)
    differs = (here != wanted).any(axis=1)
    silent = (here == SILENCE).all(axis=1)
    spoiled = np.flatnonzero(differs & ~silent)
    packets = rows - int(differs.sum())
    faults = (f"packets {spoiled[:5].tolist()} and so on are not what was sent ({len(spoiled)})",) * bool(len(spoiled))
    return Found(1, packets, count - packets, faults)


def _sound(path: Path, header: int) -> Octets:
    """
    The octets of a WAV file's data chunk.
    """
    octets = np.memmap(path, np.uint8, "r")
    size, = struct.unpack("<I", octets[header - 4:header].tobytes())
    return np.asarray(octets[header:header + size])
