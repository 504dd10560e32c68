"""
Keys out of telephone events.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.rtp.telephone_event import EventPacket, Pressed, parse_events, pressed

RATE = 8000


def updates(event: int, first: int, ticks: int, *, step: int = 160, ends: int = 3) -> list[EventPacket]:
    """
    A key as RFC 4733 s.2.5.1.2 sends it: a packet every 20 ms, and its last three times.
    """
    starts = range(step, ticks, step)
    at = 100.0 + first / RATE
    packets = [
        EventPacket(first, event, lasted, False, lasted == step, at + lasted / RATE) for lasted in starts
    ]
    return packets + [EventPacket(first, event, ticks, True, False, at + ticks / RATE)] * ends


def told(packets: list[EventPacket]) -> list[tuple[str, int, int, bool]]:
    return [(key.digit, key.first, key.ticks, key.ended) for key in pressed(packets, RATE)]


def test_packet_is_read() -> None:
    """
    Event, end and duration; the volume does not matter.
    """
    (event,) = parse_events(b"\x0b\x8a\x03\x20", 4000, marker=False, arrival=7.0)
    assert event == EventPacket(4000, 11, 800, True, False, 7.0)


def test_packet_of_several_events() -> None:
    """
    Each begins where the one before it ended (RFC 4733 s.2.5.1.5).
    """
    payload = b"\x01\x80\x01\x90" + b"\x02\x80\x01\x40"
    events = parse_events(payload, 1000, marker=True, arrival=7.0)
    assert [(one.event, one.timestamp, one.ticks) for one in events] == [(1, 1000, 400), (2, 1400, 320)]


@pytest.mark.parametrize("payload", [b"", b"\1", b"\1\x80\1\x90\2"])
def test_payload_of_another_size_is_refused(payload: bytes) -> None:
    """
    Events have four octets.
    """
    with pytest.raises(PeerError, match="wanted a multiple of 4"):
        parse_events(payload, 0, marker=False, arrival=0.0)


def test_key_is_one_however_often_it_is_told() -> None:
    """
    Updates and repeated ends are one key of the longest duration; its arrival is that of its start.
    """
    (key,) = pressed(updates(5, 16_000, 1600), RATE)
    assert key == Pressed("5", 16_000, 1600, True, pytest.approx(102.0))


def test_all_digits() -> None:
    """
    Sixteen keys; a flash and tones are none.
    """
    packets = [packet for event in range(40) for packet in updates(event, 10_000 * event, 800)]
    assert "".join(digit for digit, *_ in told(packets)) == "0123456789*#ABCD"


def test_same_digit_twice() -> None:
    """
    Two timestamps are two keys, with or without a marker, however close.
    """
    packets = updates(1, 0, 800) + updates(1, 1600, 800) + [EventPacket(2401, 1, 160, True, True, 101.0)]
    assert [first for _, first, _, _ in told(packets)] == [0, 1600, 2401]


def test_end_that_was_lost() -> None:
    """
    A key is as long as was told last.
    """
    assert told(updates(9, 800, 1600, ends=0)) == [("9", 800, 1440, False)]


def test_only_the_end_arrived() -> None:
    """
    One of the three last packets is enough.
    """
    assert told(updates(9, 800, 1600)[-1:]) == [("9", 800, 1600, True)]


def test_long_key_goes_on_in_another_packet() -> None:
    """
    What the duration cannot tell goes on with a timestamp that lies where it ended (RFC 4733 s.2.5.1.3).
    """
    part = [EventPacket(1000, 3, ticks, False, ticks == 160, 101.0) for ticks in (160, 65_400, 65_535)]
    rest = [EventPacket(66_535, 3, ticks, ticks == 9000, False, 110.0) for ticks in (160, 9000, 9000, 9000)]
    assert told(part + rest) == [("3", 1000, 65_535 + 9000, True)]


def test_timestamp_that_moves_with_every_packet() -> None:
    """
    Some clients give each update the timestamp of its own sending: one key all the same.
    """
    moving = [EventPacket(1000 + 160 * i, 7, 160 * (i + 1), i == 5, i == 0, 101.0) for i in range(6)]
    assert told(moving) == [("7", 1000, 5 * 160 + 6 * 160, True)]


def test_keys_that_overlap() -> None:
    """
    A key that begins before the other has ended, with packets of both mixed, is one of its own.
    """
    first, second = updates(1, 0, 2400), updates(2, 1600, 1600)
    mixed = sorted(first + second, key=lambda packet: packet.arrival)
    assert told(mixed) == [("1", 0, 2400, True), ("2", 1600, 1600, True)]
