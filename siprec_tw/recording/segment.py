"""
A segment: an unbroken piece of one stream on one node: one SSRC, one codec, one clock.

On disk it is two files with one stem. C{<stem>.jsonl} is the record, appended to as things happen and
never rewritten, so that a killed process leaves all of it but a torn last line. The sound is beside it:

  SAMPLES  C{<stem>.wav.part}: a WAV header of WAV_HEADER_SIZE octets, then the payload octets at
           HEADER + (timestamp - origin) * octets a tick. The file is the jitter buffer: a late packet is
           written at its place. The origin lies LEAD_SECONDS before the first packet, so that a
           packet which overtook it still has its place.
  PACKETS  C{<stem>.rtpdump.part}: packet after packet as they arrived (rtpdump's record framing).

Timestamps and sequence numbers are extended (unwrapped, RFC 3550 A.1) and share one axis within
C{(stream_id, epoch)}: a codec change of the same source opens a new segment in the same epoch, a new
SSRC or a clock that jumped a new epoch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum

import cattrs
from attrs import define, field, frozen
from cattrs.strategies import configure_tagged_union

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.journal import END_OF_TIME

LEAD_SECONDS = 1.0
EARLY_SECONDS = 10.0
MOST_RATE = 1_000_000
MOST_CHANNELS = 255
MOST_SECONDS = 30 * 86_400
MOST_NUMBER = 2**53     # whole numbers up to there are exact, whatever they are divided by
WAV_HEADER_SIZE = 58


class Layout(Enum):
    """
    How the sound of a segment lies on disk.
    """

    SAMPLES = "samples"
    PACKETS = "packets"


@frozen
class SegmentOpened:
    """
    First line of a record.
    """

    node_id: str
    stream_id: str
    number: int                 # 1, 2, ... within the stream
    epoch: int                  # see the module
    ssrc: int
    format: PayloadFormat
    layout: Layout
    origin: int                 # extended timestamp of the first octet of the file's sound
    first_timestamp: int        # extended timestamp of the first packet
    first_sequence: int
    arrival: float              # POSIX seconds at which the first packet arrived
    source: str = ""            # "192.0.2.1:40000"


@frozen
class Gap:
    """
    The head passed over timestamps [first, end) that had not arrived; the file holds silence there.

    C{before} and C{after} are the extended sequence numbers on both sides: after - before - 1 packets
    were missing then; 0 means that the source sent nothing (DTX, hold).
    """

    first: int
    end: int
    before: int
    after: int


@frozen
class Filled:
    """
    A late packet of sequence number C{sequence} arrived and was written at [first, end).
    """

    first: int
    end: int
    sequence: int


@frozen
class Checkpoint:
    """
    Where the segment stands; written every few seconds and at the close.
    """

    end: int                    # extended timestamp after the last sample
    highest_sequence: int
    packets: int                # received and kept, duplicates not counted
    duplicates: int
    reordered: int
    rejected: int               # not RTP, unknown payload type, strange SSRC
    jitter: float               # ticks, RFC 3550 A.8
    transit: float              # seconds: least (arrival - timestamp / clock rate) in this segment
    recent: float | None = None     # the same since the last checkpoint; None: nothing came, or an old record


@frozen
class ClockTold:
    """
    What the latest sender report of the source said (RFC 3550 s.6.4.1); written before a checkpoint, if it is new.
    """

    timestamp: int              # extended
    instant: float              # POSIX seconds by the sender's own clock
    name: str                   # its CNAME: sources of one name have one clock; "" where none was told
    arrival: float              # POSIX seconds by ours


@frozen
class SegmentClosed:
    """
    Last line of a record that was closed in order.
    """

    reason: str                 # "stream-closed", "ssrc-changed", "format-changed", "clock-jumped", ...


SegmentEvent = SegmentOpened | Gap | Filled | Checkpoint | ClockTold | SegmentClosed

_converter = cattrs.Converter()
_compact = json.JSONEncoder(separators=(",", ":"))
configure_tagged_union(SegmentEvent, _converter, tag_name="event")


def to_line(event: SegmentEvent) -> bytes:
    """
    One event as one line of JSON, line feed included.
    """
    unstructured = _converter.unstructure(event, unstructure_as=SegmentEvent)
    return _compact.encode(unstructured).encode() + b"\n"


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > MOST_NUMBER:
        raise ValueError(f"number has {len(text)} digits, wanted {MOST_NUMBER} at most")
    return number


def _real(text: str) -> float:
    number = float(text)
    if not abs(number) <= MOST_NUMBER:
        raise ValueError(f"number is {number}, wanted {MOST_NUMBER} at most")
    return number


# Python reads NaN and Infinity as well, which no segment has.
_decoder = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_real)


@define
class Segment:
    """
    A segment as its record tells it.
    """

    opened: SegmentOpened
    gaps: list[Gap] = field(factory=list)
    filled: list[Filled] = field(factory=list)
    checkpoint: Checkpoint | None = None    # the latest
    early: Checkpoint | None = None         # the latest within EARLY_SECONDS of the start, or else the first
    closed: SegmentClosed | None = None
    transits: list[tuple[int, float]] = field(factory=list)     # extended timestamp, least transit up to there
    clocks: list[ClockTold] = field(factory=list)

    @property
    def plausible(self) -> bool:
        """
        Whether its numbers can be those of a segment: a record that was damaged may hold any.
        """
        opened = self.opened
        form = opened.format
        end = self.checkpoint.end if self.checkpoint else opened.first_timestamp
        early = self.early
        return (
            0 < form.clock_rate <= MOST_RATE
            and 0 < form.channels <= MOST_CHANNELS
            and 0 <= opened.first_timestamp - opened.origin <= MOST_SECONDS * form.clock_rate
            and 0 <= end - opened.first_timestamp <= MOST_SECONDS * form.clock_rate
            and 0 <= opened.arrival < END_OF_TIME
            and (
                early is None
                or abs(early.transit + opened.first_timestamp / form.clock_rate - opened.arrival) <= MOST_SECONDS
            )
        )

    @property
    def early_end(self) -> int:
        """
        Extended timestamp up to which transit times tell where the segment starts, before clocks drift apart.
        """
        return self.opened.first_timestamp + int(EARLY_SECONDS * self.opened.format.clock_rate)


def from_lines(lines: Iterable[bytes]) -> Segment | None:
    """
    The segment that a record describes, or None where not even its first line is whole. A line with a number that
    none of them can have is passed over like one that is torn.
    """
    segment: Segment | None = None
    for line in lines:
        try:
            event: SegmentEvent = _converter.structure(_decoder.decode(line.decode()), SegmentEvent)  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, RecursionError, cattrs.BaseValidationError):
            continue
        match event:
            case SegmentOpened():
                segment = segment or Segment(event)
            case Gap() if segment:
                segment.gaps.append(event)
            case Filled() if segment:
                segment.filled.append(event)
            case Checkpoint() if segment:
                segment.checkpoint = event
                if segment.early is None or event.end <= segment.early_end:
                    segment.early = event
                if event.recent is not None:
                    segment.transits.append((event.end, event.recent))
            case ClockTold() if segment:
                segment.clocks.append(event)
            case SegmentClosed() if segment:
                segment.closed = event
    return segment
