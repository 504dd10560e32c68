"""
Where a track is silent between its first sample and its last, and whose fault that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import pairwise

from attrs import frozen

from siprec_tw.recording.sound import Hole, Sound, hole_between
from siprec_tw.recording.timeline import Axis, Timeline, axis_of


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
    A stretch of silence on the recording's timeline.
    """

    kind: GapKind
    start: int              # sample
    samples: int            # 0 where packets without sound of their own are missing
    lost: int               # packets


def gaps_of(sounds: Sequence[Sound], timeline: Timeline, rate: int) -> list[TrackGap]:
    """
    The gaps of one track, in order.
    """
    axes: dict[Axis, list[Sound]] = {}
    for sound in sorted(sounds, key=lambda one: one.first):
        axes.setdefault(axis_of(sound), []).append(sound)
    gaps = [gap for one in axes.values() for gap in _within(one, timeline, rate)]
    gaps += _between([_span(one, timeline, rate) for one in axes.values()])
    return sorted(gaps, key=lambda gap: gap.start)


def _within(sounds: Sequence[Sound], timeline: Timeline, rate: int) -> Iterator[TrackGap]:
    for sound in sounds:
        for hole in sound.holes:
            yield _placed(sound, hole, timeline, rate)
    for earlier, later in pairwise(sounds):
        between = hole_between(earlier, later)
        if between:
            yield _placed(earlier, between, timeline, rate)


def _placed(sound: Sound, hole: Hole, timeline: Timeline, rate: int) -> TrackGap:
    start = timeline.sample(sound, hole.first, rate)
    samples = timeline.sample(sound, hole.end, rate) - start
    return TrackGap(GapKind.LOSS if hole.lost else GapKind.SILENCE, start, samples, hole.lost)


def _span(sounds: Sequence[Sound], timeline: Timeline, rate: int) -> tuple[int, int]:
    end = max(sounds, key=lambda one: one.end)
    return timeline.sample(sounds[0], sounds[0].first, rate), timeline.sample(end, end.end, rate)


def _between(spans: Sequence[tuple[int, int]]) -> Iterator[TrackGap]:
    heard: int | None = None
    for start, end in sorted(spans):
        if heard is not None and start > heard:
            yield TrackGap(GapKind.SILENCE, heard, start - heard, 0)
        heard = max(end, heard or end)
