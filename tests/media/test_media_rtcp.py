"""
Tests for siprec_tw.media.rtcp_sender: the RTCP that a plane sends, however packets are received.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from rtcp_rig import FIRST, HOST, NAME, NEXT, SSRC, Rig, bound, compounds, heard
from rtp_rig import Sender, assert_exact, on_disk

from siprec_tw.interfaces import RtcpPeer
from siprec_tw.rtp.rtcp import (
    CNAME,
    MOST_OCTETS,
    ApplicationDefined,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceChunk,
    SourceDescription,
    parse_compound,
    write_compound,
)


@pytest.fixture(params=["batch", "swept"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """
    A plane, either way.
    """
    made = Rig(tmp_path, request.param)
    yield made
    made.end()


def test_reports_tell_what_arrived(rig: Rig) -> None:
    """
    Each report has a block of its own interval's losses, whether or not the stream was in its stride, and the jitter
    that the stream's report has.
    """
    rig.open()
    sender = Sender(ssrc=9, sequence=65_500)
    sent = sender.some(100)
    rig.send(sent[:10] + sent[12:20])
    rig.sweep(FIRST)
    rig.send(sent[20:25])
    rig.sweep()
    rig.send(sent[25:40])
    rig.sweep()
    rig.send([*sent[41:60], sent[50]])
    rig.sweep(NEXT - 2)
    report = rig.plane.report("s")
    assert report is not None
    (first, second), jitter = compounds(rig.rtcp), int(report.jitter * 8000)
    name = SourceDescription((SourceChunk(SSRC, ((CNAME, NAME.encode()),)),))
    assert first[1:] == second[1:] == (name,)
    assert isinstance(first[0], ReceiverReport)
    (block,) = first[0].blocks
    assert block == ReportBlock(9, 2 * 256 // 20, 2, 65_519, block.jitter, 0, 0)
    wanted = ReportBlock(9, 0, 2, 65_559, jitter, 0, 0)      # one lost, one came twice
    assert second[0] == ReceiverReport(SSRC, (wanted,))
    rig.sweep(NEXT)
    assert compounds(rig.rtcp) == [(ReceiverReport(SSRC), name)]
    rig.sweep(5)        # the metrics are told every two seconds
    assert rig.metrics["rtcp_sent"] == 3


def test_both_ways_report_the_same(tmp_path: Path) -> None:
    """
    The same packets make the same reports, in batches and one by one, but for the jitter of their arrival.
    """
    told: list[list[list[ReportBlock]]] = []
    chance = random.Random(4)
    sent = [one for one in Sender(ssrc=3).some(400) if chance.random() > 0.1]
    sent = [one for one in sent for _ in range(2 if chance.random() < 0.05 else 1)]
    for way in ("batch", "swept"):
        (tmp_path / way).mkdir()
        rig = Rig(tmp_path / way, way)
        rig.open()
        for start in range(0, len(sent), 20):
            rig.send(sent[start : start + 20])
            rig.sweep()
        reports = [packets[0] for packets in compounds(rig.rtcp)]
        rig.end()
        assert all(isinstance(report, ReceiverReport) for report in reports)
        told.append([
            [evolve(block, jitter=0) for block in report.blocks]
            for report in reports if isinstance(report, ReceiverReport)
        ])
    assert told[0] == told[1]
    assert len(told[0]) >= 3
    assert all(block.fraction_lost for blocks in told[0] for block in blocks)


def test_nobody_is_told_before_a_source_is_proven(rig: Rig) -> None:
    """
    Neither single packets nor garbage nor RTCP make us send anything; two packets in a row do.
    """
    rig.open()
    sender = Sender()
    sent = sender.some(2)
    rig.send(sent[:1])
    rig.rtp.sendto(b"no RTP", (HOST, rig.address.rtp_port))
    for _ in range(20):
        rig.tell(SenderReport(9, 1 << 32, 2, 3, 4), Goodbye((9,)))
    rig.sweep(20)
    assert heard(rig.rtcp) == heard(rig.rtp) == []
    rig.send(sent[1:])
    rig.sweep(FIRST)
    assert len(heard(rig.rtcp)) == 1


def test_no_input_makes_us_send_more(rig: Rig) -> None:
    """
    There is one packet an interval, whatever arrives on either port.
    """
    rig.open()
    sender, chance = Sender(ssrc=5), random.Random(1)
    rig.send(sender.some(5))
    for number in range(40):
        rig.send(sender.some(2))
        rig.send(Sender(ssrc=100 + number).some(3))
        rig.tell(SenderReport(5, 1 << 32, 2, 3, 4), Goodbye((5, 6, 7)))
        rig.tell(ReceiverReport(5, (ReportBlock(SSRC, 255, 7, 7, 7, 7, 7),)))
        for port in (rig.address.rtp_port, rig.address.rtcp_port):
            rig.rtcp.sendto(chance.randbytes(60), (HOST, port))
            rig.rtcp.sendto(b"\x80\xc9" + chance.randbytes(30), (HOST, port))
        rig.sweep()
    assert len(heard(rig.rtcp)) == 1 + (40 - FIRST) // NEXT
    assert heard(rig.rtp) == []


def test_large_rtcp_makes_us_slower(rig: Rig) -> None:
    """
    What comes counts for the bandwidth that RTCP may take (RFC 3550 s.6.3.3).
    """
    rig.open()
    rig.send(Sender(ssrc=9).some(5))
    rig.sweep(FIRST)
    assert len(heard(rig.rtcp)) == 1
    for _ in range(40):
        rig.tell(ReceiverReport(9), ApplicationDefined(0, 9, b"test", bytes(MOST_OCTETS - 20)))
    rig.sweep(NEXT)
    assert heard(rig.rtcp) == []
    rig.sweep(NEXT)
    assert len(heard(rig.rtcp)) == 1


def test_rtcp_that_is_too_large_counts_for_nothing(rig: Rig) -> None:
    """
    What no report can be is not read, and keeps us from nothing.
    """
    rig.open()
    rig.send(Sender(ssrc=9).some(5))
    rig.sweep(FIRST)
    heard(rig.rtcp)
    for _ in range(3):
        rig.tell(ReceiverReport(9), ApplicationDefined(0, 9, b"test", bytes(40_000)))
    rig.sweep(NEXT)
    assert len(heard(rig.rtcp)) == 1


def test_last_sender_report(rig: Rig) -> None:
    """
    LSR is of the source's latest SR, DLSR from its arrival to our report.
    """
    rig.open()
    rig.send(Sender(ssrc=9).some(5))
    began = time.time()
    rig.tell(SenderReport(9, 0xB44D_B705_2000_0000, 2, 3, 4))
    rig.tell(SenderReport(8, 1 << 40, 2, 3, 4))
    rig.sweep(FIRST)
    heard(rig.rtcp)
    rig.send(Sender(ssrc=9, sequence=1005).some(5))
    time.sleep(0.05)
    rig.sweep(NEXT)
    elapsed = time.time() - began
    ((report, _),) = compounds(rig.rtcp)
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].last_sr == 0xB705_2000
    assert 0.05 <= report.blocks[0].delay / 65536 <= elapsed + 0.001


def test_behind_a_nat(rig: Rig) -> None:
    """
    Where RTP comes from another host than the description says, reports go to where the source's RTCP comes from.
    """
    rig.open()
    with bound() as outside, bound(host="127.0.0.9") as inside, bound(host="127.0.0.2") as stranger:
        rig.wait(rig.plane.update_stream(rig.spec(rtcp=RtcpPeer(*inside.getsockname(), False, NAME))))
        rig.send(Sender(ssrc=9).some(5))
        rig.tell(SenderReport(9, 1 << 32, 2, 3, 4), client=outside)
        rig.sweep(FIRST)
        ((octets, source),) = heard(outside)
        assert source == (HOST, rig.address.rtcp_port)
        assert isinstance(parse_compound(octets)[0], ReceiverReport)
        rig.tell(SenderReport(7, 1 << 32, 2, 3, 4), client=rig.rtcp)        # no source of RTP
        rig.sweep(NEXT)
        assert len(heard(outside)) == 1
        for other in (stranger, rig.rtp):       # another host; the port of RTP
            rig.tell(SenderReport(9, 1 << 32, 2, 3, 4), client=other)
            rig.sweep(2 * NEXT)
            assert heard(outside) == heard(rig.rtcp) == heard(rig.rtp) == heard(stranger) == []
            assert len(heard(inside)) == 2


def test_client_that_sends_rtcp_from_elsewhere(rig: Rig) -> None:
    """
    Where RTP comes from the host of the description, so is its RTCP address believed, whatever port RTCP comes from.
    """
    rig.open()
    with bound() as other, bound(host="127.0.0.2") as stranger:
        rig.send(Sender(ssrc=9).some(5))
        for client in (other, stranger):
            rig.tell(SenderReport(9, 1 << 32, 2, 3, 4), client=client)
            rig.sweep(2 * NEXT)
            assert heard(other) == heard(stranger) == []
            assert len(heard(rig.rtcp)) == 2


def test_muxed(rig: Rig) -> None:
    """
    With rtcp-mux (RFC 5761) reports go from our RTP port to the client's; its own are read on that port, too.
    """
    rig.open(rig.spec(rtcp=rig.muxed()))
    rig.send(Sender(ssrc=9).some(5))
    rig.rtp.sendto(write_compound([SenderReport(9, 5 << 32, 2, 3, 4)]), (HOST, rig.address.rtp_port))
    rig.sweep(FIRST)
    ((octets, source),) = heard(rig.rtp)
    assert source == (HOST, rig.address.rtp_port)
    report = parse_compound(octets)[0]
    assert isinstance(report, ReceiverReport)
    assert (report.blocks[0].ssrc, report.blocks[0].last_sr) == (9, 5 << 16)
    assert heard(rig.rtcp) == []
    rig.sweep()
    assert (rig.metrics["rtcp_received"], rig.metrics["packets_rejected"]) == (1, 0)


def test_goodbye(rig: Rig) -> None:
    """
    When a stream is closed its client is told, with what came last.
    """
    rig.open()
    sender = Sender(ssrc=9)
    rig.send(sender.some(5))
    rig.sweep(FIRST)
    heard(rig.rtcp)
    rig.send(sender.some(5))
    rig.close()
    ((report, _, goodbye),) = compounds(rig.rtcp)
    assert isinstance(report, ReceiverReport)
    assert [block.highest for block in report.blocks] == [1009]
    assert goodbye == Goodbye((SSRC,))
    rig.sweep(2 * NEXT)
    assert heard(rig.rtcp) == []
    assert rig.metrics["rtcp_sent"] == 2


def test_no_goodbye_without_report(rig: Rig) -> None:
    """
    A stream that ends before its first report ends silently (RFC 3550 s.6.3.7).
    """
    rig.open()
    rig.send(Sender().some(5))
    rig.sweep()
    rig.close()
    assert heard(rig.rtcp) == []


def test_held(rig: Rig) -> None:
    """
    Without a peer nothing is sent, neither report nor goodbye; it goes on when there is one again.
    """
    rig.open()
    sender = Sender()
    rig.send(sender.some(5))
    rig.sweep(FIRST)
    assert len(heard(rig.rtcp)) == 1
    rig.wait(rig.plane.update_stream(rig.spec(rtcp=None)))
    rig.send(sender.some(5))
    rig.sweep(4 * NEXT)
    assert heard(rig.rtcp) == []
    rig.wait(rig.plane.update_stream(rig.spec()))
    rig.sweep(NEXT)
    assert len(heard(rig.rtcp)) in (1, 2)
    rig.wait(rig.plane.update_stream(rig.spec(rtcp=None)))
    rig.close()
    assert heard(rig.rtcp) == []


def test_peer_that_comes_later(rig: Rig) -> None:
    """
    A stream that was opened without a peer, as for an offer of ours, reports as soon as there is one.
    """
    rig.open(rig.spec(rtcp=None))
    sender = Sender()
    rig.send(sender.some(5))
    rig.sweep(4 * NEXT)
    rig.wait(rig.plane.update_stream(rig.spec()))
    rig.sweep()
    assert len(heard(rig.rtcp)) == 1


def test_peer_that_is_not_there(rig: Rig) -> None:
    """
    ICMP errors, a host of the other family, a port that is none: reception goes on, and nobody hears of it.
    """
    with bound() as gone:
        closed = gone.getsockname()[1]
    rig.open()
    sender = Sender()
    for host, port in ((HOST, closed), ("::1", 4000), (HOST, 0)):
        rig.wait(rig.plane.update_stream(rig.spec(rtcp=RtcpPeer(host, port, False, NAME))))
        for _ in range(2 * NEXT):
            rig.send(sender.some(5))
            rig.sweep()
    report = rig.close()
    assert (report.packets, report.lost) == (3 * 2 * NEXT * 5, 0)
    rig.sweep()
    assert rig.metrics["rtcp_sent"] == 2       # those that went to the closed port
    assert heard(rig.rtcp) == []


def test_ssrc_that_is_taken(rig: Rig) -> None:
    """
    Where the source has our identifier we leave under it, and go on under another (RFC 3550 s.8.2).
    """
    rig.open()
    numbers = iter([0.0, 0.25] + [0.0] * 100)
    rig.send(Sender(ssrc=3).some(5))
    rig.sweep(FIRST)
    assert len(heard(rig.rtcp)) == 1
    rig.plane._streams["s"].reports._random = lambda: next(numbers)
    rig.send(Sender(ssrc=SSRC).some(5))
    rig.sweep(NEXT)
    (leaving,) = compounds(rig.rtcp)
    assert leaving[-1] == Goodbye((SSRC,))
    rig.send(Sender(ssrc=SSRC, sequence=1005).some(5))
    rig.sweep(2 * NEXT)
    reports = [packets[0] for packets in compounds(rig.rtcp)]
    assert [report.ssrc for report in reports if isinstance(report, ReceiverReport)] == [1 << 30] * 2


def test_metrics(rig: Rig) -> None:
    """
    Compound packets that were understood and sent are counted once, on whatever port.
    """
    rig.open()
    rig.send(Sender().some(5))
    rig.tell(SenderReport(9, 1 << 32, 2, 3, 4), Goodbye((1,)))
    rig.rtcp.sendto(b"no RTCP", (HOST, rig.address.rtcp_port))
    rig.rtp.sendto(write_compound([ReceiverReport(9)]), (HOST, rig.address.rtp_port))
    rig.sweep(6)
    assert (rig.metrics["rtcp_received"], rig.metrics["rtcp_sent"]) == (2, 1)


def test_segments_are_none_the_worse(rig: Rig) -> None:
    """
    Reports in between leave a stream in its stride, of which they tell all that came, and its recording whole.
    """
    rig.open()
    sent = Sender(ssrc=4).some(80 * NEXT)
    reader, reports = rig.plane._reader, 0
    for start in range(0, len(sent), 20):
        rig.send(sent[start : start + 20])
        rig.sweep()
        told = compounds(rig.rtcp)
        if told:
            assert reader is None or reader.in_stride == 1
            (report, _), known = told[0], rig.plane.report("s")
            assert known is not None
            jitter = int(known.jitter * 8000)
            block = ReportBlock(4, 0, 0, sent[start + 19].packet.sequence, jitter, 0, 0)
            assert report == ReceiverReport(SSRC, (block,))
            reports += 1
    ended = rig.close()
    (segment,) = on_disk(rig.directory)
    assert (ended.packets, ended.lost) == (len(sent), 0)
    assert_exact(segment, sent)
    assert reports == 1 + (4 * NEXT - FIRST) // NEXT
