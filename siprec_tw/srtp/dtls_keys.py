"""
SRTP keys out of a DTLS handshake (RFC 5764 s.4.2).

What DTLS exports is cut into

  client's master key | server's master key | client's master salt | server's master salt

and each side seals with its own. There is no MKI.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile

EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"

# The names of the use_srtp extension (RFC 5764 s.4.1.2, RFC 7714 s.14.2) as OpenSSL writes them, the best first.
_OPENSSL_NAMES = {
    "SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM",
    "SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
    "SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
    "SRTP_AES128_CM_SHA1_32": "AES_CM_128_HMAC_SHA1_32",
}
OFFERED_PROFILES = ":".join(_OPENSSL_NAMES).encode("ascii")
_PROFILES = {profile.name: profile for profile in PROFILES}


@frozen
class DtlsKeys:
    """
    What a handshake agreed on; a printed one shows no key.
    """

    profile: ProtectionProfile
    client: MasterKey       # seals what the DTLS client sends
    server: MasterKey


def profile_of_openssl(name: bytes) -> ProtectionProfile:
    """
    The profile that was selected, by OpenSSL's name. Raises PeerError for one that is not ours, or none.
    """
    profile = _PROFILES.get(_OPENSSL_NAMES.get(name.decode("ascii", "replace"), ""))
    if profile is None:
        raise PeerError(f"use_srtp agreed on {name!r}, wanted one of {OFFERED_PROFILES.decode()}")
    return profile


def exported_size(profile: ProtectionProfile) -> int:
    """
    Octets to be exported.
    """
    return 2 * profile.material_size


def split_exported(profile: ProtectionProfile, exported: bytes) -> DtlsKeys:
    """
    The keys of both sides. Raises PeerError where the length is not the profile's.
    """
    if len(exported) != exported_size(profile):
        raise PeerError(f"DTLS exported {len(exported)} octets, wanted {exported_size(profile)} for {profile.name}")
    key, salt = profile.key_size, profile.salt_size
    salts = exported[2 * key :]
    return DtlsKeys(
        profile,
        client=MasterKey(exported[:key], salts[:salt]),
        server=MasterKey(exported[key : 2 * key], salts[salt:]),
    )
