"""
Keys that were pressed, on the recording's time, and what is to become of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum

from attrs import frozen

from siprec_tw.recording.rtpdump import Record
from siprec_tw.recording.sound import RTP_HEADER_SIZE, Sound
from siprec_tw.recording.timeline import Timeline
from siprec_tw.rtp.sequence import TIMESTAMP_BITS, extend
from siprec_tw.rtp.telephone_event import Pressed

MARGIN = 0.1            # seconds before and after a key that are silenced with it
LONGEST_PACKET = 0.12   # seconds: packets that begin so long before a key are left out with it
FARTHEST = 1.0          # seconds between timestamp and arrival; beyond it, the timestamp is not believed


class Tones(Enum):
    """
    What is kept of keys.
    """

    KEEP = "keep"       # everything
    MASK = "mask"       # which keys and when; the sound meanwhile is silence, in files and in kept packets
    DROP = "drop"       # nothing: neither the sound nor the keys


@frozen
class Digit:
    """
    A key on the recording's time.
    """

    digit: str
    start: float        # seconds
    duration: float


def digits_of(
    sides: Sequence[tuple[int, Sound]], keys: Mapping[int, Sequence[Pressed]], timeline: Timeline
) -> list[Digit]:
    """
    The keys of one track in the order of time. C{sides} are its side segments with the index of each source,
    C{keys} what the events in them come to.
    """
    found = [
        Digit(key.digit, _start(sound, key, timeline), key.ticks / sound.segment.opened.format.clock_rate)
        for source, sound in sides
        for key in keys.get(source, ())
    ]
    return sorted(found, key=lambda digit: digit.start)


def spans_of(digits: Sequence[Digit], rate: int) -> list[tuple[int, int]]:
    """
    The samples [first, end) in which keys sound, margins included; in order and without overlap.
    """
    spans: list[tuple[int, int]] = []
    for digit in digits:
        first = max(0, round((digit.start - MARGIN) * rate))
        end = round((digit.start + digit.duration + MARGIN) * rate)
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((first, end))
    return spans


def spared(
    sound: Sound, records: Iterable[Record], timeline: Timeline, spans: Sequence[tuple[int, int]], rate: int
) -> Iterator[Record]:
    """
    The packets of a segment less those whose sound lies within the spans (samples of C{rate}).
    """
    timestamp = sound.segment.opened.first_timestamp
    for each in records:
        if not spans or each.rtcp or len(each.packet) < RTP_HEADER_SIZE:
            yield each
            continue
        timestamp = extend(int.from_bytes(each.packet[4:8], "big"), timestamp, TIMESTAMP_BITS)
        first = timeline.sample(sound, timestamp, rate)
        end = first + int(LONGEST_PACKET * rate)
        if not any(first < until and begin < end for begin, until in spans):
            yield each


def _start(sound: Sound, key: Pressed, timeline: Timeline) -> float:
    """
    Where the key's timestamp says, on the axis of the sound; by arrival where there is no such axis, or the
    client's clock for events has nothing to do with it.
    """
    arrived = timeline.seconds(key.arrival)
    if not timeline.has(sound):
        return max(0.0, arrived)
    told = timeline.place(sound, key.first)
    return max(0.0, told if abs(told - arrived) <= FARTHEST else arrived)
