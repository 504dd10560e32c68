"""
The timers of a machine on the reactor's clock.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.signaling.armed_timers import ArmedTimers
from siprec_tw.sip.effects import Timer


class ArmedTimersTests(SynchronousTestCase):
    """
    Tests of L{ArmedTimers}.
    """

    def setUp(self) -> None:
        """
        A clock, and timers that are remembered as they fire.
        """
        self.clock = Clock()
        self.fired: list[Timer] = []
        self.timers = ArmedTimers(self.clock, self.fired.append)

    def test_fires_once(self) -> None:
        """
        A timer fires at its time, once, and may be armed again.
        """
        self.timers.arm(Timer.A, 1.0)
        self.clock.advance(0.9)
        self.assertEqual(self.fired, [])
        self.clock.advance(0.2)
        self.clock.advance(10)
        self.timers.arm(Timer.A, 1.0)
        self.clock.advance(1)
        self.assertEqual(self.fired, [Timer.A, Timer.A])

    def test_arming_again_moves_it(self) -> None:
        """
        The last arming counts.
        """
        self.timers.arm(Timer.A, 1.0)
        self.timers.arm(Timer.A, 5.0)
        self.clock.advance(4)
        self.assertEqual(self.fired, [])
        self.clock.advance(1)
        self.assertEqual(self.fired, [Timer.A])

    def test_disarmed_timers_leave_nothing(self) -> None:
        """
        Disarming one or all leaves no delayed call, and what is not armed is no error.
        """
        for timer in (Timer.A, Timer.B, Timer.H):
            self.timers.arm(timer, 1.0)
        self.timers.disarm(Timer.A)
        self.timers.disarm(Timer.A)
        self.timers.disarm_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])
