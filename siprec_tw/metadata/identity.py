"""
Ids made unique: invented where there is none, told apart where two objects share one by accident.

A stream without an id is known by its label (C{label:10}), a participant by its address, anything else by
its place. The second owner of an id C{x} becomes C{x#2}; an association that names C{x} then means all its
owners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import define, evolve, field

from siprec_tw.metadata.model import Group, Participant, Session, Stream
from siprec_tw.metadata.objects import Party
from siprec_tw.metadata.warning_list import WarningList

MOST_OWNERS = 8         # of one id; more are dropped, since each association with it would mean all

_Object = TypeVar("_Object", Group, Session, Stream)


@define
class Owners:
    """
    Which ids the owners of a written id have now, in order.
    """

    ids: dict[str, list[str]] = field(factory=dict)
    taken: set[str] = field(factory=set)

    def of(self, written: str) -> tuple[str, ...]:
        """
        The owners of an id; an id that nobody owns is its own.
        """
        return tuple(self.ids.get(written, (written,)))


def unique_objects(
    objects: Iterable[_Object], kind: str, warnings: WarningList,
    name_of: Callable[[_Object], str] | None = None,
) -> tuple[tuple[_Object, ...], Owners]:
    """
    Groups, sessions or streams with unique ids, repetitions left out.
    """
    owners = Owners()
    kept: dict[str, _Object] = {}
    for position, found in enumerate(objects, 1):
        own = found.id or _invented(kind, name_of(found) if name_of else "", position, warnings)
        named = evolve(found, id=own)
        same = next((id for id in owners.ids.get(own, ()) if _is_repetition(kept[id], named)), None)
        if same is not None:
            warnings.add("duplicate-element", f"{kind} {own!r} is described twice")
            kept[same] = evolve(named, id=same)
        elif new := _shared(owners, own, kind, warnings):
            kept[new] = evolve(named, id=new)
    return tuple(kept.values()), owners


def unique_parties(parties: Iterable[Party], warnings: WarningList) -> tuple[tuple[Party, ...], Owners]:
    """
    Participants with unique ids, repetitions merged: the last description of a participant wins.
    """
    owners = Owners()
    kept: dict[str, Party] = {}
    for position, party in enumerate(parties, 1):
        own = party.participant.id or _invented("participant", _aor(party.participant), position, warnings)
        same = next((id for id in owners.ids.get(own, ()) if _is_same(kept[id], party)), None)
        if same is not None:
            warnings.add("duplicate-element", f"participant {own!r} is described twice")
            kept[same] = _merged(kept[same], party, same)
        elif new := _shared(owners, own, "participant", warnings):
            kept[new] = _renamed(party, new)
    return tuple(kept.values()), owners


def _invented(kind: str, name: str, position: int, warnings: WarningList) -> str:
    own = name or f"{kind}:{position}"
    warnings.add(f"{kind}-without-id", f"a {kind} has no id: it is called {own!r}")
    return own


def _shared(owners: Owners, own: str, kind: str, warnings: WarningList) -> str:
    """
    What the next owner of an id is called, or "" if it has too many.
    """
    ids = owners.ids.setdefault(own, [])
    if len(ids) == MOST_OWNERS:
        warnings.add("id-shared-by-too-many", f"more than {MOST_OWNERS} of a kind have the id {own!r}")
        return ""
    new, number = own, len(ids)
    while new in owners.taken:
        number += 1
        new = f"{own}#{number}"
    if ids:
        warnings.add(f"{kind}-id-shared", f"a second {kind} has the id {own!r}: it is called {new!r}")
    ids.append(new)
    owners.taken.add(new)
    return new


def _is_repetition(one: _Object, other: _Object) -> bool:
    if isinstance(one, Stream) and isinstance(other, Stream):
        return one.label == other.label
    return True


def _is_same(one: Party, other: Party) -> bool:
    aors = _aor(one.participant), _aor(other.participant)
    return aors[0] == aors[1] or not all(aors)


def _aor(participant: Participant) -> str:
    return next((name_id.aor for name_id in participant.name_ids if name_id.aor), "")


def _renamed(party: Party, new: str) -> Party:
    return Party(
        evolve(party.participant, id=new),
        evolve(party.in_session, participant_id=new) if party.in_session else None,
        evolve(party.on_streams, participant_id=new) if party.on_streams else None,
    )


def _merged(one: Party, other: Party, id: str) -> Party:
    participant = Participant(
        id,
        other.participant.name_ids or one.participant.name_ids,
        tuple(dict.fromkeys(one.participant.extensions + other.participant.extensions)),
    )
    merged = Party(participant, other.in_session or one.in_session, other.on_streams or one.on_streams)
    return _renamed(merged, id)
