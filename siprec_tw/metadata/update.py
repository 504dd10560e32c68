"""
From document to document: what is known of a call after each of them.

    complete   replaces what was known. Who and what is no longer listed has left: it is kept, and marked as
               ended at the time of arrival.
    partial    changes the objects it lists, by id, and leaves the others.
    final      (in a BYE) ends everything; what it does not list, such as Cisco's streams, stays as it was.

Nobody is ever forgotten but a placeholder that real participants have replaced (Avaya).
"""

from __future__ import annotations

from attrs import evolve, frozen

from siprec_tw.metadata import merge
from siprec_tw.metadata.model import (
    Completeness,
    Metadata,
    MetadataWarning,
    ParticipantSession,
    ParticipantStream,
)
from siprec_tw.metadata.replacement import changed, replaced
from siprec_tw.metadata.warning_list import WarningList


@frozen
class Updated:
    """
    The state after a document, and what is doubtful about the step.
    """

    metadata: Metadata
    warnings: tuple[MetadataWarning, ...] = ()


def apply(current: Metadata | None, reading: Metadata, *, final: bool = False, at: float) -> Updated:
    """
    The state after a document that arrived at C{at} (POSIX seconds); C{final} if a BYE brought it.

    C{current} is the state before it, None for the first document. The state is always complete.
    """
    warnings = WarningList()
    if reading.data_mode is Completeness.PARTIAL and current is None:
        warnings.add("partial-without-complete", "the first document is partial")
    before = current or Metadata()
    reading = _with_known_sessions(before, reading)
    if final:
        state = end(_ended(before, reading), at, reading.end_time)
    elif current is None:
        state = reading
        _warn_of_emptiness(reading, warnings)
    elif reading.data_mode is Completeness.PARTIAL:
        state = changed(before, reading)
    else:
        _warn_of_emptiness(reading, warnings)
        state = replaced(before, reading, at, warnings)
    state = _without_replaced(before, evolve(state, data_mode=Completeness.COMPLETE))
    return Updated(_streams_ended(state), warnings.all())


def end(state: Metadata, at: float, end_time: float | None = None) -> Metadata:
    """
    The state of a call that is over: all that was open has ended, at C{end_time} if the client told it.

    For a call that ends without a final document this is the last step.
    """
    fallback = at if end_time is None else end_time
    sessions = tuple(evolve(s, end_time=_or(s.end_time, fallback)) for s in state.sessions)
    ends = {session.id: _or(session.end_time, fallback) for session in sessions}
    closed = evolve(
        state,
        sessions=sessions,
        session_recordings=tuple(
            evolve(r, disassociate_time=_or(r.disassociate_time, ends.get(r.session_id, fallback)))
            for r in state.session_recordings
        ),
        participant_sessions=tuple(
            evolve(p, disassociate_time=_or(p.disassociate_time, ends.get(p.session_id, fallback)))
            for p in state.participant_sessions
        ),
        end_time=_or(state.end_time, fallback),
    )
    closed = _streams_ended(closed)
    return evolve(closed, participant_streams=tuple(
        evolve(p, disassociate_time=_or(p.disassociate_time, fallback)) for p in closed.participant_streams
    ))


def _ended(before: Metadata, reading: Metadata) -> Metadata:
    """
    A final document merged in: streams and who sent them are left as they were, and only added to.
    """
    senders = {one.participant_id: one for one in before.participant_streams}
    kept = tuple(
        evolve(old, disassociate_time=_or(old.disassociate_time, new.disassociate_time))
        if (old := senders.get(new.participant_id)) else new
        for new in reading.participant_streams
    )
    known = {stream.id for stream in before.streams}
    streams = before.streams + tuple(stream for stream in reading.streams if stream.id not in known)
    merged = changed(before, evolve(reading, streams=(), participant_streams=()))
    return evolve(merged, streams=streams, participant_streams=merge.by_key(
        before.participant_streams, kept, lambda p: p.participant_id, lambda old, new: new
    ))


def _with_known_sessions(before: Metadata, reading: Metadata) -> Metadata:
    """
    Cisco was seen to name the participant itself as the session that it leaves: its real one is meant.
    """
    known = {session.id for session in (*before.sessions, *reading.sessions)}

    def repaired(association: ParticipantSession) -> ParticipantSession:
        if association.session_id in known or not known:
            return association
        own = association.participant_id
        earlier = {a.session_id for a in before.participant_sessions if a.participant_id == own}
        candidates = (earlier & known) or known
        return evolve(association, session_id=candidates.pop()) if len(candidates) == 1 else association

    return evolve(reading, participant_sessions=tuple(repaired(a) for a in reading.participant_sessions))


def _without_replaced(before: Metadata, state: Metadata) -> Metadata:
    """
    A state without the associations of placeholders that are no longer in it.
    """
    dropped = {p.id for p in before.participants} - {p.id for p in state.participants}
    return evolve(
        state,
        participant_sessions=tuple(a for a in state.participant_sessions if a.participant_id not in dropped),
        participant_streams=tuple(a for a in state.participant_streams if a.participant_id not in dropped),
    )


def _streams_ended(state: Metadata) -> Metadata:
    """
    Who has left every session sends no more.
    """

    def closed(one: ParticipantStream) -> ParticipantStream:
        if one.disassociate_time is not None or not state.has_left(one.participant_id):
            return one
        times = (
            a.disassociate_time for a in state.participant_sessions if a.participant_id == one.participant_id
        )
        return evolve(one, disassociate_time=max(time for time in times if time is not None))

    return evolve(state, participant_streams=tuple(closed(one) for one in state.participant_streams))


def _warn_of_emptiness(reading: Metadata, warnings: WarningList) -> None:
    if reading.data_mode is Completeness.COMPLETE:
        if not reading.participants:
            warnings.add("metadata-without-participants", "a complete document lists no participant")
        if not reading.streams:
            warnings.add("metadata-without-streams", "a complete document lists no stream")


def _or(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
