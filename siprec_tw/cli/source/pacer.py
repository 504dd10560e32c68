"""
One clock for the packets of all calls: each tick sends whatever is due by the clock, so that nothing drifts.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.cli.source.rtp_stream import RtpStream

TICK = 0.01                 # seconds: half a packet, so that none is later than that


class Pacer:
    """
    Runs while it has streams; C{wall} gives POSIX time.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime, wall: Callable[[], float]) -> None:
        self._reactor = reactor
        self._wall = wall
        self._streams: dict[RtpStream, None] = {}       # a set that keeps its order
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor
        self._last_tick = 0.0
        self.latest = 0.0                               # seconds, the most that a tick came too late

    def add(self, stream: RtpStream) -> None:
        """
        Begin to send a stream, now.
        """
        now = self._reactor.seconds()
        stream.start(now)
        self._streams[stream] = None
        if not self._loop.running:
            self._last_tick = now
            self._loop.start(TICK).addErrback(self._failed)

    def remove(self, stream: RtpStream) -> None:
        """
        End a stream; what the network held back of it goes out. One that is not there is no error.
        """
        if stream in self._streams:
            del self._streams[stream]
            stream.finish(self._reactor.seconds())
        if not self._streams and self._loop.running:
            self._loop.stop()

    def _tick(self) -> None:
        now, wall = self._reactor.seconds(), self._wall()
        self.latest = max(self.latest, now - self._last_tick - TICK)
        self._last_tick = now
        for stream in self._streams:
            stream.send_due(now, wall)

    def _failed(self, failure: Failure) -> None:
        self.log.failure("No more packets are sent", failure)
