"""
Tests for siprec_tw.srtp.sdes.
"""

import base64

import pytest

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.crypto_attribute import InlineKey, parse_crypto, write_crypto
from siprec_tw.srtp.profiles import MOST_MATERIAL, PROFILES, ProtectionProfile, profile_named
from siprec_tw.srtp.sdes import SdesPolicy, answered, choose, offer_for

FRESH = bytes(range(100, 100 + MOST_MATERIAL))


def line(tag: int, suite: str, size: int, rest: str = "") -> str:
    """
    An offered line; its key is without padding, as rtpengine writes it.
    """
    key = base64.b64encode(bytes([tag]) * size).decode().rstrip("=")
    return f"{tag} {suite} inline:{key}{rest}"


# The twelve suites in rtpengine's order, OpenSIPS in front of it.
RTPENGINE = [
    line(1, "AEAD_AES_256_GCM", 44), line(2, "AEAD_AES_128_GCM", 28),
    line(3, "AES_256_CM_HMAC_SHA1_80", 46), line(4, "AES_256_CM_HMAC_SHA1_32", 46),
    line(5, "AES_192_CM_HMAC_SHA1_80", 38), line(6, "AES_192_CM_HMAC_SHA1_32", 38),
    line(7, "AES_CM_128_HMAC_SHA1_80", 30), line(8, "AES_CM_128_HMAC_SHA1_32", 30),
    line(9, "F8_128_HMAC_SHA1_80", 30), line(10, "F8_128_HMAC_SHA1_32", 30),
    line(11, "NULL_HMAC_SHA1_80", 30), line(12, "NULL_HMAC_SHA1_32", 30),
]


def test_first_of_twelve() -> None:
    """
    Of rtpengine's twelve lines the first is taken; the answer has its tag, its suite, and a key of our own.
    """
    choice = choose(RTPENGINE, SdesPolicy(), FRESH)
    assert choice.profile.name == "AEAD_AES_256_GCM"
    assert [key.key + key.salt for key in choice.peer_keys] == [bytes([1]) * 44]
    assert choice.own_key.key + choice.own_key.salt == FRESH[:44]
    assert write_crypto(choice.answer) == "1 AEAD_AES_256_GCM inline:" + base64.b64encode(FRESH[:44]).decode()
    assert (choice.encrypted, choice.encrypted_rtcp, choice.passed_over) == (True, True, ())


@pytest.mark.parametrize("offered", RTPENGINE[:8])
def test_the_answer_opens_what_we_send(offered: str) -> None:
    """
    For every suite the offerer opens with the answered key what we seal, and we with the offered one what it seals.
    """
    choice = choose([offered], SdesPolicy(), FRESH)
    theirs = parse_crypto(offered).master_keys(choice.profile)
    answered = parse_crypto(write_crypto(choice.answer)).master_keys(choice.profile)
    packet = bytes.fromhex("8000000100000001deadbeef") + b"sound"
    to_us = SrtpContext(choice.profile, theirs).protect(packet)
    assert SrtpContext(choice.profile, choice.peer_keys).unprotect(to_us) == packet
    to_them = SrtpContext(choice.profile, [choice.own_key]).protect(packet)
    assert to_them != to_us
    assert SrtpContext(choice.profile, answered).unprotect(to_them) == packet


def test_policy_restricts() -> None:
    """
    Suites that the policy does not name are passed over, and it is said why.
    """
    choice = choose(RTPENGINE, SdesPolicy(suites=("AES_CM_128_HMAC_SHA1_32",)), FRESH)
    assert choice.answer.tag == 8
    assert len(choice.passed_over) == 7
    assert choice.passed_over[0] == "line 1 has suite 'AEAD_AES_256_GCM'"


def test_the_suite_is_answered_as_it_was_written() -> None:
    """
    An unregistered name of a suite comes back as it came, with its tag.
    """
    choice = choose([line(77, "AES_CM_256_HMAC_SHA1_80", 46)], SdesPolicy(), FRESH)
    assert (choice.profile.name, choice.answer.suite, choice.answer.tag) == (
        "AES_256_CM_HMAC_SHA1_80", "AES_CM_256_HMAC_SHA1_80", 77,
    )


def test_a_bad_line_does_not_spoil_the_others() -> None:
    """
    Lines that cannot be read, or whose key has a wrong length, are passed over.
    """
    lines = ["rubbish", line(1, "AEAD_AES_128_GCM", 30), line(2, "AES_CM_128_HMAC_SHA1_80", 30, "|2^20|1:4")]
    choice = choose(lines, SdesPolicy(), FRESH)
    assert (choice.answer.tag, choice.peer_keys[0].mki) == (2, b"\0\0\0\1")
    assert choice.answer.keys == (InlineKey(FRESH[:30]),)
    assert choice.passed_over == (
        "crypto attribute has 1 words, wanted tag, suite and keys",
        "key and salt have 30 octets, wanted 28 for AEAD_AES_128_GCM",
    )


@pytest.mark.parametrize("parameters", [" WSH=64", " FEC_ORDER=FEC_SRTP", " -SSRC=0x1 -ROC=0", " FEC_KEY=inline:AAAA"])
def test_harmless_parameters(parameters: str) -> None:
    """
    Parameters that mean nothing to a recorder, or may be ignored by their dash, do not stand in the way.
    """
    assert choose([line(1, "AEAD_AES_128_GCM", 28, parameters)], SdesPolicy(), FRESH).answer.tag == 1


