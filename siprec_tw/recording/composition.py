"""
The manifest out of everything that is known when the files have been made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, field, frozen

from siprec_tw.interfaces import StreamQuality
from siprec_tw.recording.call_facts import CallFacts, Span
from siprec_tw.recording.gaps import TrackGap, gaps_of
from siprec_tw.recording.journal import CallStarted, Direction, EndReason, Warned
from siprec_tw.recording.manifest import (
    SCHEMA,
    CallEntry,
    ClockEntry,
    DigitEntry,
    Document,
    End,
    FileEntry,
    GapEntry,
    Hold,
    Manifest,
    Occurrence,
    Party,
    SegmentEntry,
    Speaker,
    Times,
    Track,
    VerdictEntry,
    WarningEntry,
    iso,
)
from siprec_tw.recording.occurrences import encoding_text, events_of
from siprec_tw.recording.outages import marked, missed, outages_of
from siprec_tw.recording.people import PartyFacts, People, SpeakerFacts
from siprec_tw.recording.plan import Plan, TrackClock, TrackPlan
from siprec_tw.recording.sound import Sound
from siprec_tw.recording.stream_quality import quality_of
from siprec_tw.recording.track_losses import losses_of, packet_seconds
from siprec_tw.recording.verdict import TrackHeard, verdict_of

MOST_GAPS = 10_000      # of one track in the manifest; all are counted


@frozen
class MadeTrack:
    """
    What became of a track: its files, and the highest absolute sample of what could be decoded.
    """

    files: tuple[str, ...] = ()
    peak: int | None = None


@frozen
class Made:
    """
    What became of a recording.
    """

    tracks: Mapping[int, MadeTrack] = field(factory=dict)
    files: tuple[FileEntry, ...] = ()
    documents: tuple[Document, ...] = ()
    warnings: tuple[Warned, ...] = ()
    damaged: tuple[str, ...] = ()           # sentences on what could not be made


def build_manifest(plan: Plan, started: CallStarted, people: People, made: Made) -> Manifest:
    """
    Compose the manifest. C{started} is the journal's own, or what stands in for one that was lost.
    """
    facts = plan.facts
    ended = _ended(plan, started)
    zero = zero_of(plan, started)
    tracks = tuple(_track(plan, track, people, made, Span(zero, ended)) for track in plan.tracks)
    heard = [_track_heard(*pair, ended) for pair in zip(plan.tracks, tracks, strict=True) if pair[1].channel]
    verdict = verdict_of(
        heard, ended=facts.ended is not None, damaged=(*made.damaged, *missed(plan)),
        media_lost=facts.ended is not None and facts.ended.reason is EndReason.MEDIA_LOST,
    )
    warnings = _once([*facts.warnings, *people.warnings, *made.warnings])
    return Manifest(
        schema=SCHEMA,
        recording_id=started.recording_id,
        node_id=started.node_id,
        call=_call(started),
        times=_times(plan, started, ended),
        end=_end(facts),
        verdict=VerdictEntry(verdict.kind.value, verdict.reason),
        parties=tuple(_party(one) for one in people.parties),
        tracks=tracks,
        events=_events(plan, zero),
        warnings=tuple(WarningEntry(one.code, one.text, iso(one.at)) for one in warnings),
        metadata=people.metadata,
        documents=made.documents,
        files=made.files,
    )


def zero_of(plan: Plan, started: CallStarted) -> float:
    """
    The instant that the recording's seconds count from: its first sample, or the start of a call without any.
    """
    return plan.timeline.zero if plan.samples else started.at


def _once(warnings: Sequence[Warned]) -> list[Warned]:
    """
    Warnings in the order of time, each said once.
    """
    ordered = sorted(warnings, key=lambda one: one.at)
    return list({(one.code, one.text): one for one in reversed(ordered)}.values())[::-1]


def _call(started: CallStarted) -> CallEntry:
    return CallEntry(
        call_id=started.call_id, from_header=started.from_header, to_header=started.to_header,
        request_uri=started.request_uri, source=started.source, user_agent=started.user_agent,
        headers=started.headers,
    )


def _ended(plan: Plan, started: CallStarted) -> float:
    if plan.facts.ended:
        return plan.facts.ended.at
    return max(plan.facts.latest, started.at, plan.timeline.zero + plan.timeline.duration)


def _times(plan: Plan, started: CallStarted, ended: float) -> Times:
    answered = plan.facts.answered
    return Times(
        started=iso(started.at),
        answered=iso(answered.at) if answered else None,
        ended=iso(ended),
        sound_started=iso(plan.timeline.zero) if plan.samples else None,
        duration=round(plan.timeline.duration, 6),
    )


def _end(facts: CallFacts) -> End:
    if facts.ended is None:
        return End(EndReason.TRUNCATED.value, "the journal has no end")
    return End(facts.ended.reason.value, facts.ended.detail)


def _party(party: PartyFacts) -> Party:
    joined, left = (None if at is None else iso(at) for at in (party.joined, party.left))
    return Party(party.id, party.aor, party.name, joined, left)


def _track_heard(plan: TrackPlan, track: Track, ended: float) -> TrackHeard:
    spans = plan.facts.spans(Direction.RECVONLY, ended)
    return TrackHeard(plan.name, sum(span.end - span.first for span in spans), track.packets, track.lost)


def _track(plan: Plan, track: TrackPlan, people: People, made: Made, span: Span) -> Track:
    sounds, sides = ([sound for _, sound in pairs] for pairs in (track.sounds, track.sides))
    gaps = marked(gaps_of(sounds, plan.timeline, track.rate), outages_of(plan, track), track.rate)
    result = made.tracks.get(track.facts.index, MadeTrack())
    starts = [plan.own_time.sample(sound, sound.first, track.rate) for sound in sounds]
    holds = track.facts.spans(Direction.INACTIVE, span.end)
    zero = span.first
    return Track(
        index=track.facts.index,
        label=track.facts.label,
        media=track.facts.media,
        stream_ids=tuple(track.facts.stream_ids),
        participants=tuple(_speakers(people.speakers, attributed_label(plan, track, people), zero)),
        encodings=tuple(dict.fromkeys(encoding_text(one.segment.opened.format) for one in sounds)),
        channel=None if track.channel is None else track.channel + 1,
        files=result.files,
        sample_rate=track.rate,
        samples=track.samples,
        lead_samples=min(starts, default=0),
        packets=sum(sound.packets for sound in (*sounds, *sides)),
        lost=sum(gap.lost for gap in gaps),
        peak=result.peak,
        segments=tuple(_segment(plan, track, sound) for sound in sounds),
        side_segments=tuple(evolve(_segment(plan, track, sound), samples=0) for sound in sides),
        gaps=tuple(_gap(gap, track.rate) for gap in gaps[:MOST_GAPS]),
        holds=tuple(Hold(round(one.first - zero, 3), round(one.end - one.first, 3)) for one in holds),
        digits=tuple(
            DigitEntry(one.digit, round(one.start, 6), round(one.duration, 6)) for one in track.digits
        ),
        quality=_quality(sounds),
        clock=_clock(track.clock) if track.clock else None,
    )


def _quality(sounds: Sequence[Sound]) -> StreamQuality | None:
    """
    Codec and jitter are those at the end, as in the report on a stream.
    """
    if not sounds:
        return None
    last = sounds[-1].segment
    form, checkpoint = last.opened.format, last.checkpoint
    jitter = checkpoint.jitter / form.clock_rate if checkpoint else 0.0
    return quality_of(losses_of(sounds), form.encoding, packet_seconds(sounds), jitter)


def attributed_label(plan: Plan, track: TrackPlan, people: People) -> str:
    """
    The label under which the metadata speaks of a track. m-lines without one take, in their order, those that
    the metadata has and no m-line.
    """
    if track.facts.label:
        return track.facts.label
    labels = {one.facts.label for one in plan.tracks}
    spare = dict.fromkeys(one.label for one in people.speakers if one.label not in labels - {""})
    bare = [one.facts.index for one in plan.tracks if not one.facts.label]
    return dict(zip(bare, spare, strict=False)).get(track.facts.index, "")


def _speakers(speakers: Sequence[SpeakerFacts], label: str, zero: float) -> list[Speaker]:
    return [
        Speaker(
            one.participant_id,
            round(max(0.0, one.first - zero), 3),
            None if one.end is None else round(max(0.0, one.end - zero), 3),
        )
        for one in speakers if one.label == label
    ]


def _segment(plan: Plan, track: TrackPlan, sound: Sound) -> SegmentEntry:
    segment, opened, checkpoint = sound.segment, sound.segment.opened, sound.segment.checkpoint
    start = plan.own_time.sample(sound, sound.first, track.rate)
    return SegmentEntry(
        stream_id=opened.stream_id, number=opened.number, epoch=opened.epoch, ssrc=opened.ssrc,
        encoding=encoding_text(opened.format), payload_type=opened.format.payload_type,
        clock_rate=opened.format.clock_rate, node=opened.node_id, source=opened.source,
        start_sample=start, samples=plan.own_time.sample(sound, sound.end, track.rate) - start,
        packets=sound.packets, lost=sound.lost,
        duplicates=checkpoint.duplicates if checkpoint else 0,
        reordered=checkpoint.reordered if checkpoint else 0,
        rejected=checkpoint.rejected if checkpoint else 0,
        jitter=round(checkpoint.jitter / opened.format.clock_rate, 6) if checkpoint else 0.0,
        first_sequence=sound.first_sequence,
        last_sequence=checkpoint.highest_sequence if checkpoint else opened.first_sequence,
        closed=segment.closed.reason if segment.closed else "",
    )


def _gap(gap: TrackGap, rate: int) -> GapEntry:
    first, end = gap.heard
    start, length = round(first / rate, 6), round((end - first) / rate, 6)
    return GapEntry(gap.kind.value, start, length, gap.start, gap.samples, gap.lost)


def _clock(clock: TrackClock) -> ClockEntry:
    return ClockEntry(round(clock.drift * 1e6, 2), clock.source.value, round(clock.corrected * 1000, 3))


def _events(plan: Plan, zero: float) -> tuple[Occurrence, ...]:
    return tuple(
        Occurrence(iso(one.at), round(one.at - zero, 3), one.track, one.kind, one.text)
        for one in events_of(plan)
    )
