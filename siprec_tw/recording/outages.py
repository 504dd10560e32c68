"""
When a track was not received, as what received it was lost: from its last sound to the first on a new stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from siprec_tw.recording.gaps import GapKind, TrackGap
from siprec_tw.recording.plan import Plan, TrackPlan
from siprec_tw.recording.sound import Sound


@frozen
class Outage:
    """
    Seconds of the recording; C{end} is None where nothing came any more.
    """

    start: float
    end: float | None


def outages_of(plan: Plan, track: TrackPlan) -> tuple[Outage, ...]:
    """
    The outages of one track, in order. What was lost before the call was answered is none: nobody sent yet.
    """
    answered = plan.facts.answered
    found: list[Outage] = []
    for at, streams in track.facts.losses:
        before = track.facts.stream_ids[:streams]
        old = [sound for _, sound in track.sounds if sound.segment.opened.stream_id in before]
        new = [sound for _, sound in track.sounds if sound.segment.opened.stream_id not in before]
        start = max((_place(plan, one, one.end) for one in old), default=plan.timeline.seconds(at))
        end = min((_place(plan, one, one.first) for one in new), default=None)
        # A stream that was opened anew and refused by the client is lost as well, in the same outage.
        if answered is not None and at >= answered.at and Outage(start, end) not in found:
            found.append(Outage(start, end))
    return tuple(found)


def marked(gaps: Sequence[TrackGap], outages: Sequence[Outage], rate: int) -> list[TrackGap]:
    """
    The gaps of a track, with those that are outages told from silence.
    """
    return [
        evolve(gap, kind=GapKind.OUTAGE)
        if gap.kind is GapKind.SILENCE and any(_meet(gap, outage, rate) for outage in outages) else gap
        for gap in gaps
    ]


def missed(plan: Plan) -> Iterator[str]:
    """
    A sentence for each outage.
    """
    for track in plan.tracks:
        for outage in outages_of(plan, track):
            when = f"from {max(0.0, outage.start):.1f} s on"
            if outage.end is not None:
                when = f"for {max(0.0, outage.end - outage.start):.1f} s"
            yield f"Track {track.name} was not received {when}: its media worker was lost."


def _place(plan: Plan, sound: Sound, timestamp: int) -> float:
    return plan.timeline.place(sound, timestamp)


def _meet(gap: TrackGap, outage: Outage, rate: int) -> bool:
    # Half of what is between two packets: a gap that merely touches the outage is another.
    first, end = gap.start / rate, (gap.start + gap.samples) / rate
    return outage.end is not None and first < outage.end - 0.01 and end > outage.start + 0.01
