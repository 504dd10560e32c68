"""
How wrong a clock is, and what becomes of sound whose clock is.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from attrs import evolve

from siprec_tw.codecs.g711 import encode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.assemble import BLOCK, Pcm, octets, overlapping, pcm, pieces_of, without
from siprec_tw.recording.clock_line import LEAST_SPAN, WANDER, line_under
from siprec_tw.recording.clock_map import map_of
from siprec_tw.recording.clocks import ClockSource, clocks_of, doubts_of
from siprec_tw.recording.fractional import needed, samples_at
from siprec_tw.recording.segment import (
    Checkpoint,
    ClockTold,
    Layout,
    SegmentClosed,
    SegmentOpened,
    from_lines,
    to_line,
)
from siprec_tw.recording.sound import Sound, axis_of, sound_of
from siprec_tw.recording.timeline import Timeline, timeline_of

PCMU = PayloadFormat(0, "PCMU", 8000)
NOW = 1_800_000_000.0


def points(slope: float, seconds: float, seed: int = 1, late: float = 0.001) -> list[tuple[float, float]]:
    """
    A point every 5 s, each up to C{late} seconds late.
    """
    chance = random.Random(seed)
    return [(5.0 * n, 7.5 + slope * 5.0 * n + chance.uniform(0, late)) for n in range(int(seconds / 5) + 1)]


def sound(
    slope: float = 0.0, seconds: float = 600.0, *, stream: str = "a", epoch: int = 1, arrival: float = NOW,
    clocks: tuple[ClockTold, ...] = (), late: float = 0.001,
) -> Sound:
    """
    One segment whose transit grows by C{slope}; it lasts so long by its own clock.
    """
    opened = SegmentOpened("n", stream, epoch, epoch, 7, PCMU, Layout.SAMPLES, 0, 8000, 1, arrival)
    base = arrival - 1.0
    lines = [to_line(opened), *(to_line(clock) for clock in clocks)]
    for at, transit in points(slope, seconds, late=late):
        least = base + transit - 7.5
        lines.append(to_line(Checkpoint(8000 + round(at * 8000), 1, 1, 0, 0, 0, 0.0, least, least)))
    lines.append(to_line(SegmentClosed("stream-closed")))
    record = from_lines(lines)
    assert record is not None
    return sound_of(record)


# --- lines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [-900e-6, -50e-6, 0.0, 50e-6, 900e-6])
def test_a_line_lies_under_its_points(slope: float) -> None:
    """
    Points that are late by up to 20 ms leave the slope right to a millionth, and the line at the earliest.
    """
    line = line_under(points(slope, 3600.0, late=0.02))
    assert line is not None
    assert abs(line.slope - slope) < 1e-6
    assert all(abs(line.at(at) - 7.5 - slope * at) < 0.003 for at in (-10.0, 0.0, 1800.0, 3600.0, 3700.0))
    assert 0.005 < line.spread < 0.015


def test_a_fifth_of_the_points_may_be_anywhere() -> None:
    """
    A network that is slow for half an hour of three is followed only as fast as clocks wander.
    """
    slow = [(at, delay + (0.08 if 4000 < at < 5900 else 0.0)) for at, delay in points(100e-6, 3 * 3600.0)]
    line = line_under(slow)
    assert line is not None
    assert abs(line.slope - 100e-6) < 2e-6
    assert all(abs(line.at(at) - 7.5 - 100e-6 * at) < 0.03 for at in range(0, 10_801, 100))


def test_too_little_tells_nothing() -> None:
    """
    Few points, or a short time.
    """
    assert line_under([]) is None
    assert line_under(points(0, LEAST_SPAN - 5)) is None
    assert line_under(points(0, 3600.0)[::90]) is None
    assert line_under(points(0, LEAST_SPAN)) is not None


def test_a_clock_that_wanders_is_followed() -> None:
    """
    Five millionths more and less every two hours, as rooms do: the line stays within three milliseconds.
    """
    def wandered(at: float) -> float:
        return 5e-6 * 3600 / np.pi * np.sin(np.pi * at / 3600)

    line = line_under([(at, delay + wandered(at)) for at, delay in points(60e-6, 6 * 3600.0)])
    assert line is not None
    assert all(abs(line.at(at) - 7.5 - 60e-6 * at - wandered(at)) < 0.003 for at in range(0, 21_601, 60))
    steps = [(b - a, y - x) for (a, x), (b, y) in zip(line.knots, line.knots[1:], strict=False)]
    assert all(abs(rise - line.slope * run) <= WANDER * run * 1.001 for run, rise in steps)


# --- clocks ------------------------------------------------------------------------------------------


def test_by_arrival() -> None:
    """
    A clock that is fast makes transits fall.
    """
    one = sound(-100e-6)
    clock = clocks_of([[one]])[axis_of(one)]
    assert (clock.source, clock.corrected, clock.doubt) == (ClockSource.ARRIVAL, True, "")
    assert abs(clock.drift - 100e-6) < 1e-6


def test_what_is_too_little_is_not_corrected() -> None:
    """
    Less than two milliseconds in all, or less than what the network's own doings may be.
    """
    for one in (sound(3e-6), sound(50e-6, 120.0, late=0.05)):
        clock = clocks_of([[one]])[axis_of(one)]
        assert not clock.corrected and not clock.places
        assert timeline_of([[one]], {axis_of(one): clock}) == timeline_of([[one]])


def test_old_records_know_no_clocks() -> None:
    """
    Without transits since each checkpoint nothing is known, and nothing corrected.
    """
    opened = SegmentOpened("n", "a", 1, 1, 7, PCMU, Layout.SAMPLES, 0, 8000, 1, NOW)
    old = b'{"end":%d,"highest_sequence":1,"packets":1,"duplicates":0,"reordered":0,"rejected":0,"jitter":0.0,'
    old += b'"transit":%f,"event":"Checkpoint"}'
    record = from_lines([to_line(opened), *(old % (8000 + 40_000 * n, NOW - 1 - 0.01 * n) for n in range(100))])
    assert record is not None and record.checkpoint is not None and record.transits == []
    assert clocks_of([[sound_of(record)]]) == {}


def test_no_clock_and_no_number() -> None:
    """
    What is no oscillator is not corrected, and told. Nor does a damaged record do harm, whatever it tells.
    """
    one = sound(2000e-6)
    clocks = clocks_of([[one]])
    assert not clocks[axis_of(one)].corrected
    assert doubts_of([one], clocks) == ["its clock seems to be off by 2000 ppm, wanted 1000 at most"]
    damaged = sound(100e-6, clocks=reports(100.0))
    segment = damaged.segment
    for number in (float("inf"), float("nan"), 1e308, -1e308):
        segment.transits.extend([(9000, number), (10**400, NOW - 1), (-(10**400), number)])
        segment.clocks.extend(ClockTold(at, number, "pbx", NOW) for at in (9000, 10**400, -(10**400)))
    assert clocks_of([[damaged]]) == clocks_of([[sound(100e-6, clocks=reports(100.0))]])


def reports(ppm: float, name: str = "pbx", offset: float = -3600.0, seconds: float = 600.0) -> tuple[ClockTold, ...]:
    """
    A report every 5 s of a sender whose own clock is off by C{offset}; its RTP clock is fast beside that.
    """
    return tuple(
        ClockTold(8000 + round(5.0 * n * 8000), NOW + offset + 5.0 * n / (1 + ppm / 1e6), name, NOW + 5.0 * n)
        for n in range(int(seconds / 5))
    )


def test_by_reports() -> None:
    """
    Two tracks of one CNAME are put together by their reports, though one's network is 20 ms slower.
    """
    a = sound(-100e-6, clocks=reports(100.0))
    b = sound(100e-6, stream="b", arrival=NOW + 0.02, clocks=reports(-100.0))
    clocks = clocks_of([[a], [b]])
    assert [clock.source for clock in clocks.values()] == [ClockSource.RTCP] * 2
    timeline = timeline_of([[a], [b]], clocks)
    assert abs(timeline.place(a, 8000) - timeline.place(b, 8000)) < 0.0005
    assert abs(timeline.place(a, 8000 + 4_800_480) - timeline.place(b, 8000 + 4_799_520)) < 0.0005
    apart = timeline_of([[a], [b]], clocks_of([[a], [sound(100e-6, stream="b", arrival=NOW + 0.02)]]))
    assert abs(apart.place(b, 8000) - apart.place(a, 8000) - 0.02) < 0.002


@pytest.mark.parametrize("other", [
    reports(-100.0, name="phone"),                      # another clock
    reports(-100.0, offset=-3599.0),                    # of that name, but it is not
    reports(-100.0)[:4],                                # too few
    reports(-100.0, seconds=100.0),                     # of too little of the call
    reports(-5000.0),                                   # no oscillator
    tuple(evolve(one, instant=NOW) for one in reports(0.0)),        # it stands still
    tuple(evolve(one, timestamp=one.timestamp - n % 3 * 160) for n, one in enumerate(reports(-100.0))),
])
def test_reports_that_are_not_believed(other: tuple[ClockTold, ...]) -> None:
    """
    Then the arrivals tell, for both.
    """
    a, b = sound(-100e-6, clocks=reports(100.0)), sound(100e-6, stream="b", clocks=other)
    assert clocks_of([[a], [b]]) == clocks_of([[sound(-100e-6)], [sound(100e-6, stream="b")]])


# --- times -------------------------------------------------------------------------------------------


def test_there_and_back() -> None:
    """
    The recording's time and the source's are each other's inverse, before, between and behind the knots.
    """
    line = line_under(points(300e-6, 3600.0))
    assert line is not None
    course = map_of(line, 3600.0)
    for seconds in (-1.0, 0.0, 17.25, 1800.0, 3600.0, 3700.0):
        assert abs(float(course.to_own(np.array([course.to_common(seconds)]))[0]) - seconds) < 1e-9
    assert abs(course.to_common(3600.0) - 3600.0 * 1.0003) < 0.003


def corrected(*sounds: Sound) -> Timeline:
    return timeline_of([sounds], clocks_of([sounds]))


def test_own_time() -> None:
    """
    A track's own time is by its timestamps; the recording's is the server's.
    """
    one = sound(-400e-6)
    timeline = corrected(one)
    assert timeline.sample(one, one.first, 8000) == timeline.own().sample(one, one.first, 8000) == 0
    assert timeline.own().sample(one, one.end, 8000) == one.end - one.first
    assert abs(timeline.sample(one, one.end, 8000) - 600 * 8000 * (1 - 400e-6)) < 16
    assert timeline.samples(8000) - timeline.sample(one, one.end, 8000) in (0, 1)
    assert abs(timeline.ahead([one], 300.0) - 0.12) < 0.002 and timeline.ahead([one], -1.0) == 0.0


@pytest.mark.parametrize("slope", [-400e-6, 400e-6])
def test_hand_over_of_a_clock_that_is_wrong(slope: float) -> None:
    """
    A source that takes over where the one before ended is put behind it in both times, though those are 240 ms apart by
    then: nothing overlaps in the track's own file.
    """
    one = sound(slope)
    two = sound(slope, epoch=2, arrival=NOW + 600 * (1 + slope) + 0.005)
    timeline, own = corrected(one, two), corrected(one, two).own()
    assert timeline.sample(two, two.first, 8000) == timeline.sample(one, one.end, 8000)
    assert own.sample(two, two.first, 8000) == own.sample(one, one.end, 8000) == one.end - one.first
    assert not overlapping(pieces_of([(0, one), (1, two)], own, 8000))


def test_a_pause_is_as_long_in_both_times() -> None:
    """
    And what two sources say at once is said at once in both.
    """
    one = sound(400e-6)
    later = sound(400e-6, epoch=2, arrival=NOW + 600 * 1.0004 + 5.0)
    meanwhile = sound(400e-6, epoch=3, arrival=NOW + 300.0, seconds=100.0)
    timeline = corrected(one, later, meanwhile)
    own = timeline.own()
    for times in (timeline, own):
        assert abs(times.place(later, later.first) - times.place(one, one.end) - 5.0) < 0.002
    assert abs(timeline.place(meanwhile, meanwhile.first) - 300.0) < 0.002
    assert abs(own.place(meanwhile, meanwhile.first) - 300.0 / 1.0004) < 0.002


# --- sound -------------------------------------------------------------------------------------------


def tone(instants: np.ndarray) -> np.ndarray:
    return 10_000 * np.sin(2 * np.pi * 1000 * instants)


def test_between_samples() -> None:
    """
    A tone at any positions is the tone at those instants; at whole ones it is the samples themselves.
    """
    samples = np.rint(tone(np.arange(4000) / 8000)).astype(np.int32)
    assert np.array_equal(samples_at(samples, 0, np.arange(4000.0)), samples)
    positions = 100.3 + np.arange(3000) * 1.0001
    begin, end = needed(positions)
    heard = samples_at(samples[begin:end], begin, positions)
    wanted = tone(positions / 8000)
    assert np.sqrt(np.mean((heard - wanted) ** 2)) < 10_000 * 10 ** (-65 / 20)
    parts = [samples_at(samples, 0, positions[i : i + 7]) for i in range(0, 3000, 7)]
    assert np.array_equal(np.concatenate(parts), heard)
    assert samples_at(samples[:0], 0, positions).tolist() == [0] * 3000


def corrected_tone(rate: int, spans: tuple[tuple[int, int], ...] = ()) -> tuple[Pcm, Timeline]:
    """
    Sixty seconds and more of a tone of 1000 Hz in truth, sampled by a clock that is 400 ppm fast.
    """
    seconds = 90.0
    one = sound(1 / 1.0004 - 1, seconds, late=0.0)
    law = encode_mulaw(np.rint(tone(np.arange(int(seconds * 8000)) / 8003.2)).astype(np.int16))
    timeline = corrected(one)
    pieces = without(pieces_of([(0, one)], timeline, rate), spans, rate)

    def read(source: int, offset: int, size: int) -> bytes:
        return law[max(0, offset - 8000) : max(0, offset - 8000) + size]

    assert octets(pieces_of([(0, one)], timeline.own(), 8000), 8000, 0xFF, read)
    return np.concatenate(list(pcm(pieces, timeline.samples(rate), rate, read))), timeline


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_tone_keeps_its_pitch(rate: int) -> None:
    """
    Over all seams of blocks the tone goes on as it was in truth, without a click.
    """
    heard, _ = corrected_tone(rate)
    assert len(heard) > 5 * BLOCK
    wanted = tone(np.arange(len(heard)) / rate)
    inner = slice(rate, -rate)
    assert np.abs(heard[inner] - wanted[inner]).max() < 1000
    assert np.sqrt(np.mean((heard[inner] - wanted[inner]) ** 2)) < 250


def test_what_is_cut_out_leaves_the_rest_where_it_is() -> None:
    """
    A key that is masked changes nothing but its own time, but for the ringing at its edges.
    """
    spans = ((100_000, 104_000), (300_001, 300_777))
    whole, timeline = corrected_tone(8000)
    cut, _ = corrected_tone(8000, spans)
    near = np.zeros(len(whole), bool)
    for begin, end in spans:
        assert not cut[begin:end].any()
        near[begin - 32 : end + 32] = True
    assert np.abs(cut[~near].astype(int) - whole[~near]).max() <= 2        # a step of 1/4096 sample
    assert timeline.samples(8000) == len(cut)
