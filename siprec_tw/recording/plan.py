"""
What is to be made of a recording's segments: which files, at which rate, out of which pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.codecs.registry import codec_of, is_side
from siprec_tw.recording.assemble import Piece, overlapping, pieces_of, rate_of, sole_format, without
from siprec_tw.recording.call_facts import CallFacts, TrackFacts
from siprec_tw.recording.clocks import AxisClock, ClockSource, clocks_of, doubts_of
from siprec_tw.recording.layout import track_names
from siprec_tw.recording.segment import Layout
from siprec_tw.recording.sound import Axis, Sound, axes_of
from siprec_tw.recording.timeline import Timeline, timeline_of
from siprec_tw.recording.tones import Digit, Tones, digits_of, spans_of
from siprec_tw.rtp.telephone_event import Pressed

USUAL_RATE = 8000


@frozen
class TrackClock:
    """
    How the clock of a track runs: that of its longest axis.
    """

    drift: float                            # the share by which it is fast
    source: ClockSource
    corrected: float                        # seconds by which the recording's time is ahead of its own at its end
    doubts: tuple[str, ...] = ()            # why what seems to be wrong is not corrected


@frozen
class TrackPlan:
    """
    One track: its sound, its place in the files.
    """

    facts: TrackFacts
    name: str                               # for file names
    sounds: tuple[tuple[int, Sound], ...]   # with the index of each source, in the order of the record
    sides: tuple[tuple[int, Sound], ...]    # what is not sound itself: digits, comfort noise
    channel: int | None                     # of recording.wav, from 0; None for what is not audio
    rate: int                               # of its own file
    own: tuple[Piece, ...]                  # pieces at its own rate
    mixed: tuple[Piece, ...]                # pieces at the recording's rate
    law: PayloadFormat | None               # its own file can hold the octets as they came
    samples: int                            # length of its own file, lead included
    digits: tuple[Digit, ...] = ()          # that may be told
    silenced: tuple[tuple[int, int], ...] = ()      # samples [first, end) of its own file that must not be heard
    clock: TrackClock | None = None         # None: its sound is too short to tell

    @property
    def packets_kept(self) -> list[int]:
        """
        The sources of sound that is kept packet by packet.
        """
        return [i for i, one in self.sounds if one.segment.opened.layout is Layout.PACKETS]


@frozen
class Plan:
    """
    A recording before it is made.
    """

    facts: CallFacts
    timeline: Timeline
    own_time: Timeline                      # of the tracks' own files
    rate: int                               # of recording.wav
    samples: int                            # length of recording.wav
    tracks: tuple[TrackPlan, ...]
    tones: Tones = Tones.KEEP

    @property
    def channels(self) -> list[TrackPlan]:
        """
        The tracks of recording.wav in the order of its channels.
        """
        return [track for track in self.tracks if track.channel is not None]


@frozen
class _Frame:
    """
    What holds for all tracks.
    """

    timeline: Timeline
    own_time: Timeline
    clocks: Mapping[Axis, AxisClock]
    rate: int
    tones: Tones
    keys: Mapping[int, Sequence[Pressed]]


def plan_of(
    facts: CallFacts, sounds: Sequence[Sound], keys: Mapping[int, Sequence[Pressed]] | None = None,
    tones: Tones = Tones.KEEP,
) -> Plan:
    """
    Plan a recording. Segments whose stream the journal does not know become tracks of their own at the end.
    C{keys} are the telephone events of side segments, by their index in C{sounds}.
    """
    for sound in sounds:
        _adopt(facts, sound)
    tracks = facts.in_order()
    of_tracks = [_of_track(track, sounds) for track in tracks]
    heard = [[sound for _, sound in pairs if not _side(sound)] for pairs in of_tracks]
    clocks = clocks_of(heard)
    timeline = timeline_of(heard, clocks)
    rate = max((rate_of(sound) or 0 for sound in sounds if not _side(sound)), default=0) or USUAL_RATE
    names = track_names([track.label for track in tracks])
    channels = _channels(tracks)
    frame = _Frame(timeline, timeline.own(), clocks, rate, tones, keys or {})
    planned = tuple(
        _planned(track, name, pairs, channels.get(track.index), frame)
        for track, name, pairs in zip(tracks, names, of_tracks, strict=True)
    )
    return Plan(facts, timeline, frame.own_time, rate, timeline.samples(rate), planned, tones)


def _adopt(facts: CallFacts, sound: Sound) -> None:
    stream_id = sound.segment.opened.stream_id
    if not any(stream_id in track.stream_ids for track in facts.tracks.values()):
        facts.track(max(facts.tracks, default=-1) + 1).stream_ids.append(stream_id)


def _of_track(track: TrackFacts, sounds: Sequence[Sound]) -> list[tuple[int, Sound]]:
    found = [(i, one) for i, one in enumerate(sounds) if one.segment.opened.stream_id in track.stream_ids]
    order = {stream_id: number for number, stream_id in enumerate(track.stream_ids)}
    return sorted(found, key=lambda pair: _number(pair[1], order))


def _number(sound: Sound, order: dict[str, int]) -> tuple[int, int]:
    return order[sound.segment.opened.stream_id], sound.segment.opened.number


def _channels(tracks: Sequence[TrackFacts]) -> dict[int, int]:
    audible = [track.index for track in tracks if track.media == "audio"]
    return {index: channel for channel, index in enumerate(audible)}


def _side(sound: Sound) -> bool:
    return is_side(sound.segment.opened.format)


def _planned(
    track: TrackFacts, name: str, found: Sequence[tuple[int, Sound]], channel: int | None, frame: _Frame
) -> TrackPlan:
    pairs = tuple(pair for pair in found if not _side(pair[1]))
    sides = tuple(pair for pair in found if _side(pair[1]))
    rate = max((rate_of(one) or 0 for _, one in pairs), default=0) or frame.rate
    digits = digits_of(sides, frame.keys, frame.timeline)
    silenced = [] if frame.tones is Tones.KEEP else digits
    heard = [one for _, one in pairs]
    own_silenced = [
        evolve(one, start=one.start + frame.timeline.ahead(heard, one.start)) for one in silenced
    ]
    own = _pieces(pairs, frame.own_time, rate, own_silenced)
    mixed = own
    if rate != frame.rate or frame.timeline != frame.own_time:
        mixed = _pieces(pairs, frame.timeline, frame.rate, silenced)
    sole = sole_format(own)
    law = sole if sole is not None and codec_of(sole).wav_format_tag and not overlapping(own) else None
    samples = max((frame.own_time.sample(one, one.end, rate) for _, one in pairs), default=0)
    return TrackPlan(
        facts=track, name=name, sounds=pairs, sides=sides, channel=channel, rate=rate, own=tuple(own),
        mixed=tuple(mixed), law=law and evolve(law, parameters=""), samples=samples,
        digits=() if frame.tones is Tones.DROP else tuple(digits),
        silenced=tuple(spans_of(own_silenced, rate)), clock=_clock(heard, frame),
    )


def _clock(sounds: Sequence[Sound], frame: _Frame) -> TrackClock | None:
    known = {axis: members for axis, members in axes_of(sounds).items() if axis in frame.clocks}
    if not known:
        return None
    longest = max(known, key=lambda axis: max(one.end for one in known[axis]) - min(one.first for one in known[axis]))
    last = max(sounds, key=lambda one: frame.timeline.place(one, one.end))
    corrected = frame.timeline.place(last, last.end) - frame.own_time.place(last, last.end)
    clock = frame.clocks[longest]
    return TrackClock(clock.drift, clock.source, corrected, tuple(doubts_of(sounds, frame.clocks)))


def _pieces(
    pairs: Sequence[tuple[int, Sound]], timeline: Timeline, rate: int, silenced: Sequence[Digit]
) -> list[Piece]:
    return without(pieces_of(pairs, timeline, rate), spans_of(silenced, rate), rate)
