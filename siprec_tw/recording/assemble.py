"""
Tracks out of segments, block by block: memory is bounded by BLOCK, however long the call.

A *piece* is a run of a segment that has its place on the recording's timeline. Pieces of one axis never
overlap (what is covered already is cut off: it is the same sound); pieces of different axes may, when two
sources send on one port at once, and are then mixed.

Sound is fetched through C{read(source, offset, octets)}, which gives what the file of the segment with that
index holds from C{offset} octets after its origin, less or nothing at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.codecs.registry import codec_of
from siprec_tw.recording.segment import Layout
from siprec_tw.recording.sound import Sound
from siprec_tw.recording.timeline import Axis, Timeline, axis_of

BLOCK = 65_536      # samples

Pcm = NDArray[np.int16]
Read = Callable[[int, int, int], bytes]


@frozen
class Piece:
    """
    A run of sound at its place.
    """

    start: int              # first sample on the timeline, at C{rate}
    samples: int            # at C{rate}
    source: int             # index of its segment, for C{read}
    offset: int             # ticks from the origin of its segment's file
    ticks: int              # its length in the format's own clock
    format: PayloadFormat

    @property
    def end(self) -> int:
        """
        The sample after the last.
        """
        return self.start + self.samples


def pieces_of(sounds: Sequence[tuple[int, Sound]], timeline: Timeline, rate: int) -> list[Piece]:
    """
    The pieces of one track in the order of their starts. C{sounds} are pairs of source index and sound.
    """
    covered: dict[Axis, int] = {}
    pieces: list[Piece] = []
    for source, sound in sorted(sounds, key=lambda pair: (pair[1].first, pair[1].segment.opened.number)):
        if sound.segment.opened.layout is not Layout.SAMPLES:
            continue
        axis = axis_of(sound)
        for run in sound.runs:
            first = max(run.first, covered.get(axis, run.first))
            if first < run.end:
                pieces.append(_piece(source, sound, timeline, rate, first, run.end))
        covered[axis] = max(covered.get(axis, sound.end), sound.end)
    return sorted(pieces, key=lambda piece: piece.start)


def overlapping(pieces: Sequence[Piece]) -> bool:
    """
    Whether two sources sound at once.
    """
    return any(later.start < earlier.end for earlier, later in pairwise(pieces))


def sole_format(pieces: Sequence[Piece]) -> PayloadFormat | None:
    """
    The one format in which all of a track is encoded, or None when there are several or no sound.
    """
    formats = {evolve(piece.format, payload_type=0, parameters="") for piece in pieces}
    return formats.pop() if len(formats) == 1 else None


def octets(pieces: Sequence[Piece], samples: int, silence: int, read: Read) -> Iterator[bytes]:
    """
    A track of one law as its octets came, C{silence} where nothing did. The pieces must not overlap and must
    be placed at their own clock rate.
    """
    channels = pieces[0].format.channels if pieces else 1
    for start, end, live in _blocks(pieces, samples):
        block = bytearray([silence]) * ((end - start) * channels)
        for piece in live:
            first, last = max(start, piece.start), min(end, piece.end)
            offset = piece.offset + first - piece.start
            found = read(piece.source, offset * channels, (last - first) * channels)
            at = (first - start) * channels
            block[at : at + len(found)] = found
        yield bytes(block)


def pcm(pieces: Sequence[Piece], samples: int, rate: int, read: Read) -> Iterator[Pcm]:
    """
    A track as mono samples: decoded, mixed with saturation where sources overlap, zero where nothing came.
    """
    for start, end, live in _blocks(pieces, samples):
        block = np.zeros(end - start, dtype=np.int32)
        for piece in live:
            first, last = max(start, piece.start), min(end, piece.end)
            found = _decoded(piece, first - piece.start, last - piece.start, rate, read)
            block[first - start : first - start + len(found)] += found
        yield np.clip(block, -32768, 32767).astype(np.int16)


def interleaved(channels: Sequence[Iterator[Pcm]]) -> Iterator[bytes]:
    """
    Tracks of equal length as the channels of one file, signed 16-bit little-endian.
    """
    for blocks in zip(*channels, strict=True):
        yield np.stack(blocks, axis=1).astype("<i2").tobytes()


def _piece(source: int, sound: Sound, timeline: Timeline, rate: int, first: int, end: int) -> Piece:
    start = timeline.sample(sound, first, rate)
    samples = timeline.sample(sound, end, rate) - start
    opened = sound.segment.opened
    return Piece(start, samples, source, first - opened.origin, end - first, opened.format)


def _blocks(pieces: Sequence[Piece], samples: int) -> Iterator[tuple[int, int, list[Piece]]]:
    """
    Each block's first sample and end, with the pieces that sound in it.
    """
    live: list[Piece] = []
    following = 0
    for start in range(0, samples, BLOCK):
        end = min(start + BLOCK, samples)
        while following < len(pieces) and pieces[following].start < end:
            live.append(pieces[following])
            following += 1
        yield start, end, live
        live = [piece for piece in live if piece.end > end]


def _decoded(piece: Piece, first: int, last: int, rate: int, read: Read) -> NDArray[np.int32]:
    """
    Samples [first, last) of a piece at C{rate}; fewer where the file is short.
    """
    own_rate = piece.format.clock_rate
    from_tick = first * own_rate // rate
    to_tick = min(piece.ticks, -(-last * own_rate // rate) + 1) if own_rate != rate else last
    width = piece.format.channels
    found = read(piece.source, (piece.offset + from_tick) * width, (to_tick - from_tick) * width)
    found = found[: len(found) - len(found) % width]
    mono = _mono(piece.format, found)
    return mono if own_rate == rate else _resampled(mono, from_tick, first, last, own_rate, rate)


def _mono(form: PayloadFormat, payload: bytes) -> NDArray[np.int32]:
    decode = codec_of(form).decode
    if decode is None:
        return np.zeros(0, dtype=np.int32)
    samples = decode(payload).astype(np.int32).reshape(-1, form.channels)
    mono: NDArray[np.int32] = samples.sum(axis=1) // form.channels
    return mono


def _resampled(
    mono: NDArray[np.int32], from_tick: int, first: int, last: int, own_rate: int, rate: int
) -> NDArray[np.int32]:
    """
    Linear interpolation at samples [first, last) of C{rate}, given ticks from C{from_tick} of C{own_rate}.
    """
    if not len(mono):
        return mono
    wanted = np.arange(first, last, dtype=np.float64) * (own_rate / rate) - from_tick
    wanted = wanted[wanted < len(mono)]
    return np.rint(np.interp(wanted, np.arange(len(mono)), mono)).astype(np.int32)
