"""
Tests for siprec_tw.srtp.context: RTP.
"""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from srtp_packets import CM_80, GCM_128, SSRC, master_key, pair, rtp

from siprec_tw.errors import BadTag, LocalError, PeerError, Replayed
from siprec_tw.srtp.batch import Status, unprotect_packets
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile
from siprec_tw.srtp.replay_window import WINDOW_SIZE

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def one_by_one(context: SrtpContext, packets: list[bytes]) -> list[bytes]:
    return [context.unprotect(packet) for packet in packets]


def in_batches(context: SrtpContext, packets: list[bytes]) -> list[bytes]:
    opened: list[bytes] = []
    while len(opened) < len(packets):
        plain, statuses = unprotect_packets(packets[len(opened) : len(opened) + 7777], [context])
        assert set(statuses) == {Status.OK}
        opened += plain
    return opened


@every_profile
@pytest.mark.parametrize("fancy", [False, True])
@pytest.mark.parametrize("mki", [b"", b"\0\0\0\1"])
def test_round_trip(profile: ProtectionProfile, fancy: bool, mki: bytes) -> None:
    """
    What is sealed is opened again; the header stays readable, the payload does not; tag and MKI are all that is added.
    """
    sender, receiver = pair(profile, mki=mki)
    plain = rtp(1, b"sound" * 30, fancy=fancy)
    sealed = sender.protect(plain)
    assert len(sealed) == len(plain) + profile.tag_size + len(mki)
    assert sealed[:12] == plain[:12]
    assert b"sound" not in sealed
    assert receiver.unprotect(sealed) == plain
    assert mki in sealed


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(PROFILES), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1),
    st.binary(max_size=1400), st.booleans(), st.binary(max_size=4),
)
def test_round_trip_of_anything(
    profile: ProtectionProfile, counter: int, sequence: int, ssrc: int, payload: bytes, fancy: bool, mki: bytes
) -> None:
    """
    Any packet under any counter comes back, one by one and by the batch.
    """
    sender, receiver = pair(profile, mki=mki)
    other = SrtpContext(profile, [master_key(profile, mki=mki)], counter)
    for context in (sender, receiver):
        context.set_roll_over_counter(ssrc, counter)
    plain = rtp(sequence, payload, ssrc, fancy)
    sealed = sender.protect(plain)
    assert receiver.unprotect(sealed) == plain
    assert unprotect_packets([sealed], [other]) == ([plain], [Status.OK])
    assert receiver.roll_over_counter(ssrc) == other.roll_over_counter(ssrc) == counter


@every_profile
def test_every_octet_is_guarded(profile: ProtectionProfile) -> None:
    """
    A packet with any bit turned is refused, and opens afterwards as if nothing had been.
    """
    sender, receiver = pair(profile)
    receiver.unprotect(sender.protect(rtp(0)))
    sealed = sender.protect(rtp(1))
    for place in range(1, len(sealed)):
        turned = bytearray(sealed)
        turned[place] ^= 1 << place % 8
        with pytest.raises(BadTag):
            receiver.unprotect(bytes(turned))
    assert receiver.unprotect(sealed) == rtp(1)


@every_profile
def test_every_length_is_guarded(profile: ProtectionProfile) -> None:
    """
    A packet cut anywhere is refused.
    """
    sender, receiver = pair(profile)
    sealed = sender.protect(rtp(1))
    for length in range(len(sealed)):
        with pytest.raises(PeerError):
            receiver.unprotect(sealed[:length])
    assert receiver.unprotect(sealed) == rtp(1)


def test_the_counter_is_guarded() -> None:
    """
    The roll-over counter is not sent, but the tag is over it (RFC 3711 s.4.2).
    """
    sender, receiver = pair(CM_80)
    sender.set_roll_over_counter(SSRC, 7)
    with pytest.raises(BadTag, match="packet 1 of source cafebabe"):
        receiver.unprotect(sender.protect(rtp(1)))


def test_replayed() -> None:
    """
    A packet whose index was seen before is refused, though its tag is good; so is one too old to tell.
    """
    sender, receiver = pair(CM_80)
    sealed = [sender.protect(rtp(number)) for number in range(WINDOW_SIZE + 2)]
    receiver.unprotect(sealed[1])
    with pytest.raises(Replayed):
        receiver.unprotect(sealed[1])
    receiver.unprotect(sealed[-1])
    with pytest.raises(Replayed):
        receiver.unprotect(sealed[0])
    assert receiver.unprotect(sealed[2]) == rtp(2)


