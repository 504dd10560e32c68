"""
Secured streams that go on where another was lost.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import cast

import pytest

from siprec_tw.interfaces import StreamKeys
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.opportunistic import Opportunistic
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.unprotection import Unprotection, context_of

SSRC = 0x1234
KEYS = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((bytes(range(16)), bytes(range(14)), b""),))
OTHERS = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((bytes(range(1, 17)), bytes(range(14)), b""),))


class Remembering:
    """
    A receiver that remembers what it got.
    """

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.refused = 0

    def receive(self, datagrams: Sequence[Datagram]) -> None:
        self.got += [octets for octets, _, _ in datagrams]

    def refuse(self, packets: int, forged: bool) -> None:
        self.refused += packets

    def take_back(self) -> None:
        pass


def sealed(keys: StreamKeys, sequence: int, roll_over_counter: int) -> tuple[bytes, Datagram]:
    plain = struct.pack("!BBHII", 0x80, 0, sequence, 160, SSRC) + bytes(160)
    return plain, (context_of(keys, roll_over_counter).protect(plain), ("192.0.2.9", 40000), 1.0)


@pytest.mark.parametrize("roll_over_counter", [3, 4, 0])
@pytest.mark.parametrize("keys", [KEYS, OTHERS])
@pytest.mark.parametrize("kind", [Unprotection, Opportunistic])
def test_source_that_goes_on_counting(
    kind: type[Unprotection | Opportunistic], keys: StreamKeys, roll_over_counter: int
) -> None:
    """
    After so many packets on lost streams its counter is that of these, or one more, or begins again, under the key
    that it had or another (RFC 3711 s.3.3.1).
    """
    receiver = Remembering()
    unprotection = kind(KEYS, cast(StreamReceiver, receiver), packets_before=3 * 65_536 + 40_000)
    unprotection.change(keys)
    plain, datagram = sealed(keys, 700, roll_over_counter)
    unprotection.receive([datagram])
    assert (receiver.got, receiver.refused) == ([plain], 0)


def test_source_whose_counter_nobody_could_know() -> None:
    """
    Without a word of what came before, its packets prove nothing.
    """
    receiver = Remembering()
    unprotection = Unprotection(KEYS, cast(StreamReceiver, receiver))
    unprotection.receive([sealed(KEYS, 700, 3)[1]])
    assert (receiver.got, receiver.refused) == ([], 1)
