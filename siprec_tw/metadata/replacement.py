"""
The two ways in which a document in mid-call acts on what is known: it changes parts of it, or replaces it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import evolve

from siprec_tw.metadata import merge
from siprec_tw.metadata.model import (
    Group,
    Metadata,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.warning_list import WarningList

_Ending = TypeVar("_Ending", Group, Stream, SessionRecording, ParticipantSession, ParticipantStream)


def changed(before: Metadata, reading: Metadata) -> Metadata:
    """
    The state after a partial document: what it lists is merged by id, the rest stays.
    """
    return Metadata(
        groups=merge.by_key(before.groups, reading.groups, lambda g: g.id, merge.group),
        sessions=merge.by_key(before.sessions, reading.sessions, lambda s: s.id, merge.session),
        participants=merge.by_key(
            _real(before, reading), reading.participants, lambda p: p.id, merge.participant
        ),
        streams=merge.by_key(before.streams, reading.streams, lambda s: s.id, merge.stream),
        session_recordings=merge.by_key(
            before.session_recordings, reading.session_recordings, lambda r: r.session_id,
            merge.session_recording,
        ),
        participant_sessions=merge.by_key(
            before.participant_sessions, reading.participant_sessions, merge.membership,
            merge.participant_session,
        ),
        participant_streams=merge.by_key(
            before.participant_streams, reading.participant_streams, lambda p: p.participant_id,
            merge.participant_stream,
        ),
        end_time=before.end_time if reading.end_time is None else reading.end_time,
        extensions=reading.extensions or before.extensions,
    )


def replaced(before: Metadata, reading: Metadata, at: float, warnings: WarningList) -> Metadata:
    """
    The state after a complete document: what it lists, then, as ended, what it no longer lists.

    A document without any participant, stream or session does not say that all of them are gone.
    """
    people = tuple(merge.in_place(
        _real(before, reading), reading.participants, lambda p: p.id, merge.participant, lambda p: p
    ))
    gone = _gone_participants(before, reading, warnings) if reading.participants else set()
    return Metadata(
        groups=merge.in_place(
            before.groups, reading.groups, lambda g: g.id, _as_told(merge.group), lambda g: _ended(g, at)
        ),
        sessions=_sessions(before, reading, at),
        participants=people,
        streams=_streams(before, reading, at, warnings),
        session_recordings=merge.in_place(
            before.session_recordings, reading.session_recordings, lambda r: r.session_id,
            _as_told(merge.session_recording), lambda r: r,
        ),
        participant_sessions=_participant_sessions(before, reading, gone, at),
        participant_streams=_participant_streams(before, reading, gone, at),
        end_time=reading.end_time,
        extensions=reading.extensions or before.extensions,
    )


def _gone_participants(before: Metadata, reading: Metadata, warnings: WarningList) -> set[str]:
    named = {p.id for p in reading.participants} | {a.participant_id for a in reading.participant_sessions}
    gone = {participant.id for participant in _real(before, reading)} - named
    for id in sorted(id for id in gone if not before.has_left(id)):
        warnings.add("participant-vanished", f"participant {id!r} is no longer listed: taken as having left")
    return gone


def _sessions(before: Metadata, reading: Metadata, at: float) -> tuple[Session, ...]:
    def gone(session: Session) -> Session:
        is_over = session.end_time is not None or not reading.sessions
        return session if is_over else evolve(session, end_time=at)

    return merge.in_place(before.sessions, reading.sessions, lambda s: s.id, merge.session, gone)


def _streams(before: Metadata, reading: Metadata, at: float, warnings: WarningList) -> tuple[Stream, ...]:
    def gone(stream: Stream) -> Stream:
        if not reading.streams:
            return stream
        if stream.disassociate_time is None:
            warnings.add("stream-vanished", f"stream {stream.id!r} is no longer listed: taken as ended")
        return _ended(stream, at)

    return merge.in_place(before.streams, reading.streams, lambda s: s.id, merge.stream, gone)


def _participant_sessions(
    before: Metadata, reading: Metadata, gone: set[str], at: float
) -> tuple[ParticipantSession, ...]:
    listed = {session.id for session in reading.sessions}
    ended_sessions = {s.id for s in before.sessions if s.id not in listed} if listed else set()
    known = {participant.id for participant in before.participants}

    def begun(association: ParticipantSession) -> ParticipantSession:
        # Somebody new in mid-call: if the document does not tell when he joined, it was about now.
        is_new = association.participant_id not in known and association.associate_time is None
        return evolve(association, associate_time=at) if is_new else association

    def unlisted(association: ParticipantSession) -> ParticipantSession:
        is_over = association.participant_id in gone or association.session_id in ended_sessions
        return _ended(association, at) if is_over else association

    return merge.in_place(
        before.participant_sessions, [begun(a) for a in reading.participant_sessions], merge.membership,
        _as_told(merge.participant_session), unlisted,
    )


def _participant_streams(
    before: Metadata, reading: Metadata, gone: set[str], at: float
) -> tuple[ParticipantStream, ...]:
    def unlisted(association: ParticipantStream) -> ParticipantStream:
        if association.participant_id in gone:
            return _ended(association, at)
        return evolve(association, sends=(), receives=())

    return merge.in_place(
        before.participant_streams, reading.participant_streams, lambda p: p.participant_id,
        _as_told(merge.participant_stream), unlisted,
    )


def _real(before: Metadata, reading: Metadata) -> tuple[Participant, ...]:
    """
    The earlier participants, less placeholders that real ones have replaced.
    """
    listed = {participant.id for participant in reading.participants}
    if all(participant.is_placeholder for participant in reading.participants):
        return before.participants
    return tuple(p for p in before.participants if p.id in listed or not p.is_placeholder)


def _as_told(two: Callable[[_Ending, _Ending], _Ending]) -> Callable[[_Ending, _Ending], _Ending]:
    """
    A merge for complete documents: what they list without an end has not ended.
    """
    def told(old: _Ending, new: _Ending) -> _Ending:
        return evolve(two(old, new), disassociate_time=new.disassociate_time)

    return told


def _ended(one: _Ending, at: float) -> _Ending:
    return one if one.disassociate_time is not None else evolve(one, disassociate_time=at)
