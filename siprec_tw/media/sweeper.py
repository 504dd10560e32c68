"""
The sweeper: reads all media ports, again and again, and lets the reactor breathe in between.

  sweep     all ports once, beginning with another one each time; the next is due C{interval} after the last
            was *due*, so that sweeps do not drift; one that takes too long skips those it missed
  slice     what is read in one call of the reactor; after SLICE_SECONDS the rest of the sweep waits for the
            next turn of the reactor, so that SIP is answered meanwhile

What is to be at risk when this process is killed is C{interval} and the length of a sweep together.

How a port's socket is emptied is the port's own affair (C{doRead}), one after the other; a L{Reader} that reads
many together may take the place of that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

INTERVAL_SECONDS = 0.5
SLICE_SECONDS = 0.02
AT_ONCE = 64            # ports, before the time is looked at again

Turn = tuple[int, int]
"""
(5, 2): in the sweeps 2, 7, 12 ...
"""

Attempt = Callable[[object, Callable[[], None]], None]
"""
C{attempt(port, work)}: do it; a fault is logged as one of this port.
"""


class Sweepable(Protocol):
    """
    A port as the sweeper sees it.
    """

    every: int      # it is read in every n-th sweep

    def doRead(self) -> None:
        """
        Read what has come and hand it on.
        """


class Reader(Protocol):
    """
    What reads many ports together.
    """

    def read(self, ports: Iterator[Sequence[Sweepable]], attempt: Attempt) -> None:
        """
        Read all of these, some at a time, which end when others must have their turn. What may fail because of one
        port is attempted: C{attempt(port, work)}.
        """

    def forget(self, port: Sweepable) -> None:
        """
        The port is read no more.
        """


class Sweeper:
    """
    Reads its ports every C{interval} seconds while it runs. C{took(seconds)} is told the length of each
    sweep.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        interval: float = INTERVAL_SECONDS,
        took: Callable[[float], None] | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.longest = 0.0                          # seconds of reading in one sweep
        self._reactor = reactor
        self._interval = interval
        self._took = took
        self._reader = reader
        self._ports: dict[Sweepable, Turn] = {}
        self._turns: dict[Turn, dict[Sweepable, None]] = {}     # the ports of each
        self._left: deque[Sweepable] = deque()      # of the sweep that is going on
        self._sweeps = 0
        self._reading = 0.0                         # seconds spent in the sweep that is going on
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """
        Begin to sweep; the first sweep is due after one interval.
        """
        self._due = self._reactor.seconds() + self._interval
        self._call = self._reactor.callLater(self._interval, self._sweep)

    def stop(self) -> None:
        """
        Sweep no more; the ports stay as they are.
        """
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        self._left.clear()

    def add(self, port: Sweepable) -> None:
        """
        Read this port from now on.
        """
        turn = port.every, len(self._ports) % port.every
        self._ports[port] = turn
        self._turns.setdefault(turn, {})[port] = None

    def remove(self, port: Sweepable) -> None:
        """
        Read it no more; unknown ports are none either.
        """
        turn = self._ports.pop(port, None)
        if turn is not None:
            del self._turns[turn][port]
        if self._reader is not None:
            self._reader.forget(port)

    def drain(self, port: Sweepable) -> None:
        """
        Read one port now.
        """
        self._attempt(port, port.doRead)

    def _attempt(self, port: object, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            # The one place where every error is caught: a fault in one stream must not end the others.
            self.log.failure("Could not receive on {port}", port=port)

    def _sweep(self) -> None:
        self._sweeps += 1
        turns = self._turns.items()
        ports = [port for (every, nth), these in turns if self._sweeps % every == nth for port in these]
        begin = self._sweeps % len(ports) if ports else 0
        self._left = deque(ports[begin:] + ports[:begin])
        self._reading = 0.0
        self._slice()

    def _slice(self) -> None:
        begun, reader = self._reactor.seconds(), self._reader
        some = self._until_time_is_up(begun)
        if reader is None:
            for ports in some:
                for port in ports:
                    self.drain(port)
        else:
            self._attempt(reader, lambda: reader.read(some, self._attempt))
        now = self._reactor.seconds()
        self._reading += now - begun
        if self._left:
            self._call = self._reactor.callLater(0, self._slice)
        else:
            self._finish(now)

    def _until_time_is_up(self, begun: float) -> Iterator[Sequence[Sweepable]]:
        """
        The ports that are left, some at a time, for as long as the slice lasts. Those of the swept way are read
        singly, since one may take as long as a slice.
        """
        seconds, ports, left = self._reactor.seconds, self._ports, self._left
        at_once = 1 if self._reader is None else AT_ONCE
        while left and seconds() - begun < SLICE_SECONDS:
            some = [left.popleft() for _ in range(min(at_once, len(left)))]
            yield [port for port in some if port in ports]

    def _finish(self, now: float) -> None:
        self.longest = max(self.longest, self._reading)
        if self._took is not None:
            self._took(self._reading)
        self._due += self._interval
        if self._due <= now:
            self._due += ((now - self._due) // self._interval + 1) * self._interval
        self._call = self._reactor.callLater(self._due - now, self._sweep)
