"""
Tests for siprec_tw.srtp.crypto_attribute.
"""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.errors import PeerError
from siprec_tw.srtp.crypto_attribute import CryptoAttribute, InlineKey, parse_crypto, write_crypto
from siprec_tw.srtp.profiles import PROFILES

# RFC 4568 s.4.1 and s.6.1
SIMPSON = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP"
TWO_KEYS = (
    "2 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4;"
    "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 FEC_ORDER=FEC_SRTP"
)
KEY = "QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5"

keys = st.builds(
    InlineKey, st.binary(min_size=1, max_size=46), st.none() | st.integers(1, 1 << 48),
    st.binary(min_size=1, max_size=8),
)
attributes = st.builds(
    CryptoAttribute, st.integers(0, 999_999_999), st.sampled_from([profile.name for profile in PROFILES]),
    st.lists(keys, min_size=1, max_size=1).map(tuple),
    st.lists(st.sampled_from(["KDR=4", "WSH=64", "UNENCRYPTED_SRTCP", "-later=1"]), max_size=3).map(tuple),
)


def test_example() -> None:
    """
    Tag, suite, key, lifetime, MKI and session parameter of the RFC's example are read, and written back.
    """
    attribute = parse_crypto(SIMPSON)
    key = InlineKey(base64.b64decode("WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"), 1 << 20, b"\0\0\0\1")
    assert attribute == CryptoAttribute(1, "AES_CM_128_HMAC_SHA1_80", (key,), ("FEC_ORDER=FEC_SRTP",))
    assert write_crypto(attribute) == SIMPSON


def test_two_keys() -> None:
    """
    Several keys are parted by semicolons, and their MKIs tell them apart.
    """
    attribute = parse_crypto(TWO_KEYS)
    assert [key.mki for key in attribute.keys] == [b"\0\0\0\1", b"\0\0\0\2"]
    assert write_crypto(attribute) == TWO_KEYS


def test_folded_keys() -> None:
    """
    A key on a line of its own, as the RFC prints it, still belongs to the others.
    """
    assert parse_crypto(TWO_KEYS.replace(";", "; ")) == parse_crypto(TWO_KEYS)


@pytest.mark.parametrize("size", [28, 30, 44, 46, 29])
def test_key_without_padding(size: int) -> None:
    """
    rtpengine leaves the padding of base64 out; it is read with and without.
    """
    material = bytes(range(size))
    padded = base64.b64encode(material).decode()
    for text in {padded, padded.rstrip("=")}:
        assert parse_crypto(f"1 AEAD_AES_256_GCM inline:{text}").keys[0].material == material


@pytest.mark.parametrize(("details", "lifetime", "mki"), [
    ("", None, b""), ("|2^20", 1 << 20, b""), ("|1000", 1000, b""), ("|1:4", None, b"\0\0\0\1"),
    ("|2^31|1:1", 1 << 31, b"\1"), ("|2^31|", 1 << 31, b""), ("|2^48|300:2", 1 << 48, b"\1\x2c"),
    ("|2^60", 1 << 48, b""),
])
def test_lifetime_and_mki(details: str, lifetime: int | None, mki: bytes) -> None:
    """
    Each may be there without the other; a lifetime is a power of two or a plain number.
    """
    key = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{details}").keys[0]
    assert (key.lifetime, key.mki) == (lifetime, mki)


@pytest.mark.parametrize(("value", "text"), [
    ("", "has 0 words"),
    ("1 AES_CM_128_HMAC_SHA1_80", "has 2 words"),
    (f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}", "crypto tag is 1 characters"),
    (f"1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", "crypto tag is '1234567890', wanted 0 to 999999999"),
    (f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}", "key method is 3 characters, wanted 'inline'"),
    (f"1 AES_CM_128_HMAC_SHA1_80 {KEY}", "key method is 40 characters"),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:", "is not base64"),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:a-b_", "key of 4 characters is not base64"),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:QUJjZ", "has 5 characters of base64"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|0", "lifetime is '0'"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|{KEY}", "lifetime is 40 characters"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:0", "MKI is '1:0'"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|256:1", "wanted a number below 2\\*\\*8 in 1 octets"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}", "have the same MKI, or none"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1;inline:{KEY}|1:1", "have the same MKI"),
    (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:1;inline:{KEY}|2:2", "of different lengths"),
    ("1 AES_CM_128_HMAC_SHA1_80 " + ";".join([f"inline:{KEY}|{n}:1" for n in range(17)]), "has 17 keys"),
    ("1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 5000, "wanted at most 4096"),
])
def test_refused(value: str, text: str) -> None:
    """
    What cannot be read is refused, saying what was found and wanted, and never a key.
    """
    with pytest.raises(PeerError, match=text) as caught:
        parse_crypto(value)
    assert KEY[:12] not in caught.value.text


@given(attributes)
def test_round_trip(attribute: CryptoAttribute) -> None:
    """
    What is written is read as it was.
    """
    assert parse_crypto(write_crypto(attribute)) == attribute


@given(st.text(max_size=80) | st.builds("1 A inline:{}".format, st.text(max_size=60)))
def test_any_text(text: str) -> None:
    """
    Any text is an attribute or a PeerError.
    """
    try:
        parse_crypto(text)
    except PeerError as error:
        assert error.status == 400


def test_a_printed_attribute_shows_no_key() -> None:
    """
    Keys never get into logs.
    """
    assert "YS_" not in repr(parse_crypto(SIMPSON))
