"""
Where a segment has sound: what its record and the length of its file say together.

The record tells the span, the gaps in it, and the late packets that filled them. What is left is cut into
*runs*, in which packets came, and *holes*, in which none did. The lead before the first packet is
sound only where a packet that had been overtaken filled it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, field, frozen

from siprec_tw.recording.rtpdump import Record
from siprec_tw.recording.segment import Filled, Gap, Segment

RTP_HEADER_SIZE = 12
FRAME_SECONDS = 0.02

Axis = tuple[str, int, int]     # stream, epoch and clock rate: what shares one clock


@frozen
class Run:
    """
    Timestamps [first, end) of which every sample arrived.
    """

    first: int
    end: int


@frozen
class Hole:
    """
    Timestamps [first, end) of which nothing arrived.
    """

    first: int
    end: int
    lost: int           # packets missing by their numbers; 0: the source sent nothing
    after: int = field(default=0, eq=False)     # extended sequence number of the packet behind it


@frozen
class Sound:
    """
    A segment with its runs and holes, both in order and together without a seam from C{first} to C{end}.
    """

    segment: Segment
    first_sequence: int # extended sequence number of the first packet in the order of timestamps
    runs: tuple[Run, ...]
    holes: tuple[Hole, ...]
    first: int          # extended timestamp of the first sample that is sound
    end: int            # extended timestamp after the last
    decoded_rate: int | None = None     # samples a second of what its packets were decoded to, if they were

    @property
    def lost(self) -> int:
        """
        Packets missing by their numbers.
        """
        return sum(hole.lost for hole in self.holes)

    @property
    def packets(self) -> int:
        """
        Packets kept. Of a segment that was not closed, those after its last checkpoint are estimated.
        """
        checkpoint, opened = self.segment.checkpoint, self.segment.opened
        counted, until = (checkpoint.packets, checkpoint.end) if checkpoint else (0, self.first)
        if self.segment.closed is None:
            beyond = sum(max(0, run.end - max(run.first, until)) for run in self.runs)
            counted += round(beyond / (FRAME_SECONDS * opened.format.clock_rate))
        return max(1, counted)


def sound_of(segment: Segment, seen: int | None = None) -> Sound:
    """
    The runs and holes of a segment.

    C{seen} is the extended timestamp after the last sample of its file. It counts where the segment was not
    closed: a killed process leaves a record older than the sound.
    """
    opened = segment.opened
    end = _end(segment, seen)
    filled = sorted((one for one in segment.filled if one.first < end), key=_first)
    lead = [one for one in filled if opened.origin <= one.first < opened.first_timestamp]
    gaps = sorted((gap for gap in segment.gaps if gap.first < end), key=_first)
    if lead:
        before = min(lead[0].sequence, opened.first_sequence) - 1
        gaps.insert(0, Gap(lead[0].first, opened.first_timestamp, before, opened.first_sequence))
    first = lead[0].first if lead else opened.first_timestamp
    first_sequence = min([opened.first_sequence, *(one.sequence for one in lead)])
    holes = tuple(hole for gap in gaps for hole in _holes(gap, filled, end))
    return Sound(segment, first_sequence, tuple(_between(holes, first, end)), holes, first, end)


def axis_of(sound: Sound) -> Axis:
    """
    The axis of a segment.
    """
    opened = sound.segment.opened
    return opened.stream_id, opened.epoch, opened.format.clock_rate


def axes_of(sounds: Iterable[Sound]) -> dict[Axis, list[Sound]]:
    """
    Segments by their axes.
    """
    axes: dict[Axis, list[Sound]] = {}
    for sound in sounds:
        axes.setdefault(axis_of(sound), []).append(sound)
    return axes


def samples_end(segment: Segment, octets: int) -> int:
    """
    The extended timestamp after the last whole sample of a SAMPLES file with C{octets} of sound.
    """
    return segment.opened.origin + octets // segment.opened.format.channels


def packets_end(segment: Segment, packets: Iterable[Record]) -> int:
    """
    The extended timestamp after the last packet of a PACKETS file; that packet lasts the shortest step seen.
    """
    opened = segment.opened
    highest = opened.first_timestamp
    step = 0
    for packet in packets:
        if packet.rtcp or len(packet.packet) < RTP_HEADER_SIZE:
            continue
        if int.from_bytes(packet.packet[8:12], "big") != opened.ssrc:
            continue
        ahead = (int.from_bytes(packet.packet[4:8], "big") - highest + 2**31) % 2**32 - 2**31
        if ahead > 0:
            highest += ahead
            step = min(step or ahead, ahead)
    return highest + (step or int(FRAME_SECONDS * opened.format.clock_rate))


def hole_between(earlier: Sound, later: Sound) -> Hole | None:
    """
    What is missing between two segments that share an axis (stream and epoch), or None.
    """
    checkpoint = earlier.segment.checkpoint
    if later.first <= earlier.end:
        return None
    lost = 0
    if checkpoint is not None:
        lost = max(0, later.first_sequence - checkpoint.highest_sequence - 1)
    return Hole(earlier.end, later.first, lost, later.first_sequence)


def _end(segment: Segment, seen: int | None) -> int:
    opened = segment.opened
    told = segment.checkpoint.end if segment.checkpoint else opened.first_timestamp
    if segment.closed is None and seen is not None:
        told = max(told, seen)
    return max(told, opened.first_timestamp)


def _holes(gap: Gap, filled: Sequence[Filled], end: int) -> list[Hole]:
    """
    What is left of a gap when late packets have filled some of it.
    """
    first, before, gap_end = gap.first, gap.before, min(gap.end, end)
    # In a long call with much reordering both are many: only the neighbours are looked at.
    begin = bisect_right(filled, first, key=_first)
    begin -= begin > 0 and filled[begin - 1].end > first
    inside = filled[begin : bisect_left(filled, gap_end, key=_first)]
    holes: list[Hole] = []
    for one in inside:
        holes += _hole(first, one.first, one.sequence - before - 1, one.sequence)
        first, before = max(first, one.end), max(before, one.sequence)
    holes += _hole(first, gap_end, gap.after - before - 1, gap.after)
    lost = max(0, gap.after - gap.before - 1 - len(inside))
    if sum(hole.lost for hole in holes) != lost:
        holes = _in_longest(holes, lost)
    return holes


def _first(one: Filled | Gap) -> int:
    return one.first


def _hole(first: int, end: int, lost: int, after: int) -> list[Hole]:
    return [Hole(first, max(first, end), max(0, lost), after)] if end > first or lost > 0 else []


def _in_longest(holes: Sequence[Hole], lost: int) -> list[Hole]:
    """
    The numbers of what filled a gap do not tell which hole the rest is missing from, as packets that are kept
    elsewhere came between: it is put into the longest.
    """
    kept = [evolve(hole, lost=0) for hole in holes if hole.end > hole.first]
    if kept and lost:
        longest = max(range(len(kept)), key=lambda i: kept[i].end - kept[i].first)
        kept[longest] = evolve(kept[longest], lost=lost)
    return kept


def _between(holes: Sequence[Hole], first: int, end: int) -> Iterator[Run]:
    for hole in holes:
        if hole.first > first:
            yield Run(first, hole.first)
        first = max(first, hole.end)
    if end > first:
        yield Run(first, end)