@pytest.mark.parametrize("profile", [CM_80, GCM_128], ids=lambda profile: profile.name)
@pytest.mark.parametrize("opening", [one_by_one, in_batches])
def test_three_roll_overs(
    profile: ProtectionProfile, opening: Callable[[SrtpContext, list[bytes]], list[bytes]]
) -> None:
    """
    Of 200,000 packets across three roll-overs, one in a hundred lost and many out of order round every wrap, those
    that arrive are all opened.
    """
    chance = random.Random(11)
    sender, receiver = pair(profile)
    plain = [rtp(number, number.to_bytes(4)) for number in range(200_000)]
    sealed = [sender.protect(packet) for packet in plain]
    assert sender.roll_over_counter(SSRC) == 0          # nothing was received there
    order = [number for number in range(200_000) if number == 0 or chance.random() > 0.01]
    place = {
        number: number + chance.randrange(300 if min(number % 65_536, -number % 65_536) < 2000 else 4)
        for number in order
    }
    order.sort(key=lambda number: (place[number], number))
    assert opening(receiver, [sealed[number] for number in order]) == [plain[number] for number in order]
    assert receiver.roll_over_counter(SSRC) == 3
    assert receiver.keys[0].accepted == len(order)


def test_joining_late() -> None:
    """
    A call that is taken over after its counter went round opens with the counter it is told, and with none other.
    """
    sender, receiver = pair(GCM_128)
    sender.set_roll_over_counter(SSRC, 5)
    sealed = sender.protect(rtp(40_000))
    with pytest.raises(BadTag):
        receiver.unprotect(sealed)
    receiver.set_roll_over_counter(SSRC, 5)
    assert receiver.roll_over_counter(SSRC) == 5
    assert receiver.unprotect(sealed) == rtp(40_000)
    late = SrtpContext(GCM_128, [master_key(GCM_128)], 5)
    assert late.unprotect(sealed) == rtp(40_000)
    assert (late.sources(), late.roll_over_counter(SSRC)) == ((SSRC,), 5)


@pytest.mark.parametrize(("told", "true"), [(0, 1), (5, 6), (5, 4), (5, 0)])
def test_first_packet_proves_the_counter(told: int, true: int) -> None:
    """
    A source may have gone round before its first packet got here, or begin at zero: its tag proves which it is.
    """
    sender = SrtpContext(CM_80, [master_key(CM_80)], true)
    receiver = SrtpContext(CM_80, [master_key(CM_80)], told)
    assert receiver.unprotect(sender.protect(rtp(3))) == rtp(3)
    assert receiver.roll_over_counter(SSRC) == true


def test_setting_the_counter_forgets() -> None:
    """
    A counter that is set goes for the next packet, even below those that were seen.
    """
    sender, receiver = pair(CM_80)
    sender.set_roll_over_counter(SSRC, 9)
    receiver.set_roll_over_counter(SSRC, 9)
    receiver.unprotect(sender.protect(rtp(1)))
    receiver.set_roll_over_counter(SSRC, 0)
    assert receiver.unprotect(pair(CM_80)[0].protect(rtp(2))) == rtp(2)
    with pytest.raises(LocalError, match="counter is 4294967296, wanted 0 to 4294967295"):
        receiver.set_roll_over_counter(SSRC, 1 << 32)


def test_the_last_index() -> None:
    """
    Behind the last index of a key nothing is sealed or opened (RFC 3711 s.9.2).
    """
    sender, receiver = pair(CM_80)
    for context in (sender, receiver):
        context.set_roll_over_counter(SSRC, (1 << 32) - 1)
    assert receiver.unprotect(sender.protect(rtp(65_535))) == rtp(65_535)
    with pytest.raises(LocalError, match="used its key up"):
        sender.protect(rtp(0))
    with pytest.raises(BadTag):
        receiver.unprotect(pair(CM_80)[0].protect(rtp(0)))
    forged = pair(CM_80)[0].protect(rtp(0))
    assert unprotect_packets([forged], [receiver])[1] == [Status.BAD_TAG]


def test_sources_count_apart() -> None:
    """
    Several SSRCs share a context, each with its own counter and window.
    """
    sender, receiver = pair(CM_80)
    for ssrc in range(100):
        plain = rtp(5, ssrc=ssrc)
        assert receiver.unprotect(sender.protect(plain)) == plain
    assert receiver.sources() == tuple(range(36, 100))      # 64 at most; the oldest are forgotten


