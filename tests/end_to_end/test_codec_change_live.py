"""
The codec changes in mid-call and the timeline stays: a tone in each part is heard when it was sent.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from attrs import frozen
from numpy.typing import NDArray
from running_server import RunningServer
from wire_client import Caller, manifests_of, open_wire, sdp

from siprec_tw.codecs.g711 import encode_mulaw

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

Samples = NDArray[np.int16]

PART = 50               # packets of 20 ms before the codec changes
MARK = (0.4, 0.5)       # seconds in each part between which the tone is heard
TONE = 1000.0           # Hz
TOLERANCE = 0.012       # seconds: parts of different clocks are joined by when they arrived


@frozen
class Part:
    """
    A second in one codec.
    """

    payload_type: int
    clock_rate: int
    rate: int           # samples a second
    encoder: str        # FFmpeg's; "" for mu-law


PCMU = Part(0, 8000, 8000, "")
OPUS = Part(111, 48_000, 48_000, "libopus")
G722 = Part(9, 8000, 16_000, "g722")
PARTS = (PCMU, OPUS, G722, PCMU)
FORMATS = ("a=rtpmap:111 opus/48000/2", "a=rtpmap:9 G722/8000", "a=ptime:20")


def marked(rate: int) -> Samples:
    """
    A second of silence, in it the tone.
    """
    t = np.arange(rate * PART // 50) / rate
    tone = 8000 * np.sin(2 * np.pi * TONE * t) * ((t >= MARK[0]) & (t < MARK[1]))
    return np.asarray(tone, np.int16)


def payloads(part: Part) -> list[bytes]:
    sound, size = marked(part.rate), part.rate // 50
    if not part.encoder:
        octets = encode_mulaw(sound)
        return [octets[at : at + size] for at in range(0, len(octets), size)]
    context = av.AudioCodecContext.create(part.encoder, "w")
    context.sample_rate, context.layout, context.format = part.rate, "mono", "s16"
    found = []
    for at in range(0, len(sound), size):
        frame = av.AudioFrame.from_ndarray(sound[at : at + size].reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = part.rate, at
        found += [bytes(packet) for packet in context.encode(frame)]
    assert len(found) == PART, (part, len(found))
    return found


def packets(*, own_sources: bool) -> Iterator[bytes]:
    """
    The packets of all parts; each part is a source of its own, or all are one, whose timestamp goes on at the
    pace of the clock of each.
    """
    sequence, timestamp = 65_500, 4294_000_000
    for number, part in enumerate(PARTS):
        for index, payload in enumerate(payloads(part)):
            ssrc = 77 + number if own_sources else 77
            marker = 0x80 if index == 0 else 0
            head = struct.pack("!BBHII", 0x80, marker | part.payload_type, sequence, timestamp, ssrc)
            yield head + payload
            sequence = (sequence + 1) & 0xFFFF
            timestamp = (timestamp + part.clock_rate // 50) & 0xFFFFFFFF


def tones(path: Path) -> list[tuple[float, float]]:
    """
    When the tone begins and ends, in seconds, by its energy in steps of a millisecond.
    """
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels)[:, 0]
    step = rate // 1000
    power = (frames[: len(frames) // step * step].astype(float).reshape(-1, step) ** 2).mean(axis=1)
    loud = np.convolve(power, np.ones(3) / 3, "same") > 3000.0**2
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    return [(begin / 1000, end / 1000) for begin, end in zip(begins, ends, strict=True) if end - begin > 50]


@pytest.mark.parametrize("own_sources", [False, True], ids=["one source", "a source each"])
def test_tones_are_where_they_were_sent(server: RunningServer, own_sources: bool) -> None:
    """
    G.711, Opus, G.722 and G.711 again, a second each: every tone stands at its second, nothing is lost, and the
    recording is as long as the call.
    """
    stream = list(packets(own_sources=own_sources))
    offer = sdp(*FORMATS, ports=(40000,)).replace(b"RTP/AVP 0", b"RTP/AVP 0 111 9")
    with open_wire("udp", server.sip_port) as wire, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        caller = Caller(wire)
        port = caller.call(offer).ports[0]
        begun = time.monotonic()
        for number, packet in enumerate(stream):
            time.sleep(max(0.0, begun + 0.02 * number - time.monotonic()))
            media.sendto(packet, ("127.0.0.1", port))
        caller.bye()
        server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
        (manifest,) = manifests_of(server, caller)
    check(manifest)


def check(manifest: dict[str, Any]) -> None:
    (track,) = manifest["tracks"]
    assert (track["packets"], track["lost"]) == (4 * PART, 0)
    assert abs(manifest["times"]["duration"] - len(PARTS)) < TOLERANCE
    assert track["encodings"] == ["PCMU/8000", "OPUS/48000/2", "G722/8000"]
    for name in ("recording.wav", "track-1.wav"):
        found = tones(manifest["directory"] / name)
        assert len(found) == len(PARTS), found
        for second, (begin, end) in enumerate(found):
            assert abs(begin - second - MARK[0]) < TOLERANCE, (name, second, begin)
            assert abs(end - second - MARK[1]) < TOLERANCE, (name, second, end)
