"""
The clocks of a recording's sources beside the server's: how far each is wrong, and how that is known.

  arrival   the least transit of every few seconds, as records tell it: what packets waited least is the clock's alone
  rtcp      sender reports tell an RTP clock beside the sender's own clock, to a fraction of a millisecond. Sources of
            one CNAME have one such clock (RFC 3550 s.6.5.1), so that their tracks are put together without the network
            having a say; and what that clock is beside the server's, the arrivals of all of them tell together

Reports are believed where there are enough, of two tracks at least, that lie on a line and agree with the arrivals;
many senders' do not. A clock is corrected where it is off by more than can be a mistake, and looks like a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np
from attrs import frozen

from siprec_tw.recording.clock_line import LEAST_SPAN, ClockLine, Point, line_under, slope_of
from siprec_tw.recording.journal import END_OF_TIME
from siprec_tw.recording.sound import Axis, Sound, axes_of

CLOCK_IMPLAUSIBLE = "clock-drift-implausible"

MOST_DRIFT = 1000e-6        # what is more is not an oscillator
LEAST_GROWTH = 0.002        # seconds over a whole axis; what is less is not corrected
MOST_WANDER = 0.020         # seconds off the line that a network may do, or
WANDER_SHARE = 0.2          # such a share of the drift
LEAST_LEAP = 0.1            # seconds off the line that are worth a warning
LEAST_REPORTS = 6
REPORTS_SHARE = 0.5         # of an axis that they must cover
MOST_REPORT_ERROR = 0.005   # seconds that nine of ten reports may be off their line
MOST_UNLIKE = 0.050         # seconds that the delays of one client's tracks may differ


class ClockSource(Enum):
    """
    What a clock is known by.
    """

    ARRIVAL = "arrival"
    RTCP = "rtcp"


@frozen
class AxisClock:
    """
    The clock of one axis; instants of C{line} are seconds from its first sample, by its own clock.
    """

    source: ClockSource
    line: ClockLine
    corrected: bool
    doubt: str = ""         # why it is not corrected, though it is wrong

    @property
    def places(self) -> bool:
        """
        Whether the line tells better where the axis begins than its first packets do.
        """
        return self.corrected or self.source is ClockSource.RTCP

    @property
    def drift(self) -> float:
        """
        The share by which the clock is fast.
        """
        return 1 / (1 + self.line.slope) - 1


@frozen
class _Seen:
    """
    What is known of one axis; records may be damaged, and tell anything.
    """

    axis: Axis
    track: int
    first: float                # its first timestamp, in seconds by its own clock
    seconds: float              # from there to its end
    transits: tuple[Point, ...] # seconds from its first sample, least transit
    reports: tuple[Point, ...]  # seconds from its first sample, POSIX seconds by the sender's clock less those
    name: str                   # the CNAME


def clocks_of(tracks: Sequence[Sequence[Sound]]) -> dict[Axis, AxisClock]:
    """
    The clocks of all axes long enough to tell. Each track is given as its segments in any order.
    """
    seen = [
        _seen(axis, number, members)
        for number, sounds in enumerate(tracks)
        for axis, members in axes_of(sounds).items()
    ]
    lines = {one.axis: line_under(one.transits) for one in seen}
    clocks = {axis: _judged(line) for axis, line in lines.items() if line is not None}
    for name in sorted({one.name for one in seen} - {""}):
        clocks.update(_by_reports([one for one in seen if one.name == name]))
    return clocks


def _seen(axis: Axis, track: int, sounds: Sequence[Sound]) -> _Seen:
    first, end, rate = min(one.first for one in sounds), max(one.end for one in sounds), axis[2]
    told = [
        (clock.timestamp, clock.instant) for one in sounds for clock in one.segment.clocks
        if first <= clock.timestamp <= end and abs(clock.instant) < END_OF_TIME
    ]
    transits = [
        (at, transit) for one in sounds for at, transit in one.segment.transits
        if first <= at <= end and abs(transit) < END_OF_TIME
    ]
    names = {clock.name for one in sounds for clock in one.segment.clocks}
    return _Seen(
        axis, track, first / rate, (end - first) / rate,
        tuple(((at - first) / rate, transit) for at, transit in transits),
        tuple(((at - first) / rate, instant - (at - first) / rate) for at, instant in told),
        names.pop() if len(names) == 1 else "",
    )


def _judged(line: ClockLine) -> AxisClock:
    """
    The clock that arrivals tell of.
    """
    if abs(line.growth) < max(LEAST_GROWTH, 2 * line.spread):
        return AxisClock(ClockSource.ARRIVAL, line, corrected=False)
    if _is_clock(line):
        return AxisClock(ClockSource.ARRIVAL, line, corrected=True)
    doubt = ""
    if line.wander > LEAST_LEAP:
        doubt = f"its timestamps seem to leap by {line.wander * 1000:.0f} ms against their arrivals"
    elif abs(line.slope) > MOST_DRIFT:
        doubt = f"its clock seems to be off by {abs(line.slope) * 1e6:.0f} ppm, wanted {MOST_DRIFT * 1e6:.0f} at most"
    return AxisClock(ClockSource.ARRIVAL, line, corrected=False, doubt=doubt)


def _is_clock(line: ClockLine) -> bool:
    most = max(MOST_WANDER, WANDER_SHARE * abs(line.growth))
    return abs(line.slope) <= MOST_DRIFT and line.wander <= most


# --- by sender reports -------------------------------------------------------------------------------


def _by_reports(seen: Sequence[_Seen]) -> dict[Axis, AxisClock]:
    """
    The clocks of those sources of one CNAME whose reports are good, if they are of two tracks at least and agree.
    """
    good = [(one, line) for one in seen if (line := _reported(one)) is not None]
    if len({one.track for one, _ in good}) < 2:
        return {}
    delays = [[_delay(one, line, point) for point in one.transits] for one, line in good]
    common = line_under([point for points in delays for point in points])
    if common is None or not _is_clock(common):
        return {}
    lows = [min(delay - common.at(at) for at, delay in points) for points in delays]
    if max(lows) - min(lows) > MOST_UNLIKE:
        return {}
    lines = {one.axis: _along(one, line, common) for one, line in good}
    return {
        axis: AxisClock(ClockSource.RTCP, line, corrected=abs(line.growth) >= LEAST_GROWTH)
        for axis, line in lines.items() if abs(line.slope) <= MOST_DRIFT
    }


def _reported(one: _Seen) -> Point | None:
    """
    The line on which the reports of an axis lie: how much the sender's clock is ahead at the axis' first sample, and
    what it gains in a second. None where they are too few, or on no line.
    """
    if len(one.reports) < LEAST_REPORTS or not one.transits:
        return None
    instants, ahead = np.array(one.reports).T
    if np.ptp(instants) < max(LEAST_SPAN, REPORTS_SHARE * one.seconds):
        return None
    base = ahead[0]         # large numbers lose digits
    slope = slope_of(instants, ahead - base)
    rest = ahead - base - slope * instants
    offset = float(np.median(rest))
    if np.quantile(np.abs(rest - offset), 0.9) > MOST_REPORT_ERROR or abs(slope) > MOST_DRIFT:
        return None
    return float(base) + offset, slope


def _delay(one: _Seen, reported: Point, transit: Point) -> Point:
    """
    A least transit as an instant of the sender's clock and the delay of arrival behind that.
    """
    at, least = transit
    told = at + reported[0] + reported[1] * at
    return told, one.first + at + least - told


def _along(one: _Seen, reported: Point, common: ClockLine) -> ClockLine:
    """
    The line of an axis by way of the sender's clock.
    """
    offset, gain = reported
    inner = ((told - offset) / (1 + gain) for told, _ in common.knots)
    places = [0.0, *(at for at in inner if 0.0 < at < one.seconds), one.seconds]
    told = [at + offset + gain * at for at in places]
    knots = tuple((at, by + common.at(by) - one.first - at) for at, by in zip(places, told, strict=True))
    slope = (knots[-1][1] - knots[0][1]) / max(one.seconds, LEAST_SPAN)
    return ClockLine(slope, knots, common.wander, common.spread)


def doubts_of(sounds: Sequence[Sound], clocks: Mapping[Axis, AxisClock]) -> list[str]:
    """
    What is odd about the clocks of one track.
    """
    found = (clocks.get(axis) for axis in axes_of(sounds))
    return [clock.doubt for clock in found if clock is not None and clock.doubt]
