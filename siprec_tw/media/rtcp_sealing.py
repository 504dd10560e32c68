"""
Our RTCP on a secured stream: sealed with our own key (SRTCP, RFC 3711 s.3.4), or not said at all.
"""

from __future__ import annotations

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import StreamKeys, StreamSpec
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import profile_named


class RtcpSealing:
    """
    How the RTCP of one stream leaves us.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self.is_possible = self._in_clear = spec.keys is None and spec.dtls is None
        self._context: SrtpContext | None = None

    def change(self, keys: StreamKeys) -> None:
        """
        The stream has these keys from now on: of its specification, or of a DTLS handshake. Without a key of ours
        nothing can be sent. Raises LocalError for a suite that is not ours.
        """
        self._in_clear = False
        self.is_possible = keys.own is not None
        if keys.own is None:
            return
        own = MasterKey(*keys.own)
        if self._context is None or self._context.profile.name != keys.suite:
            self._context = self._context_of(keys.suite, own)
        else:
            self._context.change_key(own)

    def seal(self, compound: bytes) -> bytes | None:
        """
        The compound packet as it may be sent; None while it may not.
        """
        if self._in_clear:
            return compound
        return self._context.protect_rtcp(compound) if self.is_possible and self._context is not None else None

    def _context_of(self, suite: str, own: MasterKey) -> SrtpContext:
        profile = profile_named(suite)
        if profile is None:
            raise LocalError(f"SRTP suite is {suite}, wanted one that we know")
        context = SrtpContext(profile, [own])
        if self._context is not None:
            # Whatever the keys are, no index is used twice.
            context.next_rtcp_index.update(self._context.next_rtcp_index)
        return context
