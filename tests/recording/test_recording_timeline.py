"""
Runs and holes of segments, and their places on the recording's time.
"""

from __future__ import annotations

from collections.abc import Sequence

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.gaps import GapKind, TrackGap, gaps_of
from siprec_tw.recording.rtpdump import Record
from siprec_tw.recording.segment import (
    Checkpoint,
    Filled,
    Gap,
    Layout,
    Segment,
    SegmentClosed,
    SegmentOpened,
    from_lines,
    to_line,
)
from siprec_tw.recording.sound import Hole, Run, Sound, packets_end, samples_end, sound_of
from siprec_tw.recording.timeline import timeline_of

PCMU = PayloadFormat(0, "PCMU", 8000)


def segment(
    *, stream: str = "a", number: int = 1, epoch: int = 1, first: int = 8000, end: int = 16_000,
    sequence: int = 100, arrival: float = 1000.0, transit: float | None = None, gaps: Sequence[Gap] = (),
    filled: Sequence[Filled] = (), last: int = 149, form: PayloadFormat = PCMU, closed: bool = True,
) -> Segment:
    opened = SegmentOpened(
        "n", stream, number, epoch, 1, form, Layout.SAMPLES, first - 8000, first, sequence, arrival
    )
    least = arrival - first / form.clock_rate if transit is None else transit
    checkpoint = Checkpoint(end, last, 50, 0, 0, 0, 0.0, least)
    ended = SegmentClosed("stream-closed") if closed else None
    return Segment(opened, list(gaps), list(filled), checkpoint, checkpoint, ended)


def sound(**changes: object) -> Sound:
    return sound_of(segment(**changes))  # type: ignore[arg-type]


def test_fills_cut_a_gap() -> None:
    """
    What late packets leave of a gap are holes, each with the packets missing by its neighbours' numbers.
    """
    found = sound(
        gaps=[Gap(8160, 9120, 100, 107)], filled=[Filled(8640, 8800, 104), Filled(8320, 8480, 102)]
    )
    assert found.holes == (Hole(8160, 8320, 1), Hole(8480, 8640, 1), Hole(8800, 9120, 2))
    assert found.runs == (Run(8000, 8160), Run(8320, 8480), Run(8640, 8800), Run(9120, 16_000))
    assert found.lost == 4


def test_a_gap_that_was_filled_is_none() -> None:
    """
    When all its packets came late, nothing is missing.
    """
    found = sound(gaps=[Gap(8160, 8480, 100, 103)], filled=[Filled(8160, 8320, 101), Filled(8320, 8480, 102)])
    assert found.holes == () and found.lost == 0
    assert found.runs == (Run(8000, 16_000),)


def test_packets_kept_elsewhere_are_not_lost() -> None:
    """
    Digits take sequence numbers: the gap counts what is missing, and a fill leaves that count less one.
    """
    found = sound(gaps=[Gap(8160, 9120, 104, 107)], filled=[Filled(8320, 8480, 102)])
    assert found.holes == (Hole(8160, 8320, 0), Hole(8480, 9120, 1))


def test_lead() -> None:
    """
    The lead is sound from the first packet that filled it; what is missing up to the first packet is a hole.
    """
    found = sound(sequence=103, filled=[Filled(7520, 7680, 100), Filled(7840, 8000, 102)])
    assert (found.first, found.first_sequence) == (7520, 100)
    assert found.holes == (Hole(7680, 7840, 1),)
    assert sound().first == 8000


def test_an_open_segment_ends_with_its_file() -> None:
    """
    The file counts where the record was not closed, and the record where it was.
    """
    torn = segment(closed=False)
    assert sound_of(torn, samples_end(torn, 8000 + 8800)).end == 16_800
    assert sound_of(torn, samples_end(torn, 10)).end == 16_000
    assert sound_of(segment(), samples_end(torn, 8000 + 8800)).end == 16_000
    assert [sound_of(torn, end).packets for end in (16_000, 16_800)] == [50, 55]
    assert sound_of(Segment(torn.opened), 8000 + 3200).packets == 20


