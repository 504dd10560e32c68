"""
RTP as the test client sends it: pace, impairment, and a record that is the wire's.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.cli.source.impairment import FARTHEST, UNIMPAIRED, BadWay, Impairment
from siprec_tw.cli.source.outlet import UdpOutlet
from siprec_tw.cli.source.pacer import Pacer
from siprec_tw.cli.source.rtp_stream import RtpIdentity, RtpStream, random_identity, rtp_stream
from siprec_tw.rtp.packet import RtpPacket, parse_packet
from siprec_tw.rtp.rtcp import SenderReport, parse_compound

IDENTITY = RtpIdentity(payload_type=8, ssrc=0xABCD, first_sequence=65534, first_timestamp=2**32 - 320)
POSIX = 1_795_170_865.0


@define
class Wire:
    """
    An outlet that remembers; it takes nothing while it is C{full}.
    """

    rtp: list[RtpPacket] = field(factory=list)
    rtcp: list[SenderReport] = field(factory=list)
    full: bool = False

    def send_rtp(self, datagram: bytes) -> bool:
        if not self.full:
            self.rtp.append(parse_packet(datagram))
        return not self.full

    def send_rtcp(self, datagram: bytes) -> bool:
        report = parse_compound(datagram)[0]
        assert isinstance(report, SenderReport)
        self.rtcp.append(report)
        return True


def payload(number: int) -> bytes:
    return number.to_bytes(160, "big")


class StreamTests(SynchronousTestCase):
    """
    Streams on a clock that stands until it is told.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = Wire()
        self.pacer = Pacer(self.clock, lambda: POSIX + self.clock.seconds())

    def stream(self, impairment: Impairment = UNIMPAIRED) -> RtpStream:
        return rtp_stream(payload, self.wire, IDENTITY, impairment, "a")

    def run_for(self, seconds: float) -> None:
        self.clock.pump([0.005] * round(seconds / 0.005))

    def test_pace(self) -> None:
        """
        One second is fifty packets, counters wrap, the first packet alone is marked.
        """
        self.pacer.add(self.stream())
        self.run_for(0.99)
        self.assertEqual(len(self.wire.rtp), 50)
        self.assertEqual([p.sequence for p in self.wire.rtp[:4]], [65534, 65535, 0, 1])
        self.assertEqual([p.timestamp for p in self.wire.rtp[:4]], [2**32 - 320, 2**32 - 160, 0, 160])
        self.assertEqual([p.marker for p in self.wire.rtp], [True] + [False] * 49)
        self.assertEqual([p.payload for p in self.wire.rtp], [payload(n) for n in range(50)])
        self.assertEqual({(p.payload_type, p.ssrc) for p in self.wire.rtp}, {(8, 0xABCD)})

    def test_late_clock_loses_nothing(self) -> None:
        """
        After a stall the packets that were due are sent at once, and the stall is told.
        """
        self.pacer.add(self.stream())
        self.clock.advance(0.5)
        self.assertEqual(len(self.wire.rtp), 26)
        self.assertAlmostEqual(self.pacer.latest, 0.49)

    def test_pause(self) -> None:
        """
        During a pause timestamps go on and sequence numbers do not: nothing looks lost.
        """
        stream = self.stream()
        self.pacer.add(stream)
        self.run_for(0.09)
        stream.paused = True
        self.run_for(0.1)
        stream.paused = False
        self.run_for(0.1)
        before, after = self.wire.rtp[4], self.wire.rtp[5]
        self.assertEqual((after.sequence - before.sequence) % 2**16, 1)
        self.assertEqual((after.timestamp - before.timestamp) % 2**32, 160 * 6)
        self.assertTrue(after.marker)
        self.assertEqual(after.payload, payload(10))

    def test_removed_and_added_again(self) -> None:
        """
        A stream that was taken out for a while goes on where the time is, without a burst.
        """
        stream = self.stream()
        self.pacer.add(stream)
        self.run_for(0.1)
        self.pacer.remove(stream)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        sent = len(self.wire.rtp)
        self.run_for(1.0)
        self.assertEqual(len(self.wire.rtp), sent)
        self.pacer.add(stream)
        self.run_for(0.05)
        self.assertLessEqual(len(self.wire.rtp) - sent, 3)
        self.assertEqual(self.wire.rtp[sent].payload, payload(55))
        self.assertEqual(self.wire.rtp[sent].sequence, (65534 + sent) % 2**16)

    def test_record_is_the_wire(self) -> None:
        """
        What the record says was sent is what arrived, in its order, through loss, reordering and duplicates.
        """
        stream = self.stream(Impairment(loss=0.1, reorder=0.2, duplicate=0.1, seed=3))
        self.pacer.add(stream)
        self.run_for(10.0)
        self.pacer.remove(stream)
        sent = list(stream.sent())
        self.assertEqual(
            [(p.sequence, p.timestamp, p.payload) for p in sent],
            [(p.sequence, p.timestamp, p.payload) for p in self.wire.rtp],
        )
        self.assertEqual([p.payload for p in sent], [payload(p.number) for p in sent])
        self.assertEqual(stream.packets, len(sent))
        self.assertEqual([p.at for p in sent], sorted(p.at for p in sent))

    def test_what_the_system_did_not_take_was_not_sent(self) -> None:
        """
        A packet that the socket refuses is not in the record.
        """
        stream = self.stream()
        self.wire.full = True
        self.pacer.add(stream)
        self.run_for(0.1)
        self.wire.full = False
        self.run_for(0.1)
        self.assertEqual([p.payload for p in stream.sent()], [p.payload for p in self.wire.rtp])
        self.assertEqual(self.wire.rtp[0].sequence, (65534 + 6) % 2**16)

    def test_sender_reports(self) -> None:
        """
        Every five seconds a report says which timestamp belongs to the time of day (RFC 3550 s.6.4.1).
        """
        self.pacer.add(self.stream())
        self.run_for(10.5)
        self.assertEqual(len(self.wire.rtcp), 3)
        first, second = self.wire.rtcp[:2]
        self.assertAlmostEqual(first.instant, POSIX, places=2)
        elapsed = second.instant - first.instant
        self.assertAlmostEqual((second.timestamp - first.timestamp) % 2**32 / 8000, elapsed, places=3)
        self.assertEqual(second.packets, 251)
        self.assertEqual(second.octets, 251 * 160)

    def test_silent_source(self) -> None:
        """
        Where the source has no packet none is sent, and the next one is marked.
        """
        stream = rtp_stream(
            lambda n: None if 2 <= n < 5 else payload(n), self.wire, IDENTITY, UNIMPAIRED, "a"
        )
        self.pacer.add(stream)
        self.run_for(0.15)
        self.assertEqual([p.payload for p in self.wire.rtp], [payload(n) for n in (0, 1, 5, 6, 7)])
        self.assertEqual([p.marker for p in self.wire.rtp], [True, False, True, False, False])
        self.assertEqual(self.wire.rtp[2].sequence, 0)


