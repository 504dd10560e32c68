"""
Segments as they are written: what all have in common, and the layout SAMPLES (siprec_tw.recording.segment).

  offset 0      58                      58 + lead                      head
         header | one second of silence | sound, silence where none came |

The head is the timestamp after the last octet in the file; it only rises. What lies ahead of it is a gap: its
line goes to the record first, then silence and sound go to the file in one write, so that a killed process
never leaves silence that nobody knows of. What lies behind the head is late: it is written at its place, and
then its line.

The head does not move when the disk refuses a write, so that what was refused becomes a gap.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

from attrs import define

from siprec_tw.media.arrival import Extended, Run
from siprec_tw.media.batch_stride import Tail
from siprec_tw.media.format_table import Lane
from siprec_tw.media.rtcp_watch import RtcpSeen
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.media.segment_record import Failed, SegmentRecord
from siprec_tw.recording.layout import SAMPLES_PART
from siprec_tw.recording.segment import (
    WAV_HEADER_SIZE,
    Checkpoint,
    ClockTold,
    Filled,
    Gap,
    SegmentClosed,
    SegmentEvent,
    SegmentOpened,
)
from siprec_tw.recording.wav import header_g711
from siprec_tw.rtp.sequence import TIMESTAMP_BITS, extend

CHECKPOINT_SECONDS = 5.0
TOLD_SECONDS = 60.0         # of the source's own time: what a sender report says of elsewhere is not believed

# The size an open file claims. SoX itself writes it where it cannot seek back, and reads it as "until the
# end"; ffmpeg and libsndfile take any size past the end of the file so.
UNKNOWN_SIZE = 0x7FFFF000

MissingBetween = Callable[[int, int], int]
"""
C{missing_between(before, after)}: how many of the packets between these sequence numbers have not arrived.
"""


@define
class Standing:
    """
    What the checkpoints of a segment count.
    """

    packets: int = 0
    duplicates: int = 0
    reordered: int = 0
    rejected: int = 0
    jitter: float = 0.0             # ticks
    transit: float = math.inf       # seconds, the least
    recent: float = math.inf        # the same since the last checkpoint
    highest_sequence: int = 0


class OpenSegment(ABC):
    """
    What segments of both layouts share: the record, the counts, the checkpoints.
    """

    def __init__(
        self, files: SegmentFiles, opened: SegmentOpened, lane: Lane, failed: Failed, rtcp: RtcpSeen
    ) -> None:
        self.opened = opened
        self.lane = lane
        self.standing = Standing(highest_sequence=opened.first_sequence)
        self.stem = f"{opened.stream_id}-{opened.number}"
        self.record = SegmentRecord(files, self.stem, opened, failed)
        self._rtcp = rtcp
        self._told_at = opened.arrival  # arrival of the sender report that was written last
        self._due = opened.first_timestamp + int(CHECKPOINT_SECONDS * opened.format.clock_rate)

    @property
    @abstractmethod
    def end(self) -> int:
        """
        Extended timestamp after the last sample, what was added and not flushed yet included.
        """

    @abstractmethod
    def add(self, packet: Extended) -> None:
        """
        Take a packet that belongs here; it is written by the next flush.
        """

    @abstractmethod
    def flush(self) -> None:
        """
        Write what was added.
        """

    @abstractmethod
    def close(self, reason: str) -> None:
        """
        Write what is left, the last checkpoint and the reason.
        """

    def pass_over(self, sequence: int) -> None:
        """
        A packet of the same source arrived and is kept elsewhere.
        """
        self.standing.highest_sequence = max(self.standing.highest_sequence, sequence)

    def checkpoint_when_due(self) -> None:
        """
        A checkpoint every CHECKPOINT_SECONDS of the stream's own time.
        """
        if self.end >= self._due:
            self.record.append(self.standing_events())
            self._due = self.end + int(CHECKPOINT_SECONDS * self.opened.format.clock_rate)

    def standing_events(self) -> list[SegmentEvent]:
        """
        Where the segment stands, and what its source said of its clock since this was asked last.
        """
        events: list[SegmentEvent] = [*self._clock_told(), self._checkpoint()]
        self.standing.recent = math.inf
        return events

    def _clock_told(self) -> Iterator[ClockTold]:
        told = None if self.lane.side else self._rtcp.told(self.opened.ssrc)
        if told is None or told.arrival <= self._told_at:
            return
        self._told_at = told.arrival
        timestamp = extend(told.report.timestamp, self.end, TIMESTAMP_BITS)
        if abs(timestamp - self.end) <= TOLD_SECONDS * self.opened.format.clock_rate:
            name = self._rtcp.names.get(self.opened.ssrc, "")
            yield ClockTold(timestamp, told.report.instant, name, told.arrival)

    def _checkpoint(self) -> Checkpoint:
        standing = self.standing
        opened = self.opened
        transit = standing.transit
        if math.isinf(transit):
            transit = opened.arrival - opened.first_timestamp / opened.format.clock_rate
        return Checkpoint(
            self.end, standing.highest_sequence, standing.packets, standing.duplicates, standing.reordered,
            standing.rejected, standing.jitter, transit, None if math.isinf(standing.recent) else standing.recent,
        )


class SampleSegment(OpenSegment):
    """
    A segment of a sample addressable codec: a WAV file that is its own jitter buffer.
    """

    def __init__(
        self, files: SegmentFiles, opened: SegmentOpened, lane: Lane, failed: Failed, missing: MissingBetween,
        rtcp: RtcpSeen,
    ) -> None:
        super().__init__(files, opened, lane, failed, rtcp)
        self.name = self.stem + SAMPLES_PART
        self.head = opened.first_timestamp
        self._head_sequence = opened.first_sequence - 1
        self._told = self.head          # up to where the record tells of gaps
        self._files = files
        self._failed = failed
        self._missing = missing
        self._width = lane.octets_a_tick
        self._silence = bytes([lane.codec.silence])
        self._descriptor: int | None = None
        self._run: list[bytes] = []     # payloads of the run that is growing
        self._run_first = 0             # its first timestamp
        self._run_sequence = 0          # its first sequence number
        self._runs: list[Run] = []
        self._next = self.head      # timestamp after the packet added last
        self._end = self.head

    @property
    def end(self) -> int:
        """
        The head, as it will be when all that was added is written.
        """
        return max(self.head, self._end)

    def add(self, packet: Extended) -> None:
        """
        Take one packet; those that follow one another become one run.
        """
        sequence, timestamp, _, payload, _, _ = packet
        if odd := len(payload) % self._width:
            payload = payload[:-odd]
        run = self._run
        if run and not (
            timestamp == self._next
            and sequence == self._run_sequence + len(run)
            and len(payload) == len(run[0])
        ):
            self._end_run()
        if not self._run:
            self._run_first, self._run_sequence = timestamp, sequence
        self._run.append(payload)
        self._next = timestamp + len(payload) // self._width
        self._end = max(self._end, self._next)

    def flush(self) -> None:
        """
        Place the runs of what was added.
        """
        self._end_run()
        runs, self._runs = self._runs, []
        self.place(runs)
        self._end = self.head

    def place(self, runs: Sequence[Run]) -> None:
        """
        Write runs at their places, in the order given, which should be that of their timestamps. What lies
        before the origin is dropped and counted.
        """
        head, head_sequence = self.head, self._head_sequence
        gaps: list[SegmentEvent] = []
        filled: list[SegmentEvent] = []
        writes: list[tuple[int, bytes, Run]] = []
        for run in runs:
            if run.first < self.opened.origin:
                run = self._within(run)
                if run.last_sequence < run.first_sequence:
                    continue
            end = run.first + len(run.octets) // self._width
            silence = b""
            if run.first > head:
                gaps += self._gap(head, head_sequence, run)
                silence = self._silence * ((run.first - head) * self._width)
            elif end <= head and run.last_sequence < head_sequence:
                filled += self._filled(run)
            if run.octets:
                writes.append((run.first - len(silence) // self._width, silence + run.octets, run))
            if end > head:
                head, head_sequence = end, run.last_sequence
        if gaps:
            self.record.append(gaps)
        if self._write(writes) and filled:
            self.record.append(filled)
        self.checkpoint_when_due()

    @property
    def tail(self) -> Tail | None:
        """
        Where the head is on disk; None while the file is not open.
        """
        if self._descriptor is None:
            return None
        offset = WAV_HEADER_SIZE + (self.head - self.opened.origin) * self._width
        return Tail(self._files.write, self._descriptor, offset, self._due)

    def go_on(self, packets: int, ticks: int, last_sequence: int) -> int:
        """
        So many packets, of so many ticks in all, were written at the tail; when the next checkpoint is due.
        """
        self.head += ticks
        self._head_sequence = last_sequence
        self.standing.packets += packets
        self.standing.highest_sequence = max(self.standing.highest_sequence, last_sequence)
        self.checkpoint_when_due()
        return self._due

    def close(self, reason: str) -> None:
        """
        Write what is left, give the header its true sizes, and end the record.
        """
        self.flush()
        size = (self.head - self.opened.origin) * self._width
        if self._descriptor is not None:
            try:
                self._files.write(self._descriptor, self._header(min(size, UNKNOWN_SIZE)), 0)
            except OSError as error:
                self._failed(error, self.name)
            self._files.close(self._descriptor)
            self._descriptor = None
        self.record.append([*self.standing_events(), SegmentClosed(reason)])

    def _end_run(self) -> None:
        run = self._run
        if run:
            first = self._run_sequence
            self._runs.append(Run(self._run_first, b"".join(run), first, first + len(run) - 1))
            self._run = []

    def _within(self, run: Run) -> Run:
        """
        A run less its packets that begin before the origin; they are counted as rejected.
        """
        packets = run.last_sequence - run.first_sequence + 1
        step = max(1, len(run.octets) // self._width // packets)
        before = min(packets, -(-(self.opened.origin - run.first) // step))
        self.standing.rejected += before
        cut = before * step * self._width if before < packets else len(run.octets)
        first, sequence = run.first + before * step, run.first_sequence + before
        return Run(first, run.octets[cut:], sequence, run.last_sequence)

    def _gap(self, head: int, head_sequence: int, run: Run) -> list[SegmentEvent]:
        """
        What the record does not tell yet of the gap before a run: a write that was refused leaves its line.
        """
        first, self._told = max(head, self._told), max(run.first, self._told)
        if first >= run.first:
            return []
        missing = self._missing(head_sequence, run.first_sequence)
        return [Gap(first, run.first, run.first_sequence - 1 - missing, run.first_sequence)]

    def _filled(self, run: Run) -> list[SegmentEvent]:
        packets = run.last_sequence - run.first_sequence + 1
        step = len(run.octets) // self._width // packets
        return [
            Filled(run.first + index * step, run.first + (index + 1) * step, run.first_sequence + index)
            for index in range(packets)
            if step
        ]

    def _write(self, writes: Sequence[tuple[int, bytes, Run]]) -> bool:
        standing = self.standing
        try:
            descriptor = self._opened()
            for timestamp, octets, run in writes:
                offset = WAV_HEADER_SIZE + (timestamp - self.opened.origin) * self._width
                self._files.write(descriptor, octets, offset)
                standing.packets += run.last_sequence - run.first_sequence + 1
                if (end := timestamp + len(octets) // self._width) > self.head:
                    self.head, self._head_sequence = end, run.last_sequence
                standing.highest_sequence = max(standing.highest_sequence, run.last_sequence)
        except OSError as error:
            self._failed(error, self.name)
            return False
        return True

    def _opened(self) -> int:
        """
        The descriptor of the file, which begins with its header and the lead.
        """
        if self._descriptor is None:
            self.record.append([])
            descriptor = self._files.open(self.name)
            lead = self._silence * ((self.opened.first_timestamp - self.opened.origin) * self._width)
            try:
                self._files.write(descriptor, self._header(UNKNOWN_SIZE) + lead, 0)
            except OSError:
                self._files.close(descriptor)
                raise
            self._descriptor = descriptor
        return self._descriptor

    def _header(self, size: int) -> bytes:
        form = self.opened.format
        return header_g711(self.lane.codec.wav_format_tag or 0, form.clock_rate, form.channels, size)
