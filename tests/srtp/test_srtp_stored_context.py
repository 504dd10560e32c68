"""
Tests for siprec_tw.srtp.stored_context.
"""

import json

import cattrs
import pytest
from srtp_packets import CM_80, SSRC, master_key, pair, rtp

from siprec_tw.errors import LocalError, Replayed
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile
from siprec_tw.srtp.stored_context import RTCP_MARGIN, StoredContext, restore_context, store_context

REPORT = bytes.fromhex("80c80001") + SSRC.to_bytes(4)


def moved(context: SrtpContext) -> SrtpContext:
    """
    The context on another node: its record as JSON, its keys beside it.
    """
    record, keys = store_context(context)
    text = json.dumps(cattrs.unstructure(record))
    return restore_context(cattrs.structure(json.loads(text), StoredContext), keys)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_call_moves(profile: ProtectionProfile) -> None:
    """
    After 70,000 packets another node opens the next one, though thousands were lost in between, and no old one.
    """
    sender, receiver = pair(profile)
    sender.set_roll_over_counter(SSRC, 1)
    receiver.set_roll_over_counter(SSRC, 1)
    last = sender.protect(rtp(70_000 & 0xFFFF))
    receiver.unprotect(last)
    receiver.unprotect_rtcp(sender.protect_rtcp(REPORT))
    other = moved(receiver)
    assert other.roll_over_counter(SSRC) == 1
    with pytest.raises(Replayed):
        other.unprotect(last)
    late = rtp((70_000 + 32_000) & 0xFFFF)
    assert other.unprotect(sender.protect(late)) == late
    assert other.unprotect_rtcp(sender.protect_rtcp(REPORT)) == REPORT


def test_the_record_has_no_key() -> None:
    """
    Keys travel apart: none of their octets is in the record.
    """
    key = master_key(CM_80, mki=b"\7")
    record, keys = store_context(SrtpContext(CM_80, [key]))
    text = json.dumps(cattrs.unstructure(record))
    assert keys == (key,)
    assert key.key.hex() not in text
    assert key.salt.hex() not in text
    assert record.keys[0].mki == "07"


def test_indices_are_not_used_twice() -> None:
    """
    The record may be older than the last report that was sent under it: the other node leaps over those.
    """
    sender, receiver = pair(CM_80)
    sender.protect(rtp(5))
    receiver.unprotect_rtcp(sender.protect_rtcp(REPORT))
    other = moved(sender)
    assert other.next_rtcp_index == {SSRC: 1 + RTCP_MARGIN}
    assert receiver.unprotect_rtcp(other.protect_rtcp(REPORT)) == REPORT
    with pytest.raises(LocalError, match="a second time"):
        other.protect(rtp(5))


def test_several_keys_in_order() -> None:
    """
    In the middle of a change of keys both move, and the newest stays the newest.
    """
    sender, receiver = pair(CM_80)
    old = sender.protect(rtp(1))
    receiver.change_key(master_key(CM_80, 2))
    other = moved(receiver)
    assert [key.master for key in other.keys] == [master_key(CM_80, 2), master_key(CM_80, 1)]
    assert other.unprotect(old) == rtp(1)


def test_wrong_record() -> None:
    """
    A record of an unknown profile, or without its keys, is an error of ours.
    """
    record, keys = store_context(pair(CM_80)[0])
    with pytest.raises(LocalError, match="has 1 keys, found 0"):
        restore_context(record, ())
    with pytest.raises(LocalError, match="profile is NULL"):
        restore_context(cattrs.structure({**cattrs.unstructure(record), "profile": "NULL"}, StoredContext), keys)
