"""
Where a track is silent between its first sample and its last, and whose fault that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import pairwise

from attrs import frozen

from siprec_tw.recording.sound import Hole, Sound, axes_of, hole_between
from siprec_tw.recording.timeline import Timeline


class GapKind(Enum):
    """
    Why nothing is heard.
    """

    LOSS = "loss"           # packets were sent and did not arrive
    SILENCE = "silence"     # the source sent nothing: silence suppression, hold
    OUTAGE = "outage"       # this server did not receive: what was sent meanwhile is not known


@frozen
class TrackGap:
    """
    A stretch of silence, in samples of the track's rate.
    """

    kind: GapKind
    start: int              # in the track's own file
    samples: int            # 0 where packets without sound of their own are missing
    lost: int               # packets
    heard: tuple[int, int]  # first sample and end on the recording's time


def gaps_of(sounds: Sequence[Sound], timeline: Timeline, rate: int) -> list[TrackGap]:
    """
    The gaps of one track, in order.
    """
    places = _Places(timeline, timeline.own(), rate)
    axes = axes_of(sorted(sounds, key=lambda one: one.first))
    gaps = [gap for one in axes.values() for gap in _within(one, places)]
    gaps += _between([_span(one, places) for one in axes.values()])
    return sorted(gaps, key=lambda gap: gap.start)


@frozen
class _Places:
    """
    Where timestamps lie, in samples: in the track's own file, and on the recording's time.
    """

    timeline: Timeline
    own: Timeline
    rate: int

    def of(self, sound: Sound, timestamp: int) -> tuple[int, int]:
        return self.own.sample(sound, timestamp, self.rate), self.timeline.sample(sound, timestamp, self.rate)


def _within(sounds: Sequence[Sound], places: _Places) -> Iterator[TrackGap]:
    for sound in sounds:
        for hole in sound.holes:
            yield _placed(sound, hole, places)
    for earlier, later in pairwise(sounds):
        between = hole_between(earlier, later)
        if between:
            yield _placed(earlier, between, places)


def _placed(sound: Sound, hole: Hole, places: _Places) -> TrackGap:
    (start, first), (end, last) = places.of(sound, hole.first), places.of(sound, hole.end)
    kind = GapKind.LOSS if hole.lost else GapKind.SILENCE
    return TrackGap(kind, start, end - start, hole.lost, (first, last))


def _span(sounds: Sequence[Sound], places: _Places) -> tuple[tuple[int, int], tuple[int, int]]:
    end = max(sounds, key=lambda one: one.end)
    return places.of(sounds[0], sounds[0].first), places.of(end, end.end)


def _between(spans: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> Iterator[TrackGap]:
    heard: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if heard is not None and start > heard:
            yield TrackGap(GapKind.SILENCE, heard[0], start[0] - heard[0], 0, (heard[1], start[1]))
        heard = max(end, heard or end)
