"""
Who took part and who is heard on which track: what the metadata documents of a call come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from siprec_tw.metadata.as_json import to_json
from siprec_tw.metadata.attribution import History, attribution_warnings, attributions, check_labels, parties
from siprec_tw.metadata.model import Metadata, MetadataWarning, Participant
from siprec_tw.metadata.reader import read_metadata
from siprec_tw.metadata.update import apply, end
from siprec_tw.recording.journal import Warned

NOT_YET = "label-not-in-metadata"       # a warning only when no document ever names the label


@frozen
class MetadataDocument:
    """
    A document as it was received.
    """

    at: float               # POSIX seconds of its arrival
    carried_by: str         # "INVITE 1", "BYE 4"
    body: bytes


@frozen
class PartyFacts:
    """
    A participant, with the instants (POSIX seconds, our clock) at which documents first and last told of it.
    """

    id: str
    aor: str
    name: str
    joined: float | None = None
    left: float | None = None


@frozen
class SpeakerFacts:
    """
    A participant sends the stream with this label from one instant to another; None is the end of the call.
    """

    label: str
    participant_id: str
    first: float
    end: float | None


@frozen
class People:
    """
    The metadata of a call, read to its end.
    """

    parties: tuple[PartyFacts, ...] = ()
    speakers: tuple[SpeakerFacts, ...] = ()
    metadata: object = None                 # the final state as JSON; None without any document
    warnings: tuple[Warned, ...] = ()


def people_of(
    documents: Sequence[MetadataDocument],
    labels: Sequence[str],
    ended: float | None,
    *,
    refused: Sequence[str] = (),
    told: tuple[float, Metadata] | None = None,
) -> People:
    """
    Read all documents of a call, in the order of arrival.

    C{labels} are those of the m-lines that were recorded, C{refused} those of the others; C{ended} is when the
    call ended, if it did; C{told} is what header fields of the INVITE said, which counts until a document comes.
    """
    history: list[tuple[float, Metadata]] = []
    warnings: list[Warned] = []
    final = False
    for document in documents:
        reading = read_metadata(document.body)
        warnings += _warned(document.at, reading.warnings)
        if reading.metadata is not None:
            final = document.carried_by.upper().startswith("BYE")
            current = history[-1][1] if history else None
            updated = apply(current, reading.metadata, final=final, at=document.at)
            warnings += _warned(document.at, updated.warnings)
            history.append((document.at, updated.metadata))
    if history:
        warnings += _label_warnings(history, labels, refused)
    elif told is not None:
        history.append(told)
    else:
        return People(warnings=tuple(warnings))
    found = attributions(history)
    warnings += _warned(history[0][0], attribution_warnings(found))
    at, state = history[-1]
    over = state if final or ended is None else end(state, max(at, ended))
    return People(
        parties=tuple(_party(one, history) for one in parties(history)),
        speakers=tuple(SpeakerFacts(a.label, a.participant_id, a.from_time, a.until_time) for a in found),
        metadata=to_json(over),
        warnings=tuple(warnings),
    )


def _party(participant: Participant, history: History) -> PartyFacts:
    present = [(at, state.has_left(participant.id)) for at, state in history if _lists(state, participant.id)]
    joined = present[0][0] if present else None
    left = present[-1][0] if present and present[-1][1] else None
    for at, has_left in reversed(present):
        if left is not None and has_left:
            left = at
        else:
            break
    aor = next((one.aor for one in reversed(participant.name_ids) if one.aor), "")
    name = next((one.name for one in reversed(participant.name_ids) if one.name), "")
    return PartyFacts(participant.id, aor, name, joined, left)


def _lists(state: Metadata, participant_id: str) -> bool:
    return any(one.id == participant_id for one in state.participants)


def _label_warnings(history: History, labels: Sequence[str], refused: Sequence[str]) -> Iterator[Warned]:
    """
    Where labels disagree. One that later documents name is no matter, for m-lines may come first.
    """
    by_state = [(at, check_labels(state, labels, refused)) for at, state in history]
    always = set(by_state[0][1]).intersection(*(found for _, found in by_state))
    for at, found in by_state:
        yield from _warned(at, [one for one in found if one.code != NOT_YET or one in always])


def _warned(at: float, warnings: Sequence[MetadataWarning]) -> list[Warned]:
    return [Warned(at, warning.code, warning.text) for warning in warnings]
