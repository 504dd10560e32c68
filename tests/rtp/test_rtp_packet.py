"""
Tests for siprec_tw.rtp.packet.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.errors import PeerError
from siprec_tw.rtp.packet import HeaderExtension, RtpPacket, is_rtcp, parse_packet, write_packet

PLAIN = bytes.fromhex("80001234 00000050 deadbeef".replace(" ", "")) + b"sound"

packets = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=40),
    marker=st.booleans(),
    contributing=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none() | st.builds(
        HeaderExtension, st.integers(0, 0xFFFF), st.binary(max_size=5).map(lambda octets: octets * 4)
    ),
    padding=st.integers(0, 255),
)


def test_plain_packet() -> None:
    """
    A header of twelve octets is read field by field, and what follows is the payload (RFC 3550 s.5.1).
    """
    packet = parse_packet(PLAIN)
    assert packet == RtpPacket(0, 0x1234, 0x50, 0xDEADBEEF, b"sound")
    assert write_packet(packet) == PLAIN


def test_everything_at_once() -> None:
    """
    Contributing sources, extension and padding are taken off before and behind the payload.
    """
    header = bytes.fromhex("b2880001" "00000002" "00000003" "0000000a" "0000000b")
    octets = header + bytes.fromhex("bede0001" "10ff0000") + b"abc\0\0\3"
    packet = parse_packet(octets)
    assert packet == RtpPacket(
        8, 1, 2, 3, b"abc", marker=True, contributing=(10, 11),
        extension=HeaderExtension(0xBEDE, bytes.fromhex("10ff0000")), padding=3,
    )
    assert write_packet(packet) == octets


@given(packets)
def test_what_is_written_reads_the_same(packet: RtpPacket) -> None:
    """
    Every packet survives writing and parsing.
    """
    assert parse_packet(write_packet(packet)) == packet


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "0 octets"),
        (PLAIN[:11], "11 octets"),
        (b"\x00" + PLAIN[1:], "version is 0"),
        (b"\xc0" + PLAIN[1:], "version is 3"),
        (b"\x8f" + PLAIN[1:], "15 contributing"),
        (b"\x90" + PLAIN[1:12], "wanted 16"),
        (b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x02abcd", "wanted 24"),
        (b"\xa0" + PLAIN[1:12] + b"abc\x00", "padding is 0"),
        (b"\xa0" + PLAIN[1:12] + b"abc\x05", "padding is 5"),
        (b"\xa0" + PLAIN[1:12], "padding is"),
    ],
)
def test_what_is_cut_short_is_refused(octets: bytes, told: str) -> None:
    """
    A datagram that is too short for what its header announces is the peer's error, and says so.
    """
    with pytest.raises(PeerError, match=told):
        parse_packet(octets)


@given(st.binary(max_size=60))
def test_nothing_else_is_raised(octets: bytes) -> None:
    """
    Any octets are a packet or a PeerError.
    """
    try:
        packet = parse_packet(octets)
    except PeerError:
        return
    assert len(packet.payload) <= len(octets) - 12


def test_rtcp_on_the_same_port() -> None:
    """
    RTCP is told from RTP by its second octet (RFC 5761 s.4).
    """
    assert is_rtcp(bytes.fromhex("80c90001deadbeef"))
    assert is_rtcp(bytes.fromhex("81cb0001deadbeef"))
    assert not is_rtcp(PLAIN)
    assert not is_rtcp(bytes.fromhex("80c90001dead"))
    assert not is_rtcp(bytes.fromhex("00c90001deadbeef"))
