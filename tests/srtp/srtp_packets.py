"""
Packets and contexts for the tests of siprec_tw.srtp.
"""

from __future__ import annotations

import random

from siprec_tw.rtp.packet import HeaderExtension, RtpPacket, write_packet
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey, split_material
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile

SSRC = 0xCAFEBABE
CM_80 = PROFILES[0]
GCM_128 = PROFILES[6]


def master_key(profile: ProtectionProfile, seed: int = 1, mki: bytes = b"") -> MasterKey:
    """
    A key that is different for every seed.
    """
    return split_material(profile, random.Random(seed).randbytes(profile.material_size), mki)


def pair(profile: ProtectionProfile, seed: int = 1, mki: bytes = b"") -> tuple[SrtpContext, SrtpContext]:
    """
    Who seals, and who opens.
    """
    key = master_key(profile, seed, mki)
    return SrtpContext(profile, [key]), SrtpContext(profile, [key])


def rtp(sequence: int, payload: bytes | None = None, ssrc: int = SSRC, fancy: bool = False) -> bytes:
    """
    A plain packet; a fancy one has contributing sources and an extension.
    """
    content = sequence.to_bytes(8) * 4 if payload is None else payload
    return write_packet(RtpPacket(
        0, sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, ssrc, content,
        contributing=(1, 2) if fancy else (),
        extension=HeaderExtension(0xBEDE, b"\x10\xff\0\0") if fancy else None,
    ))
