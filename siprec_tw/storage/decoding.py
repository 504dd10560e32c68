"""
The packets of one segment to samples on disk: blocking, one pass, memory bounded.

The samples go to a file beside the segment, at the place that their timestamps say; where nothing came the
file has holes, which read as zeros. It is there while the recording is made and then removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from siprec_tw.codecs.decoder import CODEC_NOT_DECODED, Decoder, Undecodable, decoder_of, kept_rate
from siprec_tw.codecs.frame import Frame
from siprec_tw.codecs.frames import Split, encoding_of, split_of
from siprec_tw.errors import PeerError
from siprec_tw.recording import rtpdump
from siprec_tw.recording.packet_order import in_order
from siprec_tw.recording.packet_sound import PacketSound, PacketSpans
from siprec_tw.recording.resample import Kernel, kernel
from siprec_tw.recording.segment import SegmentOpened
from siprec_tw.storage.disk import FILE_MODE
from siprec_tw.storage.dump_file import reading

BATCH = 1 << 15         # samples that are written at once


@frozen
class Job:
    """
    A segment that is to be decoded.
    """

    dump: Path
    linear: Path                        # where the samples go
    opened: SegmentOpened
    elsewhere: tuple[int, ...] = ()     # sequence numbers, sorted, of the source's packets in other segments


@frozen
class Decoded:
    """
    What became of it.
    """

    sound: PacketSound | None           # None: nothing is known of the codec, or there was no packet
    rate: int | None                    # samples a second of the file that was written; None: there is none
    refused: int = 0                    # packets in which something could not be decoded
    failure: Undecodable | None = None  # why nothing was decoded


Decode = Callable[[Job], Decoded]


def decode(job: Job) -> Decoded:
    """
    Decode a segment. Raises OSError where the samples cannot be written; a dump that cannot be read ends there.
    """
    form = job.opened.format
    split = split_of(form)
    decoder = decoder_of(form)
    if isinstance(decoder, Undecodable):
        spans = PacketSpans(job.elsewhere)
        walked = _walk(job, split, spans, _nowhere) if split else _Walked()
        return Decoded(spans.sound() if walked.taken else None, None, walked.refused, decoder)
    assert split is not None
    return _decoded(job, split, decoder)


def _decoded(job: Job, split: Split, decoder: Decoder) -> Decoded:
    form = job.opened.format
    spans = PacketSpans(job.elsewhere)
    descriptor = os.open(job.linear, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        writer = LinearFile(descriptor, decoder.rate, kept_rate(form, decoder))
        placing = _Placing(form.clock_rate, decoder, writer)
        walked = _walk(job, split, spans, placing.take)
        writer.end()
    finally:
        os.close(descriptor)
    sound = spans.sound() if walked.taken else None
    refused = walked.refused + placing.refused
    if sound is None or not placing.taken:
        job.linear.unlink()
        text = f"{encoding_of(form)} is not decoded: none of its packets could be"
        return Decoded(sound, None, refused, Undecodable(CODEC_NOT_DECODED, text) if refused else None)
    return Decoded(sound, writer.rate, refused)


@define
class LinearFile:
    """
    Samples at their places in a file, brought from the rate of their decoder to the one that is kept.
    """

    _descriptor: int
    _from_rate: int
    rate: int
    _kernel: Kernel | None = field(init=False)
    _parts: list[NDArray[np.int16]] = field(factory=list)
    _start: int = 0         # of the parts, at C{from_rate}
    _end: int = 0           # after them
    _done: int = 0          # next sample that is to be written, at C{rate}

    def __attrs_post_init__(self) -> None:
        self._kernel = None if self._from_rate == self.rate else kernel(self._from_rate, self.rate)

    def place(self, start: int, samples: NDArray[np.int16]) -> None:
        """
        Samples at C{start}; what lies before the end of those placed so far is left out.
        """
        samples = samples[max(0, self._end - start) :]
        if start > self._end:
            self.end()
            self._start = self._end = start
            self._done = -(-start * self.rate // self._from_rate)
        self._parts.append(samples)
        self._end += len(samples)
        if self._end - self._start >= BATCH:
            self._write(0 if self._kernel is None else self._kernel.reach)

    def end(self) -> None:
        """
        Write what is left: a pause follows, or nothing.
        """
        if self._parts:
            self._write(0)
        self._parts.clear()
        self._start = self._end

    def _write(self, held: int) -> None:
        """
        Write all samples but those that need the C{held} samples at the end, and more to come.
        """
        samples = np.concatenate(self._parts)
        until = -(-(self._end - held) * self.rate // self._from_rate)
        if self._kernel is None:
            found, kept = samples, len(samples)
        else:
            found = self._kernel.apply(
                samples.astype(np.int32), self._start, self._done, until
            ).astype(np.int16)
            kept = self._kernel.needed(until, until + 1)[0] - self._start if held else len(samples)
            kept = min(max(0, kept), len(samples))
        octets = found.astype("<i2").tobytes()
        written, offset = 0, 2 * self._done
        while written < len(octets):
            written += os.pwrite(self._descriptor, octets[written:], offset + written)
        self._parts = [samples[kept:]] if kept < len(samples) else []
        self._start += kept
        self._done = until


@define
class _Placing:
    """
    Decodes payloads and puts them at their places.
    """

    _clock_rate: int
    _decoder: Decoder
    _writer: LinearFile
    taken: int = 0              # packets that gave samples
    refused: int = 0
    _zero: int | None = None    # timestamp of the first sample

    def take(self, timestamp: int, frames: list[Frame], covered: int) -> None:
        """
        The frames of a packet, of whose ticks the first C{covered} are there already.
        """
        if self._zero is None:
            self._zero = timestamp
        failed = self._decoder.failed
        samples = self._decoder.decode(frames)
        if self._decoder.failed > failed:
            self.refused += 1
        else:
            self.taken += 1
        rate = self._decoder.rate
        start = (timestamp + covered - self._zero) * rate // self._clock_rate
        self._writer.place(start, samples[covered * rate // self._clock_rate :])


@define
class _Walked:
    """
    How many packets were of the format, and how many were not.
    """

    taken: int = 0
    refused: int = 0


def _walk(
    job: Job, split: Split, spans: PacketSpans, take: Callable[[int, list[Frame], int], None]
) -> _Walked:
    """
    Hand over every packet in order: its timestamp, its frames, and the ticks that packets before it cover.
    """
    walked = _Walked()
    with reading(job.dump) as read:
        for packet in in_order(job.opened, rtpdump.records(read)):
            try:
                frames = split(packet.payload)
            except PeerError:
                walked.refused += 1
                frames = []
            else:
                walked.taken += 1
            covered = spans.take(packet.sequence, packet.timestamp, sum(frame.ticks for frame in frames))
            if frames:
                take(packet.timestamp, frames, covered)
    return walked


def _nowhere(timestamp: int, frames: list[Frame], covered: int) -> None:
    """
    Nothing is decoded: only the spans are wanted.
    """
