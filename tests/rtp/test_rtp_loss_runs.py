"""
Tests for siprec_tw.rtp.loss_runs and missing_numbers.
"""

from __future__ import annotations

from itertools import groupby

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.rtp.loss_runs import GMIN, NO_LOSSES, LossFigures, LossRuns
from siprec_tw.rtp.missing_numbers import MOST_REMEMBERED, SETTLED_AFTER, MissingNumbers
from siprec_tw.rtp.reception import Place, Reception

# A packet that came, one that did not, and runs that are near GMIN.
PATTERNS = st.lists(
    st.one_of(
        st.sampled_from(("1", "0", "00", "1" * (GMIN - 1), "1" * GMIN, "1" * (GMIN + 1))),
        st.text("10", max_size=40),
    ),
    max_size=30,
).map("".join)


def figures_of(pattern: str) -> LossFigures:
    """
    The figures by the machine of runs: 1 came, 0 did not.
    """
    runs, came = LossRuns(), 0
    for kind, group in groupby(pattern):
        count = len(list(group))
        if kind == "1":
            came = count
        else:
            runs.take(came, count)
            came = 0
    return runs.figures(came)


def looked_up(pattern: str) -> LossFigures:
    """
    The figures by the letter of RFC 3611 s.4.7.2: two losses are in one burst where less than GMIN packets in a row
    came anywhere between them.
    """
    missing = [index for index, kind in enumerate(pattern) if kind == "0"]
    stretches: list[list[int]] = []
    for index in missing:
        if stretches and "1" * GMIN not in pattern[stretches[-1][-1] : index]:
            stretches[-1].append(index)
        else:
            stretches.append([index])
    bursts = [stretch for stretch in stretches if len(stretch) > 1]
    in_burst = {index for burst in bursts for index in range(burst[0], burst[-1] + 1)}
    kinds = [index in in_burst for index in range(len(pattern))]
    runs = [len(list(group)) for kind, group in groupby(pattern) if kind == "0"]
    return LossFigures(
        expected=len(pattern), lost=len(missing), runs=len(runs), longest=max(runs, default=0), bursts=len(bursts),
        burst_packets=len(in_burst), burst_lost=sum(map(len, bursts)),
        gaps=sum(not kind for kind, _ in groupby(kinds)),
    )


def test_example_of_the_rfc() -> None:
    """
    RFC 3611 s.4.7.2: 64 packets of 10 ms; a burst of 120 ms with density 0.33, gaps of 230 and 290 ms with 0.04.
    """
    found = figures_of("1111" "0" + "1" * 18 + "011101011110" + "1" * 18 + "0" + "1" * 10)
    assert found.expected == 64
    assert (found.bursts, found.burst_packets, round(found.burst_density, 2)) == (1, 12, 0.33)
    assert (found.gaps, found.gap_length, round(found.gap_density, 2)) == (2, (23 + 29) / 2, 0.04)


@given(PATTERNS)
def test_runs_come_to_what_looking_at_each_packet_does(pattern: str) -> None:
    """
    The machine of runs and the definition agree on any pattern.
    """
    assert figures_of(pattern) == looked_up(pattern)


def test_one_packet_alone_is_no_burst() -> None:
    """
    Losses with GMIN packets between them are in a gap; with one less they are a burst.
    """
    apart = figures_of("0" + "1" * GMIN + "0")
    near = figures_of("0" + "1" * (GMIN - 1) + "0")
    assert (apart.bursts, apart.gaps, apart.gap_density) == (0, 1, 2 / (GMIN + 2))
    assert (near.bursts, near.gaps, near.burst_length, near.burst_lost) == (1, 0, GMIN + 1, 2)


def test_asking_changes_nothing() -> None:
    """
    Figures can be had at any time; what comes then is counted as if nobody had asked.
    """
    asked, unasked = LossRuns(), LossRuns()
    for received, lost in ((3, 1), (5, 2), (40, 1), (0, 3), (17, 1)):
        asked.take(received, lost)
        asked.figures(2)
        unasked.take(received, lost)
    assert asked.figures(8) == unasked.figures(8)


