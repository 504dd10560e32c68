"""
What we send of a stream: receiver reports, and a goodbye when it is closed (RFC 3550 s.6).

When and what, L{siprec_tw.rtp.rtcp_session} knows. Whereto is decided here: nothing is sent before a source has
proven itself by RTP. Then the reports go to where the description says; but where RTP comes from another host than
that, as from behind a NAT, to where the source's RTCP comes from, if that is the same host (RFC 4961).
"""

from __future__ import annotations

from collections.abc import Callable

from siprec_tw.interfaces import RtcpPeer, StreamKeys, StreamSpec
from siprec_tw.media.arrival import Address
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.rtcp_sealing import RtcpSealing
from siprec_tw.rtp.rtcp_session import RtcpSession

Send = Callable[[bytes, Address], bool]
"""
C{send(datagram, address)}: whether the system took it.
"""


class RtcpSender:
    """
    Reports on one stream to its client. C{now} is the reactor's seconds, C{wall} POSIX seconds; C{rtp} and C{rtcp}
    send from either port of the stream, and C{random} draws numbers from 0 up to 1.
    """

    def __init__(
        self, spec: StreamSpec, receiver: StreamReceiver, rtp: Send, rtcp: Send, now: float,
        random: Callable[[], float],
    ) -> None:
        self.peer: RtcpPeer | None = None           # None: nothing is to be sent
        self.sealing = RtcpSealing(spec)
        self._receiver = receiver
        self._rtp, self._rtcp = rtp, rtcp
        self._random = random
        self.session = receiver.rtcp.session = RtcpSession.joining(self._new_ssrc(), "", now, random())
        self.follow(spec.rtcp, spec.keys)

    def follow(self, peer: RtcpPeer | None, keys: StreamKeys | None) -> None:
        """
        The stream is specified so from now on. Raises LocalError for a suite that is not ours.
        """
        self.peer = peer
        if peer is not None:
            self.session.become(self.session.ssrc, peer.cname)
        if keys is not None:
            self.sealing.change(keys)

    def expire(self, now: float, wall: float) -> bool:
        """
        The time has come; whether a report was sent. When the next is due, is known then.
        """
        session, sources = self.session, self._receiver.sources
        if not session.expired(now, self._random(), len(sources)):
            return False
        octets = self._report(wall, sources)
        if octets:
            session.sent(octets)
        session.draw(now, self._random(), len(sources))
        return octets > 0

    def leave(self, now: float, wall: float) -> bool:
        """
        The stream is closed: nothing is sent any more. Whether a goodbye was.
        """
        target = self._target()
        goodbye = self.session.goodbye(self._receiver.reception_blocks(wall)) if target is not None else None
        said = target is not None and goodbye is not None and self._send(goodbye, target) > 0
        self.peer = None
        return said

    def _report(self, wall: float, sources: tuple[int, ...]) -> int:
        """
        The size of what was sent, 0 for nothing.
        """
        target, session = self._target(), self.session
        if target is None:
            return 0
        blocks = self._receiver.reception_blocks(wall)
        compound = session.report(blocks)
        if session.ssrc in sources:
            # RFC 3550 s.8.2: somebody else has our identifier.
            compound = session.goodbye(blocks) or b""
            session.become(self._new_ssrc(), session.cname)
        return self._send(compound, target) if compound else 0

    def _send(self, compound: bytes, target: Address) -> int:
        sealed = self.sealing.seal(compound)
        send = self._rtp if self.peer is not None and self.peer.muxed else self._rtcp
        return len(sealed) if sealed is not None and send(sealed, target) else 0

    def _target(self) -> Address | None:
        peer, source = self.peer, self._receiver.rtcp_source()
        if peer is None or source is None or not self.sealing.is_possible:
            return None
        rtp, rtcp = source
        behind_nat = rtp[0] != peer.host
        # RTCP from the port of RTP, though that was not agreed, says nothing of where RTCP is awaited.
        if behind_nat and rtcp is not None and rtcp[0] == rtp[0] and (peer.muxed or rtcp != rtp):
            return rtcp
        return peer.host, peer.port

    def _new_ssrc(self) -> int:
        return int(self._random() * 2**32)