class ImpairmentTests(SynchronousTestCase):
    """
    The fate of packets.
    """

    def fates(self, impairment: Impairment, count: int = 20_000) -> list[int]:
        way: BadWay[int] = BadWay(impairment, impairment.random_of("x"))
        out: list[int] = []
        for number in range(count):
            out += way.passed(number)
        return out + way.rest()

    def test_none(self) -> None:
        """
        Without impairment everything passes as it came.
        """
        self.assertEqual(self.fates(UNIMPAIRED, 100), list(range(100)))

    def test_shares(self) -> None:
        """
        The shares are what was asked for, within chance.
        """
        lost = self.fates(Impairment(loss=0.03, seed=1))
        self.assertApproximates(1 - len(lost) / 20_000, 0.03, 0.006)
        doubled = self.fates(Impairment(duplicate=0.02, seed=1))
        self.assertApproximates(len(doubled) / 20_000 - 1, 0.02, 0.005)
        moved = self.fates(Impairment(reorder=0.05, seed=1))
        self.assertEqual(sorted(moved), list(range(20_000)))
        late = sum(1 for before, after in pairwise(moved) if after < before)
        self.assertApproximates(late / 20_000, 0.05, 0.01)

    def test_reordered_packets_stay_near(self) -> None:
        """
        A delayed packet is overtaken by a few others, no more.
        """
        moved = self.fates(Impairment(reorder=0.3, seed=2), 2000)
        self.assertLessEqual(max(abs(at - number) for at, number in enumerate(moved)), FARTHEST + 8)

    def test_seed_decides(self) -> None:
        """
        One seed has one fate for each stream.
        """
        impairment = Impairment(0.1, 0.1, 0.1, seed=5)
        self.assertEqual(self.fates(impairment, 500), self.fates(impairment, 500))
        self.assertNotEqual(self.fates(impairment, 500), self.fates(Impairment(0.1, 0.1, 0.1, seed=6), 500))
        self.assertNotEqual(impairment.random_of("a").random(), impairment.random_of("b").random())


class OutletTests(SynchronousTestCase):
    """
    Real sockets on loopback.
    """

    def test_pair(self) -> None:
        """
        RTP has an even port, RTCP the next; both arrive where the outlet is aimed, from those ports.
        """
        sender, receiver = UdpOutlet("127.0.0.1"), UdpOutlet("127.0.0.1")
        self.addCleanup(sender.close)
        self.addCleanup(receiver.close)
        self.assertEqual(sender.port % 2, 0)
        self.assertFalse(sender.send_rtp(b"nowhere"))
        sender.aim("127.0.0.1", receiver.port, receiver.port + 1)
        self.assertTrue(sender.send_rtp(b"rtp"))
        self.assertTrue(sender.send_rtcp(b"rtcp"))
        for waiting, octets, port in (
            (receiver._rtp, b"rtp", sender.port), (receiver._rtcp, b"rtcp", sender.port + 1),
        ):
            self.assertEqual(waiting.recvfrom(100), (octets, ("127.0.0.1", port)))

    def test_identities_are_random(self) -> None:
        """
        A stream's numbers come from the source of randomness alone.
        """
        self.assertEqual(random_identity(Random(1), 0), random_identity(Random(1), 0))
        self.assertNotEqual(random_identity(Random(1), 0), random_identity(Random(2), 0))
