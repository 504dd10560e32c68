"""
Who is heard on which stream, and when; who took part at all; whether labels and SDP agree.

A history is what L{siprec_tw.metadata.update.apply} gave after each document, with the time of its arrival.
Times of attributions are those arrivals, on our clock: the clocks of clients are hours off, or in 1970, so
the times in a document only say *that* something has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from enum import Enum

from attrs import evolve, frozen

from siprec_tw.metadata import merge
from siprec_tw.metadata.model import Metadata, MetadataWarning, Participant, Stream

History = Sequence[tuple[float, Metadata]]


class Basis(Enum):
    """
    Why a stream is attributed to a participant.
    """

    STATED = "stated"           # the metadata says so
    MIXED = "mixed"             # it is the only stream, and nobody is said to send it
    BY_ORDER = "by-order"       # nobody is said to send anything: first to first, second to second


@frozen
class Attribution:
    """
    A participant heard on the stream of a label, from the arrival of one document to that of another.
    """

    label: str                  # "" for a stream without one
    participant_id: str
    from_time: float            # POSIX seconds, our clock
    until_time: float | None    # None: to the end of the call
    basis: Basis = Basis.STATED


def attributions(history: History) -> tuple[Attribution, ...]:
    """
    Who sends the stream of which label when, by time and label; unbroken times are one entry.
    """
    settled: list[Attribution] = []
    lasting: dict[tuple[str, str, Basis], Attribution] = {}
    stated = False
    for at, state in history:
        stated = stated or any(association.sends for association in state.participant_streams)
        # Guessing is for clients that never say who sends what, not for a hold.
        now = dict.fromkeys(_stated(state) if stated else _guessed(state))
        for key in [key for key in lasting if key not in now]:
            settled.append(evolve(lasting.pop(key), until_time=at))
        for key in now:
            lasting.setdefault(key, Attribution(key[0], key[1], at, None, key[2]))
    replaced = _placeholders(history)
    found = (a for a in (*settled, *lasting.values()) if a.until_time is None or a.until_time > a.from_time)
    return tuple(sorted(
        (a for a in found if a.participant_id not in replaced),
        key=lambda a: (a.from_time, a.label, a.participant_id),
    ))


def attribution_warnings(found: Sequence[Attribution]) -> tuple[MetadataWarning, ...]:
    """
    A warning for each label that is attributed by a guess.
    """
    guessed = dict.fromkeys((a.label, a.basis) for a in found if a.basis is not Basis.STATED)
    return tuple(
        MetadataWarning("attribution-guessed", f"nobody is said to send {label!r}: guessed {basis.value}")
        for label, basis in guessed
    )


def parties(history: History) -> tuple[Participant, ...]:
    """
    Everybody who ever took part, in order of appearance; the last name and address told of each.
    """
    found: tuple[Participant, ...] = ()
    for _, state in history:
        found = merge.by_key(found, state.participants, lambda p: p.id, merge.participant)
    replaced = _placeholders(history)
    return tuple(participant for participant in found if participant.id not in replaced)


def check_labels(
    metadata: Metadata, sdp_labels: Sequence[str], refused: Sequence[str] = ()
) -> tuple[MetadataWarning, ...]:
    """
    Where the labels of the streams that are sent and of the SDP's m-lines disagree; "" stands for no label.

    C{refused} are labels of m-lines that are not recorded: the metadata may have them or not.
    """
    told = Counter(stream.label for stream in _open_streams(metadata) if stream.label)
    offered = Counter(label for label in sdp_labels if label)
    return (
        *_warnings("label-repeated", "is of more than one stream", told - Counter(set(told))),
        *_warnings("sdp-label-repeated", "is of more than one m-line", offered - Counter(set(offered))),
        *_warnings("label-not-in-sdp", "is in the metadata and in no m-line", _less(told, {*offered, *refused})),
        *_warnings("label-not-in-metadata", "is of an m-line and not in the metadata", _less(offered, told)),
    )


def _warnings(code: str, text: str, labels: Counter[str]) -> Iterator[MetadataWarning]:
    for label in labels:
        yield MetadataWarning(code, f"label {label!r} {text}")


def _less(labels: Counter[str], others: Collection[str]) -> Counter[str]:
    return Counter(label for label in labels if label not in others)


def _stated(state: Metadata) -> Iterator[tuple[str, str, Basis]]:
    lasting = (a for a in state.participant_streams if a.disassociate_time is None)
    sending = [(association.participant_id, set(association.sends)) for association in lasting]
    for stream in _open_streams(state):
        for participant_id, sends in sending:
            if stream.id in sends:
                yield stream.label, participant_id, Basis.STATED


def _guessed(state: Metadata) -> Iterator[tuple[str, str, Basis]]:
    told = state.participant_streams
    if told and all(association.is_hold for association in told):
        return
    streams = _open_streams(state)
    present = [p.id for p in state.participants if state.end_time is None and not state.has_left(p.id)]
    if len(streams) == 1:
        yield from ((streams[0].label, id, Basis.MIXED) for id in present)
    else:
        yield from (
            (stream.label, id, Basis.BY_ORDER) for stream, id in zip(streams, present, strict=False)
        )


def _open_streams(state: Metadata) -> tuple[Stream, ...]:
    return tuple(stream for stream in state.streams if stream.disassociate_time is None)


def _placeholders(history: History) -> set[str]:
    """
    Who only stood in for others; nobody, if there was nobody else.
    """
    seen = [participant for _, state in history for participant in state.participants]
    real = {participant.id for participant in seen if not participant.is_placeholder}
    return {participant.id for participant in seen} - real if real else set()
