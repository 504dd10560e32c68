"""
A recording client that streams seeded noise on two tracks, and notes exactly what it sent.

  python -m bench.noise_calls --port 5060 --calls 100 --rate 10 --duration 30 --sent sent.jsonl

Every payload is a function of seed, label and packet number, so that a recording can be checked octet by octet
(L{bench.exactness}). One JSON line a stream goes to the file when its call has ended.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from hashlib import shake_128
from pathlib import Path
from random import Random

from attrs import define, field
from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.client import RecordingClient
from siprec_tw.cli.source.impairment import Impairment
from siprec_tw.cli.source.parties import CallStory, Party, random_id
from siprec_tw.cli.source.payload import CODECS, SAMPLES_A_PACKET, PacketSource
from siprec_tw.cli.source.source_call import SourceCall
from siprec_tw.signaling.peer import Peer

LABELS = ("1", "2")


def noise(seed: str) -> PacketSource:
    """
    The payload of packet n: 160 octets that only the seed and n decide.
    """
    return lambda number: shake_128(f"{seed}/{number}".encode()).digest(SAMPLES_A_PACKET)


@define(eq=False)
class NoiseCalls:
    """
    Calls begun at a rate, each of a length, with a network as bad as asked for.
    """

    client: RecordingClient
    reactor: IReactorTime
    impairment: Impairment
    codec: str
    write: Callable[[str], object]
    failures: list[str] = field(factory=list)

    async def run(self, calls: int, rate: float, duration: float) -> None:
        """
        Place all calls and wait for their ends.
        """
        await gatherResults([
            Deferred.fromCoroutine(self._one(number, number / rate, duration)) for number in range(calls)
        ])

    async def _one(self, number: int, wait: float, duration: float) -> None:
        await task.deferLater(self.reactor, wait)
        random = Random(f"{self.impairment.seed}/{number}")
        parties = (
            Party(random_id(random), f"sip:alice{number}@example.com", f"Alice {number}"),
            Party(random_id(random), f"sip:bob{number}@example.com", f"Bob {number}"),
        )
        story = CallStory(random_id(random), parties, time.time())
        call = self.client.call(story, self.impairment)
        plans = [
            StreamPlan(label, CODECS[self.codec], noise(f"{self.impairment.seed}/{number}/{label}"))
            for label in LABELS
        ]
        try:
            await call.start(plans)
            await task.deferLater(self.reactor, duration)
            await call.end()
        except Exception as error:      # a driver: whatever happened is told at the end
            self.failures.append(f"call {number}: {error!r}")
        self._note(number, call)

    def _note(self, number: int, call: SourceCall) -> None:
        for stream in call.streams:
            sent = [(packet.number, packet.at) for packet in stream.rtp.sent()]
            line = {
                "call_id": call.call_id,
                "label": stream.plan.label,
                "codec": self.codec,
                "seed": f"{self.impairment.seed}/{number}/{stream.plan.label}",
                "sent": [number for number, _ in sent],
                "times": [round(at, 4) for _, at in sent],
            }
            self.write(json.dumps(line) + "\n")


def arguments() -> argparse.Namespace:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--duration", type=float, default=10.0)
    parser.add_argument("--codec", choices=tuple(CODECS), default="pcmu")
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--reorder", type=float, default=0.0)
    parser.add_argument("--duplicate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sent", type=Path, required=True)
    return parser.parse_args()


def main() -> int:
    """
    0 where every call was answered and ended as it should.
    """
    wanted = arguments()
    outcome: list[str] = []

    async def run(reactor: IReactorTime) -> None:
        client = RecordingClient(
            reactor, f"sip:recorder@127.0.0.1:{wanted.port}", Peer(wanted.transport, "127.0.0.1", wanted.port),
            random=Random(time.time_ns()), wall=time.time,
        )
        await client.open()
        with wanted.sent.open("w") as sent:
            way = Impairment(wanted.loss, wanted.reorder, wanted.duplicate, wanted.seed)
            calls = NoiseCalls(client, reactor, way, wanted.codec, sent.write)
            await calls.run(wanted.calls, wanted.rate, wanted.duration)
        await client.close()
        outcome.extend(calls.failures)

    try:
        task.react(lambda reactor: Deferred.fromCoroutine(run(reactor)))
    except SystemExit as stop:
        if stop.code:
            return 2
    for text in outcome:
        print(text, file=sys.stderr)
    return 1 if outcome else 0


if __name__ == "__main__":
    sys.exit(main())
