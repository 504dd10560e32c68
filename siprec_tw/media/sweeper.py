"""
The sweeper: reads all media ports, again and again, and lets the reactor breathe in between.

  sweep     all ports once, beginning with another one each time; the next is due C{interval} after the last
            was *due*, so that sweeps do not drift; one that takes too long skips those it missed
  slice     what is read in one call of the reactor; after SLICE_SECONDS the rest of the sweep waits for the
            next turn of the reactor, so that SIP is answered meanwhile

What is to be at risk when this process is killed is C{interval} and the length of a sweep together.

How a port's socket is emptied is the port's own affair (C{doRead}); what reads many sockets in one call takes
the place of C{drain}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

INTERVAL_SECONDS = 0.4
SLICE_SECONDS = 0.02


class Sweepable(Protocol):
    """
    A port as the sweeper sees it.
    """

    every: int      # it is read in every n-th sweep

    def doRead(self) -> None:
        """
        Read what has come and hand it on.
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
    ) -> None:
        self.longest = 0.0                          # seconds of reading in one sweep
        self._reactor = reactor
        self._interval = interval
        self._took = took
        self._ports: dict[Sweepable, int] = {}      # to the sweep in which it is read, modulo its C{every}
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
        self._ports[port] = len(self._ports) % port.every

    def remove(self, port: Sweepable) -> None:
        """
        Read it no more; unknown ports are none either.
        """
        self._ports.pop(port, None)

    def drain(self, port: Sweepable) -> None:
        """
        Read one port now.
        """
        try:
            port.doRead()
        except Exception:
            # The one place where every error is caught: a fault in one stream must not end the others.
            self.log.failure("Could not receive on {port}", port=port)

    def _sweep(self) -> None:
        self._sweeps += 1
        ports = [port for port, phase in self._ports.items() if self._sweeps % port.every == phase]
        begin = self._sweeps % len(ports) if ports else 0
        self._left = deque(ports[begin:] + ports[:begin])
        self._reading = 0.0
        self._slice()

    def _slice(self) -> None:
        seconds, left = self._reactor.seconds, self._left
        begun = now = seconds()
        while left and now - begun < SLICE_SECONDS:
            port = left.popleft()
            if port in self._ports:
                self.drain(port)
            now = seconds()
        self._reading += now - begun
        if left:
            self._call = self._reactor.callLater(0, self._slice)
        else:
            self._finish(now)

    def _finish(self, now: float) -> None:
        self.longest = max(self.longest, self._reading)
        if self._took is not None:
            self._took(self._reading)
        self._due += self._interval
        if self._due <= now:
            self._due += ((now - self._due) // self._interval + 1) * self._interval
        self._call = self._reactor.callLater(self._due - now, self._sweep)
