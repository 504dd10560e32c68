"""
What opening one SRTP packet costs: CPU microseconds, per profile, of 160 octets of G.711 under many contexts.

Columns: the batch over a whole sweep with packets of one size, the batch with sizes from 20 to 160, one packet after
the other, and, where pylibsrtp is installed, libsrtp for scale. Each figure is the best of the sweeps; compare
within a run. Nothing is judged.

    python -m bench.srtp_cost --contexts 1000 --packets 25 --sweeps 6
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import struct
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from siprec_tw.srtp.batch import unprotect_rows
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey, split_material
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile

HEADER = struct.Struct("!BBHII")
PAYLOAD = 160
LEAST_PAYLOAD = 20

Sweep = list[list[bytes]]       # per context, the packets that wait in its socket
Opening = Callable[[Sweep], int]    # how many were opened


def sealed_sweeps(
    profile: ProtectionProfile, keys: Sequence[MasterKey], packets: int, sweeps: int, mixed: bool
) -> list[Sweep]:
    """
    What arrives, sweep by sweep.
    """
    chance = random.Random(1)
    senders = [SrtpContext(profile, [key]) for key in keys]
    return [
        [
            [
                sender.protect(
                    HEADER.pack(0x80, 0, number & 0xFFFF, 160 * number, ssrc)
                    + bytes(chance.randint(LEAST_PAYLOAD, PAYLOAD) if mixed else PAYLOAD)
                )
                for number in range(sweep * packets, (sweep + 1) * packets)
            ]
            for ssrc, sender in enumerate(senders)
        ]
        for sweep in range(sweeps)
    ]


def batched(profile: ProtectionProfile, keys: Sequence[MasterKey]) -> Opening:
    """
    By whole sweeps; the rows are filled beforehand, as the receiving call fills them.
    """
    contexts = [SrtpContext(profile, [key]) for key in keys]
    width = HEADER.size + PAYLOAD + profile.tag_size

    def opening(sweep: Sweep) -> int:
        packets = [packet for waiting in sweep for packet in waiting]
        rows = np.frombuffer(b"".join(packet.ljust(width, b"\0") for packet in packets), np.uint8)
        lengths = np.fromiter(map(len, packets), np.int64, len(packets))
        owners = np.repeat(np.arange(len(sweep)), [len(waiting) for waiting in sweep])
        begun = time.process_time()
        batch = unprotect_rows(rows.reshape(-1, width), lengths, owners, contexts)
        opening.spent = time.process_time() - begun     # type: ignore[attr-defined]
        return int(np.count_nonzero(batch.statuses == 0))

    return opening


def singly(profile: ProtectionProfile, keys: Sequence[MasterKey]) -> Opening:
    """
    Packet by packet.
    """
    contexts = [SrtpContext(profile, [key]) for key in keys]

    def opening(sweep: Sweep) -> int:
        return sum(
            len(context.unprotect(packet)) > 0
            for context, waiting in zip(contexts, sweep, strict=True) for packet in waiting
        )

    return opening


def libsrtp(profile: ProtectionProfile, keys: Sequence[MasterKey]) -> Opening | None:
    """
    By pylibsrtp, if it is there and knows the profile.
    """
    if importlib.util.find_spec("pylibsrtp") is None:
        return None
    from pylibsrtp import Policy, Session

    profiles = {
        "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    }
    if profile.name not in profiles:
        return None
    sessions = [
        Session(Policy(
            key=key.key + key.salt, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profiles[profile.name],
        ))
        for key in keys
    ]

    def opening(sweep: Sweep) -> int:
        return sum(
            len(session.unprotect(packet)) > 0
            for session, waiting in zip(sessions, sweep, strict=True) for packet in waiting
        )

    return opening


def cost(opening: Opening | None, sweeps: list[Sweep]) -> str:
    """
    Microseconds a packet in the best sweep but the first, in which sources prove themselves.
    """
    if opening is None:
        return "    -"
    figures = []
    for sweep in sweeps:
        count = sum(map(len, sweep))
        begun = time.process_time()
        opened = opening(sweep)
        spent = getattr(opening, "spent", time.process_time() - begun)
        assert opened == count, f"{opened} of {count} packets opened"
        figures.append(spent / count * 1e6)
    return f"{min(figures[1:]):5.2f}"


def main(tell: Callable[[str], object]) -> None:
    """
    Measure and tell.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--contexts", type=int, default=1000)
    parser.add_argument("--packets", type=int, default=25)
    parser.add_argument("--sweeps", type=int, default=6)
    given = parser.parse_args()
    chance = random.Random(2)
    tell(f"{given.contexts} contexts, {given.packets} packets a sweep, {given.sweeps} sweeps; us a packet\n")
    tell("profile                  batch  mixed  singly  libsrtp\n")
    for profile in PROFILES:
        keys = [split_material(profile, chance.randbytes(profile.material_size)) for _ in range(given.contexts)]
        even = sealed_sweeps(profile, keys, given.packets, given.sweeps, mixed=False)
        mixed = sealed_sweeps(profile, keys, given.packets, given.sweeps, mixed=True)
        tell(f"{profile.name:24s} {cost(batched(profile, keys), even)}  {cost(batched(profile, keys), mixed)}")
        tell(f"   {cost(singly(profile, keys), even)}    {cost(libsrtp(profile, keys), even)}\n")


if __name__ == "__main__":
    main(sys.stdout.write)
