"""
How one object of an earlier document and the same object of a later one become one.

What the later does not tell, the earlier still does. An association that has ended begins anew only where the
later document gives another time of association.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from attrs import evolve

from siprec_tw.metadata.model import (
    Group,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)


class _Timed(Protocol):
    @property
    def associate_time(self) -> float | None: ...
    @property
    def disassociate_time(self) -> float | None: ...


_Object = TypeVar("_Object")
_Key = TypeVar("_Key")


def by_key(
    old: Iterable[_Object], new: Iterable[_Object], key: Callable[[_Object], _Key],
    merge: Callable[[_Object, _Object], _Object],
) -> tuple[_Object, ...]:
    """
    All objects, the old ones first; those of one key merged.
    """
    found = {key(one): one for one in old}
    for one in new:
        earlier = found.get(key(one))
        found[key(one)] = one if earlier is None else merge(earlier, one)
    return tuple(found.values())


def in_place(
    old: Iterable[_Object], new: Iterable[_Object], key: Callable[[_Object], _Key],
    merge: Callable[[_Object, _Object], _Object], gone: Callable[[_Object], _Object],
) -> tuple[_Object, ...]:
    """
    The new objects, each merged with the old one of its key, and then what C{gone} makes of the others.
    """
    earlier = {key(one): one for one in old}
    listed = [merge(earlier.pop(key(one)), one) if key(one) in earlier else one for one in new]
    return (*listed, *(gone(one) for one in earlier.values()))


def membership(association: ParticipantSession) -> tuple[str, str]:
    """
    What an association of a participant with a session is told by.
    """
    return association.participant_id, association.session_id


def group(old: Group, new: Group) -> Group:
    """
    A group told again.
    """
    return evolve(
        new,
        associate_time=_first(new.associate_time, old.associate_time),
        disassociate_time=end_of(old, new),
        extensions=new.extensions or old.extensions,
    )


def session(old: Session, new: Session) -> Session:
    """
    A session told again.
    """
    return evolve(
        new,
        sip_session_ids=new.sip_session_ids or old.sip_session_ids,
        group_ref=new.group_ref or old.group_ref,
        start_time=_first(new.start_time, old.start_time),
        end_time=_first(new.end_time, old.end_time),
        reason=new.reason or old.reason,
        extensions=new.extensions or old.extensions,
    )


def participant(old: Participant, new: Participant) -> Participant:
    """
    A participant told again.
    """
    return evolve(new, name_ids=new.name_ids or old.name_ids, extensions=new.extensions or old.extensions)


def stream(old: Stream, new: Stream) -> Stream:
    """
    A stream told again; one that had vanished is back.
    """
    return evolve(
        new,
        label=new.label or old.label,
        session_id=new.session_id or old.session_id,
        mode=new.mode or old.mode,
        associate_time=_first(new.associate_time, old.associate_time),
        extensions=new.extensions or old.extensions,
    )


def session_recording(old: SessionRecording, new: SessionRecording) -> SessionRecording:
    """
    A session's association with the recording told again.
    """
    return evolve(
        new, associate_time=_first(new.associate_time, old.associate_time), disassociate_time=end_of(old, new)
    )


def participant_session(old: ParticipantSession, new: ParticipantSession) -> ParticipantSession:
    """
    A participant's association with a session told again.
    """
    return evolve(
        new,
        associate_time=_first(new.associate_time, old.associate_time),
        disassociate_time=end_of(old, new),
        parameters=new.parameters or old.parameters,
    )


def participant_stream(old: ParticipantStream, new: ParticipantStream) -> ParticipantStream:
    """
    What a participant sends told again: nothing means hold, but at the end it only means the end.
    """
    ended = new.is_hold and new.disassociate_time is not None
    return evolve(
        new,
        sends=old.sends if ended else new.sends,
        receives=old.receives if ended else new.receives,
        associate_time=_first(new.associate_time, old.associate_time),
        disassociate_time=end_of(old, new) if new.is_hold else new.disassociate_time,
    )


def end_of(old: _Timed, new: _Timed) -> float | None:
    """
    When an association ended that is told again: one with another beginning is a new one.
    """
    if new.disassociate_time is not None:
        return new.disassociate_time
    began_anew = new.associate_time is not None and new.associate_time != old.associate_time
    return None if began_anew else old.disassociate_time


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
