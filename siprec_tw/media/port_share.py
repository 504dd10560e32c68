"""
The parts of the port range that workers own, and what is known of each without asking its worker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Ports = tuple[int, int]     # both ends included


def shares(ports: Ports, count: int) -> list[Ports]:
    """
    The range in C{count} contiguous parts of as many pairs each, or one more; each begins with an even port.
    """
    first, last = ports[0] + ports[0] % 2, ports[1]
    pairs, over = divmod((last - first + 1) // 2, count)
    parts = []
    for number in range(count):
        end = first + 2 * (pairs + (number < over))
        parts.append((first, end - 1))
        first = end
    return parts


class PortShare:
    """
    The ports of one worker as the control process counts them. C{seconds} is a monotonic clock.

    Whoever opens a stream begins with C{reserve} and ends with C{take} or C{cancel}.
    """

    def __init__(self, ports: Ports, seconds: Callable[[], float], quarantine: float) -> None:
        self.ports = ports
        self._pairs = (ports[1] - ports[0] + 1) // 2
        self._seconds = seconds
        self._quarantine = quarantine
        self._reserved = 0
        self._taken: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()   # since when, RTP port; the oldest first

    @property
    def streams(self) -> int:
        """
        How many are open, or about to be.
        """
        return self._reserved + len(self._taken)

    def free(self) -> int:
        """
        How many pairs could be given out now.
        """
        rested = self._seconds() - self._quarantine
        while self._resting and self._resting[0][0] <= rested:
            self._resting.popleft()
        return self._pairs - self.streams - len(self._resting)

    def reserve(self) -> None:
        """
        A stream is about to be opened.
        """
        self._reserved += 1

    def cancel(self) -> None:
        """
        It was not.
        """
        self._reserved -= 1

    def take(self, port: int) -> None:
        """
        It has this RTP port.
        """
        self._reserved -= 1
        self._taken.add(port)

    def give_back(self, port: int) -> None:
        """
        The stream of this RTP port is closed; the pair rests.
        """
        self._taken.discard(port)
        self._resting.append((self._seconds(), port))

    def rest(self) -> tuple[int, ...]:
        """
        Nothing is open any more, and who sent may go on sending: all pairs that were used lately rest from now on.
        Returns their RTP ports.
        """
        self.free()
        ports = *(port for _, port in self._resting), *sorted(self._taken)
        self._taken.clear()
        self._resting = deque((self._seconds(), port) for port in ports)
        return ports
