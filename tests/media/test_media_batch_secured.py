"""
Tests for siprec_tw.media.batch_opening: secured streams that are opened together are, to the last bit, what comes of
opening each by itself.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve
from batch_rig import Batches, stamped
from rtp_rig import FORMATS, Sender, Sent, impaired
from test_media_batch_exact import Both, odd
from test_media_receiver_journeys import journey

from siprec_tw.interfaces import StreamKeys
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.unprotection import context_of
from siprec_tw.rtp.rtcp import ReceiverReport, write_compound
from siprec_tw.srtp.profiles import PROFILES, profile_named

SUITES = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80"]


def keys(suite: str, seed: int = 1, mki: bytes = b"") -> StreamKeys:
    """
    One key of a suite.
    """
    profile = profile_named(suite)
    assert profile is not None
    material = random.Random(seed).randbytes(profile.material_size)
    return StreamKeys(suite, ((material[: profile.key_size], material[profile.key_size :], mki),))


def rig(directory: Path, streams: int, suite: str, **more: int) -> Both:
    """
    Secured streams that nothing has come of yet.
    """
    return Both(directory, streams, Batches(**more), more.get("most", 4096), keys=keys(suite))


def sealed(
    sent: Sequence[Sent], suite: str, key: StreamKeys | None = None, arrived: Sequence[Sent] | None = None
) -> list[Datagram]:
    """
    As a client sends it: each packet is sealed once, in the order of sending, whatever the network makes of them.
    """
    context = context_of(key or keys(suite))
    packets = {id(one.packet): context.protect(one.octets) for one in sent}
    return [(packets[id(one.packet)], one.address, stamped(one.arrival)) for one in (arrived or sent)]


@pytest.mark.parametrize("suite", [profile.name for profile in PROFILES])
def test_plain_case_is_taken_as_a_whole(tmp_path: Path, suite: str) -> None:
    """
    Streams in order are in their stride from the second sweep on, under every suite.
    """
    both = rig(tmp_path, 3, suite)
    sent = Sender().some(1000)
    arrived = impaired(sent, 1, loss=0, reordering=0, duplication=0)
    both.run([sealed(sent, suite, arrived=arrived) for _ in range(3)], 1, chance=0.02)
    assert [report.packets for report in both.compare()] == [1000] * 3
    assert both.in_stride > 3 * 40


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("seed", range(3))
def test_journeys(tmp_path: Path, suite: str, seed: int) -> None:
    """
    Streams that pause, set their clocks, change codec, length and source, on networks that lose, repeat and reorder.
    """
    choice = random.Random(seed)
    both = rig(tmp_path, 4, suite)
    arriving = []
    for number in range(4):
        bad = choice.choice((0.0, 0.001, 0.01))
        walk = journey(100 * seed + number)
        arrived = impaired(walk, seed, loss=bad, reordering=bad, duplication=bad)
        arriving.append(sealed(walk, suite, arrived=arrived))
    both.run(arriving, seed)
    both.compare()
    assert both.in_stride > 40


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
@pytest.mark.parametrize("seed", range(3))
def test_garbage_forgeries_and_replays(tmp_path: Path, suite: str, seed: int) -> None:
    """
    Among the packets there are random octets, RTCP, packets with bits turned in header, payload and tag, and packets
    that came before; a stream that gets such is opened packet by packet, and nothing is opened twice.
    """
    choice = random.Random(seed)
    both = rig(tmp_path, 6, suite, most=100, slots=256)
    arriving = []
    for _ in range(6):
        sender = Sender(ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16), timestamp=choice.getrandbits(32))
        datagrams = sealed(sender.some(1200), suite)
        for _ in range(choice.randint(1, 20)):
            at = choice.randrange(100, len(datagrams))
            octets, address, arrival = datagrams[at]
            turned = bytearray(octets)
            turned[choice.randrange(12, len(turned))] ^= 1 << choice.randrange(8)
            match choice.randrange(4):
                case 0:
                    datagrams[at] = bytes(turned), address, arrival         # its tag is wrong: it is lost
                case 1:
                    datagrams.insert(at, (datagrams[at - 1][0], address, arrival))
                case 2:
                    datagrams.insert(at, (write_compound([ReceiverReport(9)]), address, arrival))
                case _:
                    datagrams.insert(at, (odd(choice, octets), address, arrival))
        arriving.append(datagrams)
    both.run(arriving, seed)
    both.compare()
    assert both.in_stride > 60


def test_forged_payload_in_the_middle(tmp_path: Path) -> None:
    """
    A packet whose header is just what must come next, but whose tag is wrong, is refused; what came with it is kept.
    """
    both = rig(tmp_path, 1, SUITES[0])
    datagrams = sealed(Sender().some(300), SUITES[0])
    octets, address, arrival = datagrams[150]
    datagrams[150] = octets[:-1] + bytes([octets[-1] ^ 1]), address, arrival
    both.run([datagrams], 1)
    (report,) = both.compare()
    assert (report.packets, report.lost, report.rejected) == (299, 1, 1)
    assert [code for code, _ in report.warnings] == ["srtp-not-authentic"]


def test_mki_is_checked(tmp_path: Path) -> None:
    """
    With an MKI the payload's place is the same; a packet of another MKI is refused.
    """
    key = keys(SUITES[0], mki=b"\0\1")
    both = Both(tmp_path, 1, Batches(), 4096, keys=key)
    datagrams = sealed(Sender().some(300), SUITES[0], key)
    octets, address, arrival = datagrams[150]
    datagrams[150] = octets[:-12] + b"\0\2" + octets[-10:], address, arrival
    both.run([datagrams], 1)
    (report,) = both.compare()
    assert (report.packets, report.rejected) == (299, 1)
    assert both.in_stride > 10


def test_two_keys_at_once_are_opened_singly(tmp_path: Path) -> None:
    """
    After a change of keys packets may come under either: the stream sits down again when the old key is gone.
    """
    both = rig(tmp_path, 1, SUITES[0])
    new = keys(SUITES[0], seed=2)
    sender = Sender()
    both.run([sealed(sender.some(200), SUITES[0])], 1)
    before = both.in_stride
    for receiver, opener in both.openers.items():
        receiver.update_formats(FORMATS)
        opener.change(new)
    both.run([sealed(sender.some(1500), SUITES[0], new)], 1)
    (report,) = both.compare()
    assert report.packets == 1700
    assert before > 5
    assert 5 < both.in_stride - before < 40


def test_key_that_outlives_its_lifetime_in_stride(tmp_path: Path) -> None:
    """
    That more packets came under a key than was agreed on is told of streams that are opened together too.
    """
    key = evolve(keys(SUITES[0]), lifetimes=(500,))
    both = Both(tmp_path, 1, Batches(), 4096, keys=key)
    both.run([sealed(Sender().some(1000), SUITES[0], key)], 1)
    (report,) = both.compare()
    assert [code for code, _ in report.warnings] == ["srtp-key-outlived"]
    assert both.in_stride > 40


def test_change_of_suite_in_mid_stride(tmp_path: Path) -> None:
    """
    New keys of another suite hold from the next packet on, for a stream that is followed in its stride as for others.
    """
    both = rig(tmp_path, 1, SUITES[0])
    new, sender = keys(SUITES[2], seed=2), Sender()
    both.run([sealed(sender.some(200), SUITES[0])], 1, chance=0)
    assert both.batches.reader.in_stride == 1
    for opener in both.openers.values():
        opener.change(new)
    both.run([sealed(sender.some(1500), SUITES[2], new)], 1, chance=0)
    (report,) = both.compare()
    assert (report.packets, report.rejected) == (1700, 0)
