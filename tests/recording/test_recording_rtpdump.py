"""
Packet dumps, whole and torn.
"""

from __future__ import annotations

from siprec_tw.recording import rtpdump
from siprec_tw.recording.rtpdump import Read, Record

HEAD = rtpdump.file_header("192.0.2.1", 40000, 1_790_000_000.25)
PACKETS = [bytes([0x80, 0]) + bytes(20 + i) for i in range(5)]


def reader(octets: bytes) -> Read:
    return lambda offset, size: octets[offset : offset + size]


def dump() -> bytes:
    return HEAD + b"".join(rtpdump.record(packet, 20 * i) for i, packet in enumerate(PACKETS))


def test_what_was_written_is_read() -> None:
    """
    Packets, offsets and the start come back; RTCP is told apart.
    """
    octets = dump() + rtpdump.record(b"\x81\xc8", 99, rtcp=True)
    found = list(rtpdump.records(reader(octets)))
    assert found == [*(Record(p, 20 * i) for i, p in enumerate(PACKETS)), Record(b"\x81\xc8", 99, True)]
    assert rtpdump.start_time(reader(octets)) == 1_790_000_000.25
    assert octets.startswith(b"#!rtpplay1.0 192.0.2.1/40000\n")


def test_torn_anywhere() -> None:
    """
    Cut at any octet, a dump gives every packet that is whole and the length up to there.
    """
    octets = dump()
    ends = [len(HEAD) + sum(8 + len(p) for p in PACKETS[:n]) for n in range(6)]
    for cut in range(len(octets) + 1):
        whole = sum(1 for end in ends[1:] if end <= cut) if cut >= len(HEAD) else 0
        read = reader(octets[:cut])
        if cut >= 5:
            assert [one.packet for one in rtpdump.records(read)] == PACKETS[:whole], cut
            assert rtpdump.whole_length(read) == (ends[whole] if cut >= len(HEAD) else 0)


def test_without_a_head() -> None:
    """
    Records alone are read too; they tell no start.
    """
    octets = rtpdump.record(PACKETS[0], 0)
    assert [one.packet for one in rtpdump.records(reader(octets))] == PACKETS[:1]
    assert rtpdump.start_time(reader(octets)) is None


def test_senseless_lengths_end_it() -> None:
    """
    A record that is shorter than its own head, or than its packet, ends the dump.
    """
    for record in (b"\0\x07\0\x01\0\0\0\0" + bytes(9), b"\0\x0a\0\x09\0\0\0\0" + bytes(9)):
        assert list(rtpdump.records(reader(HEAD + record))) == []


def test_ipv6_stands_in_the_text_only() -> None:
    """
    The binary head has no room for an address of IPv6.
    """
    head = rtpdump.file_header("2001:db8::1", 5004, 1.0)
    assert head.startswith(b"#!rtpplay1.0 2001:db8::1/5004\n") and len(head) == 30 + 16
