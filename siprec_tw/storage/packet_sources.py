"""
The sources of a recording whose sound is kept packet by packet: decoded, and the keys among them read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve

from siprec_tw.codecs.registry import is_side
from siprec_tw.errors import PeerError
from siprec_tw.recording import rtpdump
from siprec_tw.recording.layout import PACKETS_PART, UNFINISHED
from siprec_tw.recording.occurrences import encoding_text
from siprec_tw.recording.packet_order import in_order, unwrapped
from siprec_tw.recording.segment import Layout
from siprec_tw.rtp.telephone_event import EventPacket, Pressed, parse_events, pressed
from siprec_tw.storage.decoding import Decode, Decoded, Job
from siprec_tw.storage.dump_file import reading
from siprec_tw.storage.spooled import Source, Spooled

LINEAR_PART = ".linear" + UNFINISHED    # beside a segment while the recording is made
TELEPHONE_EVENT = "TELEPHONE-EVENT"

PACKETS_REFUSED = "packets-not-decoded"

Key = tuple[str, int, int]      # stream, epoch, SSRC: one axis of sequence numbers


@contextmanager
def decoded(spooled: Spooled, decode: Decode) -> Iterator[Mapping[int, Sequence[Pressed]]]:
    """
    Decode what can be decoded, for as long as the samples are needed: the sources of C{spooled} become what
    their packets tell. Gives the keys that were pressed, by the index of their source.

    Raises OSError when the disk does not take the samples.
    """
    linear: list[Path] = []
    try:
        keys = {i: _keys(one) for i, one in enumerate(spooled.sources) if is_events(one)}
        elsewhere = _side_sequences(spooled.sources)
        for index, source in enumerate(spooled.sources):
            if _is_packets(source) and not is_side(source.sound.segment.opened.format):
                path = source.path.with_name(source.path.name.removesuffix(PACKETS_PART) + LINEAR_PART)
                linear.append(path)
                job = Job(source.path, path, source.sound.segment.opened, elsewhere.get(_key(source), ()))
                spooled.sources[index] = _result(spooled, source, job, decode(job))
        yield keys
    finally:
        for path in linear:
            path.unlink(missing_ok=True)


def is_events(source: Source) -> bool:
    """
    Whether a source is a segment of telephone events.
    """
    return _is_packets(source) and source.sound.segment.opened.format.encoding.upper() == TELEPHONE_EVENT


def _result(spooled: Spooled, source: Source, job: Job, result: Decoded) -> Source:
    sound = source.sound
    if result.sound is not None:
        sound = result.sound.of(sound, result.rate)
    if result.rate is not None and result.refused:
        text = f"{source.path.name}: {result.refused} packets of {encoding_text(job.opened.format)} cannot be decoded"
        spooled.warn(PACKETS_REFUSED, f"{text}; silence stands in their place")
    linear = job.linear if result.rate is not None else None
    return evolve(source, sound=sound, linear=linear, failure=result.failure)


def _is_packets(source: Source) -> bool:
    return source.sound.segment.opened.layout is Layout.PACKETS


def _key(source: Source) -> Key:
    opened = source.sound.segment.opened
    return opened.stream_id, opened.epoch, opened.ssrc


def _side_sequences(sources: Sequence[Source]) -> dict[Key, tuple[int, ...]]:
    """
    The sequence numbers of packets that came between those of the sound.
    """
    found: dict[Key, set[int]] = {}
    for source in sources:
        opened = source.sound.segment.opened
        if _is_packets(source) and is_side(opened.format):
            with reading(source.path) as read:
                numbers = {packet.sequence for packet in unwrapped(opened, rtpdump.records(read))}
            found.setdefault(_key(source), set()).update(numbers)
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}


def _keys(source: Source) -> list[Pressed]:
    opened = source.sound.segment.opened
    events: list[EventPacket] = []
    with reading(source.path) as read:
        for packet in in_order(opened, rtpdump.records(read)):
            arrival = opened.arrival + packet.offset_ms / 1000
            try:
                events += parse_events(
                    packet.payload, packet.timestamp, marker=packet.marker, arrival=arrival
                )
            except PeerError:
                continue        # it is kept as it came
    return pressed(events, opened.format.clock_rate)
