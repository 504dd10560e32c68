"""
What belongs to one master key: its session keys, and the sources that have proven themselves under it.

Each master key has windows of its own. So a peer may go on counting when it changes its key, as RFC 3711
s.3.3.1 has it, or begin again at zero, as many do after a new offer (RFC 4568 s.7.1.4 where the address changed);
and what was seen under one key is never mistaken for what comes under another.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.srtp.key_derivation import rtcp_session_keys, rtp_session_keys
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import ProtectionProfile
from siprec_tw.srtp.replay_window import ReplayWindow, StoredWindow, window_from_stored
from siprec_tw.srtp.transforms import Transform, transform_of

MOST_SOURCES = 64       # SSRCs a key; only authentic packets make new ones. The oldest is forgotten.


@frozen
class StoredKeyState:
    """
    What another node needs to go on under a key; the key itself is not in it.
    """

    mki: str                                    # hexadecimal
    accepted: int
    windows: tuple[StoredWindow, ...] = ()
    rtcp_windows: tuple[StoredWindow, ...] = ()


@frozen
class PacketLayout:
    """
    Where things are in a packet: what contexts must agree in to be opened as one batch.
    """

    tag_size: int
    tag_is_last: bool
    mki_size: int


class KeyState:
    """
    One master key at work.
    """

    def __init__(self, profile: ProtectionProfile, master: MasterKey) -> None:
        self.master = master
        self.profile = profile
        self.rtp = transform_of(profile, rtp_session_keys(profile, master), profile.tag_size)
        self.windows: dict[int, ReplayWindow] = {}          # by SSRC
        self.rtcp_windows: dict[int, ReplayWindow] = {}
        self.layout = PacketLayout(profile.tag_size, profile.tag_is_last, len(master.mki))
        self.accepted = 0                                   # RTP packets
        self.returned_at = 0                                # so many, when it became the newest key again
        self._rtcp: Transform | None = None

    @property
    def rtcp(self) -> Transform:
        """
        The transform of RTCP, derived when it is first needed.
        """
        if self._rtcp is None:
            keys = rtcp_session_keys(self.profile, self.master)
            self._rtcp = transform_of(self.profile, keys, self.profile.rtcp_tag_size)
        return self._rtcp

    def without_mki(self, sealed: bytes, tag_size: int, least: int) -> bytes | None:
        """
        What follows the header without its MKI; None: the MKI of another key, or less than C{least} octets.
        """
        mki = self.master.mki
        if len(sealed) < least + len(mki):
            return None
        if not mki:
            return sealed
        end = len(sealed) - (tag_size if self.profile.tag_is_last else 0)
        begin = end - len(mki)
        return sealed[:begin] + sealed[end:] if sealed[begin:end] == mki else None

    def with_mki(self, header: bytes, before: bytes, behind: bytes) -> bytes:
        """
        A whole packet of its parts.
        """
        return header + before + self.master.mki + behind

    def as_stored(self) -> StoredKeyState:
        """
        For another node, without the key.
        """
        return StoredKeyState(
            self.master.mki.hex(), self.accepted,
            tuple(window.as_stored(ssrc) for ssrc, window in self.windows.items()),
            tuple(window.as_stored(ssrc) for ssrc, window in self.rtcp_windows.items()),
        )

    def restore(self, stored: StoredKeyState) -> None:
        """
        Go on where that one was.
        """
        self.accepted = stored.accepted
        self.windows = {window.ssrc: window_from_stored(window) for window in stored.windows}
        self.rtcp_windows = {window.ssrc: window_from_stored(window) for window in stored.rtcp_windows}


def accept_in(windows: dict[int, ReplayWindow], ssrc: int, index: int) -> None:
    """
    An authentic packet of that source; it is not one that its window refuses.
    """
    window = windows.get(ssrc)
    if window is None:
        if len(windows) >= MOST_SOURCES:
            del windows[next(iter(windows))]
        window = windows[ssrc] = ReplayWindow()
    window.accept(index)