def test_unknown_mki() -> None:
    """
    A packet with another MKI is not ours to open.
    """
    sender, receiver = pair(CM_80, mki=b"\0\2")
    other = SrtpContext(CM_80, [master_key(CM_80, mki=b"\0\3")])
    sealed = sender.protect(rtp(1))
    with pytest.raises(BadTag, match="tag or MKI"):
        other.unprotect(sealed)
    assert receiver.unprotect(sealed) == rtp(1)


def test_several_keys() -> None:
    """
    With several keys the MKI says under which a packet comes, and the counter runs on across them.
    """
    keys = [master_key(CM_80, seed, bytes([seed])) for seed in (1, 2)]
    receiver = SrtpContext(CM_80, keys)
    sender = SrtpContext(CM_80, keys)
    packets = []
    for number in range(65_530, 65_545):
        sender.change_key(keys[number // 4 % 2])
        packets.append(sender.protect(rtp(number)))
    assert one_by_one(receiver, packets) == [rtp(number) for number in range(65_530, 65_545)]
    with pytest.raises(Replayed):
        receiver.unprotect(packets[0])


@every_profile
@pytest.mark.parametrize("reset", [False, True])
def test_change_of_keys(profile: ProtectionProfile, reset: bool) -> None:
    """
    After a re-INVITE packets under the old key still open, those under the new one do whether the peer counts on or
    begins again at zero, and the old key goes when the new one has served long enough.
    """
    old, new = master_key(profile, 1), master_key(profile, 2)
    sender, receiver = SrtpContext(profile, [old], 3), SrtpContext(profile, [old], 3)
    first = [sender.protect(rtp(number)) for number in range(10)]
    one_by_one(receiver, first[:8])
    renewed = SrtpContext(profile, [new], 0 if reset else 3)
    receiver.change_key(new)
    second = [renewed.protect(rtp(number)) for number in range(10, 12 + WINDOW_SIZE)]
    assert one_by_one(receiver, [second[0], first[8], second[1], first[9]]) == [rtp(n) for n in (10, 8, 11, 9)]
    assert receiver.roll_over_counter(SSRC) == (0 if reset else 3)
    with pytest.raises(Replayed):
        receiver.unprotect(first[9])
    one_by_one(receiver, second[2:])
    assert [key.master for key in receiver.keys] == [new]


def test_return_to_a_former_key() -> None:
    """
    A leg that was given back: packets under the key between are still opened, also after one under the former key.
    """
    former, between = master_key(CM_80, 1), master_key(CM_80, 2)
    sender, receiver = SrtpContext(CM_80, [former]), SrtpContext(CM_80, [former])
    one_by_one(receiver, [sender.protect(rtp(number)) for number in range(WINDOW_SIZE + 1)])
    numbers = range(WINDOW_SIZE + 1, WINDOW_SIZE + 5)
    sender.change_key(between)
    second = [sender.protect(rtp(number)) for number in numbers[:2]]
    sender.change_key(former)
    third = [sender.protect(rtp(number)) for number in numbers[2:]]
    receiver.change_key(between)
    one_by_one(receiver, second[:1])
    receiver.change_key(former)
    late = [third[0], second[1], third[1]]
    assert one_by_one(receiver, late) == [rtp(number) for number in (numbers[2], numbers[1], numbers[3])]


def test_the_same_key_again() -> None:
    """
    A re-INVITE that repeats the key changes nothing: what was seen stays seen.
    """
    sender, receiver = pair(CM_80)
    sealed = sender.protect(rtp(1))
    receiver.unprotect(sealed)
    receiver.change_key(master_key(CM_80))
    assert len(receiver.keys) == 1
    with pytest.raises(Replayed):
        receiver.unprotect(sealed)


def test_sealing_twice() -> None:
    """
    A packet is not sealed a second time: the same key stream for two payloads gives both away.
    """
    sender, _ = pair(CM_80)
    sender.protect(rtp(1))
    with pytest.raises(LocalError, match="sealed a second time"):
        sender.protect(rtp(1, b"other"))


@every_profile
def test_unencrypted(profile: ProtectionProfile) -> None:
    """
    Where UNENCRYPTED_SRTP was agreed the payload is readable, and guarded all the same.
    """
    key = master_key(profile)
    sender, receiver = (SrtpContext(profile, [key], encrypted=False) for _ in range(2))
    sealed = sender.protect(rtp(1, b"readable"))
    assert b"readable" in sealed
    with pytest.raises(BadTag):
        receiver.unprotect(sealed.replace(b"readable", b"r3adable"))
    assert receiver.unprotect(sealed) == rtp(1, b"readable")


def test_a_context_wants_a_key() -> None:
    """
    A context without keys is a bug.
    """
    with pytest.raises(LocalError, match="without a key"):
        SrtpContext(CM_80, [])
