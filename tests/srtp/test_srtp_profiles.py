"""
Tests for siprec_tw.srtp.profiles.
"""

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.srtp.master_key import MasterKey, split_material
from siprec_tw.srtp.profiles import MOST_MATERIAL, PROFILES, profile_named, profile_of_dtls


def test_every_suite_is_found_by_its_name() -> None:
    """
    A suite is named as it is registered, in any case of letters.
    """
    assert [profile_named(profile.name.lower()) for profile in PROFILES] == list(PROFILES)
    assert profile_named("F8_128_HMAC_SHA1_80") is None
    assert profile_named("NULL_HMAC_SHA1_80") is None


def test_another_name_means_the_registered_suite() -> None:
    """
    Some clients write the key's length where AES_CM_128 has it.
    """
    assert profile_named("AES_CM_256_HMAC_SHA1_80") is profile_named("AES_256_CM_HMAC_SHA1_80")


def test_dtls_identifiers() -> None:
    """
    The values of use_srtp are those of RFC 5764 s.4.1.2 and RFC 7714 s.14.2.
    """
    names = {number: profile.name for number in range(10) if (profile := profile_of_dtls(number))}
    assert names == {
        1: "AES_CM_128_HMAC_SHA1_80", 2: "AES_CM_128_HMAC_SHA1_32", 7: "AEAD_AES_128_GCM", 8: "AEAD_AES_256_GCM",
    }


def test_material_is_split() -> None:
    """
    Key and salt are written behind one another, in the profile's lengths and no others.
    """
    material = bytes(range(30))
    assert split_material(PROFILES[0], material, b"\1") == MasterKey(material[:16], material[16:], b"\1")
    assert MOST_MATERIAL == 46
    with pytest.raises(PeerError, match="have 29 octets, wanted 30"):
        split_material(PROFILES[0], material[1:])


def test_a_printed_key_shows_no_secret() -> None:
    """
    Keys never get into logs.
    """
    assert repr(split_material(PROFILES[0], b"k" * 16 + b"s" * 14, b"\1")) == "MasterKey(mki=b'\\x01')"
