"""
Tests for siprec_tw.steady_time.
"""

from __future__ import annotations

from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.steady_time import steady


class SteadyTests(SynchronousTestCase):
    """
    Tests for L{steady}, with a reactor of Twisted's that does not run.
    """

    def setUp(self) -> None:
        self.reactor = SelectReactor()
        self.addCleanup(self.reactor.disconnectAll)
        self.now = 100.0
        self.fired: list[str] = []

    def at(self, instant: float) -> list[str]:
        """
        What has gone off by then.
        """
        self.now = instant
        self.reactor.runUntilCurrent()
        return self.fired

    def test_timers_go_by_the_steady_clock(self) -> None:
        """
        The time of day has no say in when timers go off.
        """
        self.assertTrue(steady(self.reactor, lambda: self.now))
        timer = self.reactor.callLater(5.0, self.fired.append, "first")
        self.reactor.callLater(9.0, self.fired.append, "second")
        self.assertEqual(self.at(104.9), [])
        self.assertEqual(self.reactor.timeout(), 105.0 - 104.9)
        timer.reset(1.0)
        self.assertEqual(self.at(106.0), ["first"])
        self.assertEqual(self.at(109.0), ["first", "second"])

    def test_timers_that_run_already_go_on(self) -> None:
        """
        A reactor that others use already keeps its clock.
        """
        timer = self.reactor.callLater(0.0, self.fired.append, "theirs")
        self.assertFalse(steady(self.reactor, lambda: self.now))
        self.assertGreater(self.reactor.seconds(), 1e9)
        timer.cancel()

    def test_it_only_goes_on(self) -> None:
        """
        Without another one it is the monotonic clock.
        """
        steady(self.reactor)
        instants = [self.reactor.seconds() for _ in range(100)]
        self.assertEqual(instants, sorted(instants))
