"""
A context as a record that another node can go on from; its keys travel apart from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.errors import LocalError
from siprec_tw.srtp.context import RTCP_INDEX_END, SrtpContext
from siprec_tw.srtp.key_state import StoredKeyState
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import profile_named
from siprec_tw.srtp.replay_window import StoredWindow, window_from_stored

# The record may be older than the last packets that were sent under it, and an index must never be used twice.
RTCP_MARGIN = 1 << 16


@frozen
class StoredContext:
    """
    Everything but the keys, in the order of the keys: the newest first.
    """

    profile: str
    expected_roll_over_counter: int
    encrypted: bool
    encrypted_rtcp: bool
    keys: tuple[StoredKeyState, ...]
    expected: tuple[tuple[int, int], ...] = ()              # SSRC and roll-over counter
    sent: tuple[StoredWindow, ...] = ()
    next_rtcp_index: tuple[tuple[int, int], ...] = ()       # SSRC and index


def store_context(context: SrtpContext) -> tuple[StoredContext, tuple[MasterKey, ...]]:
    """
    The record, and beside it the keys that it needs.
    """
    record = StoredContext(
        profile=context.profile.name,
        expected_roll_over_counter=context.expected_roll_over_counter,
        encrypted=context.encrypted,
        encrypted_rtcp=context.encrypted_rtcp,
        keys=tuple(key.as_stored() for key in context.keys),
        expected=tuple(context.expected.items()),
        sent=tuple(window.as_stored(ssrc) for ssrc, window in context.sent.items()),
        next_rtcp_index=tuple(context.next_rtcp_index.items()),
    )
    return record, tuple(key.master for key in context.keys)


def restore_context(stored: StoredContext, keys: Sequence[MasterKey]) -> SrtpContext:
    """
    The context again, its RTCP sent with indices far beyond the record's. Raises LocalError where keys are missing.

    Packets are opened as long as fewer than 32,768 were sent since the record was made (RFC 3711 s.3.3.1).
    """
    profile = profile_named(stored.profile)
    if profile is None:
        raise LocalError(f"stored SRTP profile is {stored.profile}, which is unknown here")
    if [key.mki.hex() for key in keys] != [key.mki for key in stored.keys]:
        raise LocalError(f"stored SRTP context has {len(stored.keys)} keys, found {len(keys)} or other MKIs")
    context = SrtpContext(
        profile, tuple(reversed(keys)), stored.expected_roll_over_counter,
        encrypted=stored.encrypted, encrypted_rtcp=stored.encrypted_rtcp,
    )
    for key, stored_key in zip(context.keys, stored.keys, strict=True):
        key.restore(stored_key)
    context.expected = dict(stored.expected)
    context.sent = {window.ssrc: window_from_stored(window) for window in stored.sent}
    context.next_rtcp_index = {
        ssrc: min(index + RTCP_MARGIN, RTCP_INDEX_END) for ssrc, index in stored.next_rtcp_index
    }
    return context
