"""
Compares recordings with what was sent (L{bench.noise_calls}), octet by octet.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from bench.noise_calls import noise
from siprec_tw.cli.source.payload import CODECS, SAMPLES_A_PACKET
from siprec_tw.codecs.registry import codec_of

G711_HEADER = 58
PCM_HEADER = 44


@frozen
class Sent:
    """
    What a stream put on the wire.
    """

    call_id: str
    label: str
    codec: str
    seed: str
    numbers: tuple[int, ...]        # of the packets, in the order of the wire
    times: tuple[float, ...]        # when each went, seconds of the sender's clock

    def packets(self) -> list[bytes | None]:
        """
        The payloads that a recording has to hold, in order; None where nothing was sent.
        """
        payload, sent = noise(self.seed), set(self.numbers)
        return [payload(number) if number in sent else None for number in range(min(sent), max(sent) + 1)]


def read_sent(path: Path) -> list[Sent]:
    """
    The file that L{bench.noise_calls} wrote.
    """
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [
        Sent(each["call_id"], each["label"], each["codec"], each["seed"], tuple(each["sent"]), tuple(each["times"]))
        for each in lines
    ]


def differences(sent: list[Sent], manifests: list[dict[str, Any]]) -> list[str]:
    """
    What is wrong with the recordings of all these streams; empty where every octet is at its place.

    C{manifests} have the recording's directory under the key C{directory}.
    """
    found = []
    by_call = {manifest["call"]["call_id"]: manifest for manifest in manifests}
    for stream in sent:
        manifest = by_call.get(stream.call_id)
        if manifest is None:
            found.append(f"{stream.call_id}: no recording")
            continue
        fault = difference(stream, manifest)
        if fault:
            found.append(f"{stream.call_id} label {stream.label}: {fault}")
    return found


def difference(stream: Sent, manifest: dict[str, Any]) -> str:
    """
    What is wrong with one track, in the track's own file and in its channel of recording.wav; "" where nothing is.
    """
    track = next((t for t in manifest["tracks"] if t["label"] == stream.label), None)
    if track is None or not track["segments"]:
        return "no sound"
    silence = bytes([CODECS[stream.codec].silence])
    packets = stream.packets()
    wanted = silence * track["lead_samples"] + b"".join(p or silence * SAMPLES_A_PACKET for p in packets)
    octets = sound_of(manifest["directory"] / f"track-{stream.label}.wav", G711_HEADER)
    if octets != wanted:
        return first_difference(octets, wanted)
    if track["packets"] != len(set(stream.numbers)):
        return f"{track['packets']} packets, wanted {len(set(stream.numbers))}"
    return mix_difference(packets, stream, track, manifest)


def mix_difference(
    packets: list[bytes | None], stream: Sent, track: dict[str, Any], manifest: dict[str, Any]
) -> str:
    """
    What is wrong with the track's channel of recording.wav: 16-bit, zeros where nothing was sent, as long as the
    longest track.
    """
    decode = codec_of(CODECS[stream.codec].format).decode
    assert decode is not None
    nothing = np.zeros(SAMPLES_A_PACKET, np.int16)
    lead = np.zeros(track["lead_samples"], np.int16)
    wanted = np.concatenate([lead, *(nothing if p is None else decode(p) for p in packets)])
    octets = sound_of(manifest["directory"] / "recording.wav", PCM_HEADER)
    mix = np.frombuffer(octets, "<i2").reshape(-1, len(manifest["tracks"]))
    mine = mix[:, track["channel"] - 1]
    if not np.array_equal(mine[:len(wanted)], wanted):
        return f"recording.wav: {first_difference(mine[:len(wanted)].tobytes(), wanted.tobytes())}"
    return "recording.wav: sound after the end of the track" if mine[len(wanted):].any() else ""


def sound_of(path: Path, header: int) -> bytes:
    """
    The octets of a WAV file's data chunk, whose size stands at the end of the header.
    """
    octets = path.read_bytes()
    size, = struct.unpack_from("<I", octets, header - 4)
    return octets[header:header + size]


def first_difference(found: bytes, wanted: bytes) -> str:
    """
    Where two sounds part.
    """
    if len(found) != len(wanted):
        at = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), None)
        return f"{len(found)} octets, wanted {len(wanted)}; they differ from {at}"
    return f"octet {next(i for i, (a, b) in enumerate(zip(found, wanted, strict=True)) if a != b)} differs"