def test_the_end_of_packets() -> None:
    """
    The highest timestamp and the shortest step; wrapped, reordered and strange packets do no harm.
    """
    one = segment(first=2**32 - 320, form=PayloadFormat(9, "G722", 8000))
    stamps = [2**32 - 320, 0, 2**32 - 160, 160]
    ssrc = (1).to_bytes(4, "big")
    records = [Record(bytes(4) + stamp.to_bytes(4, "big") + ssrc, 0) for stamp in stamps]
    strange = [Record(bytes(4) + b"\x7f" * 8, 0), Record(b"short", 0), Record(bytes(12), 0, rtcp=True)]
    assert packets_end(one, [*records, *strange]) == 2**32 + 160 + 160


def test_axes_lie_by_least_transit() -> None:
    """
    Two tracks are as far apart as their least transits say; within one, timestamps are exact.
    """
    a, b = sound(), sound(stream="b", first=500, end=900, arrival=1000.7, transit=1000.5 - 500 / 8000)
    timeline = timeline_of([[a], [b]])
    assert timeline.zero == 1000.0
    assert [timeline.sample(a, at, 8000) for at in (8000, 8001, 16_000)] == [0, 1, 8000]
    assert [timeline.sample(b, at, 8000) for at in (500, 900)] == [4000, 4400]
    assert (timeline.samples(8000), timeline.duration) == (8000, 1.0)
    assert timeline.samples(16_000) == 16_000 and timeline.sample(b, 501, 16_000) == 8002


def test_drift_does_not_move_the_beginning() -> None:
    """
    The transit near the start places an axis, not a lesser one of hours later, when clocks have drifted.
    """
    lines = [to_line(segment().opened)]
    for end, transit in ((48_000, 999.0), (88_000, 998.999), (28_800_000, 998.0)):
        lines.append(to_line(Checkpoint(end, 1, 1, 0, 0, 0, 0.0, transit)))
    read = from_lines(lines)
    assert read is not None and read.checkpoint is not None
    assert timeline_of([[sound_of(read)]]).zero == 999.999


def test_without_a_checkpoint_the_arrival_counts() -> None:
    """
    A segment that was killed at once is placed by its first packet.
    """
    bare = Segment(segment(arrival=1001.0).opened)
    assert timeline_of([[sound_of(bare, 9000)]]).zero == 1001.0


def test_hand_over_is_closed_and_overlap_is_not() -> None:
    """
    Within the tolerance a new axis is put behind the old one; a true overlap and a true pause stay.
    """
    first = sound()
    for arrival, start in ((1000.95, 8000), (1001.015, 8000), (1000.9, 7200), (1001.1, 8800)):
        later = sound(epoch=2, first=77, end=4077, arrival=arrival)
        timeline = timeline_of([[later, first]])
        assert timeline.sample(later, 77, 8000) == start, arrival


def test_gaps_between_segments() -> None:
    """
    On one axis sequence numbers tell loss from silence; between axes nobody knows, and it is silence.
    """
    one = sound(end=9600, last=109)
    two = sound(number=2, first=9920, end=10_000, sequence=112, arrival=1000.24)
    three = sound(number=3, epoch=2, first=0, end=800, arrival=1002.0)
    timeline = timeline_of([[one, two, three]])
    assert gaps_of([three, one, two], timeline, 8000) == [
        TrackGap(GapKind.LOSS, 1600, 320, 2, (1600, 1920)),
        TrackGap(GapKind.SILENCE, 2000, 14_000, 0, (2000, 16_000)),
    ]


def test_nothing_at_all() -> None:
    """
    Without a segment the recording has no length.
    """
    timeline = timeline_of([[], []])
    assert (timeline.samples(8000), timeline.duration, timeline.zero) == (0, 0.0, 0.0)


def test_many_gaps_and_fills() -> None:
    """
    A long call in which every second packet was late is read at once, not in quadratic time.
    """
    count = 30_000
    gaps = [Gap(8000 + i * 320, 8160 + i * 320, 2 * i, 2 * i + 2) for i in range(count)]
    filled = [Filled(gap.first, gap.end, gap.before + 1) for gap in gaps]
    assert sound(end=8000 + count * 320, gaps=gaps, filled=filled).holes == ()
    assert sound(end=8000 + count * 320, gaps=gaps, filled=filled[1:]).lost == 1
