"""
A call of two streams whose clocks are wrong, received and finished: chirps tell where everything lies.
"""

from __future__ import annotations

import struct
import wave
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from storage_fixtures import PCMU, STARTED, Spooling

from bench.markers import MarkedSound, found
from siprec_tw.codecs.g711 import encode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamSpec
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.recording.manifest import Manifest, posix
from siprec_tw.recording.tones import Tones
from siprec_tw.rtp.rtcp import (
    CNAME,
    NTP_TO_POSIX,
    SenderReport,
    SourceChunk,
    SourceDescription,
    write_compound,
)
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise

ADDRESS = ("192.0.2.1", 40_000)
BEGAN = STARTED + 1.0           # of the streams, true time
EVENTS = PayloadFormat(101, "TELEPHONE-EVENT", 8000)
PACKET = 0.02                   # seconds by the stream's clock
SWEEP = 20                      # packets
PART = 3000                     # packets that are encoded together
HEADER = struct.Struct("!BBHII")

Encode = Callable[[NDArray[np.int16]], bytes]


@frozen
class Drifting:
    """
    A stream: its clock, its network, and what its sender reports say.
    """

    label: str
    ppm: float
    delay: float = 0.005        # seconds, the least of its network
    jitter: float = 0.019       # seconds more at most
    loss: float = 0.002
    form: PayloadFormat = PCMU
    rate: int = 8000            # samples a second
    encode: Encode = encode_mulaw
    name: str | None = None     # CNAME; None: no reports are sent
    told_off: float = 0.0       # seconds by which the sender's own clock is off, and
    told_ppm: float = 0.0       # by which it gains
    told_error: float = 0.0     # seconds that each report may lie beside
    warp: Callable[[float], float] = field(default=lambda instant: instant)    # what leaps do to its true time
    key: float | None = None    # seconds: a key is pressed then

    @property
    def sound(self) -> MarkedSound:
        """
        What it sends.
        """
        return MarkedSound(self.rate, self.ppm)


@define
class DriftingCall:
    """
    A call in a spool of its own.
    """

    root: Path
    seconds: float
    streams: Sequence[Drifting]
    manifest: Manifest = field(init=False)
    path: Path = field(init=False)

    def record(self, tones: Tones = Tones.KEEP) -> None:
        """
        Receive all streams and finish the recording.
        """
        spooling = Spooling(self.root)
        spooling.start(*((f"s{stream.label}", stream.label) for stream in self.streams))
        for number, stream in enumerate(self.streams):
            spec = StreamSpec(f"s{stream.label}", str(spooling.directory), (stream.form, EVENTS))
            receiver = StreamReceiver(spec, "node-1")
            for datagrams, reports in self._sweeps(stream, np.random.default_rng(number)):
                receiver.receive(datagrams)
                receiver.receive_rtcp(reports)
            receiver.close()
        spooling.end(BEGAN + self.seconds)
        result = finalise(self.root, "r1", Disk(sync=False), tones)
        self.manifest, self.path = result.manifest, self.root / result.path

    def channels(self) -> NDArray[np.int16]:
        """
        recording.wav: frames by channels.
        """
        with wave.open(str(self.path / "recording.wav")) as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return frames.reshape(-1, file.getnchannels())

    def places(self) -> NDArray[np.float64]:
        """
        How far each chirp (rows) lies from when it was sent, in seconds, on each track (columns).
        """
        sound, rate = self.channels(), self.manifest.tracks[0].sample_rate
        assert self.manifest.times.sound_started is not None
        zero = posix(self.manifest.times.sound_started)
        rows = []
        for instant in self.streams[0].sound.instants(self.seconds):
            expected = BEGAN + instant - zero
            at = [found(sound[:, channel], rate, expected) for channel in range(len(self.streams))]
            rows.append([np.nan if one is None else one - expected for one in at])
        return np.array(rows)

    def _sweeps(self, stream: Drifting, random: np.random.Generator) -> Iterator[tuple[list[Datagram], list[Datagram]]]:
        count = int(self.seconds / PACKET * (1 + stream.ppm / 1e6))
        sent = BEGAN + np.arange(count) * PACKET / (1 + stream.ppm / 1e6)
        arrivals = np.array([stream.warp(one) for one in sent]) + stream.delay + random.uniform(0, stream.jitter, count)
        kept = random.random(count) >= stream.loss
        kept[0] = True
        ticks = round(PACKET * stream.form.clock_rate)
        first = 2**32 - 160 * 1000      # wraps after 1000 packets
        packets = _packets(stream, count, ticks, first)
        for begin, end in pairwise([*range(0, count, SWEEP), count]):
            datagrams = [
                (next(packets), ADDRESS, float(arrivals[number])) for number in range(begin, end)
            ]
            reports = _reports(stream, float(arrivals[end - 1]), first, random) if begin % 250 == 0 else []
            yield [one for one, keep in zip(datagrams, kept[begin:end], strict=True) if keep], reports


def _packets(stream: Drifting, count: int, ticks: int, first: int) -> Iterator[bytes]:
    size = round(PACKET * stream.rate)
    for start in range(0, count, PART):
        number = min(PART, count - start)
        octets = stream.encode(stream.sound.samples(start * size, number * size))
        each = len(octets) // number
        for index in range(number):
            packet = start + index
            kind, payload = stream.form.payload_type, octets[index * each : (index + 1) * each]
            if stream.key is not None and packet == round(stream.key * (1 + stream.ppm / 1e6) / PACKET):
                kind, payload = EVENTS.payload_type, b"\x05\x8a\x03\x20"      # 5, its end, 0.1 s
            yield HEADER.pack(0x80, kind, packet & 0xFFFF, first + packet * ticks & 0xFFFFFFFF, 7) + payload


def _reports(stream: Drifting, now: float, first: int, random: np.random.Generator) -> list[Datagram]:
    if stream.name is None:
        return []
    told = now + stream.told_off + (now - BEGAN) * stream.told_ppm / 1e6 + random.uniform(0, stream.told_error)
    clock = (now - BEGAN) * stream.form.clock_rate * (1 + stream.ppm / 1e6)
    report = SenderReport(7, int((told + NTP_TO_POSIX) * 2**32), first + round(clock) & 0xFFFFFFFF, 1, 1)
    name = SourceDescription((SourceChunk(7, ((CNAME, stream.name.encode()),)),))
    return [(write_compound((report, name)), ADDRESS, now + stream.delay)]
