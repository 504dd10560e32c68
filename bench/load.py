"""
The load: which streams there are, what each of their packets holds, and the program that sends them (generator.c).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

PERIOD = 0.02               # seconds
PAYLOAD = 160               # octets
WORDS = PAYLOAD // 8

GAMMA = 0x9E3779B97F4A7C15
PATIENCE = 60.0             # seconds that the generator may take beyond its time

Octets = NDArray[np.uint8]


@frozen
class Target:
    """
    A stream: where it goes, and how its headers begin. Its SSRC is the seed of its payloads.
    """

    host: str
    port: int
    ssrc: int
    sequence: int
    timestamp: int
    key: bytes = field(default=b"", repr=False)     # SRTP master key and salt; empty: in clear

    def line(self) -> str:
        """
        As the generator reads it.
        """
        return f"{self.host} {self.port} {self.ssrc} {self.sequence} {self.timestamp} {self.key.hex()}\n"


def target(host: str, port: int, random: Random, key: bytes = b"") -> Target:
    """
    A stream to there; everything else is random, as RFC 3550 s.5.1 wants it.
    """
    return Target(host, port, random.getrandbits(32), random.getrandbits(16), random.getrandbits(32), key)


def payloads(ssrc: int, count: int) -> Octets:
    """
    The payloads of packets 0 to count - 1 of a stream, one a row: what generator.c sends.
    """
    with np.errstate(over="ignore"):
        state = np.arange(1, count * WORDS + 1, dtype=np.uint64)
        state *= np.uint64(GAMMA)
        state += np.uint64(ssrc << 32)
        state ^= state >> np.uint64(30)
        state *= np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(27)
        state *= np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return state.astype("<u8", copy=False).view(np.uint8).reshape(count, PAYLOAD)


@frozen
class Sent:
    """
    What the generator says of itself at its end.
    """

    streams: int
    packets_a_stream: int
    sent: int
    refused: int            # by the kernel
    flood_sent: int
    ticks: int
    late_ticks: int
    latest_ms: float
    cpu_seconds: float
    real_time: bool         # whether it went before everything else on its core

    @property
    def sound(self) -> bool:
        """
        Whether the load was what it was meant to be: nothing refused, less than one tick in a thousand late.
        """
        return self.refused == 0 and self.late_ticks * 1000 <= self.ticks


@frozen
class Flood:
    """
    So many packets a second to one stream; C{kind} is "rtp", "sources" or "garbage" (generator.c).
    """

    target: Target
    rate: float
    kind: str = "rtp"


@define(eq=False)
class Generator:
    """
    The program, running; C{began} is when its first packet is due (monotonic seconds).
    """

    began: float
    _process: subprocess.Popen[str]
    _seconds: float
    _over: Sent | None = field(default=None)

    def stop(self) -> Sent:
        """
        End it at the end of a period, if it has not ended by itself.
        """
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self) -> Sent:
        """
        Wait for its end.
        """
        if self._over is None:
            output, _ = self._process.communicate(timeout=self._seconds + PATIENCE)
            told: dict[str, Any] = json.loads(output.splitlines()[-1])
            self._over = Sent(**told)
        return self._over

    def kill(self) -> None:
        """
        End it whatever it does.
        """
        self._process.kill()
        self._process.wait()


def generate(
    program: Path,
    targets: Sequence[Target],
    seconds: float,
    core: int | None = None,
    flood: Flood | None = None,
    suite: str = "",
) -> Generator:
    """
    Send to all targets for so long, on this core. C{flood} is one more stream; C{suite} is
    that of the targets' keys, whose generator was built for SRTP.
    """
    sealed = ["--suite", suite] if suite else []
    flooding = ["--flood", str(flood.rate), "--flood-as", flood.kind] if flood else []
    process = subprocess.Popen(
        [str(program), "--seconds", str(seconds), *flooding, *sealed],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    assert process.stdin is not None and process.stdout is not None
    process.stdin.writelines(each.line() for each in targets)
    if flood:
        process.stdin.write(f"flood {flood.target.line()}")
    process.stdin.close()
    process.stdin = None        # communicate would flush it
    first = process.stdout.readline()
    if not first:
        raise RuntimeError(f"the generator did not begin: exit status {process.wait()}")
    return Generator(json.loads(first)["began"], process, seconds)
