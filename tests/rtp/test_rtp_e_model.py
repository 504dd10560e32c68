"""
Tests for siprec_tw.rtp.e_model.
"""

from __future__ import annotations

import math

import pytest

from siprec_tw.rtp.e_model import (
    IMPAIRMENTS,
    LEAST_PACKETS,
    MOST_BUFFERED,
    UNDISTURBED,
    Impairment,
    delay_impairment,
    equipment_impairment,
    impairment_of,
    mean_opinion_score,
    rating,
)
from siprec_tw.rtp.loss_runs import LossFigures


def by_chance(expected: int, lost: int) -> LossFigures:
    """
    Losses as lonely as chance makes them: their runs have 1 / (1 - loss rate) packets.
    """
    return LossFigures(expected, lost, runs=round(lost * (1 - lost / expected)))


def decibels(*levels: float) -> float:
    """
    The sum of powers.
    """
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels))


def test_undisturbed_connection() -> None:
    """
    The figure is what the whole of G.107 comes to with its defaults: Ro - Is - Idte - Idle, no delay, no codec.
    """
    slr, rlr, stmr, lstr, ps, pr, nc, nfor, ds, telr, wepl = 8, 2, 15, 18, 35, 35, -70, -64, 3, 65, 110
    olr = slr + rlr
    pre = pr + 10 * math.log10(1 + 10 ** ((10 - lstr) / 10))
    noise = decibels(
        nc, ps - slr - ds - 100 + 0.004 * (ps - olr - ds - 14) ** 2, rlr - 121 + pre + 0.008 * (pre - 35) ** 2,
        nfor + rlr,
    )
    ro = 15 - 1.5 * (slr + noise)
    xolr = olr + 0.2 * (64 + noise - rlr)
    iolr = 20 * ((1 + (xolr / 8) ** 8) ** (1 / 8) - xolr / 8)
    stmro = -decibels(-stmr, -telr)
    ist = (
        12 * (1 + ((stmro - 13) / 6) ** 8) ** (1 / 8) - 28 * (1 + ((stmro + 1) / 19.4) ** 35) ** (1 / 35)
        - 13 * (1 + ((stmro - 3) / 33) ** 13) ** (1 / 13) + 29
    )
    g = 1.07 + 0.258 * 37 + 0.0602 * 37**2
    iq = 15 * math.log10(1 + 10 ** ((ro - 100) / 15 + 46 / 8.4 - g / 9) + 10 ** (46 / 30 - g / 40))
    rle = 10.5 * (wepl + 7)
    idle = (ro - rle) / 2 + math.sqrt((ro - rle) ** 2 / 4 + 169)
    assert round(ro - iolr - ist - iq - idle, 1) == UNDISTURBED


@pytest.mark.parametrize(
    ("r", "mos"), [(93.2, 4.41), (90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)]
)
def test_scores(r: float, mos: float) -> None:
    """
    The default's 4.41, and G.107's table of R and MOS, which is rounded freely (80 is 4.024 by the formula).
    """
    assert mean_opinion_score(r) == pytest.approx(mos, abs=0.01)


def test_scores_stay_on_their_scale() -> None:
    """
    1 to 4.5, never falling while R rises.
    """
    assert (mean_opinion_score(-5), mean_opinion_score(0), mean_opinion_score(100), mean_opinion_score(120)) == (
        1, 1, 4.5, 4.5
    )
    scores = [mean_opinion_score(r / 4) for r in range(-20, 440)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("encoding", "r"), [("PCMU", 93.2), ("pcma", 93.2), ("G729", 82.2), ("G723", 78.2), ("AMR", 88.2)]
)
def test_codecs_without_loss(encoding: str, r: float) -> None:
    """
    G.711 costs nothing, the others their Ie of G.113.
    """
    found = rating(LossFigures(1000), encoding, 0.0)
    assert found is not None
    assert round(found, 1) == r


def test_loss_by_chance() -> None:
    """
    Ie + (95 - Ie) * Ppl / (Ppl + Bpl): at 2 %, G.711 without concealment loses 30.2, with it 7.0, G.729A has 19.
    """
    assert equipment_impairment(IMPAIRMENTS["PCMU"], 2.0, 1.0) == pytest.approx(95 * 2 / 6.3)
    assert equipment_impairment(Impairment(0, 25.1), 2.0, 1.0) == pytest.approx(7.011, abs=1e-3)
    assert equipment_impairment(IMPAIRMENTS["G729"], 2.0, 1.0) == pytest.approx(19.0)


def test_loss_in_runs_costs_more() -> None:
    """
    The burst ratio divides the loss in the denominator; it is held within 1 to 8, as G.107 has it.
    """
    by_ratio = [equipment_impairment(IMPAIRMENTS["G729"], 5.0, ratio) for ratio in (0.5, 1.0, 2.0, 8.0, 50.0)]
    assert by_ratio[0] == by_ratio[1] == pytest.approx(11 + 84 * 5 / 24)
    assert by_ratio[2] == pytest.approx(11 + 84 * 5 / 21.5)
    assert by_ratio[3] == by_ratio[4] == pytest.approx(11 + 84 * 5 / (5 / 8 + 19))


def test_delay() -> None:
    """
    Nothing up to 100 ms; at 200 ms X is 1: 25 * (2^(1/6) - 3 * (1 + 3^-6)^(1/6) + 2).
    """
    assert delay_impairment(0.1) == 0
    assert delay_impairment(0.2) == pytest.approx(25 * (2 ** (1 / 6) - 3 * (1 + 3**-6) ** (1 / 6) + 2))
    assert 0 < delay_impairment(0.15) < 1 < delay_impairment(0.2) < delay_impairment(0.3) < delay_impairment(0.5) < 40


def test_jitter_costs_the_buffer_that_it_needs() -> None:
    """
    A little jitter is within what nobody notices; much of it costs, but no more than a buffer may hold.
    """
    calm, shaken, wild, wilder = (rating(LossFigures(1000), "PCMU", jitter) for jitter in (0.02, 0.08, 1.0, 9.0))
    assert calm == UNDISTURBED
    assert shaken == pytest.approx(UNDISTURBED - delay_impairment(0.21))
    assert wild == wilder == UNDISTURBED - delay_impairment(0.05 + MOST_BUFFERED)


def test_not_rated() -> None:
    """
    Wide-band codecs, those that nobody has told values for, and too few packets.
    """
    for name in ("G722", "AMR-WB", "OPUS", "ILBC", "L16", ""):
        assert rating(LossFigures(1000), name, 0.0) is None
    assert rating(LossFigures(LEAST_PACKETS - 1), "PCMU", 0.0) is None
    assert rating(LossFigures(LEAST_PACKETS), "PCMU", 0.0) == UNDISTURBED


def test_loss_of_a_codec_without_robustness_is_not_rated() -> None:
    """
    GSM's Ie is known, its Bpl is not.
    """
    assert rating(LossFigures(1000), "GSM", 0.0) == pytest.approx(73.2)
    assert rating(by_chance(1000, 10), "GSM", 0.0) is None


def test_other_names_of_encodings() -> None:
    """
    What clients call G.729 and G.723.1, and both orders of G.726's bits.
    """
    assert impairment_of("g729a") == impairment_of("G729B") == IMPAIRMENTS["G729"]
    assert impairment_of("G723.1") == IMPAIRMENTS["G723"]
    assert impairment_of("AAL2-G726-32") == IMPAIRMENTS["G726-32"]


def test_a_bad_line_ends_at_nothing() -> None:
    """
    R does not go below 0.
    """
    assert rating(by_chance(1000, 900), "PCMU", 5.0) == 0
