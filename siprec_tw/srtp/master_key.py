"""
A master key with its salt, as it was agreed in the signalling or by DTLS (RFC 3711 s.3.2.1).
"""

from __future__ import annotations

from attrs import field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.srtp.profiles import ProtectionProfile

MOST_LIFETIME = 1 << 48     # packets (RFC 3711 s.9.2)


@frozen
class MasterKey:
    """
    Key, salt, and the identifier that packets carry; a printed one shows none of its secrets.
    """

    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    mki: bytes = b""        # empty: packets carry no MKI (RFC 3711 s.3.1)
    lifetime: int = field(default=MOST_LIFETIME, eq=False, repr=False)  # RTP packets it is good for (RFC 4568 s.6.1)


def split_material(profile: ProtectionProfile, material: bytes, mki: bytes = b"") -> MasterKey:
    """
    Key and salt out of their concatenation. Raises PeerError where the length is not the profile's.
    """
    if len(material) != profile.material_size:
        raise PeerError(f"key and salt have {len(material)} octets, wanted {profile.material_size} for {profile.name}")
    return MasterKey(material[: profile.key_size], material[profile.key_size :], mki)
