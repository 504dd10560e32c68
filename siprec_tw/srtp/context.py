"""
An SRTP cryptographic context (RFC 3711 s.3.2): what one side sends, opened or sealed packet by packet.

A call has one context a direction: the peer's keys open what arrives, our own seal what we send. Several SSRCs
share a context. The first packet of a source proves its roll-over counter: the one that is expected is tried, then
its neighbours, because a source that began just below 65,536 may have gone round before its first packet got
here (RFC 3711 s.3.3.1 has the sender avoid that, and not all do). After a change of keys both ways of counting on
are tried. A wrong guess costs an HMAC, and a tag proves the right one.

When keys change without MKI (a re-INVITE), packets under the old key may still be on their way: it stays until as
many packets as a window holds have come under the new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.errors import BadTag, LocalError, PeerError, Replayed
from siprec_tw.rtp.packet import HEADER_SIZE, VERSION
from siprec_tw.srtp.key_state import KeyState, PacketLayout, accept_in
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.packet_index import INDEX_END, nearest_index, rtp_header_size
from siprec_tw.srtp.profiles import ProtectionProfile
from siprec_tw.srtp.replay_window import WINDOW_SIZE, ReplayWindow
from siprec_tw.srtp.transforms import ENCRYPTED_BIT, INDEX_WORD, RTCP_HEADER

MOST_KEYS = 16
MOST_ROLL_OVER_COUNTER = (1 << 32) - 1
RTCP_INDEX_END = ENCRYPTED_BIT


@frozen
class Opened:
    """
    A packet that proved authentic.
    """

    header_size: int
    index: int          # 48 bits: roll-over counter << 16 | sequence number
    header: bytes
    payload: bytes      # with the padding that RTP's P bit tells of


class SrtpContext:
    """
    One direction of a call. Keys with MKIs are known beside each other; without, the last one given is the newest.
    """

    def __init__(
        self, profile: ProtectionProfile, keys: Sequence[MasterKey], roll_over_counter: int = 0, *,
        encrypted: bool = True, encrypted_rtcp: bool = True,
    ) -> None:
        if not keys:
            raise LocalError("an SRTP context without a key")
        self.profile = profile
        self.expected_roll_over_counter = roll_over_counter     # of sources that are not known yet
        self.encrypted = encrypted                              # False: UNENCRYPTED_SRTP was agreed
        self.encrypted_rtcp = encrypted_rtcp                    # what we send; what comes says it itself
        self.keys: list[KeyState] = []                          # the newest first
        self.expected: dict[int, int] = {}                      # roll-over counters that were set, by SSRC
        self.sent: dict[int, ReplayWindow] = {}
        self.next_rtcp_index: dict[int, int] = {}
        for master in keys:
            self.change_key(master)

    def change_key(self, master: MasterKey) -> None:
        """
        Packets may come under this key from now on, and are sealed with it. A key that is known stays as it is.
        """
        known = next((key for key in self.keys if key.master == master), None)
        if known is not None:
            self.keys.remove(known)
            known.returned_at = known.accepted      # what came before says nothing of what is on its way under the last
        self.keys.insert(0, known or KeyState(self.profile, master))
        del self.keys[MOST_KEYS:]

    def roll_over_counter(self, ssrc: int) -> int:
        """
        The counter of a source's newest packet; of an unknown source the one that is expected.
        """
        for key in self.keys:
            if ssrc in key.windows:
                return key.windows[ssrc].highest >> 16
        return self.expected.get(ssrc, self.expected_roll_over_counter)

    def set_roll_over_counter(self, ssrc: int, value: int) -> None:
        """
        The source's next packet is expected under this counter; what was seen of it before is forgotten.
        """
        if not 0 <= value <= MOST_ROLL_OVER_COUNTER:
            raise LocalError(f"roll-over counter is {value}, wanted 0 to {MOST_ROLL_OVER_COUNTER}")
        for key in self.keys:
            key.windows.pop(ssrc, None)
        self.expected[ssrc] = value

    def sources(self) -> tuple[int, ...]:
        """
        The SSRCs that have proven themselves, under any key.
        """
        return tuple({ssrc: None for key in self.keys for ssrc in key.windows})

    def unprotect(self, packet: bytes) -> bytes:
        """
        The plain RTP packet. Raises Replayed, BadTag, or PeerError for what is no RTP packet.
        """
        opened = self.open_rtp(packet)
        return opened.header + opened.payload

    def open_rtp(self, packet: bytes) -> Opened:
        """
        As unprotect, in parts.
        """
        tag_size = self.profile.tag_size
        header_size = rtp_header_size(packet, tag_size)
        header, rest = packet[:header_size], packet[header_size:]
        sequence, ssrc = int.from_bytes(packet[2:4]), int.from_bytes(packet[8:HEADER_SIZE])
        replayed = False
        for key in self.keys:
            sealed = key.without_mki(rest, tag_size, tag_size)
            if sealed is None:
                continue
            window = key.windows.get(ssrc)
            for index in self._candidates(key, ssrc, sequence):
                if window is not None and window.refuses(index):
                    replayed = True
                    continue
                payload = key.rtp.open_rtp(header, sealed, ssrc, index, self.encrypted)
                if payload is not None:
                    self._accept(key, ssrc, index)
                    return Opened(header_size, index, header, payload)
        if replayed:
            raise Replayed(f"packet {sequence} of source {ssrc:08x} came before, or is too old to tell")
        raise BadTag(f"packet {sequence} of source {ssrc:08x} has a tag or MKI that no key of ours explains")

    def protect(self, packet: bytes) -> bytes:
        """
        Seal a plain RTP packet with the newest key. Raises PeerError for what is no RTP packet, and
        LocalError for a packet that was sealed before: its key stream must not be used twice (RFC 3711 s.9.1).
        """
        header_size = rtp_header_size(packet, 0)
        sequence, ssrc = int.from_bytes(packet[2:4]), int.from_bytes(packet[8:HEADER_SIZE])
        window = self.sent.setdefault(ssrc, ReplayWindow())
        index = self._sending_index(window, ssrc, sequence)
        if window.refuses(index):
            raise LocalError(f"packet {sequence} of source {ssrc:08x} is sealed a second time")
        header, payload = packet[:header_size], packet[header_size:]
        before, behind = self.keys[0].rtp.seal_rtp(header, payload, ssrc, index, self.encrypted)
        window.accept(index)
        return self.keys[0].with_mki(header, before, behind)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """
        The plain compound packet. Raises Replayed, BadTag, or PeerError for what is no RTCP.
        """
        tag_size = self.profile.rtcp_tag_size
        least = INDEX_WORD + tag_size
        if len(packet) < RTCP_HEADER + least or packet[0] >> 6 != VERSION:
            wanted = f"SRTCP of version {VERSION} of at least {RTCP_HEADER + least}"
            raise PeerError(f"datagram has {len(packet)} octets, wanted {wanted}")
        header, rest = packet[:RTCP_HEADER], packet[RTCP_HEADER:]
        ssrc = int.from_bytes(packet[4:RTCP_HEADER])
        replayed = False
        for key in self.keys:
            sealed = key.without_mki(rest, tag_size, least)
            if sealed is None:
                continue
            begin = key.rtcp.word_at(sealed)
            word = int.from_bytes(sealed[begin : begin + INDEX_WORD])
            window = key.rtcp_windows.get(ssrc)
            if window is not None and window.refuses(word & ~ENCRYPTED_BIT):
                replayed = True
                continue
            opened = key.rtcp.open_rtcp(header, sealed, ssrc, word)
            if opened is not None:
                accept_in(key.rtcp_windows, ssrc, word & ~ENCRYPTED_BIT)
                return header + opened
        if replayed:
            raise Replayed(f"RTCP of source {ssrc:08x} came before, or is too old to tell")
        raise BadTag(f"RTCP of source {ssrc:08x} has a tag or MKI that no key of ours explains")

    def protect_rtcp(self, packet: bytes) -> bytes:
        """
        Seal a plain compound packet with the newest key; the index counts from zero (RFC 3711 s.3.4).
        """
        if len(packet) < RTCP_HEADER:
            raise LocalError(f"RTCP has {len(packet)} octets, wanted at least {RTCP_HEADER}")
        header, rest = packet[:RTCP_HEADER], packet[RTCP_HEADER:]
        ssrc = int.from_bytes(packet[4:RTCP_HEADER])
        index = self.next_rtcp_index.get(ssrc, 0)
        if index >= RTCP_INDEX_END:
            raise LocalError(f"RTCP of source {ssrc:08x} has used its key up (RFC 3711 s.9.2)")
        self.next_rtcp_index[ssrc] = index + 1
        word = index | (ENCRYPTED_BIT if self.encrypted_rtcp else 0)
        before, behind = self.keys[0].rtcp.seal_rtcp(header, rest, ssrc, word)
        return self.keys[0].with_mki(header, before, behind)

    def only_key(self) -> KeyState | None:
        """
        The key under which a batch may be opened at once; None: packets must be opened one by one.
        """
        return self.keys[0] if len(self.keys) == 1 and self.encrypted else None

    def is_settled(self) -> bool:
        """
        Whether so much came under the newest key that what was sealed before it is too late by now.
        """
        return self.keys[0].accepted - self.keys[0].returned_at >= WINDOW_SIZE

    def layout(self) -> PacketLayout:
        """
        Where things are in packets that are opened by batches; with several keys all but the tag is left open.
        """
        key = self.only_key()
        return key.layout if key else PacketLayout(self.profile.tag_size, self.profile.tag_is_last, 0)

    def _candidates(self, key: KeyState, ssrc: int, sequence: int) -> Sequence[int]:
        """
        The indices that a packet may have under a key, the likeliest first.
        """
        window = key.windows.get(ssrc)
        guesses = [nearest_index(sequence, window.highest)] if window is not None else []
        if len(self.keys) > 1:
            windows = [other.windows[ssrc] for other in self.keys if other is not key and ssrc in other.windows]
            guesses += [nearest_index(sequence, other.highest) for other in windows]
        if window is None:
            expected = self.expected.get(ssrc, self.expected_roll_over_counter)
            guesses += [counter << 16 | sequence for counter in (expected, expected + 1, expected - 1, 0)]
            guesses = list(dict.fromkeys(guesses))
        return [index for index in guesses if 0 <= index < INDEX_END]

    def _accept(self, key: KeyState, ssrc: int, index: int) -> None:
        accept_in(key.windows, ssrc, index)
        key.accepted += 1
        if key is self.keys[0] and len(self.keys) > 1 and not key.master.mki and self.is_settled():
            del self.keys[1:]

    def _sending_index(self, window: ReplayWindow, ssrc: int, sequence: int) -> int:
        if window.highest < 0:
            return self.expected.get(ssrc, self.expected_roll_over_counter) << 16 | sequence
        index = nearest_index(sequence, window.highest)
        if index >= INDEX_END:
            raise LocalError(f"source {ssrc:08x} has used its key up (RFC 3711 s.9.2)")
        return index
