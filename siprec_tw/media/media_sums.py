"""
What a worker counts for the metrics, as sums that are told every now and then.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, field, frozen

from siprec_tw.media.plane import MediaMetrics


@frozen
class Sums:
    """
    What happened since the sums before.
    """

    packets_received: int = 0
    octets_received: int = 0
    packets_lost: int = 0
    packets_duplicate: int = 0
    packets_reordered: int = 0
    packets_rejected: int = 0
    rtcp_received: int = 0
    rtcp_sent: int = 0
    writes_failed: int = 0
    sweeps: tuple[float, ...] = field(default=(), repr=False)   # seconds of each
    cpu: float = 0.0                                            # seconds of the process

    def tell(self, metrics: MediaMetrics) -> None:
        """
        Tell the metrics all but the CPU.
        """
        metrics.packets_received(self.packets_received)
        metrics.octets_received(self.octets_received)
        metrics.packets_lost(self.packets_lost)
        metrics.packets_duplicate(self.packets_duplicate)
        metrics.packets_reordered(self.packets_reordered)
        metrics.packets_rejected(self.packets_rejected)
        metrics.rtcp_received(self.rtcp_received)
        metrics.rtcp_sent(self.rtcp_sent)
        for _ in range(self.writes_failed):
            metrics.write_failed()
        for seconds in self.sweeps:
            metrics.sweep_took(seconds)


class CollectedMetrics:
    """
    A L{MediaMetrics} that keeps what it is told. C{cpu} is the CPU seconds of this process.
    """

    def __init__(self, cpu: Callable[[], float]) -> None:
        self._cpu = cpu
        self._cpu_told = 0.0
        self._new = Sums()

    def packets_received(self, count: int) -> None:
        """
        L{MediaMetrics.packets_received}, and so on.
        """
        self._new = evolve(self._new, packets_received=self._new.packets_received + count)

    def octets_received(self, count: int) -> None:
        """
        Octets of payload.
        """
        self._new = evolve(self._new, octets_received=self._new.octets_received + count)

    def packets_lost(self, count: int) -> None:
        """
        Missing, below 0 when late ones came after all.
        """
        self._new = evolve(self._new, packets_lost=self._new.packets_lost + count)

    def packets_duplicate(self, count: int) -> None:
        """
        Had come before.
        """
        self._new = evolve(self._new, packets_duplicate=self._new.packets_duplicate + count)

    def packets_reordered(self, count: int) -> None:
        """
        Came late.
        """
        self._new = evolve(self._new, packets_reordered=self._new.packets_reordered + count)

    def packets_rejected(self, count: int) -> None:
        """
        None of ours.
        """
        self._new = evolve(self._new, packets_rejected=self._new.packets_rejected + count)

    def rtcp_received(self, count: int) -> None:
        """
        RTCP packets that were understood.
        """
        self._new = evolve(self._new, rtcp_received=self._new.rtcp_received + count)

    def rtcp_sent(self, count: int) -> None:
        """
        RTCP packets of ours.
        """
        self._new = evolve(self._new, rtcp_sent=self._new.rtcp_sent + count)

    def sweep_took(self, seconds: float) -> None:
        """
        One sweep.
        """
        self._new = evolve(self._new, sweeps=(*self._new.sweeps, seconds))

    def write_failed(self) -> None:
        """
        The disk refused.
        """
        self._new = evolve(self._new, writes_failed=self._new.writes_failed + 1)

    def take(self) -> Sums:
        """
        What came since this was asked last.
        """
        now = self._cpu()
        sums, self._new = evolve(self._new, cpu=now - self._cpu_told), Sums()
        self._cpu_told = now
        return sums
