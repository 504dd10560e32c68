"""
Tests for siprec_tw.media.rtcp_schedule.
"""

from __future__ import annotations

from pathlib import Path

from rtp_rig import FORMATS, Sender
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.interfaces import RtcpPeer, StreamSpec
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.rtcp_schedule import MOST_SECONDS, RtcpSchedule
from siprec_tw.media.rtcp_sender import RtcpSender


class ScheduleTests(SynchronousTestCase):
    """
    Tests for L{RtcpSchedule}.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.sent: list[str] = []
        self.schedule = RtcpSchedule(self.clock.seconds, self.wall)
        self.asked = 0          # how many senders were
        self.cost = 0.0
        self.faulty = ""

    def wall(self) -> float:
        self.asked += 1
        return 0.0

    def sender(self, name: str, draw: float) -> RtcpSender:
        """
        A sender whose stream has a source.
        """
        spec = StreamSpec(name, str(self.directory), FORMATS, rtcp=RtcpPeer("192.0.2.1", 5, False, name))
        receiver = StreamReceiver(spec, "node-1")
        receiver.receive([(one.octets, one.address, one.arrival) for one in Sender().some(5)])
        self.addCleanup(receiver.close)

        def send(octets: bytes, address: tuple[str, int]) -> bool:
            if name == self.faulty:
                raise RuntimeError("bug")
            self.clock.advance(self.cost)
            self.sent.append(name)
            return True

        return RtcpSender(spec, receiver, send, send, self.clock.seconds(), lambda: draw)

    def run_until(self, instant: float) -> None:
        """
        Sweep by sweep.
        """
        while self.clock.seconds() < instant:
            self.clock.advance(0.1)
            self.schedule.run()

    def test_order(self) -> None:
        """
        Whoever is due first reports first; one who is known is not added again.
        """
        for name, draw in (("late", 0.9), ("early", 0.0), ("between", 0.4)):
            sender = self.sender(name, draw)
            self.schedule.add(sender)
            self.schedule.add(sender)
        self.run_until(3.0)
        self.assertEqual(self.sent, ["early", "between", "late"])
        self.assertEqual(self.asked, 3)
        self.assertEqual((self.schedule.news(), self.schedule.news()), (3, 0))

    def test_fault(self) -> None:
        """
        A fault in one is logged once, silences it, and costs the others nothing.
        """
        self.schedule.add(self.sender("bad", 0.0))
        self.schedule.add(self.sender("good", 0.0))
        self.faulty = "bad"
        self.run_until(10.0)
        self.assertEqual(set(self.sent), {"good"})
        self.assertGreater(len(self.sent), 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_bounded(self) -> None:
        """
        What takes too long goes on after the next sweep, in order.
        """
        names = [f"s{number}" for number in range(10)]
        for name in names:
            self.schedule.add(self.sender(name, 0.0))
        self.cost = MOST_SECONDS / 3.5
        self.clock.advance(2.0)
        for count in (4, 8, 10):
            self.schedule.run()
            self.assertEqual(self.sent, names[:count])

    def test_closed(self) -> None:
        """
        A stream that was closed says goodbye, and is asked no more.
        """
        sender = self.sender("s", 0.0)
        self.schedule.add(sender)
        self.run_until(1.5)
        self.schedule.leave(sender)
        self.assertEqual(self.sent, ["s", "s"])
        self.run_until(10.0)
        self.assertEqual(self.sent, ["s", "s"])
