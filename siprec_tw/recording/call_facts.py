"""
What a journal says once it is read to its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from attrs import define, field, frozen

from siprec_tw.recording.journal import (
    CallAnswered,
    CallEnded,
    CallStarted,
    Direction,
    DocumentKept,
    JournalEvent,
    TrackChanged,
    TrackClosed,
    TrackOpened,
    Warned,
)


@frozen
class Span:
    """
    From one instant (POSIX seconds) to another.
    """

    first: float
    end: float


@define
class TrackFacts:
    """
    One m-line over the whole call.
    """

    index: int
    label: str = ""
    media: str = "audio"
    stream_ids: list[str] = field(factory=list)
    states: list[tuple[float, Direction | None]] = field(factory=list)     # None: not received at all
    losses: list[tuple[float, int]] = field(factory=list)   # lost while active: when, and how many streams it had

    def spans(self, direction: Direction, end: float) -> list[Span]:
        """
        When the track had this direction; what still holds at the end of the call ends with it.
        """
        spans: list[Span] = []
        edges = [*self.states, (end, None)]
        for (first, state), (until, _) in pairwise(edges):
            if state is direction and until > first:
                if spans and spans[-1].end == first:
                    first = spans.pop().first
                spans.append(Span(first, until))
        return spans

    def take(self, event: TrackOpened | TrackChanged | TrackClosed) -> None:
        """
        Take note of what happened to this track.
        """
        match event:
            case TrackOpened():
                self.media = event.media
                if event.stream_id not in self.stream_ids:
                    self.stream_ids.append(event.stream_id)
            case TrackClosed():
                if event.lost and self.states and self.states[-1][1] is Direction.RECVONLY:
                    self.losses.append((event.at, len(self.stream_ids)))
                self.states.append((event.at, None))
                return
        self.label = event.label or self.label
        self.states.append((event.at, event.direction))


@define
class CallFacts:
    """
    A call as its journal tells it; C{started} is None where the journal has lost its beginning.
    """

    started: CallStarted | None = None
    answered: CallAnswered | None = None
    ended: CallEnded | None = None
    tracks: dict[int, TrackFacts] = field(factory=dict)
    documents: list[DocumentKept] = field(factory=list)
    warnings: list[Warned] = field(factory=list)
    changes: list[TrackOpened | TrackChanged | TrackClosed] = field(factory=list)
    latest: float = 0.0                 # instant of the latest event

    def track(self, index: int) -> TrackFacts:
        """
        The facts of one track, new ones if it has none.
        """
        return self.tracks.setdefault(index, TrackFacts(index))

    def in_order(self) -> list[TrackFacts]:
        """
        The tracks in the order of the m-lines.
        """
        return [self.tracks[index] for index in sorted(self.tracks)]


def read_journal(events: Iterable[JournalEvent]) -> CallFacts:
    """
    Gather a journal's events. The first start, answer and end count.
    """
    facts = CallFacts()
    for event in events:
        facts.latest = max(facts.latest, event.at)
        match event:
            case CallStarted():
                facts.started = facts.started or event
            case CallAnswered():
                facts.answered = facts.answered or event
            case CallEnded():
                facts.ended = facts.ended or event
            case DocumentKept():
                facts.documents.append(event)
            case Warned():
                facts.warnings.append(event)
            case TrackOpened() | TrackChanged() | TrackClosed():
                facts.changes.append(event)
                facts.track(event.track).take(event)
    return facts
