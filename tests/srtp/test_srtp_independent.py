"""
Tests of siprec_tw.srtp against libsrtp, an implementation that is not ours.
"""

import random

import pylibsrtp
import pytest
from srtp_packets import SSRC, master_key, rtp

from siprec_tw.srtp.batch import Status, unprotect_packets
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import ProtectionProfile, profile_named

LIBSRTP_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
shared_profiles = pytest.mark.parametrize("name", LIBSRTP_PROFILES)


def libsrtp(name: str, key: MasterKey, ssrc_type: int) -> pylibsrtp.Session:
    """
    A session of libsrtp that seals, or opens, all sources.
    """
    return pylibsrtp.Session(pylibsrtp.Policy(
        key=key.key + key.salt, ssrc_type=ssrc_type, srtp_profile=LIBSRTP_PROFILES[name],
    ))


def profile_of(name: str) -> ProtectionProfile:
    profile = profile_named(name)
    assert profile is not None
    return profile


@shared_profiles
def test_libsrtp_opens_ours(name: str) -> None:
    """
    What we seal across a roll-over, with all sorts of headers and lengths, libsrtp opens.
    """
    profile, chance = profile_of(name), random.Random(name)
    key = master_key(profile)
    ours, theirs = SrtpContext(profile, [key]), libsrtp(name, key, pylibsrtp.Policy.SSRC_ANY_INBOUND)
    for number in range(20_000, 85_000, 13):
        plain = rtp(number, chance.randbytes(chance.randint(0, 400)), fancy=chance.random() < 0.2)
        assert theirs.unprotect(ours.protect(plain)) == plain
    report = bytes.fromhex("80c80006") + SSRC.to_bytes(4) + bytes(range(20))
    for _ in range(20):
        assert theirs.unprotect_rtcp(ours.protect_rtcp(report)) == report


@shared_profiles
def test_we_open_libsrtp(name: str) -> None:
    """
    What libsrtp seals we open, one by one and by the batch.
    """
    profile, chance = profile_of(name), random.Random(name)
    key = master_key(profile)
    theirs = libsrtp(name, key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
    one, batched = SrtpContext(profile, [key]), SrtpContext(profile, [key])
    plain = [
        rtp(number, chance.randbytes(chance.randint(0, 400)), fancy=chance.random() < 0.2)
        for number in range(20_000, 85_000, 13)
    ]
    sealed = [theirs.protect(packet) for packet in plain]
    assert [one.unprotect(packet) for packet in sealed] == plain
    assert unprotect_packets(sealed, [batched]) == (plain, [Status.OK] * len(plain))
    report = bytes.fromhex("80c80006") + SSRC.to_bytes(4) + bytes(range(20))
    for _ in range(20):
        assert one.unprotect_rtcp(theirs.protect_rtcp(report)) == report