def test_nothing() -> None:
    """
    Without packets every share is 0.
    """
    assert LossRuns().figures(0) == NO_LOSSES
    assert (NO_LOSSES.loss_rate, NO_LOSSES.burst_density, NO_LOSSES.gap_density, NO_LOSSES.burst_ratio) == (0, 0, 0, 0)


@given(PATTERNS, PATTERNS)
def test_figures_of_two_sources_are_summed(one: str, other: str) -> None:
    """
    Sources stand beside one another: no burst reaches from one into the other.
    """
    together, far = figures_of(one).plus(figures_of(other)), figures_of(one + "1" * GMIN + other)
    assert (together.lost, together.bursts, together.burst_packets) == (far.lost, far.bursts, far.burst_packets)
    assert (together.expected, together.runs, together.longest) == (far.expected - GMIN, far.runs, far.longest)


def test_burst_ratio() -> None:
    """
    Runs of two, one packet in five missing: chance would make them 1 / (1 - 0.2) long (G.107).
    """
    found = figures_of("00" + "11111111")
    assert found.burst_ratio == 2 * (1 - 0.2)


@given(PATTERNS, st.randoms(use_true_random=False))
def test_reception_sees_the_same_losses(pattern: str, choice: object) -> None:
    """
    By sequence numbers, whatever the order they come in, the losses are those that the pattern has between the first
    packet that came and the last.
    """
    numbers = [1000 + index for index, kind in enumerate(pattern) if kind == "1"]
    if not numbers:
        return
    late = sorted(numbers, key=lambda number: number + choice.uniform(0, 12))   # type: ignore[attr-defined]
    reception = Reception.starting_at(late[0])
    for number in late:
        reception.receive(number, reception.place_of(number))
    assert reception.losses == looked_up(pattern.strip("0"))


def test_late_packets_are_waited_for() -> None:
    """
    A packet that comes before its place is settled was not lost; afterwards its loss stands in the account.
    """
    numbers = MissingNumbers(0)
    numbers.pass_over(10, 12)
    assert numbers.losses(20).lost == 2
    numbers.came(10)
    assert numbers.losses(20).lost == 1
    numbers.pass_over(11 + SETTLED_AFTER + 2, 11 + SETTLED_AFTER + 3)
    numbers.came(11)
    assert numbers.losses(1000).lost == 2


def test_a_long_bad_call_is_bounded_and_exact() -> None:
    """
    Every third packet is lost, for longer than their numbers are remembered.
    """
    reception = Reception.starting_at(0)
    for number in range(0, 90_000, 3):
        reception.receive(number, Place.AHEAD)
        reception.receive(number + 1, Place.AHEAD)
    losses = reception.losses
    assert (losses.lost, losses.runs, losses.longest, losses.bursts) == (29_999, 29_999, 1, 1)
    assert losses.lost == reception.lost
    assert len(reception._missing) < 3 * MOST_REMEMBERED
    assert len(reception._missing._spans) < SETTLED_AFTER


def test_more_lost_than_is_remembered() -> None:
    """
    A step ahead that is larger than what may still come late is one run of losses.
    """
    reception = Reception.starting_at(0)
    reception.receive_next(100)
    reception.skip_to(20_000)
    reception.receive(20_000, Place.AHEAD)
    assert reception.losses == LossFigures(20_001, 19_900, 1, 19_900, 1, 19_900, 19_900, 2)


def test_losses_before_a_restart_are_kept() -> None:
    """
    The count of a source that began again goes on with what it had lost.
    """
    before = Reception.starting_at(5)
    before.receive(5, Place.AHEAD)
    before.receive(8, Place.AHEAD)
    after = Reception.starting_at(900, before.losses)
    after.receive_next(10)
    assert after.losses == evolve(before.losses, expected=14, gaps=3)
