"""
The timers that a machine asked for, on the reactor's clock.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from siprec_tw.sip.effects import Timer


class ArmedTimers:
    """
    The armed timers of one machine; C{fired} is called with the timer's name, once for each arming.
    """

    def __init__(self, reactor: IReactorTime, fired: Callable[[Timer], None]) -> None:
        self._reactor = reactor
        self._fired = fired
        self._calls: dict[Timer, IDelayedCall] = {}

    def arm(self, timer: Timer, seconds: float) -> None:
        """
        Fire after so many seconds; what was armed under this name before fires no more.
        """
        self.disarm(timer)
        self._calls[timer] = self._reactor.callLater(seconds, self._fire, timer)

    def disarm(self, timer: Timer) -> None:
        """
        Fire no more; a timer that is not armed is no error.
        """
        call = self._calls.pop(timer, None)
        if call is not None:
            call.cancel()

    def disarm_all(self) -> None:
        """
        Fire nothing any more.
        """
        for timer in tuple(self._calls):
            self.disarm(timer)

    def _fire(self, timer: Timer) -> None:
        del self._calls[timer]
        self._fired(timer)
