"""
Tests for siprec_tw.media.receiver: what is no RTP, what is too much, and RTCP.
"""

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rtp_rig import ADDRESS, NOW, Sender, assert_exact, on_disk, receive, receiver_in

from siprec_tw.rtp.rtcp import Goodbye, ReceiverReport, SenderReport, write_compound


def test_garbage_between_the_packets(tmp_path: Path) -> None:
    """
    STUN, DTLS, cut and random datagrams are counted and disturb nothing.
    """
    choice = random.Random(8)
    sent = Sender().some(200)
    garbage = [b"", b"\0", b"\x80", sent[0].octets[:11], b"\x16\xfe\xff" * 9]
    garbage += [bytes.fromhex("000100002112a442") + bytes(12)]
    garbage += [b"\x90" + sent[3].octets[1:12] + b"\xbe\xde\xff\xff"]
    garbage += [b"\xa0" + sent[3].octets[1:-1] + b"\xff"]
    receiver = receiver_in(tmp_path)
    for one in sent:
        receiver.receive([(one.octets, ADDRESS, one.arrival), (choice.choice(garbage), ADDRESS, one.arrival)])
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent)
    assert (report.packets, report.rejected) == (200, 200)
    assert segment.record.checkpoint is not None
    assert segment.record.checkpoint.rejected >= 198


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=0, max_size=40), max_size=30), st.integers(0, 2**32))
def test_any_octets_at_all(tmp_path: Path, datagrams: list[bytes], seed: int) -> None:
    """
    Whatever comes, nothing is raised, and every datagram is counted as kept, doubled or rejected.
    """
    choice = random.Random(seed)
    near = [bytes([0x80, choice.choice((0, 8, 13, 101, 127))]) + octets for octets in datagrams]
    receiver = receiver_in(tmp_path)
    for index, octets in enumerate(datagrams + near):
        receiver.receive([(octets, ADDRESS, NOW + index)])
    report = receiver.close()
    counted = report.packets + report.duplicates + report.rejected + receiver.rtcp.datagrams
    assert counted >= len(datagrams) + len(near)
    for path in tmp_path.iterdir():
        path.unlink()


def test_mutated_headers(tmp_path: Path) -> None:
    """
    Two thousand forged packets of the live source, any bits of their headers turned, do not touch the sound
    before them, and the stream is followed again afterwards but for numbers that the forger has used.
    """
    choice = random.Random(4)
    sent = Sender().some(800)
    receiver = receiver_in(tmp_path)
    receive(receiver, sent[:200])
    for _ in range(2000):
        octets = bytearray(choice.choice(sent[:200]).octets)
        for _ in range(choice.randint(1, 3)):
            octets[choice.randrange(12)] ^= 1 << choice.randrange(8)
        receiver.receive([(bytes(octets), ADDRESS, NOW + 4.0)])
    receive(receiver, sent[200:])
    receiver.close()
    segments = on_disk(tmp_path)
    for one in sent[:200]:
        assert segments[0].at(one.packet.timestamp, 160) == one.packet.payload
    found = sum(
        any(segment.at(one.packet.timestamp, 160) == one.packet.payload for segment in segments)
        for one in sent[600:]
    )
    assert found > 190


def test_candidates_are_bounded(tmp_path: Path) -> None:
    """
    Ten thousand SSRCs of one packet each leave nothing behind, neither memory nor files.
    """
    receiver = receiver_in(tmp_path)
    sent = [Sender(ssrc=number, now=NOW + number / 1000).one() for number in range(10_000)]
    receive(receiver, sent)
    live = Sender(ssrc=77_777, now=NOW + 11.0).some(20)
    receive(receiver, live)
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, live)
    assert report.rejected == 10_000
    assert report.packets == 20


def test_rtcp_on_its_own_port(tmp_path: Path) -> None:
    """
    The latest sender report and every goodbye are kept; what is not RTCP is counted.
    """
    receiver = receiver_in(tmp_path)
    report = SenderReport(5, 0xE900000000000000, 160, 1, 160)
    later = SenderReport(5, 0xE900000100000000, 8160, 51, 8160)
    receiver.receive_rtcp([
        (write_compound([report]), ADDRESS, NOW),
        (write_compound([later, Goodbye((5,))]), ADDRESS, NOW + 1.0),
        (b"\x80", ADDRESS, NOW + 2.0),
    ])
    seen = receiver.rtcp
    assert (seen.datagrams, seen.rejected, seen.sender_reports) == (3, 1, 2)
    assert (seen.clocks[5].report, seen.clocks[5].arrival) == (later, NOW + 1.0)
    assert seen.goodbyes == {5: NOW + 1.0}


def test_rtcp_sources_are_bounded(tmp_path: Path) -> None:
    """
    Reports of many sources push out the oldest.
    """
    receiver = receiver_in(tmp_path)
    for ssrc in range(100):
        octets = write_compound([SenderReport(ssrc, 0, 0, 0, 0), Goodbye((ssrc,))])
        receiver.receive_rtcp([(octets, ADDRESS, NOW + ssrc)])
    assert list(receiver.rtcp.clocks) == list(receiver.rtcp.goodbyes) == list(range(84, 100))


def test_rtcp_on_the_rtp_port(tmp_path: Path) -> None:
    """
    RTCP that shares the port is not counted as bad RTP (RFC 5761 s.4).
    """
    sent = Sender().some(20)
    receiver = receiver_in(tmp_path)
    receive(receiver, sent[:10])
    receiver.receive([(write_compound([ReceiverReport(9)]), ADDRESS, NOW)])
    receiver.receive([(write_compound([SenderReport(9, 1, 2, 3, 4)]), ADDRESS, NOW)])
    receive(receiver, sent[10:])
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent)
    assert report.rejected == 0
    assert (receiver.rtcp.datagrams, receiver.rtcp.sender_reports) == (2, 1)
