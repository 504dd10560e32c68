"""
One who only receives, and reports: when its RTCP is due, and what is in it (RFC 3550 s.6.2, s.6.3).

Every report is due a random time after the one before, so that many receivers do not report at once. When the
time has come, it is drawn again, as if the timer were set now: only if that lies behind us too is the report sent
(s.6.3.6). That draws out the intervals, on the average by e - 3/2, by which they are divided beforehand; so their
average is what was wanted.

Nothing is ever sent because something came: bad input cannot make this participant talk. So the one rule of
s.6.3 that shortens an interval, the reverse reconsideration after a BYE (s.6.3.4), is left out; with two
participants there is no flood that it could prevent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import define

from siprec_tw.rtp.rtcp import (
    CNAME,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SourceChunk,
    SourceDescription,
    write_packet,
)

LEAST_SECONDS = 5.0             # s.6.2: between two reports, on the average; half of it before the first
COMPENSATION = math.e - 1.5     # s.6.3.1
LOWER_HEADERS = 28              # octets of IPv4 and UDP, which sizes include (s.6.2)
# s.6.2: a twentieth of the session's bandwidth; that of G.711 in packets of 20 ms is 10,000 octets a second.
OCTETS_A_SECOND = 500.0
SENDERS_SHARE = 0.25
MOST_BLOCKS = 31                # in one report (s.6.4.1)


def interval(members: int, senders: int, average_size: float, *, initial: bool) -> float:
    """
    The deterministic interval of a receiver (s.6.3.1, A.7), in seconds.
    """
    bandwidth, sharing = OCTETS_A_SECOND, members
    if senders <= members * SENDERS_SHARE:
        bandwidth, sharing = bandwidth * (1 - SENDERS_SHARE), members - senders
    return max(LEAST_SECONDS / 2 if initial else LEAST_SECONDS, average_size * sharing / bandwidth)


@define
class RtcpSession:
    """
    Our side of a stream. C{now} is monotonic seconds, C{random} a number from 0 up to 1, C{sources} how many
    others there are, all of whom send.
    """

    due: float                      # when the timer goes off
    _last: float                    # s.6.3: tp, when a report was sent last, or could have been
    ssrc: int = 0
    cname: str = ""
    _description: bytes = b""       # SDES: written once, it is in every packet
    _average_size: float = 0.0      # s.6.3: avg_rtcp_size
    _silent: bool = True            # nothing was sent yet

    @classmethod
    def joining(cls, ssrc: int, cname: str, now: float, random: float) -> RtcpSession:
        """
        The session as it begins (s.6.3.2).
        """
        session = cls(now, now)
        session.become(ssrc, cname)
        session._average_size = len(session.report(())) + LOWER_HEADERS
        session.due = now + session._drawn(random, 0)
        return session

    def become(self, ssrc: int, cname: str) -> None:
        """
        We go by this identifier and this name from now on.
        """
        self.ssrc, self.cname = ssrc, cname
        name = SourceDescription((SourceChunk(ssrc, ((CNAME, cname.encode()),)),))
        self._description = write_packet(name)

    def heard(self, octets: int) -> None:
        """
        A compound packet of so many octets came (s.6.3.3).
        """
        self._average_size += (octets + LOWER_HEADERS - self._average_size) / 16

    def expired(self, now: float, random: float, sources: int) -> bool:
        """
        The timer went off (s.6.3.6): whether a report is due now. If not, C{due} is when the timer goes off again.
        """
        again = self._last + self._drawn(random, sources)
        if again > now:
            self.due = again
            return False
        return True

    def sent(self, octets: int) -> None:
        """
        The report that was due was sent, of so many octets.
        """
        self.heard(octets)
        self._silent = False

    def draw(self, now: float, random: float, sources: int) -> None:
        """
        What was due is over with, sent or not; when the next is due.
        """
        self._last = now
        self.due = now + self._drawn(random, sources)

    def report(self, blocks: Sequence[ReportBlock]) -> bytes:
        """
        The compound packet (s.6.1).
        """
        return write_packet(ReceiverReport(self.ssrc, tuple(blocks[:MOST_BLOCKS]))) + self._description

    def goodbye(self, blocks: Sequence[ReportBlock]) -> bytes | None:
        """
        The compound packet with which we leave, at once, since we are few; None where we never said anything
        (s.6.3.7).
        """
        return None if self._silent else self.report(blocks) + write_packet(Goodbye((self.ssrc,)))

    def _drawn(self, random: float, sources: int) -> float:
        seconds = interval(1 + sources, sources, self._average_size, initial=self._silent)
        return seconds * (random + 0.5) / COMPENSATION
