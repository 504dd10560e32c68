"""
The timer values of RFC 3261 (Appendix A, table 4), used for RFC 6026 too.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class TimerValues:
    """
    The base values; everything else follows from them. Tests shrink them, nobody else should.
    """

    t1: float = 0.5         # estimate of the round-trip time
    t2: float = 4.0         # longest interval between retransmissions
    t4: float = 5.0         # longest time a message stays in the network
    timer_d: float = 32.0   # wait for repeated final responses to an INVITE, unreliable transports

    @property
    def transaction_timeout(self) -> float:
        """
        64*T1: timers B, F, H, J, L and M.
        """
        return 64 * self.t1

    def doubled(self, interval: float) -> float:
        """
        The next interval of a retransmission that doubles until T2 (timers E and G).
        """
        return min(2 * interval, self.t2)
