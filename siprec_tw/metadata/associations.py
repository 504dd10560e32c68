"""
The associations of a document brought into order: who is in which session, who sends which stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from attrs import evolve, frozen

from siprec_tw.metadata.identity import Owners
from siprec_tw.metadata.model import (
    Completeness,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.objects import Party
from siprec_tw.metadata.warning_list import WarningList

_Association = TypeVar("_Association", ParticipantSession, ParticipantStream)


@frozen
class Objects:
    """
    The objects of a document, which associations name, and who owns which written id.
    """

    mode: Completeness
    sessions: tuple[Session, ...]
    parties: tuple[Party, ...]
    streams: tuple[Stream, ...]
    party_owners: Owners
    stream_owners: Owners

    @property
    def only_session_id(self) -> str:
        """
        The id of the document's session, or "" if it has none or several.
        """
        return self.sessions[0].id if len(self.sessions) == 1 else ""

    @property
    def is_whole(self) -> bool:
        """
        Whether an id that is not in the document is a mistake, not a reference to an earlier one.
        """
        return self.mode is Completeness.COMPLETE


def session_recordings(
    objects: Objects, found: Iterable[SessionRecording]
) -> tuple[SessionRecording, ...]:
    """
    The times of sessions in the recording session, each once.
    """
    named = (evolve(one, session_id=one.session_id or objects.only_session_id) for one in found)
    return tuple(dict.fromkeys(named))


def participant_sessions(
    objects: Objects, found: Iterable[ParticipantSession], warnings: WarningList
) -> tuple[ParticipantSession, ...]:
    """
    Who is in which session, by assoc elements, and for who has none by the participant's own attributes.
    """
    explicit = list(_distributed(found, objects.party_owners))
    told = {association.participant_id for association in explicit}
    own = [party.in_session for party in objects.parties if party.in_session]
    every = [*explicit, *(association for association in own if association.participant_id not in told)]
    named = [evolve(one, session_id=one.session_id or objects.only_session_id) for one in every]
    known = {session.id for session in objects.sessions}
    for association in named:
        if objects.is_whole and known and association.session_id not in known:
            who, where = association.participant_id, association.session_id
            text = f"participant {who!r} is said to be in session {where!r}, which is not in the document"
            warnings.add("association-unknown-session", text)
    return tuple(dict.fromkeys(named))


def participant_streams(
    objects: Objects, found: Iterable[ParticipantStream], warnings: WarningList
) -> tuple[ParticipantStream, ...]:
    """
    Who sends which streams, by assoc elements or by send elements of the participant, all ids resolved.
    """
    own = [party.on_streams for party in objects.parties if party.on_streams]
    every = [*_distributed(found, objects.party_owners), *own]
    repaired = _with_known_participants(objects, every, warnings)
    resolver = _StreamIds(objects, warnings)
    return _one_each(
        evolve(one, sends=resolver.resolve(one.sends), receives=resolver.resolve(one.receives))
        for one in repaired
    )


def _distributed(found: Iterable[_Association], owners: Owners) -> Iterator[_Association]:
    """
    Associations of an id with several owners: each to its own if there are as many, else all to all.
    """
    associations = list(found)
    counts = Counter(association.participant_id for association in associations)
    seen: Counter[str] = Counter()
    for association in associations:
        written = association.participant_id
        ids = owners.of(written)
        if counts[written] == len(ids):
            ids = ids[seen[written]:seen[written] + 1]
        seen[written] += 1
        for id in ids:
            yield evolve(association, participant_id=id)


def _one_each(found: Iterable[ParticipantStream]) -> tuple[ParticipantStream, ...]:
    """
    One association a participant: those that last make one, those that have ended only where none lasts.
    """
    kept: dict[str, ParticipantStream] = {}
    for one in found:
        earlier = kept.get(one.participant_id)
        if earlier is None or (earlier.disassociate_time is not None and one.disassociate_time is None):
            kept[one.participant_id] = one
        elif (earlier.disassociate_time is None) == (one.disassociate_time is None):
            kept[one.participant_id] = evolve(
                one,
                sends=tuple(dict.fromkeys(earlier.sends + one.sends)),
                receives=tuple(dict.fromkeys(earlier.receives + one.receives)),
            )
    return tuple(kept.values())


def _with_known_participants(
    objects: Objects, found: list[ParticipantStream], warnings: WarningList
) -> list[ParticipantStream]:
    """
    Cisco was seen to write a stream's id where a participant's belongs: if as many participants have no
    association as there are such, they are matched in order.
    """
    stream_ids = {stream.id for stream in objects.streams}
    party_ids = [party.participant.id for party in objects.parties]
    known = {association.participant_id for association in found}
    strange = [id for id in dict.fromkeys(a.participant_id for a in found) if id not in party_ids]
    mistaken = [id for id in strange if id in stream_ids]
    for id in strange if objects.is_whole else ():
        warnings.add("association-unknown-participant", f"there is no participant {id!r}")
    forgotten = [id for id in party_ids if id not in known]
    if not objects.is_whole or len(mistaken) != len(forgotten):
        return found
    right = dict(zip(mistaken, forgotten, strict=True))
    for wrong, participant_id in right.items():
        text = f"the streams of {wrong!r}, a stream's id, are given to participant {participant_id!r}"
        warnings.add("association-repaired", text)
    return [evolve(one, participant_id=right.get(one.participant_id, one.participant_id)) for one in found]


class _StreamIds:
    """
    What send and recv elements name.
    """

    def __init__(self, objects: Objects, warnings: WarningList) -> None:
        self._owners = objects.stream_owners
        self._known = {stream.id for stream in objects.streams}
        self._by_label = {stream.label: stream.id for stream in objects.streams if stream.label}
        self._is_whole = objects.is_whole
        self._warnings = warnings

    def resolve(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """
        The ids of streams; one that is a label instead is translated.
        """
        return tuple(dict.fromkeys(id for each in written for id in self._resolved(each)))

    def _resolved(self, written: str) -> tuple[str, ...]:
        ids = self._owners.of(written)
        if ids != (written,) or written in self._known:
            return ids
        if written in self._by_label:
            self._warnings.once("association-by-label", f"{written!r} is a label, wanted a stream's id")
            return (self._by_label[written],)
        if self._is_whole and self._known:
            self._warnings.add("association-unknown-stream", f"there is no stream {written!r}")
        return ids
