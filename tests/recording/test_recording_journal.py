"""
Journals and records as lines: round trips, and lines that nobody wrote so.
"""

from __future__ import annotations

import re

import pytest
from attrs import evolve, fields

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording import journal, segment
from siprec_tw.recording.call_facts import Span, read_journal
from siprec_tw.recording.journal import (
    CallAnswered,
    CallEnded,
    CallStarted,
    Direction,
    DocumentKept,
    DocumentKind,
    EndReason,
    TrackChanged,
    TrackClosed,
    TrackOpened,
    Warned,
)

PCMU = PayloadFormat(0, "PCMU", 8000)
EVENTS = [
    CallStarted(1.0, "r", "n", "c", '"\u00dc\udcff" <sip:a@b>', "t", "u", "s", "ua", (("X-Id", "1\r\n2"),)),
    CallAnswered(2.0),
    DocumentKept(2.0, DocumentKind.METADATA, "001-metadata.xml", "application/rs-metadata+xml", "INVITE 1"),
    TrackOpened(2.0, 0, "s", "96", "audio", Direction.RECVONLY, (PCMU, PCMU), "a:1", "b:2"),
    TrackChanged(3.0, 0, "96", Direction.INACTIVE, (PCMU,)),
    TrackClosed(4.0, 0),
    TrackClosed(4.0, 0, lost=True),
    Warned(4.0, "code", "text"),
    CallEnded(5.0, EndReason.BYE, "detail"),
]
RECORD = [
    segment.SegmentOpened("n", "s", 1, 1, 7, PCMU, segment.Layout.SAMPLES, -10, 0, 1, 5.0, "a:1"),
    segment.Gap(0, 160, 1, 3),
    segment.Filled(0, 160, 2),
    segment.ClockTold(800, 1_790_000_000.5, "pbx@192.0.2.1", 1_790_000_001.25),
    segment.Checkpoint(480, 4, 3, 0, 1, 0, 1.5, 4.25, 4.375),
    segment.SegmentClosed("stream-closed"),
]
STRANGE = [
    b"", b"5", b"null", b'"x"', b"[]", b"{}", b'{"event":[]}', b'{"event":"Nope"}', b"\xff", b"[" * 100_000,
    b'{"event":"CallEnded","at":null,"reason":"bye"}', b'{"event":"CallEnded","at":1,"reason":"because"}',
    b'{"event":"CallEnded","at":1e999,"reason":"bye"}', b'{"event":"CallEnded","at":NaN,"reason":"bye"}',
    b'{"event":"CallEnded","at":-1,"reason":"bye"}', b'{"event":"SegmentOpened"}',
    b'{"event":"Gap","first":"a"}',
]


def test_journal_round_trip() -> None:
    """
    Every event is one line, and comes back as it was, octets that were no UTF-8 included.
    """
    lines = [journal.to_line(event) for event in EVENTS]
    assert all(line.count(b"\n") == 1 and b"\r" not in line for line in lines)
    assert list(journal.from_lines(b"".join(lines).splitlines())) == EVENTS


def test_record_round_trip() -> None:
    """
    A segment's record comes back as it was.
    """
    found = segment.from_lines([segment.to_line(event) for event in RECORD])
    assert found is not None and found.plausible
    assert [found.opened, *found.gaps, *found.filled, *found.clocks, found.checkpoint, found.closed] == RECORD
    assert found.transits == [(480, 4.375)]
    assert found.early == found.checkpoint


@pytest.mark.parametrize("line", STRANGE, ids=range(len(STRANGE)))
def test_strange_lines_are_passed_over(line: bytes) -> None:
    """
    A line that is torn or makes no sense costs itself only.
    """
    lines = [journal.to_line(EVENTS[1]), line, journal.to_line(EVENTS[-1])]
    assert list(journal.from_lines(lines)) == [EVENTS[1], EVENTS[-1]]
    assert segment.from_lines([line]) is None
    found = segment.from_lines([segment.to_line(RECORD[0]), line, segment.to_line(RECORD[-1])])
    assert found is not None and found.closed == RECORD[-1]


def test_every_torn_end_is_passed_over() -> None:
    """
    A journal cut at any octet gives its whole lines.
    """
    octets = b"".join(journal.to_line(event) for event in EVENTS[:3])
    for cut in range(len(octets)):
        whole = octets[:cut].count(b"\n")
        found = list(journal.from_lines(octets[:cut].splitlines()))
        assert found in (EVENTS[:whole], EVENTS[: whole + 1])


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e400", b"-1e300", b"9007199254740993", b"7" * 400])
def test_numbers_of_no_segment_are_passed_over(number: bytes) -> None:
    """
    What cannot be reckoned with costs its line only; in the first line it costs the record.
    """
    lines = [segment.to_line(event) for event in RECORD]
    for index in range(len(lines) - 1):
        damaged = re.sub(rb":[0-9.-]+(?=[,}])", b":" + number, lines[index], count=1)
        assert damaged != lines[index]
        left = lines[:index] + lines[index + 1 :]
        assert segment.from_lines([*lines[:index], damaged, *lines[index + 1 :]]) == segment.from_lines(left)


def test_a_transit_of_another_age() -> None:
    """
    The least transit of a segment is near that of its first packet.
    """
    checkpoint = next(event for event in RECORD if isinstance(event, segment.Checkpoint))
    found = segment.from_lines(
        [segment.to_line(event) for event in (RECORD[0], evolve(checkpoint, transit=checkpoint.transit + 4e6))]
    )
    assert found is not None and not found.plausible


def test_implausible_segments() -> None:
    """
    Numbers that no segment has are recognised.
    """
    for change in ({"origin": 1}, {"arrival": -1.0}, {"format": PayloadFormat(0, "PCMU", 0)}):
        opened = segment.SegmentOpened(
            **{field.name: getattr(RECORD[0], field.name) for field in fields(segment.SegmentOpened)} | change
        )
        assert not segment.Segment(opened).plausible


def test_spans_of_a_track() -> None:
    """
    What a track was, and when: to its close, and to the end of the call where it was never closed.
    """
    facts = read_journal(
        [
            TrackOpened(1.0, 0, "s", "", "audio", Direction.INACTIVE, ()),
            TrackChanged(2.0, 0, "96", Direction.RECVONLY, ()),
            TrackChanged(3.0, 0, "96", Direction.RECVONLY, ()),
            TrackClosed(4.0, 0),
            TrackOpened(5.0, 0, "t", "", "audio", Direction.RECVONLY, ()),
        ]
    )
    track = facts.tracks[0]
    assert (track.label, track.stream_ids) == ("96", ["s", "t"])
    assert track.spans(Direction.RECVONLY, 9.0) == [Span(2.0, 4.0), Span(5.0, 9.0)]
    assert track.spans(Direction.INACTIVE, 9.0) == [Span(1.0, 2.0)]
