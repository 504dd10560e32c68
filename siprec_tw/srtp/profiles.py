"""
Protection profiles: every suite that is spoken here is a row of one table.

RFC 4568 s.6.2 has the 128-bit counter mode, RFC 6188 s.2 those of 192 and 256 bits, RFC 7714 s.14 the two of GCM;
the DTLS identifiers are those of RFC 5764 s.4.1.2 and RFC 7714 s.14.2. The suite with the short tag shortens it
for RTP alone: RTCP keeps 80 bits.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class Cipher(Enum):
    """
    How packets are made unreadable and authentic.
    """

    COUNTER_MODE = "AES-CM with HMAC-SHA1"      # RFC 3711 s.4.1.1 and s.4.2.1
    GCM = "AES-GCM"                             # RFC 7714; the tag is part of the ciphertext


@frozen
class ProtectionProfile:
    """
    One suite; all sizes in octets.
    """

    name: str                       # as in a=crypto
    cipher: Cipher
    key_size: int                   # of the master key and of the session key alike
    salt_size: int                  # of the master salt and of the session salt alike
    authentication_key_size: int    # 0 where the cipher authenticates
    tag_size: int                   # of RTP
    rtcp_tag_size: int
    dtls_id: int | None = None      # in use_srtp; None: only SDES has a name for it

    @property
    def material_size(self) -> int:
        """
        Master key and master salt together, as SDES writes them.
        """
        return self.key_size + self.salt_size

    @property
    def tag_is_last(self) -> bool:
        """
        Whether the tag stands behind the MKI (RFC 3711 s.3.1), not in the ciphertext before it (RFC 7714 s.8).
        """
        return self.cipher is Cipher.COUNTER_MODE


_CM = Cipher.COUNTER_MODE
_GCM = Cipher.GCM

PROFILES = (
    #                 name                       cipher key salt auth tag rtcp dtls
    ProtectionProfile("AES_CM_128_HMAC_SHA1_80", _CM, 16, 14, 20, 10, 10, 0x0001),
    ProtectionProfile("AES_CM_128_HMAC_SHA1_32", _CM, 16, 14, 20, 4, 10, 0x0002),
    ProtectionProfile("AES_192_CM_HMAC_SHA1_80", _CM, 24, 14, 20, 10, 10),
    ProtectionProfile("AES_192_CM_HMAC_SHA1_32", _CM, 24, 14, 20, 4, 10),
    ProtectionProfile("AES_256_CM_HMAC_SHA1_80", _CM, 32, 14, 20, 10, 10),
    ProtectionProfile("AES_256_CM_HMAC_SHA1_32", _CM, 32, 14, 20, 4, 10),
    ProtectionProfile("AEAD_AES_128_GCM", _GCM, 16, 12, 0, 16, 16, 0x0007),
    ProtectionProfile("AEAD_AES_256_GCM", _GCM, 32, 12, 0, 16, 16, 0x0008),
)

MOST_MATERIAL = max(profile.material_size for profile in PROFILES)

# What some clients call a suite before or beside its registered name.
_OTHER_NAMES = {
    "AES_CM_192_HMAC_SHA1_80": "AES_192_CM_HMAC_SHA1_80",
    "AES_CM_192_HMAC_SHA1_32": "AES_192_CM_HMAC_SHA1_32",
    "AES_CM_256_HMAC_SHA1_80": "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_256_HMAC_SHA1_32": "AES_256_CM_HMAC_SHA1_32",
}
_BY_NAME = {profile.name: profile for profile in PROFILES}
_BY_DTLS_ID = {profile.dtls_id: profile for profile in PROFILES if profile.dtls_id is not None}


def profile_named(name: str) -> ProtectionProfile | None:
    """
    The profile of a suite as SDES names it, in any case of letters; None: not spoken here.
    """
    upper = name.upper()
    return _BY_NAME.get(_OTHER_NAMES.get(upper, upper))


def profile_of_dtls(identifier: int) -> ProtectionProfile | None:
    """
    The profile of a value in the use_srtp extension (RFC 5764 s.4.1.2); None: not spoken here.
    """
    return _BY_DTLS_ID.get(identifier)
