"""
From RTP timestamps to samples of the recording.

Within one axis (stream, epoch, clock rate) a timestamp tells the position exactly: no packet's jitter, loss
or late arrival moves a sample. Axes are put beside one another by time of arrival: a timestamp t was sent,
so far as we can know, at t / rate + transit, where the transit is the least that was seen near the start of
the axis (the packet that waited least in the network). The first packet's own jitter so shifts nothing.

Where the clock of an axis is known to run wrong (L{siprec_tw.recording.clocks}), the recording's time is the
server's, and what the source calls a second is a little less or more. A track's *own* time, that of its own
file, is by its sources' clocks alone: it starts with the recording's, and parts from it as those clocks do.

When a source of a track takes over from another (a new SSRC, a clock that jumped), arrival times would leave
a seam of a few milliseconds: within HAND_OVER the new axis is put exactly behind the old one.

The recording's zero is the earliest first sample of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import numpy as np
from attrs import define, evolve, field

from siprec_tw.recording.clock_map import ClockMap, Course, map_of
from siprec_tw.recording.clocks import AxisClock
from siprec_tw.recording.segment import EARLY_SECONDS
from siprec_tw.recording.sound import Axis, Sound, axes_of, axis_of

HAND_OVER_OVERLAP = 0.06    # seconds by which a new axis may seem to begin too early
HAND_OVER_PAUSE = 0.02      # seconds by which it may seem to begin too late; below one frame's length

NO_CLOCKS: Mapping[Axis, AxisClock] = {}


@define
class _Placed:
    """
    An axis and where it lies.
    """

    rate: int
    first: int          # the earliest timestamp that is sound
    end: int            # after the latest
    instant: float      # POSIX seconds of C{first}
    clock: ClockMap | None = None   # where it is corrected
    start: int = 0      # samples at C{rate} from the recording's zero to C{first}
    own_start: int = 0  # the same by the track's own time

    def place(self, timestamp: int) -> float:
        """
        Seconds from the recording's zero.
        """
        if self.clock is None:
            return (self.start + timestamp - self.first) / self.rate
        return self.start / self.rate + self.clock.to_common((timestamp - self.first) / self.rate)

    def sample(self, timestamp: int, rate: int) -> int:
        """
        The same in samples of C{rate} a second.
        """
        if self.clock is None:
            return (self.start + timestamp - self.first) * rate // self.rate
        return floor(self.place(timestamp) * rate)

    def samples(self, rate: int) -> int:
        """
        Samples of C{rate} a second up to its end.
        """
        if self.clock is None:
            return -(-(self.start + self.end - self.first) * rate // self.rate)
        return ceil(self.place(self.end) * rate)

    def own(self) -> _Placed:
        """
        The same axis by the track's own time.
        """
        return evolve(self, clock=None, start=self.own_start)

    def ahead(self, seconds: float) -> float:
        """
        By how much the track's own time is ahead of the recording's at an instant of the axis, or at its end.
        """
        since = min(seconds, self.place(self.end)) - self.start / self.rate
        own = since if self.clock is None else float(self.clock.to_own(np.array([since]))[0])
        return (self.own_start - self.start) / self.rate + own - since


@define
class Timeline:
    """
    Where every segment lies on one recording's time.
    """

    zero: float                                 # POSIX seconds of the first sample; 0.0 without any sound
    _axes: dict[Axis, _Placed] = field(alias="axes")

    def sample(self, sound: Sound, timestamp: int, rate: int) -> int:
        """
        The position of a timestamp in samples of C{rate} a second; exact where C{rate} is the clock's own.

        A segment that was not placed, since it is no sound, is where it arrived.
        """
        placed = self._axes.get(axis_of(sound))
        if placed is None:
            return max(0, round((sound.segment.opened.arrival - self.zero) * rate))
        return placed.sample(timestamp, rate)

    def has(self, sound: Sound) -> bool:
        """
        Whether there is sound on the axis of this segment.
        """
        return axis_of(sound) in self._axes

    def place(self, sound: Sound, timestamp: int) -> float:
        """
        The position of a timestamp in seconds.
        """
        return self._axes[axis_of(sound)].place(timestamp)

    def course(self, sound: Sound, timestamp: int) -> Course | None:
        """
        Where the recording's samples lie in the sound from a timestamp on; None where the clock is not corrected.
        """
        placed = self._axes[axis_of(sound)]
        if placed.clock is None:
            return None
        return Course(placed.clock, placed.start / placed.rate, (timestamp - placed.first) / placed.rate)

    def own(self) -> Timeline:
        """
        The tracks' own time.
        """
        return Timeline(self.zero, {axis: placed.own() for axis, placed in self._axes.items()})

    def ahead(self, sounds: Sequence[Sound], seconds: float) -> float:
        """
        By how much a track's own time is ahead of the recording's at C{seconds}; C{sounds} are the track's.
        """
        axes = [self._axes[axis] for axis in axes_of(sounds)]
        begun = [one for one in axes if one.place(one.first) <= seconds] or axes
        latest = max(begun, key=lambda one: one.place(one.first), default=None)
        return latest.ahead(seconds) if latest is not None else 0.0

    def samples(self, rate: int) -> int:
        """
        The length of the recording in samples of C{rate} a second.
        """
        return max((one.samples(rate) for one in self._axes.values()), default=0)

    @property
    def duration(self) -> float:
        """
        The length of the recording in seconds.
        """
        return max((one.place(one.end) for one in self._axes.values()), default=0.0)

    def seconds(self, at: float) -> float:
        """
        An instant (POSIX seconds) on the recording's time; negative before the first sample.
        """
        return at - self.zero


def timeline_of(tracks: Sequence[Sequence[Sound]], clocks: Mapping[Axis, AxisClock] = NO_CLOCKS) -> Timeline:
    """
    Place the segments of all tracks, each given as the list of its segments in any order.
    """
    axes_of_tracks = [
        {axis: _axis(axis[2], members, clocks.get(axis)) for axis, members in axes_of(sounds).items()}
        for sounds in tracks
    ]
    axes = {axis: placed for one in axes_of_tracks for axis, placed in one.items()}
    if not axes:
        return Timeline(0.0, {})
    zero = min(placed.instant for placed in axes.values())
    for one in axes_of_tracks:
        _lay(one, zero)
    return Timeline(zero, axes)


def _axis(rate: int, sounds: Sequence[Sound], clock: AxisClock | None) -> _Placed:
    first, end = min(sound.first for sound in sounds), max(sound.end for sound in sounds)
    if clock is not None and clock.places:
        course = map_of(clock.line, (end - first) / rate) if clock.corrected else None
        return _Placed(rate, first, end, first / rate + clock.line.at(0.0), course)
    early = first + EARLY_SECONDS * rate
    transit = min(_transit(sound) for sound in sounds if sound.first <= early)
    return _Placed(rate, first, end, transit + first / rate)


def _transit(sound: Sound) -> float:
    opened = sound.segment.opened
    if sound.segment.early is not None:
        return sound.segment.early.transit
    return opened.arrival - opened.first_timestamp / opened.format.clock_rate


def _lay(axes: Mapping[Axis, _Placed], zero: float) -> None:
    """
    Give each axis of one track its starts, closing the seams of hand-overs. The track's own time goes on as far
    from the recording's as the axis before has brought it.
    """
    latest: _Placed | None = None
    for placed in sorted(axes.values(), key=lambda one: one.instant):
        placed.start = placed.own_start = round((placed.instant - zero) * placed.rate)
        if latest is not None:
            behind = latest.sample(latest.end, placed.rate)
            ahead = (placed.start - behind) / placed.rate
            if -HAND_OVER_OVERLAP <= ahead <= HAND_OVER_PAUSE:
                placed.start, placed.own_start = behind, latest.own().sample(latest.end, placed.rate)
            else:
                placed.own_start += round(latest.ahead(placed.start / placed.rate) * placed.rate)
        if latest is None or placed.place(placed.end) >= latest.place(latest.end):
            latest = placed
