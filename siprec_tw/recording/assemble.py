"""
Tracks out of segments, block by block: memory is bounded by BLOCK, however long the call.

A *piece* is a run of a segment that has its place on the recording's timeline. Pieces of one axis never
overlap (what is covered already is cut off: it is the same sound); pieces of different axes may, when two
sources send on one port at once, and are then mixed.

Sound is fetched through C{read(source, offset, octets)}, which gives what the file of the segment with that
index holds from C{offset} octets after its origin, less or nothing at its end. Of packets that were decoded
it is linear: 16-bit little-endian samples, mono, from the segment's first sound on.

A piece whose source's clock is corrected has a *course*: its samples are made of those around their places
(L{siprec_tw.recording.fractional}), so that nothing is dropped or doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.codecs.registry import codec_of
from siprec_tw.recording.clock_map import Course
from siprec_tw.recording.fractional import needed, samples_at
from siprec_tw.recording.resample import kernel
from siprec_tw.recording.segment import Layout
from siprec_tw.recording.sound import Axis, Sound, axis_of
from siprec_tw.recording.timeline import Timeline

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
    format: PayloadFormat   # of linear sound: at the rate of its samples
    linear: bool = False
    course: Course | None = None    # where the clock of its source is corrected

    @property
    def end(self) -> int:
        """
        The sample after the last.
        """
        return self.start + self.samples


def rate_of(sound: Sound) -> int | None:
    """
    The samples a second that a segment has of its own, or None where it cannot be heard.
    """
    opened = sound.segment.opened
    if opened.layout is Layout.PACKETS:
        return sound.decoded_rate
    return opened.format.clock_rate if codec_of(opened.format).decode is not None else None


def pieces_of(sounds: Sequence[tuple[int, Sound]], timeline: Timeline, rate: int) -> list[Piece]:
    """
    The pieces of one track in the order of their starts. C{sounds} are pairs of source index and sound.
    """
    covered: dict[Axis, int] = {}
    pieces: list[Piece] = []
    for source, sound in sorted(sounds, key=lambda pair: (pair[1].first, pair[1].segment.opened.number)):
        if rate_of(sound) is None:
            continue
        axis = axis_of(sound)
        for run in sound.runs:
            first = max(run.first, covered.get(axis, run.first))
            if first < run.end:
                pieces.append(_piece(source, sound, timeline, rate, first, run.end))
        covered[axis] = max(covered.get(axis, sound.end), sound.end)
    return sorted(pieces, key=lambda piece: piece.start)


def without(pieces: Sequence[Piece], spans: Sequence[tuple[int, int]], rate: int) -> list[Piece]:
    """
    What is left of pieces placed at C{rate} when the samples of these spans [first, end), in order, are taken
    out of them.
    """
    if not spans:
        return list(pieces)
    left: list[Piece] = []
    for piece in pieces:
        first = piece.start
        for begin, end in spans:
            if first < min(begin, piece.end):
                left.append(_part(piece, first, min(begin, piece.end), rate))
            first = max(first, end)
        if first < piece.end:
            left.append(_part(piece, first, piece.end, rate))
    return left


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
    form, own_rate, course = opened.format, sound.decoded_rate, timeline.course(sound, first)
    if own_rate is None:
        return Piece(start, samples, source, first - opened.origin, end - first, form, course=course)
    offset = (first - sound.first) * own_rate // form.clock_rate
    ticks = (end - first) * own_rate // form.clock_rate
    form = evolve(form, clock_rate=own_rate, channels=1)
    return Piece(start, samples, source, offset, ticks, form, linear=True, course=course)


def _part(piece: Piece, first: int, end: int, rate: int) -> Piece:
    own_rate, course = piece.format.clock_rate, piece.course
    skipped = (first - piece.start) * own_rate // rate
    ticks = -(-(end - first) * own_rate // rate)
    if course is not None:
        begin, last = course.positions(first, end + 1, rate, own_rate)[[0, -1]]
        skipped = max(0, int(begin))
        ticks, course = ceil(last) - skipped, course.later(skipped / own_rate)
    ticks = min(piece.ticks - skipped, ticks)
    return evolve(
        piece, start=first, samples=end - first, offset=piece.offset + skipped, ticks=ticks, course=course
    )


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
    if piece.course is not None:
        positions = piece.course.positions(piece.start + first, piece.start + last, rate, own_rate)
        begin, end = needed(positions)
        begin = min(max(0, begin), max(0, piece.ticks - 1))
        return samples_at(_mono(piece, begin, min(end, piece.ticks), read), begin, positions)
    if own_rate == rate:
        return _mono(piece, first, last, read)
    resampling = kernel(own_rate, rate)
    begin, end = resampling.needed(first, last)
    begin = min(max(0, begin), max(0, piece.ticks - 1))
    return resampling.apply(_mono(piece, begin, min(end, piece.ticks), read), begin, first, last)


def _mono(piece: Piece, first: int, last: int, read: Read) -> NDArray[np.int32]:
    """
    Ticks [first, last) of a piece as samples of its own rate.
    """
    width = 2 if piece.linear else piece.format.channels
    found = read(piece.source, (piece.offset + first) * width, (last - first) * width)
    found = found[: len(found) - len(found) % width]
    if piece.linear:
        return np.frombuffer(found, "<i2").astype(np.int32)
    decode = codec_of(piece.format).decode
    if decode is None:
        return np.zeros(0, dtype=np.int32)
    samples = decode(found).astype(np.int32).reshape(-1, piece.format.channels)
    mono: NDArray[np.int32] = samples.sum(axis=1) // piece.format.channels
    return mono
