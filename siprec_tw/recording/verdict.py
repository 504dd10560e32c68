"""
Whether a recording is what it should be, in one word and one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import frozen

EXPECTED_AFTER = 2.0    # seconds a track may be active without a packet and nobody wonders


class VerdictKind(Enum):
    """
    The word; of those that hold the first in this order is given.
    """

    TRUNCATED = "truncated"                     # a process was killed; the rest of the call is missing
    SILENT = "silent"                           # not one packet came
    ONE_SIDED = "one-sided"                     # a track that should have had sound has none
    COMPLETE_WITH_LOSS = "complete-with-loss"   # packets or parts are missing
    COMPLETE = "complete"


@frozen
class Verdict:
    """
    The word and the sentence.
    """

    kind: VerdictKind
    reason: str


@frozen
class TrackHeard:
    """
    What the verdict wants to know of a track.
    """

    name: str
    active: float           # seconds for which the answer said recvonly
    packets: int
    lost: int


def verdict_of(
    tracks: Sequence[TrackHeard], *, ended: bool, damaged: Sequence[str] = (), media_lost: bool = False
) -> Verdict:
    """
    Judge a recording. C{ended} is whether its journal has an end, C{damaged} what could not be made of it,
    C{media_lost} whether the call ended as its streams were not received any more.

    A track that was inactive or held all along need not have sound.
    """
    kind, reason = _heard(tracks)
    if damaged and kind in (VerdictKind.COMPLETE, VerdictKind.COMPLETE_WITH_LOSS):
        kind = VerdictKind.COMPLETE_WITH_LOSS
    if damaged:
        reason = " ".join([reason, *damaged])
    if media_lost:
        kind = VerdictKind.TRUNCATED
        reason = f"The media worker was lost before the call ended. Until then: {reason}"
    if not ended:
        kind = VerdictKind.TRUNCATED
        reason = f"The server stopped before the call ended. Until then: {reason}"
    return Verdict(kind, reason)


def _heard(tracks: Sequence[TrackHeard]) -> tuple[VerdictKind, str]:
    expected = [track for track in tracks if track.active >= EXPECTED_AFTER]
    mute = [track.name for track in expected if not track.packets]
    if not any(track.packets for track in tracks):
        if tracks and not any(track.active > 0 for track in tracks):
            return VerdictKind.COMPLETE, "No track was active: there was nothing to record."
        return VerdictKind.SILENT, "Not one packet arrived."
    if mute:
        return VerdictKind.ONE_SIDED, f"Nothing arrived for {_tracks(mute)}."
    lossy = [track.name for track in tracks if track.lost > 0]
    if lossy:
        lost = sum(track.lost for track in tracks)
        share = lost / (lost + sum(track.packets for track in tracks))
        reason = f"{lost} packets ({share:.2%}) are missing from {_tracks(lossy)}."
        return VerdictKind.COMPLETE_WITH_LOSS, reason
    return VerdictKind.COMPLETE, "Every packet arrived."


def _tracks(names: Sequence[str]) -> str:
    return f"track{'s' * (len(names) > 1)} {', '.join(names)}"
