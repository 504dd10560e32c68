"""
The vectors of RFC 3711 appendix B, RFC 6188 s.7, RFC 7714 s.16 and s.17, and the reference packets of libsrtp.
"""

import pytest

from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_derivation import (
    Label,
    SessionKeys,
    derive_key,
    rtcp_session_keys,
    rtp_session_keys,
)
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import ProtectionProfile, profile_named
from siprec_tw.srtp.transforms import CounterMode, Gcm

BLOCKS = 0xFF02         # RFC 3711 B.2: the last counter shown ends in FF01


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def profile(name: str) -> ProtectionProfile:
    found = profile_named(name)
    assert found is not None
    return found


@pytest.mark.parametrize(("key", "first", "last"), [
    pytest.param(
        "2B7E151628AED2A6ABF7158809CF4F3C",
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0",
        "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44",
        id="RFC 3711 B.2",
    ),
    pytest.param(
        "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
        "92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac 63c4868b7096d88421b563b8c94c9a31",
        "cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d 6eb246913062a16891433e97dd01a57f",
        id="RFC 6188 7.1",
    ),
    pytest.param(
        "eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7",
        "35096cba4610028dc1b57503804ce37c 5de986291dcce161d5165ec4568f5c9a 474a40c77894bc17180202272a4c264d",
        "d108d1a31a00bad6367ec23eb044b415 c8f57129fdeb970b59f917b257662d4c a5dab625811034e8cebdfeb6dc158dd3",
        id="RFC 6188 7.3",
    ),
])
def test_key_stream(key: str, first: str, last: str) -> None:
    """
    The key stream of SSRC 0 and index 0 begins and ends as printed.
    """
    keys = SessionKeys(octets(key), bytes(20), octets("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
    stream = CounterMode(keys, 10).crypt(bytes(16 * BLOCKS), 0, 0)
    assert (stream[:48], stream[-48:]) == (octets(first), octets(last))


@pytest.mark.parametrize(("name", "key", "salt", "cipher_key", "cipher_salt", "authentication"), [
    pytest.param(
        "AES_CM_128_HMAC_SHA1_80", "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
        "C61E7A93744F39EE10734AFE3FF7A087", "30CBBC08863D8C85D49DB34A9AE1",
        "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", id="RFC 3711 B.3",
    ),
    pytest.param(
        "AES_256_CM_HMAC_SHA1_80", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
        "3b04803de51ee7c96423ab5b78d2",
        "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4", "fa31791685ca444a9e07c6c64e93",
        "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", id="RFC 6188 7.2",
    ),
    pytest.param(
        "AES_192_CM_HMAC_SHA1_80", "73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1",
        "c8522f3acd4ce86d5add78edbb11",
        "31874736a8f1143870c26e4857d8a5b2c4a354407faadabb", "2372b82d639b6d8503a47adc0a6c",
        "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb", id="RFC 6188 7.4",
    ),
])
def test_key_derivation(
    name: str, key: str, salt: str, cipher_key: str, cipher_salt: str, authentication: str
) -> None:
    """
    The session keys of RTP come out as printed.
    """
    keys = rtp_session_keys(profile(name), MasterKey(octets(key), octets(salt)))
    assert keys == SessionKeys(octets(cipher_key), octets(authentication), octets(cipher_salt))


def test_long_key_derivation() -> None:
    """
    RFC 3711 B.3 derives 94 octets for authentication: the key stream goes on block after block.
    """
    master = MasterKey(octets("E1F97A0D3E018BE0D64FA32C06DE4139"), octets("0EC675AD498AFEEBB6960B3AABE6"))
    assert derive_key(master, Label.RTP_AUTHENTICATION, 94) == octets(
        "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"
        "E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25"
        "6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2"
    )


def test_rtcp_has_keys_of_its_own() -> None:
    """
    No key of RTCP is one of RTP's (RFC 3711 s.4.3.2).
    """
    suite = profile("AES_CM_128_HMAC_SHA1_80")
    master = MasterKey(bytes(16), bytes(14))
    rtp, rtcp = rtp_session_keys(suite, master), rtcp_session_keys(suite, master)
    assert len({rtp.encryption, rtcp.encryption}) == len({rtp.salt, rtcp.salt}) == 2
    assert rtp.authentication != rtcp.authentication


@pytest.mark.parametrize(("name", "key", "salt", "sealed"), [
    pytest.param(
        "AES_CM_128_HMAC_SHA1_80", "e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6",
        "4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb", id="128",
    ),
    pytest.param(
        "AES_256_CM_HMAC_SHA1_80", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
        "3b04803de51ee7c96423ab5b78d2", "f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b", id="256",
    ),
])
def test_whole_packet(name: str, key: str, salt: str, sealed: str) -> None:
    """
    libsrtp's reference packet is sealed and opened, from master key to tag.
    """
    header = octets("800f1234decafbadcafebabe")
    keys = [MasterKey(octets(key), octets(salt))]
    wanted = header + octets(sealed)
    assert SrtpContext(profile(name), keys).protect(header + b"\xab" * 16) == wanted
    assert SrtpContext(profile(name), keys).unprotect(wanted) == header + b"\xab" * 16


GCM_KEY = bytes(range(32))
GCM_SALT = b"Quid pro quo"
GCM_HEADER = "8040f17b 8041f8d3 5501a0b2"
GCM_TEXT = b"Gallia est omnis divisa in partes tres"
GCM_REPORT = (
    "4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef"
)


def gcm(key_size: int) -> Gcm:
    return Gcm(SessionKeys(GCM_KEY[:key_size], b"", GCM_SALT), 16)


@pytest.mark.parametrize(("key_size", "encrypted", "sealed"), [
    pytest.param(
        16, True, "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833"
        "899d7f27 beb16a91 52cf765e e4390cce", id="16.1.1",
    ),
    pytest.param(
        32, True, "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b"
        "7aa3db36 dfffd6b0 f9bb7878 d7a76c13", id="16.2.1",
    ),
    pytest.param(16, False, GCM_TEXT.hex() + "22493f82 d2bce397 e9d79e3b 19aa4216", id="16.1.3"),
    pytest.param(32, False, GCM_TEXT.hex() + "a866d591 0f887463 067ceefe c45215d4", id="16.2.3"),
])
def test_gcm_rtp(key_size: int, encrypted: bool, sealed: str) -> None:
    """
    RFC 7714 s.16: RTP of SSRC 5501a0b2 and sequence number f17b, encrypted or only tagged.
    """
    header = octets(GCM_HEADER)
    assert gcm(key_size).seal_rtp(header, GCM_TEXT, 0x5501A0B2, 0xF17B, encrypted) == (octets(sealed), b"")
    assert gcm(key_size).open_rtp(header, octets(sealed), 0x5501A0B2, 0xF17B, encrypted) == GCM_TEXT


@pytest.mark.parametrize(("key_size", "sealed"), [
    pytest.param(
        16, "63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b"
        "c84aa458 96cf4d2f c5abf872 45d9eade 800005d4", id="17.1",
    ),
    pytest.param(
        32, "d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad"
        "1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4", id="17.2",
    ),
    pytest.param(16, GCM_REPORT + "841dd968 3dd78ec9 2ae58790 125f62b3 000005d4", id="17.3"),
    pytest.param(32, GCM_REPORT + "91db4afb feee5a97 8fab4393 ed2615fe 000005d4", id="17.4"),
])
def test_gcm_rtcp(key_size: int, sealed: str) -> None:
    """
    RFC 7714 s.17: a report of SSRC 4d617273 with index 5d4, encrypted or only tagged.
    """
    header, packet, ssrc = octets("81c8000d 4d617273"), octets(sealed), 0x4D617273
    word = int.from_bytes(packet[-4:])
    assert gcm(key_size).word_at(packet) == len(packet) - 4
    assert gcm(key_size).open_rtcp(header, packet, ssrc, word) == octets(GCM_REPORT)
    assert gcm(key_size).seal_rtcp(header, octets(GCM_REPORT), ssrc, word) == (packet, b"")
