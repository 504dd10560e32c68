"""
Tests for siprec_tw.srtp.context: RTCP.
"""

import pytest
from srtp_packets import CM_80, SSRC, master_key, pair

from siprec_tw.errors import BadTag, LocalError, PeerError, Replayed
from siprec_tw.srtp.context import RTCP_INDEX_END, SrtpContext
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)

REPORT = bytes.fromhex("80c80006") + SSRC.to_bytes(4) + bytes(range(20))
REPORT_WORDS = len(REPORT) + 4      # with E and index


@every_profile
@pytest.mark.parametrize("mki", [b"", b"\0\0\0\1"])
def test_round_trip(profile: ProtectionProfile, mki: bytes) -> None:
    """
    A compound packet comes back; E, index, MKI and tag are added, and the index counts from zero.
    """
    sender, receiver = pair(profile, mki=mki)
    for index in range(3):
        sealed = sender.protect_rtcp(REPORT)
        assert len(sealed) == REPORT_WORDS + len(mki) + profile.rtcp_tag_size
        assert sealed[:8] == REPORT[:8]
        assert REPORT[8:] not in sealed
        assert (1 << 31 | index).to_bytes(4) in sealed
        assert receiver.unprotect_rtcp(sealed) == REPORT


@every_profile
def test_unencrypted(profile: ProtectionProfile) -> None:
    """
    With E clear the packet is readable and guarded; a receiver needs no word of it beforehand.
    """
    sender = SrtpContext(profile, [master_key(profile)], encrypted_rtcp=False)
    _, receiver = pair(profile)
    sealed = sender.protect_rtcp(REPORT)
    assert sealed.startswith(REPORT)
    assert receiver.unprotect_rtcp(sealed) == REPORT


@every_profile
def test_every_octet_is_guarded(profile: ProtectionProfile) -> None:
    """
    A packet with any bit turned is refused, E and index among them.
    """
    sender, receiver = pair(profile)
    sealed = sender.protect_rtcp(REPORT)
    for place in range(1, len(sealed)):
        turned = bytearray(sealed)
        turned[place] ^= 0x80
        with pytest.raises(BadTag):
            receiver.unprotect_rtcp(bytes(turned))
    for length in range(len(sealed)):
        with pytest.raises(PeerError):
            receiver.unprotect_rtcp(sealed[:length])
    assert receiver.unprotect_rtcp(sealed) == REPORT


def test_replayed() -> None:
    """
    RTCP has windows of its own, apart from RTP's (RFC 3711 s.3.3.2).
    """
    sender, receiver = pair(CM_80)
    first, second = sender.protect_rtcp(REPORT), sender.protect_rtcp(REPORT)
    assert receiver.unprotect_rtcp(second) == receiver.unprotect_rtcp(first) == REPORT
    with pytest.raises(Replayed):
        receiver.unprotect_rtcp(first)


def test_change_of_keys() -> None:
    """
    RTCP opens under the old key and under the new one.
    """
    sender, receiver = pair(CM_80)
    before = sender.protect_rtcp(REPORT)
    for context in (sender, receiver):
        context.change_key(master_key(CM_80, 2))
    after = sender.protect_rtcp(REPORT)
    assert receiver.unprotect_rtcp(after) == receiver.unprotect_rtcp(before) == REPORT


def test_the_index_ends() -> None:
    """
    After 2^31 packets the key is used up (RFC 3711 s.9.2).
    """
    sender, receiver = pair(CM_80)
    sender.next_rtcp_index[SSRC] = RTCP_INDEX_END - 1
    assert receiver.unprotect_rtcp(sender.protect_rtcp(REPORT)) == REPORT
    with pytest.raises(LocalError, match="used its key up"):
        sender.protect_rtcp(REPORT)


def test_no_rtcp() -> None:
    """
    What is too short for RTCP, or of another version, is refused.
    """
    sender, receiver = pair(CM_80)
    with pytest.raises(LocalError, match="has 4 octets, wanted at least 8"):
        sender.protect_rtcp(REPORT[:4])
    with pytest.raises(PeerError, match="wanted SRTCP of version 2 of at least 22"):
        receiver.unprotect_rtcp(bytes(40))
