"""
Tests for siprec_tw.media.rtcp_sealing: our RTCP on secured streams.
"""

from __future__ import annotations

from pathlib import Path

import pylibsrtp
import pytest
from attrs import evolve
from rtcp_rig import FIRST, HOST, NAME, NEXT, Rig, heard
from rtp_rig import Sender

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import DtlsPeer, StreamKeys, StreamSpec
from siprec_tw.media.rtcp_sealing import RtcpSealing
from siprec_tw.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    SourceDescription,
    parse_compound,
    write_compound,
)
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import PROFILES, profile_named


def keys_of(suite: str, mki: bytes = b"") -> StreamKeys:
    """
    Keys of either side.
    """
    profile = profile_named(suite)
    assert profile is not None
    theirs = bytes(range(profile.key_size)), bytes(range(40, 40 + profile.salt_size)), b""
    ours = bytes(range(1, 1 + profile.key_size)), bytes(range(80, 80 + profile.salt_size)), mki
    return StreamKeys(suite, (theirs,), own=ours)


def opener(keys: StreamKeys) -> SrtpContext:
    """
    What opens our RTCP.
    """
    profile = profile_named(keys.suite)
    assert profile is not None
    assert keys.own is not None
    return SrtpContext(profile, [MasterKey(*keys.own)])


def sealer(keys: StreamKeys) -> SrtpContext:
    """
    What seals the client's packets.
    """
    profile = profile_named(keys.suite)
    assert profile is not None
    return SrtpContext(profile, [MasterKey(*keys.keys[0])])


@pytest.mark.parametrize("suite", [profile.name for profile in PROFILES])
@pytest.mark.parametrize("mki", [b"", b"\7"])
def test_secured_reports(tmp_path: Path, suite: str, mki: bytes) -> None:
    """
    On a secured stream reports are sealed with our own key, index by index; the goodbye, too.
    """
    rig, keys = Rig(tmp_path), keys_of(suite, mki)
    rig.open(rig.spec(keys=keys))
    theirs, ours = sealer(keys), opener(keys)
    for one in Sender(ssrc=9).some(5):
        rig.rtp.sendto(theirs.protect(one.octets), (HOST, rig.address.rtp_port))
    rig.sweep(FIRST + NEXT)
    rig.close()
    sealed = [octets for octets, _ in heard(rig.rtcp)]
    opened = [parse_compound(ours.unprotect_rtcp(octets)) for octets in sealed]
    said = [ReceiverReport, SourceDescription]
    assert [type(packet) for packets in opened for packet in packets] == [*said, *said, *said, Goodbye]
    assert not any(NAME.encode() in octets for octets in sealed)
    rig.end()


@pytest.mark.parametrize(("suite", "profile"), [
    ("AES_CM_128_HMAC_SHA1_80", pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80),
    ("AES_CM_128_HMAC_SHA1_32", pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32),
    ("AEAD_AES_128_GCM", pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM),
    ("AEAD_AES_256_GCM", pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM),
])
def test_libsrtp_opens_our_reports(tmp_path: Path, suite: str, profile: int) -> None:
    """
    A stack that is not ours opens them.
    """
    keys = keys_of(suite)
    assert keys.own is not None
    session = pylibsrtp.Session(pylibsrtp.Policy(
        key=keys.own[0] + keys.own[1], ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=profile,
    ))
    rig, theirs = Rig(tmp_path), sealer(keys)
    rig.open(rig.spec(keys=keys, rtcp=rig.muxed()))
    for one in Sender(ssrc=9).some(5):
        rig.rtp.sendto(theirs.protect(one.octets), (HOST, rig.address.rtp_port))
    rig.sweep(FIRST + NEXT)
    opened = [parse_compound(session.unprotect_rtcp(octets)) for octets, _ in heard(rig.rtp)]
    assert [len(packets) for packets in opened] == [2, 2]
    assert isinstance(opened[0][0], ReceiverReport)
    assert opened[0][0].blocks[0].highest == 1004
    rig.end()


def test_no_key_no_report(tmp_path: Path) -> None:
    """
    A secured stream without a key of ours says nothing, least of all in clear; with one it does.
    """
    rig, keys = Rig(tmp_path), keys_of("AEAD_AES_128_GCM")
    theirs, sent = sealer(keys), Sender(ssrc=9).some(40)
    rig.open(rig.spec(keys=evolve(keys, own=None)))
    for one in sent[:10] + sent[14:20]:
        rig.rtp.sendto(theirs.protect(one.octets), (HOST, rig.address.rtp_port))
    rig.sweep(3 * NEXT)
    assert heard(rig.rtcp) == []
    rig.wait(rig.plane.update_stream(rig.spec(keys=keys)))
    for one in sent[20:]:
        rig.rtp.sendto(theirs.protect(one.octets), (HOST, rig.address.rtp_port))
    rig.sweep(NEXT)
    sealed = [octets for octets, _ in heard(rig.rtcp)]
    report = parse_compound(opener(keys).unprotect_rtcp(sealed[0]))[0]
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].fraction_lost == 4 * 256 // 40      # of all that was not reported yet
    rig.end()


COMPOUND = write_compound([ReceiverReport(1)])


def test_keys_by_dtls() -> None:
    """
    A stream whose keys come by DTLS is silent until they have come.
    """
    sealing = RtcpSealing(StreamSpec("s", "", (), dtls=DtlsPeer((), True)))
    assert (sealing.is_possible, sealing.seal(COMPOUND)) == (False, None)
    keys = keys_of("AES_CM_128_HMAC_SHA1_80")
    sealing.change(keys)
    sealed = sealing.seal(COMPOUND)
    assert sealed is not None
    assert opener(keys).unprotect_rtcp(sealed) == COMPOUND


def test_no_index_is_used_twice() -> None:
    """
    The index goes on over new keys, new suites and keys that come back (RFC 3711 s.3.4).
    """
    first, second = keys_of("AES_CM_128_HMAC_SHA1_80"), keys_of("AEAD_AES_128_GCM")
    third = evolve(first, own=(bytes(16), bytes(14), b""))
    sealing = RtcpSealing(StreamSpec("s", "", (), keys=first))
    for index, keys in enumerate((first, first, third, first, second, first)):
        sealing.change(keys)
        sealed = sealing.seal(COMPOUND)
        assert sealed is not None
        assert (1 << 31 | index).to_bytes(4) in sealed[8:]
        assert opener(keys).unprotect_rtcp(sealed) == COMPOUND
    sealing.change(evolve(first, own=None))
    assert sealing.seal(COMPOUND) is None
    sealing.change(first)
    sealed = sealing.seal(COMPOUND)
    assert sealed is not None
    assert (1 << 31 | 6).to_bytes(4) in sealed


def test_unknown_suite() -> None:
    """
    A suite that is not ours is an error of ours.
    """
    with pytest.raises(LocalError, match="wanted one that we know"):
        RtcpSealing(StreamSpec("s", "", ())).change(evolve(keys_of("AEAD_AES_128_GCM"), suite="F8"))
