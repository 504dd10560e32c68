"""
The losses of a track in the order of sequence numbers, as the records of its segments tell them.

A hole tells how many packets are missing and the number of the packet behind it; they are taken to be those right
before that one. Packets that are kept elsewhere (events, comfort noise) count as what they are, received.
"""

from __future__ import annotations

from collections.abc import Sequence

from siprec_tw.recording.sound import Hole, Sound, axes_of, hole_between
from siprec_tw.rtp.loss_runs import NO_LOSSES, LossFigures, LossRuns


def losses_of(sounds: Sequence[Sound]) -> LossFigures:
    """
    What is missing of a track: the sum over its axes, each of which counts for itself.
    """
    whole = NO_LOSSES
    for axis in axes_of(sorted(sounds, key=lambda one: one.first)).values():
        whole = whole.plus(_losses(axis))
    return whole


def packet_seconds(sounds: Sequence[Sound]) -> float:
    """
    How long a packet lasts, on the average; 0 where nothing is known of any.
    """
    lasts = sum(sum(run.end - run.first for run in one.runs) / one.segment.opened.format.clock_rate for one in sounds)
    packets = sum(sound.packets for sound in sounds)
    return lasts / packets if packets else 0.0


def _losses(sounds: Sequence[Sound]) -> LossFigures:
    runs = LossRuns()
    told = min(sound.first_sequence for sound in sounds)    # the number up to which it is accounted for
    before: Sound | None = None
    for sound in sounds:
        between = hole_between(before, sound) if before else None
        for hole in ([between] if between else []) + list(sound.holes):
            told = _take(runs, told, hole)
        before = sound
    return runs.figures(max(0, max(map(_last_sequence, sounds)) + 1 - told))


def _take(runs: LossRuns, told: int, hole: Hole) -> int:
    if not hole.lost:
        return told
    runs.take(max(0, hole.after - hole.lost - told), hole.lost)
    return hole.after


def _last_sequence(sound: Sound) -> int:
    """
    The highest number; of a segment that was not closed it may be higher than its record tells.
    """
    checkpoint = sound.segment.checkpoint
    told = checkpoint.highest_sequence if checkpoint else sound.first_sequence
    if sound.segment.closed is not None:
        return told
    return max(told, sound.first_sequence + sound.packets + sound.lost - 1)