@pytest.mark.parametrize("parameters", [
    " KDR=4", " UNAUTHENTICATED_SRTP", " UNENCRYPTED_SRTP", " UNENCRYPTED_SRTCP", " LATER=1",
])
def test_parameters_that_forbid(parameters: str) -> None:
    """
    An unknown parameter makes its line void (RFC 4568 s.6.3.7); so do those that we cannot or will not honour.
    """
    lines = [line(1, "AEAD_AES_128_GCM", 28, parameters), line(2, "AES_CM_128_HMAC_SHA1_80", 30)]
    choice = choose(lines, SdesPolicy(), FRESH)
    assert choice.answer.tag == 2
    assert choice.passed_over == (
        f"line 1 (AEAD_AES_128_GCM) has session parameter {parameters.strip().partition('=')[0]!r}",
    )


def test_unencrypted_by_policy() -> None:
    """
    Where the policy allows it, unencrypted media is taken, and the parameter comes back in the answer.
    """
    offered = line(1, "AES_CM_128_HMAC_SHA1_80", 30, " UNENCRYPTED_SRTP WSH=99")
    choice = choose([offered], SdesPolicy(unencrypted=True), FRESH)
    assert (choice.encrypted, choice.encrypted_rtcp) == (False, True)
    assert choice.answer.parameters == ("UNENCRYPTED_SRTP",)


def test_nothing_to_take() -> None:
    """
    With no line to take the answer is 488, which says of each line what was found.
    """
    found = r"line 9 has suite 'F8_128_HMAC_SHA1_80'; line 10 has .*; wanted one of AES_CM"
    with pytest.raises(PeerError, match=found) as caught:
        choose(RTPENGINE[8:], SdesPolicy(), FRESH)
    assert caught.value.status == 488
    with pytest.raises(PeerError, match="no SRTP suite to take: no crypto attribute; wanted one of AES_CM"):
        choose([], SdesPolicy(), FRESH)


def test_no_key_in_any_text() -> None:
    """
    A key that stands in a wrong place is not repeated in what is logged.
    """
    key = base64.b64encode(bytes(range(30))).decode()
    suite = "AES_CM_128_HMAC_SHA1_80"
    for value in (f"1 {key} inline:{key}", f"1 {suite} {key}", f"{key} {suite} inline:{key}", f"1 inline:{key} {suite}",
                  f"1 {suite} inline:{key} inline:{key}", f"1 {suite} inline:{key}|{key}"):
        with pytest.raises(PeerError) as caught:
            choose([value], SdesPolicy(), FRESH)
        assert key[:12] not in caught.value.text


def test_the_same_keys_again() -> None:
    """
    A re-INVITE with the same keys, as a session refresh has it, is answered with the same key of ours; a changed
    one with a fresh key.
    """
    before = choose(RTPENGINE, SdesPolicy(), FRESH)
    again = choose(RTPENGINE, SdesPolicy(), FRESH[::-1], before)
    assert again.own_key == before.own_key
    changed = choose([line(3, "AEAD_AES_256_GCM", 44)], SdesPolicy(), FRESH[::-1], before)
    assert changed.own_key.key == FRESH[::-1][:32]


def test_our_own_mistakes() -> None:
    """
    Too few random octets, or the peer's own key for ours, are a bug of ours and loud.
    """
    with pytest.raises(LocalError, match="5 fresh octets for an SRTP key, wanted 46"):
        choose(RTPENGINE, SdesPolicy(), bytes(5))
    with pytest.raises(LocalError, match="the peer's own key"):
        choose(RTPENGINE, SdesPolicy(), bytes([1]) * MOST_MATERIAL)


def test_offer_of_our_own() -> None:
    """
    A line that we offer is one that we would take.
    """
    for tag, profile in enumerate(PROFILES, 1):
        attribute, key = offer_for(profile, tag, FRESH)
        choice = choose([write_crypto(attribute)], SdesPolicy(), FRESH[::-1])
        assert (choice.profile, choice.peer_keys, choice.answer.tag) == (profile, (key,), tag)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_answer_to_our_offer(profile: ProtectionProfile) -> None:
    """
    The peer's key opens what it sends, ours stays what we offered (RFC 4568 s.5.1.3).
    """
    offered, own = offer_for(profile, 5, FRESH)
    choice = answered([line(5, profile.name.lower(), profile.material_size, "|2^31|7:1")], offered, own)
    theirs, = choice.peer_keys
    assert (theirs.key + theirs.salt, theirs.mki) == (bytes([5]) * profile.material_size, b"\x07")
    assert (choice.profile, choice.answer, choice.own_key) == (profile, offered, own)
    assert (choice.encrypted, choice.encrypted_rtcp) == (True, True)


@pytest.mark.parametrize("values", [
    [], [line(7, "AES_CM_128_HMAC_SHA1_80", 30)] * 2, [line(6, "AES_CM_128_HMAC_SHA1_80", 30)],
    [line(7, "AES_CM_128_HMAC_SHA1_32", 30)], [line(7, "NULL_HMAC_SHA1_80", 30)],
    [line(7, "AES_CM_128_HMAC_SHA1_80", 20)], [line(7, "AES_CM_128_HMAC_SHA1_80", 30, " UNENCRYPTED_SRTP")],
    [line(7, "AES_CM_128_HMAC_SHA1_80", 30, " unencrypted_srtcp=1")], ["7 AES_CM_128_HMAC_SHA1_80"],
])
def test_answer_that_does_not_fit_our_offer(values: list[str]) -> None:
    """
    None or several lines, another tag or suite, a key of another length, parameters that were not offered: refused, and
    no key is in the text.
    """
    profile = profile_named("AES_CM_128_HMAC_SHA1_80")
    assert profile is not None
    with pytest.raises(PeerError) as caught:
        answered(values, *offer_for(profile, 7, FRESH))
    assert not any(key in caught.value.text for value in values for key in value.split("inline:")[1:])
