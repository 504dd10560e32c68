"""
SDES (RFC 4568): which of the offered suites we take, and what we answer.

The offer is in the offerer's order of preference, and the first line that we can honour is taken (RFC 4568
s.5.1.2, s.7.1.2). The answer has that line's tag and suite, and a key of our own: the offered one protects what the
offerer sends, ours what we send. A line that cannot be read, or not be honoured, is passed over and does
not spoil the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.srtp.crypto_attribute import CryptoAttribute, InlineKey, parse_crypto, sayable
from siprec_tw.srtp.master_key import MasterKey, split_material
from siprec_tw.srtp.profiles import MOST_MATERIAL, PROFILES, ProtectionProfile, profile_named

NOT_ACCEPTABLE = 488        # RFC 3261 s.21.4.26
UNENCRYPTED_SRTP = "UNENCRYPTED_SRTP"
UNENCRYPTED_SRTCP = "UNENCRYPTED_SRTCP"

# Session parameters (RFC 4568 s.6.3) that change nothing for one who only receives and sends no FEC.
_HARMLESS = ("FEC_ORDER", "FEC_KEY", "WSH")
# Those that both sides must agree on come back in the answer.
_AGREED = (UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, "FEC_ORDER")


@frozen
class SdesPolicy:
    """
    What this recorder takes.
    """

    suites: tuple[str, ...] = tuple(profile.name for profile in PROFILES)
    unencrypted: bool = False       # whether lines are taken that leave RTP or RTCP readable


@frozen
class SdesChoice:
    """
    The line that was taken, and ours to it.
    """

    profile: ProtectionProfile
    offered: CryptoAttribute                # the peer's line
    answer: CryptoAttribute                 # ours
    peer_keys: tuple[MasterKey, ...]        # open what the offerer sends
    own_key: MasterKey                      # seals what we send
    encrypted: bool                         # RTP; False only where the policy allows it
    encrypted_rtcp: bool
    passed_over: tuple[str, ...]            # why lines before it were not taken; no key is in it


def choose(
    values: Sequence[str], policy: SdesPolicy, fresh: bytes, previous: SdesChoice | None = None
) -> SdesChoice:
    """
    Take the first of the crypto attributes' values that can be honoured.

    C{fresh} are random octets for our key, MOST_MATERIAL of them, used for nothing else. C{previous} is what was
    chosen for the same stream before: where the offerer's keys are the same, ours stays too (RFC 4568 s.7.1.4).
    Raises PeerError (488) where no line can be taken, saying of each why, and LocalError for too few octets or
    the peer's own.
    """
    if len(fresh) < MOST_MATERIAL:
        raise LocalError(f"{len(fresh)} fresh octets for an SRTP key, wanted {MOST_MATERIAL}")
    passed_over: list[str] = []
    for value in values:
        try:
            offered = parse_crypto(value)
            profile = _honoured(offered, policy)
            peer_keys = offered.master_keys(profile)
        except PeerError as error:
            passed_over.append(error.text)
            continue
        own = split_material(profile, fresh[: profile.material_size])
        if previous is not None and (previous.profile, previous.peer_keys) == (profile, peer_keys):
            own = previous.own_key
        return _chosen(profile, offered, peer_keys, own, tuple(passed_over))
    found = "; ".join(passed_over) or "no crypto attribute"
    raise PeerError(f"no SRTP suite to take: {found}; wanted one of {', '.join(policy.suites)}", NOT_ACCEPTABLE)


def offer_for(profile: ProtectionProfile, tag: int, fresh: bytes) -> tuple[CryptoAttribute, MasterKey]:
    """
    A line of an offer of our own, and its key; C{fresh} as with choose, but other octets for every line.
    """
    key = split_material(profile, fresh[: profile.material_size])
    return CryptoAttribute(tag, profile.name, (InlineKey(key.key + key.salt),)), key


def answered(values: Sequence[str], offered: CryptoAttribute, own: MasterKey) -> SdesChoice:
    """
    What the peer made of the one line that we offered: its key, under the same tag and suite (RFC 4568 s.5.1.3).

    C{own} is the key of C{offered}. Raises PeerError (488) for an answer that does not fit.
    """
    if len(values) != 1:
        raise PeerError(f"the answer has {len(values)} crypto attributes, wanted 1", NOT_ACCEPTABLE)
    taken = parse_crypto(values[0])
    profile = profile_named(offered.suite)
    if profile is None or (taken.tag, profile_named(taken.suite)) != (offered.tag, profile):
        found = f"tag {taken.tag} and suite {sayable(taken.suite)}"
        raise PeerError(f"the answer has {found}, wanted {offered.tag} and {offered.suite}", NOT_ACCEPTABLE)
    names = [parameter.partition("=")[0].upper() for parameter in taken.parameters]
    if unasked := [name for name in names if name in (UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP)]:
        raise PeerError(f"the answer has session parameter {unasked[0]}, which was not offered", NOT_ACCEPTABLE)
    return SdesChoice(
        profile=profile, offered=taken, answer=offered, peer_keys=taken.master_keys(profile), own_key=own,
        encrypted=True, encrypted_rtcp=True, passed_over=(),
    )


def _honoured(offered: CryptoAttribute, policy: SdesPolicy) -> ProtectionProfile:
    """
    The profile of a line. Raises PeerError for one that we cannot, or by policy do not, honour.
    """
    profile = profile_named(offered.suite)
    if profile is None or profile.name not in policy.suites:
        raise PeerError(f"line {offered.tag} has suite {sayable(offered.suite)}")
    for parameter in offered.parameters:
        name = parameter.partition("=")[0].upper()
        if name in (UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP) and policy.unencrypted:
            continue
        if name not in _HARMLESS and not name.startswith("-"):      # RFC 4568 s.6.3.7
            raise PeerError(f"line {offered.tag} ({profile.name}) has session parameter {sayable(name)}")
    return profile


def _chosen(
    profile: ProtectionProfile, offered: CryptoAttribute, peer_keys: tuple[MasterKey, ...], own: MasterKey,
    passed_over: tuple[str, ...],
) -> SdesChoice:
    if any(own.key == theirs.key for theirs in peer_keys):
        raise LocalError("the fresh octets for an SRTP key are the peer's own key")
    names = {parameter.partition("=")[0].upper() for parameter in offered.parameters}
    agreed = tuple(one for one in offered.parameters if one.partition("=")[0].upper() in _AGREED)
    return SdesChoice(
        profile=profile,
        offered=offered,
        answer=CryptoAttribute(offered.tag, offered.suite, (InlineKey(own.key + own.salt),), agreed),
        peer_keys=peer_keys,
        own_key=own,
        encrypted=UNENCRYPTED_SRTP not in names,
        encrypted_rtcp=UNENCRYPTED_SRTCP not in names,
        passed_over=passed_over,
    )
