"""
The quality of a stream, for the report on one that is open and for the manifest alike.
"""

from __future__ import annotations

from siprec_tw.interfaces import StreamQuality
from siprec_tw.rtp.e_model import mean_opinion_score, rating
from siprec_tw.rtp.loss_runs import LossFigures


def quality_of(
    losses: LossFigures, encoding: str, packet_seconds: float, jitter: float
) -> StreamQuality | None:
    """
    What losses and jitter (seconds) make of sound of an encoding; None where no packet was expected.

    The lengths of bursts and gaps are told in packets, and become seconds by the length of one: C{packet_seconds}.
    """
    if not losses.expected:
        return None
    r = rating(losses, encoding, jitter)
    return StreamQuality(
        loss_rate=round(losses.loss_rate, 6),
        longest_loss=losses.longest,
        bursts=losses.bursts,
        burst_density=round(losses.burst_density, 6),
        burst_duration=round(losses.burst_length * packet_seconds, 6),
        gap_density=round(losses.gap_density, 6),
        gap_duration=round(losses.gap_length * packet_seconds, 6),
        jitter=round(jitter, 6),
        r_factor=None if r is None else round(r, 1),
        mos=None if r is None else round(mean_opinion_score(r), 2),
    )
