"""
Tests for siprec_tw.srtp.batch: what it says is what opening packet by packet says.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from srtp_packets import CM_80, GCM_128, SSRC, master_key, pair, rtp

from siprec_tw.errors import BadTag, LocalError, PeerError, Replayed
from siprec_tw.srtp.batch import Status, unprotect_packets, unprotect_rows
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import PROFILES, ProtectionProfile
from siprec_tw.srtp.replay_window import WINDOW_SIZE
from siprec_tw.srtp.stored_context import store_context

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


def one_by_one(
    packets: Sequence[bytes], contexts: Sequence[SrtpContext], owners: Sequence[int]
) -> tuple[list[bytes], list[Status]]:
    """
    What unprotect_packets is to say.
    """
    plain, statuses = [], []
    for packet, owner in zip(packets, owners, strict=True):
        opened, status = b"", Status.OK
        try:
            opened = contexts[owner].unprotect(packet)
        except Replayed:
            status = Status.REPLAYED
        except BadTag:
            status = Status.BAD_TAG
        except PeerError:
            status = Status.MALFORMED
        plain.append(opened)
        statuses.append(status)
    return plain, statuses


def sealed_run(profile: ProtectionProfile, count: int, first: int = 0, seed: int = 1) -> list[bytes]:
    """
    Packets of equal length.
    """
    sender = SrtpContext(profile, [master_key(profile, seed)])
    return [sender.protect(rtp(number, bytes([number & 0xFF]) * 160)) for number in range(first, first + count)]


@every_profile
def test_many_contexts_at_once(profile: ProtectionProfile) -> None:
    """
    A sweep over several contexts of G.711 comes out in order, payloads one behind the other, without a copy.
    """
    contexts = [SrtpContext(profile, [master_key(profile, seed)]) for seed in range(5)]
    packets = [packet for seed in range(5) for packet in sealed_run(profile, 30, seed=seed)]
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(150, -1)
    lengths, owners = np.full(150, rows.shape[1]), np.repeat(np.arange(5), 30)
    for chosen in (np.arange(150) % 30 < 3, np.arange(150) % 30 >= 3):     # the sources are not known; they are
        batch = unprotect_rows(rows[chosen], lengths[chosen], owners[chosen], contexts)
        assert not batch.statuses.any()
        assert batch.indices.tolist() == (np.arange(150) % 30)[chosen].tolist()
        assert set(batch.header_sizes.tolist()) == {12}
        assert set(batch.payload_lengths.tolist()) == {160}
        assert batch.payloads.flags.c_contiguous
        assert (batch.payloads == batch.indices[:, None]).all()
    assert all(context.keys[0].accepted == 30 for context in contexts)


def test_nothing() -> None:
    """
    An empty sweep is an empty batch.
    """
    assert unprotect_packets([], [pair(CM_80)[1]]) == ([], [])
    batch = unprotect_rows(np.empty((0, 182), np.uint8), np.empty(0, np.int64), np.empty(0, np.int64), [])
    assert batch.payloads.shape[0] == batch.statuses.size == 0


@every_profile
def test_empty_payloads(profile: ProtectionProfile) -> None:
    """
    Packets of header and tag alone are packets.
    """
    sender, receiver = pair(profile)
    packets = [sender.protect(rtp(number, b"")) for number in range(6)]
    for part in (packets[:3], packets[3:]):
        plain, statuses = unprotect_packets(part, [receiver])
        assert statuses == [Status.OK] * 3
        assert [len(packet) for packet in plain] == [12] * 3


@every_profile
def test_bad_rows_are_empty(profile: ProtectionProfile) -> None:
    """
    Of a row that is not OK nothing comes out: no payload, no index, no length.
    """
    packets = sealed_run(profile, 6)
    packets[3] = packets[3][:-1] + bytes([packets[3][-1] ^ 1])
    receiver = SrtpContext(profile, [master_key(profile)])
    receiver.unprotect(packets[0])
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(6, -1)
    lengths = np.array([len(packets[0])] * 5 + [5000])
    batch = unprotect_rows(rows, lengths, np.zeros(6, np.int64), [receiver])
    assert batch.statuses.tolist() == [Status.REPLAYED, 0, 0, Status.BAD_TAG, 0, Status.MALFORMED]
    assert batch.indices.tolist() == [-1, 1, 2, -1, 4, -1]
    assert batch.payload_lengths.tolist() == [0, 160, 160, 0, 160, 0]
    assert batch.header_sizes.tolist() == [0, 12, 12, 0, 12, 0]
    assert batch.payloads.any(axis=1).tolist() == [False, True, True, False, True, False]


@every_profile
def test_a_replay_within_the_batch(profile: ProtectionProfile) -> None:
    """
    Of two equal packets in a sweep the second is a replay; behind one whose tag is wrong the true one is taken.
    """
    packets = sealed_run(profile, 5)
    forged = packets[3][:-1] + bytes([packets[3][-1] ^ 1])
    receiver = SrtpContext(profile, [master_key(profile)])
    receiver.unprotect(packets[0])
    order = [packets[1], packets[1], packets[2], forged, packets[3], forged, packets[4]]
    assert unprotect_packets(order, [receiver])[1] == [
        Status.OK, Status.REPLAYED, Status.OK, Status.BAD_TAG, Status.OK, Status.REPLAYED, Status.OK,
    ]


def test_a_leap_of_half_a_cycle() -> None:
    """
    Sequence numbers that run on by more than half a cycle within a sweep are followed as packet by packet; a forged
    leap is not.
    """
    sender, one = pair(CM_80)
    _, other = pair(CM_80)
    numbers = [0, 30_000, 60_000, 90_000, 120_000, 119_999, 150_000, 150_001]
    packets = [sender.protect(rtp(number)) for number in numbers]
    forged = rtp(20_000) + bytes(10)
    for context in (one, other):
        context.unprotect(packets[0])
    order = [packets[1], forged, *packets[2:5], rtp(40_000) + bytes(10), *packets[5:]]
    plain, statuses = unprotect_packets(order, [one])
    assert (plain, statuses) == one_by_one(order, [other], [0] * len(order))
    assert statuses.count(Status.OK) == len(packets) - 1
    assert store_context(one) == store_context(other)


@every_profile
@pytest.mark.parametrize("mki", [b"", b"\0\1"])
@pytest.mark.parametrize("seed", range(6))
def test_as_one_by_one(profile: ProtectionProfile, mki: bytes, seed: int) -> None:
    """
    Random mixtures: lengths, headers, owners, sources, losses, leaps, order, replays, forgeries, cuts. Statuses,
    packets and the state that is left are those of opening one by one.
    """
    chance = random.Random(seed)
    keys = [master_key(profile, owner, mki) for owner in range(4)]
    batched, single = ([SrtpContext(profile, [key]) for key in keys] for _ in range(2))
    streams = [Stream(chance, profile, key) for key in keys]
    tallied: dict[Status, int] = dict.fromkeys(Status, 0)
    kept: list[tuple[int, bytes]] = []
    for _ in range(10):
        sweep = mixture(chance, streams, kept)
        owners, packets = [owner for owner, _ in sweep], [packet for _, packet in sweep]
        said = unprotect_packets(packets, batched, owners)
        assert said == one_by_one(packets, single, owners)
        for status in said[1]:
            tallied[status] += 1
        kept += sweep
    assert [store_context(context) for context in batched] == [store_context(context) for context in single]
    assert min(tallied.values()) > 5, tallied


def test_mixed_layouts_and_keys_in_change() -> None:
    """
    Contexts of all profiles in one sweep, some with several keys, open as one by one.
    """
    chance = random.Random(5)
    owners = [(profile, master_key(profile, number, mki)) for number, (profile, mki) in enumerate(
        [(profile, b"") for profile in PROFILES] + [(CM_80, b"\7"), (GCM_128, b"\7\7")]
    )]
    batched, single = ([SrtpContext(profile, [key]) for profile, key in owners] for _ in range(2))
    for contexts in (batched, single):
        for number in (0, 6, 8):
            contexts[number].change_key(master_key(owners[number][0], 50, owners[number][1].mki and b"\x08"))
    streams = [Stream(chance, profile, key) for profile, key in owners]
    kept: list[tuple[int, bytes]] = []
    for _ in range(4):
        sweep = mixture(chance, streams, kept)
        numbers, packets = [owner for owner, _ in sweep], [packet for _, packet in sweep]
        assert unprotect_packets(packets, batched, numbers) == one_by_one(packets, single, numbers)
        kept += sweep
    assert [store_context(context) for context in batched] == [store_context(context) for context in single]


def test_unencrypted_in_a_sweep() -> None:
    """
    A context without encryption opens in a sweep like any other.
    """
    key = master_key(CM_80)
    sender, receiver = (SrtpContext(CM_80, [key], encrypted=False) for _ in range(2))
    packets = [sender.protect(rtp(number)) for number in range(20)]
    assert unprotect_packets(packets, [receiver]) == ([rtp(n) for n in range(20)], [Status.OK] * 20)


def test_rows_of_a_pool() -> None:
    """
    Rows may be wider than the packets, and parts of wider slots; they are not written to.
    """
    packets = sealed_run(GCM_128, 8)
    pool = np.full((8, 300), 0xEE, np.uint8)
    for row, packet in zip(pool, packets, strict=True):
        row[7 : 7 + len(packet)] = np.frombuffer(packet, np.uint8)
    receiver = SrtpContext(GCM_128, [master_key(GCM_128)])
    before = pool.copy()
    for chosen in (slice(0, 2), slice(2, 8)):
        rows = pool[chosen, 7:250]
        lengths, owners = np.full(len(rows), len(packets[0])), np.zeros(len(rows), np.int64)
        batch = unprotect_rows(rows, lengths, owners, [receiver])
        assert batch.payloads.shape == (len(rows), 160)
        assert (batch.payloads == batch.indices[:, None]).all()
    assert (pool == before).all()


def test_rows_too_narrow() -> None:
    """
    Rows in which no header has room are a bug of ours.
    """
    with pytest.raises(LocalError, match="rows are 11 octets wide, wanted at least 12"):
        unprotect_rows(np.empty((1, 11), np.uint8), np.array([11]), np.array([0]), [pair(CM_80)[1]])


def test_more_rows_than_are_worked_on_at_once() -> None:
    """
    A sweep beyond the size of a piece goes on in the middle of a run.
    """
    packets = sealed_run(GCM_128, 20_000, first=50_000)
    receiver = SrtpContext(GCM_128, [master_key(GCM_128)])
    unprotect_packets(packets[:1], [receiver])
    plain, statuses = unprotect_packets(packets[1:], [receiver])
    assert set(statuses) == {Status.OK}
    assert plain[-1] == rtp(69_999, bytes([69_999 & 0xFF]) * 160)
    assert receiver.roll_over_counter(SSRC) == 1


class Stream:
    """
    A sender with two sources, which skips, leaps and pauses.
    """

    def __init__(self, chance: random.Random, profile: ProtectionProfile, key: MasterKey) -> None:
        self.chance = chance
        self.context = SrtpContext(profile, [key])
        self.numbers = {ssrc: chance.choice([0, 100, 65_500]) for ssrc in (SSRC, SSRC + 1)}

    def packet(self) -> bytes:
        """
        The next one.
        """
        chance = self.chance
        ssrc = SSRC if chance.random() < 0.8 else SSRC + 1
        steps = [1, chance.randint(2, 9), chance.randint(1000, 32_000), WINDOW_SIZE]
        step = chance.choices(steps, [95, 4, 0.5, 0.5])[0]
        self.numbers[ssrc] += step
        size = 160 if chance.random() < 0.8 else chance.randint(0, 700)
        plain = rtp(self.numbers[ssrc], chance.randbytes(size), ssrc, fancy=chance.random() < 0.1)
        return self.context.protect(plain)


def mixture(chance: random.Random, streams: list[Stream], kept: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """
    A sweep with owners, most of it in order; C{kept} are packets of earlier sweeps.
    """
    sweep = []
    for owner, stream in enumerate(streams):
        for _ in range(chance.randint(0, 40)):
            sweep.append((owner, damaged(chance, stream.packet())))
            if chance.random() < 0.03:
                sweep.append(chance.choice(kept or sweep))
            if chance.random() < 0.02:
                sweep.append(sweep[-1])
    for _ in range(len(sweep) // 30):
        place = chance.randrange(len(sweep) - 1)
        sweep[place], sweep[place + 1] = sweep[place + 1], sweep[place]
    if chance.random() < 0.3:
        chance.shuffle(sweep)
    return sweep


def damaged(chance: random.Random, packet: bytes) -> bytes:
    """
    The packet, seldom with a bit turned or cut off.
    """
    if chance.random() < 0.03:
        place = chance.randrange(len(packet))
        return packet[:place] + bytes([packet[place] ^ 1 << chance.randrange(8)]) + packet[place + 1 :]
    if chance.random() < 0.05:
        return packet[: chance.randrange(min(len(packet), 40))]
    return packet
