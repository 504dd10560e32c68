"""
What a narrow-band connection sounds like by the E-model (ITU-T G.107): the rating R, 0 to 100, and the mean opinion
score that it stands for.

    R = Ro - Is - Id - Ie,eff + A

Of a connection whose parameters all have the defaults of G.107, Ro - Is - Id comes to UNDISTURBED. A receiver knows
two things more: how long sound is on its way (Id grows by Idd), and which codec lost how many packets (Ie,eff). The
advantage factor A is 0: nobody expects a recording to be worse than a telephone.

The scale is that of narrow-band telephony. Wide-band codecs (G.722, AMR-WB, Opus) have no place on it, and what
G.113 has no values for has none either: both are not rated.
"""

from __future__ import annotations

import math

from attrs import frozen

from siprec_tw.codecs.frames import ALIASES
from siprec_tw.rtp.loss_runs import LossFigures

UNDISTURBED = 93.2
MOST_BURST_RATIO = 8.0      # G.107 knows 1 to 8
LEAST_PACKETS = 100         # fewer tell nothing: one of them would be more than a percent

# Seconds. The way from mouth to recorder is not known to it: a network within one country, coding included, is
# assumed, and a jitter buffer that waits for twice the mean jitter.
NETWORK_DELAY = 0.05
MOST_BUFFERED = 0.2
UNNOTICED_DELAY = 0.1       # G.107: below it delay impairs nothing


@frozen
class Impairment:
    """
    What a codec costs (ITU-T G.113 Appendix I).
    """

    without_loss: float         # Ie
    robustness: float | None    # Bpl; None: not told, so that what lost packets cannot be rated


# G.711 as it is recorded: nothing is made up for a packet that is missing. With concealment Bpl would be 25.1. The
# others are rated as their own concealment sounds, for which alone there are values.
_G711 = Impairment(0.0, 4.3)
IMPAIRMENTS = {
    "PCMU": _G711,
    "PCMA": _G711,
    "G729": Impairment(11.0, 19.0),     # G.729A with VAD
    "G723": Impairment(15.0, 16.1),     # at 6.3 kbit/s with VAD
    "AMR": Impairment(5.0, 10.0),       # at 12.2 kbit/s, which is GSM EFR
    "GSM-EFR": Impairment(5.0, 10.0),
    "GSM": Impairment(20.0, None),
    "G728": Impairment(7.0, None),      # at 16 kbit/s
    "G726-40": Impairment(2.0, None),
    "G726-32": Impairment(7.0, None),
    "G726-24": Impairment(25.0, None),
    "G726-16": Impairment(50.0, None),
}


def rating(losses: LossFigures, encoding: str, jitter: float) -> float | None:
    """
    R of a stream, 0 to 100; C{jitter} in seconds. None for a codec that cannot be rated and for too few packets.
    """
    impairment = impairment_of(encoding)
    if impairment is None or losses.expected < LEAST_PACKETS:
        return None
    equipment = equipment_impairment(impairment, 100.0 * losses.loss_rate, losses.burst_ratio)
    if equipment is None:
        return None
    delay = NETWORK_DELAY + min(2.0 * jitter, MOST_BUFFERED)
    return min(100.0, max(0.0, UNDISTURBED - delay_impairment(delay) - equipment))


def impairment_of(encoding: str) -> Impairment | None:
    """
    What is known of an encoding, by its name in rtpmap.
    """
    name = encoding.upper().removeprefix("AAL2-")
    return IMPAIRMENTS.get(ALIASES.get(name, name))


def equipment_impairment(impairment: Impairment, loss_percent: float, burst_ratio: float) -> float | None:
    """
    Ie,eff (G.107); None where packets were lost and nobody has told what that does to the codec.
    """
    least = impairment.without_loss
    if not loss_percent:
        return least
    if impairment.robustness is None:
        return None
    bursts = min(MOST_BURST_RATIO, max(1.0, burst_ratio))
    return least + (95.0 - least) * loss_percent / (loss_percent / bursts + impairment.robustness)


def delay_impairment(seconds: float) -> float:
    """
    Idd (G.107): what a delay from mouth to ear costs though there is no echo.
    """
    if seconds <= UNNOTICED_DELAY:
        return 0.0
    x = math.log2(seconds / UNNOTICED_DELAY)
    return 25.0 * (math.pow(1.0 + x**6, 1 / 6) - 3.0 * math.pow(1.0 + (x / 3.0) ** 6, 1 / 6) + 2.0)


def mean_opinion_score(r: float) -> float:
    """
    MOS of a rating (G.107 Annex B): 1 to 4.5. Just above 0 the formula goes a little below 1, where there is nothing.
    """
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)
