"""
The pairs of ports that streams are received on: RTP on an even port, RTCP on the next (RFC 3550 s.11).

Pairs are given out in the order in which they came back, and only after a quarantine: some clients go on
sending for a while after the call, and what they send must not end up in the next recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import TypeVar

from twisted.internet.error import CannotListenError

from siprec_tw.errors import PortsExhausted

Bound = TypeVar("Bound")

QUARANTINE_SECONDS = 60.0
MOST_TRIES = 256            # a try is a system call, and calls are answered by the same thread


class PortPool:
    """
    Pairs out of the range C{first} to C{last}, both included. C{seconds} is a monotonic clock; the pairs of the RTP
    ports C{resting} begin in quarantine.
    """

    def __init__(
        self, first: int, last: int, seconds: Callable[[], float], quarantine: float = QUARANTINE_SECONDS,
        resting: Collection[int] = (),
    ) -> None:
        even = first + first % 2
        pairs = range(even, last, 2)
        self._ready: deque[int] = deque(port for port in pairs if port not in resting)
        # Since when, RTP port; the oldest first.
        self._resting: deque[tuple[float, int]] = deque((seconds(), port) for port in resting)
        self._seconds = seconds
        self._quarantine = quarantine
        self._pairs = len(pairs)

    def bind(self, listen: Callable[[int], Bound]) -> Bound:
        """
        What C{listen(rtp_port)} returns for the first pair on which it does not raise CannotListenError; a
        pair that somebody else holds is tried again when all others have been, and MOST_TRIES are made at
        once. Raises PortsExhausted.
        """
        self._wake()
        tries = min(len(self._ready), MOST_TRIES)
        for _ in range(tries):
            port = self._ready.popleft()
            try:
                return listen(port)
            except CannotListenError:
                self._ready.append(port)
            except BaseException:
                self._ready.appendleft(port)
                raise
        raise PortsExhausted(
            f"no pair of media ports is free: of {self._pairs}, {len(self._resting)} are in quarantine,"
            f" {tries} were tried and are held by others"
        )

    def give_back(self, port: int) -> None:
        """
        The pair of this RTP port is closed and goes into quarantine.
        """
        self._resting.append((self._seconds(), port))

    def free(self) -> int:
        """
        How many pairs could be given out now.
        """
        self._wake()
        return len(self._ready)

    def _wake(self) -> None:
        rested = self._seconds() - self._quarantine
        while self._resting and self._resting[0][0] <= rested:
            self._ready.append(self._resting.popleft()[1])
