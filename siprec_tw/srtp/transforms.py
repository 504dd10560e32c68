"""
Protection of one packet with session keys: counter mode with HMAC-SHA1, and GCM.

  counter mode, RTP     header | encrypted payload | MKI | tag            tag over all before the MKI, and the ROC
  counter mode, RTCP    header | encrypted rest | E, index | MKI | tag    tag over all before the MKI
  GCM, RTP              header | encrypted payload and tag | MKI          header associated
  GCM, RTCP             header | encrypted rest and tag | E, index | MKI  header and E, index associated

The header of RTCP is its first eight octets; E says whether the rest is encrypted (RFC 3711 s.3.4, RFC 7714 s.9).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC

from siprec_tw.srtp import profiles
from siprec_tw.srtp.key_derivation import SessionKeys

RTCP_HEADER = 8
INDEX_WORD = 4
ENCRYPTED_BIT = 1 << 31


class Transform(Protocol):
    """
    What seals and opens. What is opened is given without its MKI; None comes back where the tag is wrong.
    """

    tag_size: int

    def seal_rtp(self, header: bytes, payload: bytes, ssrc: int, index: int, encrypted: bool) -> tuple[bytes, bytes]:
        """
        What follows the header: before the MKI, and behind it.
        """

    def open_rtp(self, header: bytes, sealed: bytes, ssrc: int, index: int, encrypted: bool) -> bytes | None:
        """
        The payload.
        """

    def seal_rtcp(self, header: bytes, rest: bytes, ssrc: int, word: int) -> tuple[bytes, bytes]:
        """
        What follows the header: before the MKI, and behind it. C{word} is E and index.
        """

    def word_at(self, sealed: bytes) -> int:
        """
        Where in what follows the header E and index begin.
        """

    def open_rtcp(self, header: bytes, sealed: bytes, ssrc: int, word: int) -> bytes | None:
        """
        The rest of the compound packet.
        """


def transform_of(profile: profiles.ProtectionProfile, keys: SessionKeys, tag_size: int) -> Transform:
    """
    The profile's transform.
    """
    return _TRANSFORMS[profile.cipher](keys, tag_size)


class CounterMode:
    """
    AES counter mode (RFC 3711 s.4.1.1) and HMAC-SHA1 (s.4.2.1).
    """

    def __init__(self, keys: SessionKeys, tag_size: int) -> None:
        self.tag_size = tag_size
        self._stream = Cipher(algorithms.AES(keys.encryption), modes.CTR(bytes(16))).encryptor()
        self.blocks = Cipher(algorithms.AES(keys.encryption), modes.ECB()).encryptor()  # for many counters at once
        self.mac = HMAC(keys.authentication, hashes.SHA1())
        self._salt = int.from_bytes(keys.salt) << 16
        self.salt_block = self.first_block(0)       # a counter block but for SSRC and index

    def first_block(self, ssrc: int, index: int = 0) -> bytes:
        """
        The counter block with which a packet's key stream begins (RFC 3711 s.4.1.1).
        """
        return (self._salt ^ ssrc << 64 ^ index << 16).to_bytes(16)

    def crypt(self, octets: bytes, ssrc: int, index: int) -> bytes:
        """
        Encrypt or decrypt.
        """
        self._stream.reset_nonce(self.first_block(ssrc, index))
        return self._stream.update(octets)

    def tag(self, octets: bytes) -> bytes:
        """
        The tag over these octets.
        """
        mac = self.mac.copy()
        mac.update(octets)
        return mac.finalize()[: self.tag_size]

    def seal_rtp(self, header: bytes, payload: bytes, ssrc: int, index: int, encrypted: bool) -> tuple[bytes, bytes]:
        """
        See Transform.
        """
        body = self.crypt(payload, ssrc, index) if encrypted else payload
        return body, self.tag(header + body + (index >> 16).to_bytes(4))

    def open_rtp(self, header: bytes, sealed: bytes, ssrc: int, index: int, encrypted: bool) -> bytes | None:
        """
        See Transform.
        """
        end = len(sealed) - self.tag_size
        body = sealed[:end]
        if not compare_digest(self.tag(header + body + (index >> 16).to_bytes(4)), sealed[end:]):
            return None
        return self.crypt(body, ssrc, index) if encrypted else body

    def seal_rtcp(self, header: bytes, rest: bytes, ssrc: int, word: int) -> tuple[bytes, bytes]:
        """
        See Transform.
        """
        body = self.crypt(rest, ssrc, word & ~ENCRYPTED_BIT) if word & ENCRYPTED_BIT else rest
        body += word.to_bytes(INDEX_WORD)
        return body, self.tag(header + body)

    def word_at(self, sealed: bytes) -> int:
        """
        See Transform.
        """
        return len(sealed) - self.tag_size - INDEX_WORD

    def open_rtcp(self, header: bytes, sealed: bytes, ssrc: int, word: int) -> bytes | None:
        """
        See Transform.
        """
        end = self.word_at(sealed)
        if not compare_digest(self.tag(header + sealed[: end + INDEX_WORD]), sealed[end + INDEX_WORD :]):
            return None
        rest = sealed[:end]
        return self.crypt(rest, ssrc, word & ~ENCRYPTED_BIT) if word & ENCRYPTED_BIT else rest


class Gcm:
    """
    AES-GCM (RFC 7714 s.8 and s.9); without encryption everything is associated, and nothing secret.
    """

    def __init__(self, keys: SessionKeys, tag_size: int) -> None:
        self.tag_size = tag_size
        self.aead = AESGCM(keys.encryption)
        self._salt = int.from_bytes(keys.salt)
        self.salt_nonce = self.nonce(0, 0)          # a nonce but for SSRC and index

    def nonce(self, ssrc: int, index: int) -> bytes:
        """
        The initialisation vector (RFC 7714 s.8.1 and s.9.1): 00 00, SSRC, and 48 bits of index, with the salt.
        """
        return (self._salt ^ ssrc << 48 ^ index).to_bytes(12)

    def seal_rtp(self, header: bytes, payload: bytes, ssrc: int, index: int, encrypted: bool) -> tuple[bytes, bytes]:
        """
        See Transform.
        """
        return self._seal(header, payload, b"", self.nonce(ssrc, index), encrypted), b""

    def open_rtp(self, header: bytes, sealed: bytes, ssrc: int, index: int, encrypted: bool) -> bytes | None:
        """
        See Transform.
        """
        return self._open(header, sealed, b"", self.nonce(ssrc, index), encrypted)

    def seal_rtcp(self, header: bytes, rest: bytes, ssrc: int, word: int) -> tuple[bytes, bytes]:
        """
        See Transform.
        """
        octets = word.to_bytes(INDEX_WORD)
        nonce = self.nonce(ssrc, word & ~ENCRYPTED_BIT)
        return self._seal(header, rest, octets, nonce, bool(word & ENCRYPTED_BIT)) + octets, b""

    def word_at(self, sealed: bytes) -> int:
        """
        See Transform.
        """
        return len(sealed) - INDEX_WORD

    def open_rtcp(self, header: bytes, sealed: bytes, ssrc: int, word: int) -> bytes | None:
        """
        See Transform.
        """
        octets = word.to_bytes(INDEX_WORD)
        nonce = self.nonce(ssrc, word & ~ENCRYPTED_BIT)
        return self._open(header, sealed[: self.word_at(sealed)], octets, nonce, bool(word & ENCRYPTED_BIT))

    def _seal(self, header: bytes, secret: bytes, word: bytes, nonce: bytes, encrypted: bool) -> bytes:
        if encrypted:
            return self.aead.encrypt(nonce, secret, header + word)
        return secret + self.aead.encrypt(nonce, b"", header + secret + word)

    def _open(self, header: bytes, sealed: bytes, word: bytes, nonce: bytes, encrypted: bool) -> bytes | None:
        end = len(sealed) - self.tag_size
        try:
            if encrypted:
                return self.aead.decrypt(nonce, sealed, header + word)
            self.aead.decrypt(nonce, sealed[end:], header + sealed[:end] + word)
        except InvalidTag:
            return None
        return sealed[:end]


_TRANSFORMS: dict[profiles.Cipher, type[CounterMode] | type[Gcm]] = {
    profiles.Cipher.COUNTER_MODE: CounterMode,
    profiles.Cipher.GCM: Gcm,
}
