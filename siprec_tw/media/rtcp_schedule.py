"""
When which stream reports: one heap for all streams, looked at after every sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from itertools import count

from twisted.logger import Logger

from siprec_tw.media.rtcp_sender import RtcpSender

MOST_SECONDS = 0.02     # at one time; what is due then waits for the next sweep


class RtcpSchedule:
    """
    The senders of all streams that report. C{seconds} is the reactor's clock, C{wall} tells POSIX seconds.
    """

    log = Logger()

    def __init__(self, seconds: Callable[[], float], wall: Callable[[], float]) -> None:
        self._sent = 0                  # datagrams that nobody was told of
        self._seconds = seconds
        self._wall = wall
        self._due: list[tuple[float, int, RtcpSender]] = []
        self._known: set[RtcpSender] = set()        # those that are in the heap
        self._order = count()

    def add(self, sender: RtcpSender) -> None:
        """
        Let it report when it is due, for as long as it has somebody to report to.
        """
        if sender.peer is not None and sender not in self._known:
            self._known.add(sender)
            heappush(self._due, (sender.session.due, next(self._order), sender))

    def run(self) -> None:
        """
        Let those report that are due.
        """
        due, seconds, order = self._due, self._seconds, self._order
        begun = seconds()
        while due and due[0][0] <= begun and seconds() - begun < MOST_SECONDS:
            sender = due[0][2]
            if sender.peer is not None and self._attempt(sender.expire, begun):
                heapreplace(due, (sender.session.due, next(order), sender))
            else:
                heappop(due)
                self._known.remove(sender)

    def leave(self, sender: RtcpSender) -> None:
        """
        Its stream is closed: let it say goodbye.
        """
        self._attempt(sender.leave, self._seconds())

    def news(self) -> int:
        """
        How many datagrams were sent since this was asked last.
        """
        sent, self._sent = self._sent, 0
        return sent

    def _attempt(self, send: Callable[[float, float], bool], now: float) -> bool:
        try:
            self._sent += send(now, self._wall())
        except Exception:
            # A fault in one stream's reports must end neither its recording nor the others' reports.
            self.log.failure("Could not report by RTCP; this stream does so no more")
            return False
        return True
