"""
What happened to the tracks of a call, as somebody who listens to it later wants to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from attrs import frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.journal import Direction, TrackChanged, TrackClosed, TrackOpened
from siprec_tw.recording.plan import Plan, TrackPlan
from siprec_tw.recording.segment import SegmentOpened

WORDS = {Direction.RECVONLY: "resume", Direction.INACTIVE: "hold"}


@frozen
class TrackEvent:
    """
    Something that happened to a track at an instant (POSIX seconds).
    """

    at: float
    track: int
    kind: str
    text: str


def events_of(plan: Plan) -> list[TrackEvent]:
    """
    Offers and changes of source, in the order of time.
    """
    events = list(_negotiated(plan))
    for track in plan.tracks:
        events.extend(_heard(plan, track))
    return sorted(events, key=lambda event: (event.at, event.track))


def encoding_text(format_: PayloadFormat) -> str:
    """
    A format as rtpmap writes it: C{PCMU/8000}, C{OPUS/48000/2}.
    """
    text = f"{format_.encoding}/{format_.clock_rate}"
    return text if format_.channels == 1 else f"{text}/{format_.channels}"


def _negotiated(plan: Plan) -> Iterator[TrackEvent]:
    directions: dict[int, Direction] = {}
    for change in plan.facts.changes:
        match change:
            case TrackOpened():
                formats = ", ".join(encoding_text(one) for one in change.formats)
                yield TrackEvent(change.at, change.track, "opened", f"{change.direction.value}: {formats}")
                directions[change.track] = change.direction
            case TrackChanged():
                if change.direction is not directions.get(change.track):
                    yield TrackEvent(change.at, change.track, WORDS[change.direction], change.direction.value)
                directions[change.track] = change.direction
            case TrackClosed():
                yield TrackEvent(change.at, change.track, "closed", "not received any more" if change.lost else "")


def _heard(plan: Plan, track: TrackPlan) -> Iterator[TrackEvent]:
    sounds = sorted((sound for _, sound in track.sounds), key=lambda one: plan.timeline.place(one, one.first))
    for earlier, later in pairwise(sounds):
        at = plan.timeline.zero + plan.timeline.place(later, later.first)
        yield from _differences(at, track.facts.index, earlier.segment.opened, later.segment.opened)


def _differences(at: float, track: int, old: SegmentOpened, new: SegmentOpened) -> Iterator[TrackEvent]:
    before, after = encoding_text(old.format), encoding_text(new.format)
    if before != after:
        yield TrackEvent(at, track, "codec-changed", f"{before} to {after}")
    if old.ssrc != new.ssrc:
        yield TrackEvent(at, track, "ssrc-changed", f"{old.ssrc:08x} to {new.ssrc:08x}")
    elif old.epoch != new.epoch:
        yield TrackEvent(at, track, "clock-jumped", f"{new.ssrc:08x} at timestamp {new.first_timestamp}")
    if old.source != new.source:
        yield TrackEvent(at, track, "source-changed", f"{old.source} to {new.source}")
