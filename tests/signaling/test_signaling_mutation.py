"""
Spoiled datagrams: whatever comes, nothing is raised, nothing logged as a failure, nothing left over.
"""

from __future__ import annotations

from random import Random

from signaling_fakes import Laboratory, request
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

MUTATIONS = 4_000
PIECES = (
    b"", b"\r\n", b"\0", b"\xff", b'"', b"<", b">", b";", b",", b":", b" ", b"9" * 40, b"tag=", b"z9hG4bK",
)


def mutated(seed: int) -> bytes:
    random = Random(seed)
    method = random.choice(("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE"))
    octets = bytearray(request(method, branch=f"z9hG4bK{seed % 50}", call_id=str(seed % 50)))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(octets))
        octets[at:at + random.randint(0, 6)] = random.choice(PIECES)
    return bytes(octets)


class MutationTests(SynchronousTestCase):
    """
    Tests of L{Signaling} with what nobody should send.
    """

    def test_nothing_is_raised_and_nothing_stays(self) -> None:
        """
        After thousands of spoiled requests a good one is served, and in the end no transaction is left.
        """
        lab = Laboratory()
        self.successResultOf(Deferred.fromCoroutine(lab.start()))
        lab.remembered.answer = 200
        for seed in range(MUTATIONS):
            lab.datagram(mutated(seed))
            if seed % 100 == 0:
                lab.network.advance(5)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertGreater(len(lab.remembered.requests), 50)
        self.assertGreater(len(lab.counts.bad), 1000)
        lab.sent_octets()
        lab.datagram(request("OPTIONS", branch="z9hG4bKgood", call_id="good"))
        self.assertEqual(lab.statuses(), [200])
        lab.network.pump([33, 33])
        self.assertEqual(lab.signaling.live_transactions, 0)
        self.assertEqual(lab.network.getDelayedCalls(), [])
