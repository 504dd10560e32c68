"""
Tests for siprec_tw.srtp.replay_window and packet_index.
"""

import random

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.srtp.packet_index import nearest_index, rtp_header_size
from siprec_tw.srtp.replay_window import WINDOW_SIZE, ReplayWindow, StoredWindow, window_from_stored


def test_seen_and_old() -> None:
    """
    An index is refused once it was accepted, and when it is older than the window (RFC 3711 s.3.3.2).
    """
    window = ReplayWindow()
    window.accept(5000)
    assert window.refuses(5000)
    assert not window.refuses(5001)
    assert not window.refuses(5000 - WINDOW_SIZE + 1)
    assert window.refuses(5000 - WINDOW_SIZE)
    window.accept(4990)
    assert window.refuses(4990)
    assert not window.refuses(4991)


def test_a_leap_empties_the_window() -> None:
    """
    After a leap beyond the window nothing in it was seen but the newest.
    """
    window = ReplayWindow()
    window.accept(1)
    window.accept(1 + WINDOW_SIZE)
    assert window.refuses(1)
    assert not window.refuses(2)
    assert window == ReplayWindow(1 + WINDOW_SIZE, 1)


@pytest.mark.parametrize("count", [1, 25, WINDOW_SIZE - 1, WINDOW_SIZE, WINDOW_SIZE + 1])
def test_many_at_once(count: int) -> None:
    """
    A row of indices accepted at once leaves what one after the other leaves.
    """
    one, other = ReplayWindow(7, 0b1011), ReplayWindow(7, 0b1011)
    one.accept_next(count)
    for index in range(8, 8 + count):
        other.accept(index)
    assert one == other


def test_against_a_set() -> None:
    """
    In any order of indices the window refuses what a set of all that was seen says.
    """
    chance = random.Random(3)
    window, seen, highest = ReplayWindow(), set[int](), -1
    for _ in range(20_000):
        index = max(0, highest + chance.randint(-WINDOW_SIZE - 20, 60))
        refused = index in seen or (highest >= 0 and index <= highest - WINDOW_SIZE)
        assert window.refuses(index) == refused
        if not refused:
            window.accept(index)
            seen.add(index)
            highest = max(highest, index)
    assert len(seen) > 5000


def test_stored() -> None:
    """
    Another node goes on with the same window.
    """
    window = ReplayWindow(70_000, 0b1101)
    assert window.as_stored(9) == StoredWindow(9, 70_000, "d")
    assert window_from_stored(window.as_stored(9)) == window


@pytest.mark.parametrize(("sequence", "highest", "index"), [
    (5, 3, 5), (3, 65_535, 65_539), (65_535, 65_539, 65_535), (40_000, 10, 40_000), (65_535, 3, 65_535),
    (32_778, 10, 32_778), (0, (7 << 16) + 60_000, 8 << 16), (32_767 + 5, (1 << 16) + 5, (1 << 16) + 32_772),
])
def test_nearest_index(sequence: int, highest: int, index: int) -> None:
    """
    The cycle is taken that is nearest to the highest index, and none below zero (RFC 3711 s.3.3.1).
    """
    assert nearest_index(sequence, highest) == index


@pytest.mark.parametrize(("packet", "text"), [
    ("", "has 0 octets, wanted at least 12"),
    ("00" * 30, "RTP version is 0, wanted 2"),
    ("82" + "00" * 20, "has 21 octets, wanted 30 for header, MKI and tag"),
    ("90" + "00" * 11, "has 12 octets, wanted 16 for its header extension"),
    ("90" + "00" * 13 + "0002" + "00" * 8, "has 24 octets, wanted 34"),
])
def test_header_cut_short(packet: str, text: str) -> None:
    """
    A packet without room for its header and tag is malformed.
    """
    with pytest.raises(PeerError, match=text):
        rtp_header_size(bytes.fromhex(packet), 10)


def test_header_size() -> None:
    """
    Contributing sources and extension belong to the readable header.
    """
    header = bytes.fromhex("92000001" "00000000" "00000000" "0000000a0000000b" "bede0001" "10ff0000")
    assert rtp_header_size(header + bytes(10), 10) == len(header)
