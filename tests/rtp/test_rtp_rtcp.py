"""
Tests for siprec_tw.rtp.rtcp.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.errors import PeerError
from siprec_tw.rtp.rtcp import (
    CNAME,
    ApplicationDefined,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceChunk,
    SourceDescription,
    UnknownPacket,
    parse_compound,
    write_compound,
)

BLOCK = ReportBlock(7, 25, -2, 0x10005, 31, 0x12345678, 65536)

EVERY_KIND: list[RtcpPacket] = [
    SenderReport(1, 0xE9000000_80000000, 160, 10, 1600, (BLOCK,), b"prof"),
    ReceiverReport(2, (BLOCK, ReportBlock(8, 0, 0x7FFFFF, 1, 2, 3, 4))),
    SourceDescription((SourceChunk(1, ((CNAME, b"alice@example.com"), (2, b""))), SourceChunk(2))),
    Goodbye((1, 2), b"done"),
    Goodbye((1,)),
    ApplicationDefined(3, 1, b"name", b"12345678"),
    UnknownPacket(206, 1, b"\0\0\0\1\0\0\0\2"),
]


def test_sender_report() -> None:
    """
    The fields of a sender report lie where RFC 3550 s.6.4.1 draws them; NTP counts from 1900.
    """
    octets = bytes.fromhex("80c80006" "0000002a" "83aa7e80" "80000000" "000003e8" "00000005" "00000320")
    (report,) = parse_compound(octets)
    assert report == SenderReport(42, 0x83AA7E80_80000000, 1000, 5, 800)
    assert isinstance(report, SenderReport)
    assert report.instant == 0.5


def test_compound_of_every_kind() -> None:
    """
    Every kind of packet survives writing and parsing, alone and in one datagram.
    """
    for packet in EVERY_KIND:
        assert parse_compound(write_compound([packet])) == (packet,)
    octets = write_compound(EVERY_KIND)
    assert len(octets) % 4 == 0
    assert parse_compound(octets) == tuple(EVERY_KIND)


def test_items_end_on_a_word() -> None:
    """
    One to four null octets end the items of a source, so that the next begins on 32 bits (RFC 3550 s.6.5).
    """
    for length in range(8):
        chunks = (SourceChunk(1, ((CNAME, b"x" * length),)), SourceChunk(2, ((CNAME, b"y"),)))
        assert parse_compound(write_compound([SourceDescription(chunks)])) == (SourceDescription(chunks),)


def test_padding_is_taken_off() -> None:
    """
    The last packet of a compound may be padded (RFC 3550 s.6.4.1).
    """
    assert parse_compound(bytes.fromhex("a1cb0002" "00000009" "00000004")) == (Goodbye((9,)),)


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        ("", "empty"),
        ("80c8", "2 octets"),
        ("00c90001" "00000001", "version is 0"),
        ("80c90002" "00000001", "ends at 12"),
        ("80c80001" "00000001", "SR has 4"),
        ("81c90001" "00000001", "RR has 4"),
        ("82cb0001" "00000001", "BYE has 4"),
        ("81cb0002" "00000001" "09616263", "BYE reason has 4"),
        ("81ca0002" "00000001" "01096162", "SDES item has 8"),
        ("81ca0000", "SDES has 0"),
        ("80cc0001" "00000001", "APP has 4"),
        ("a0c90001" "00000009", "padding is 9"),
        ("a0c90000", "padding is 0"),
    ],
)
def test_what_is_cut_short_is_refused(octets: str, told: str) -> None:
    """
    A packet that is shorter than its head says is the peer's error.
    """
    with pytest.raises(PeerError, match=told):
        parse_compound(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (bytes.fromhex("80cb0000") * 33, "more packets than 32"),
        (bytes.fromhex("80c901ff00000001") + bytes(2040), None),
        (bytes.fromhex("80c901ff00000001") + bytes(2044), "has 2052 octets, wanted at most 2048"),
    ],
)
def test_what_is_larger_than_a_frame_is_refused(octets: bytes, told: str | None) -> None:
    """
    One datagram must not keep its reader busy: there is a bound on its octets, and one on its packets.
    """
    if told is None:
        assert len(parse_compound(octets)) == 1
        return
    with pytest.raises(PeerError, match=told):
        parse_compound(octets)


@given(st.integers(0, 31), st.integers(200, 204), st.binary(max_size=80))
def test_nothing_else_is_raised(count: int, packet_type: int, rest: bytes) -> None:
    """
    Any octets are packets or a PeerError.
    """
    try:
        packets = parse_compound(bytes([0x80 | count, packet_type]) + rest)
    except PeerError:
        return
    assert packets
