"""
Session keys from a master key: the AES counter mode PRF of RFC 3711 s.4.3.3, with longer keys RFC 6188 s.3.

The key derivation rate is zero: keys are derived once, and the packet index has no part in them. GCM uses the
same PRF with its salt of 12 octets filled up to 14 by zeros on the right (RFC 7714 s.11).
"""

from __future__ import annotations

from enum import IntEnum

from attrs import field, frozen
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import ProtectionProfile

_PRF_SALT = 14


class Label(IntEnum):
    """
    What a derived key is for (RFC 3711 s.4.3.1 and s.4.3.2).
    """

    RTP_ENCRYPTION = 0
    RTP_AUTHENTICATION = 1
    RTP_SALT = 2
    RTCP_ENCRYPTION = 3
    RTCP_AUTHENTICATION = 4
    RTCP_SALT = 5


@frozen
class SessionKeys:
    """
    What packets of one kind, RTP or RTCP, are protected with; a printed one shows nothing.
    """

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)   # empty with GCM
    salt: bytes = field(repr=False)


def rtp_session_keys(profile: ProtectionProfile, master: MasterKey) -> SessionKeys:
    """
    The keys of RTP.
    """
    return _session_keys(profile, master, Label.RTP_ENCRYPTION)


def rtcp_session_keys(profile: ProtectionProfile, master: MasterKey) -> SessionKeys:
    """
    The keys of RTCP.
    """
    return _session_keys(profile, master, Label.RTCP_ENCRYPTION)


def derive_key(master: MasterKey, label: Label, size: int) -> bytes:
    """
    C{size} octets of key stream, begun at the salt with the label in its seventh octet from the right.
    """
    salt = int.from_bytes(master.salt.ljust(_PRF_SALT, b"\0"))
    begin = (salt ^ label << 48) << 16
    stream = Cipher(algorithms.AES(master.key), modes.CTR(begin.to_bytes(16))).encryptor()
    return stream.update(bytes(size))


def _session_keys(profile: ProtectionProfile, master: MasterKey, first: Label) -> SessionKeys:
    return SessionKeys(
        encryption=derive_key(master, first, profile.key_size),
        authentication=derive_key(master, Label(first + 1), profile.authentication_key_size),
        salt=derive_key(master, Label(first + 2), profile.salt_size),
    )
