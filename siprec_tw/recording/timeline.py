"""
From RTP timestamps to samples of the recording.

Within one axis (stream, epoch, clock rate) a timestamp tells the position exactly: no packet's jitter, loss
or late arrival moves a sample. Axes are put beside one another by time of arrival: a timestamp t was sent,
so far as we can know, at t / rate + transit, where the transit is the least that was seen near the start of
the axis (the packet that waited least in the network). The first packet's own jitter so shifts nothing.

When a source of a track takes over from another (a new SSRC, a clock that jumped), arrival times would leave
a seam of a few milliseconds: within HAND_OVER the new axis is put exactly behind the old one.

The recording's zero is the earliest first sample of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field

from siprec_tw.recording.segment import EARLY_SECONDS
from siprec_tw.recording.sound import Sound

HAND_OVER_OVERLAP = 0.06    # seconds by which a new axis may seem to begin too early
HAND_OVER_PAUSE = 0.02      # seconds by which it may seem to begin too late; below one frame's length

Axis = tuple[str, int, int]


def axis_of(sound: Sound) -> Axis:
    """
    What tells the axis of a segment: stream, epoch and clock rate.
    """
    opened = sound.segment.opened
    return opened.stream_id, opened.epoch, opened.format.clock_rate


@define
class _Placed:
    """
    An axis and where it lies.
    """

    rate: int
    first: int          # the earliest timestamp that is sound
    end: int            # after the latest
    instant: float      # POSIX seconds of C{first}
    start: int = 0      # samples at C{rate} from the recording's zero to C{first}


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
        return (placed.start + timestamp - placed.first) * rate // placed.rate

    def has(self, sound: Sound) -> bool:
        """
        Whether there is sound on the axis of this segment.
        """
        return axis_of(sound) in self._axes

    def place(self, sound: Sound, timestamp: int) -> float:
        """
        The position of a timestamp in seconds.
        """
        placed = self._axes[axis_of(sound)]
        return (placed.start + timestamp - placed.first) / placed.rate

    def samples(self, rate: int) -> int:
        """
        The length of the recording in samples of C{rate} a second.
        """
        ends = (-(-(one.start + one.end - one.first) * rate // one.rate) for one in self._axes.values())
        return max(ends, default=0)

    @property
    def duration(self) -> float:
        """
        The length of the recording in seconds.
        """
        return max(((one.start + one.end - one.first) / one.rate for one in self._axes.values()), default=0.0)

    def seconds(self, at: float) -> float:
        """
        An instant (POSIX seconds) on the recording's time; negative before the first sample.
        """
        return at - self.zero


def timeline_of(tracks: Sequence[Sequence[Sound]]) -> Timeline:
    """
    Place the segments of all tracks, each given as the list of its segments in any order.
    """
    axes_of_tracks = [_axes(sounds) for sounds in tracks]
    axes = {axis: placed for one in axes_of_tracks for axis, placed in one.items()}
    if not axes:
        return Timeline(0.0, {})
    zero = min(placed.instant for placed in axes.values())
    for one in axes_of_tracks:
        _lay(one, zero)
    return Timeline(zero, axes)


def _axes(sounds: Sequence[Sound]) -> dict[Axis, _Placed]:
    members: dict[Axis, list[Sound]] = {}
    for sound in sounds:
        members.setdefault(axis_of(sound), []).append(sound)
    return {axis: _axis(axis[2], of_axis) for axis, of_axis in members.items()}


def _axis(rate: int, sounds: Sequence[Sound]) -> _Placed:
    first = min(sound.first for sound in sounds)
    early = first + EARLY_SECONDS * rate
    transit = min(_transit(sound) for sound in sounds if sound.first <= early)
    return _Placed(rate, first, max(sound.end for sound in sounds), transit + first / rate)


def _transit(sound: Sound) -> float:
    opened = sound.segment.opened
    if sound.segment.early is not None:
        return sound.segment.early.transit
    return opened.arrival - opened.first_timestamp / opened.format.clock_rate


def _lay(axes: Mapping[Axis, _Placed], zero: float) -> None:
    """
    Give each axis of one track its start, closing the seams of hand-overs.
    """
    latest: _Placed | None = None
    for placed in sorted(axes.values(), key=lambda one: one.instant):
        placed.start = round((placed.instant - zero) * placed.rate)
        if latest is not None:
            behind = (latest.start + latest.end - latest.first) * placed.rate // latest.rate
            ahead = (placed.start - behind) / placed.rate
            if -HAND_OVER_OVERLAP <= ahead <= HAND_OVER_PAUSE:
                placed.start = behind
        if latest is None or _end(placed) >= _end(latest):
            latest = placed


def _end(placed: _Placed) -> float:
    return (placed.start + placed.end - placed.first) / placed.rate
