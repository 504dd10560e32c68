"""
The CPU that a receiver takes a packet: the same load, the same clock and the same window for each kind of receiver.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from attrs import frozen

from bench.load import PERIOD, Generator, Sent, generate, target
from bench.machine import cpu_seconds, on_core

HOST = "127.0.0.1"
SWEEP = 0.5                 # seconds; windows are whole sweeps long, so that none counts half
LATEST_END = 60.0           # seconds that a receiver may take to end


class GeneratorLate(Exception):
    """
    The load was not what it was to be: the measurement is void.
    """

    def __init__(self, sent: Sent) -> None:
        super().__init__(
            f"the generator was late in {sent.late_ticks} of {sent.ticks} ticks (the latest {sent.latest_ms:.0f} ms), "
            f"{sent.refused} packets were refused"
        )


@frozen
class Cost:
    """
    What a receiver took.
    """

    us_a_packet: float
    lost_share: float       # 0 to 1, of the whole load
    load: Sent


def window(seconds: float) -> float:
    """
    The whole number of sweeps that is nearest, one at least.
    """
    return max(1, round(seconds / SWEEP)) * SWEEP


def us_a_packet(pid: int, streams: int, seconds: float, wait: Callable[[float], None] = time.sleep) -> float:
    """
    CPU microseconds of a process and all that it started for each packet of so many streams, from now on.
    """
    before, begun = cpu_seconds(pid), time.monotonic()
    wait(window(seconds))
    used, passed = cpu_seconds(pid) - before, time.monotonic() - begun
    return used / (streams * passed / PERIOD) * 1e6


def cost_of(
    command: Sequence[str], streams: int, seconds: float, warm_up: float, generator: Path,
    cores: tuple[int | None, int | None],
) -> Cost:
    """
    What a receiver takes that is a program: it says its ports in its first line, {"ports": [...]}, and what came in its
    last, {"packets": n}, after SIGTERM. Raises GeneratorLate.
    """
    with on_core(cores[0]):
        receiver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    running: Generator | None = None
    try:
        assert receiver.stdout is not None
        first = receiver.stdout.readline()
        if not first:
            raise RuntimeError(f"{command[0]} did not begin: exit status {receiver.wait()}")
        random = Random(streams)
        targets = [target(HOST, port, random) for port in json.loads(first)["ports"]]
        running = generate(generator, targets, warm_up + window(seconds) + 1.0, cores[1])
        time.sleep(max(0.0, running.began - time.monotonic()) + warm_up)
        cost = us_a_packet(receiver.pid, streams, seconds)
        sent = running.finish()
        time.sleep(2 * SWEEP)
        receiver.send_signal(signal.SIGTERM)
        output, _ = receiver.communicate(timeout=LATEST_END)
    finally:
        receiver.kill()
        receiver.wait()
        if running is not None:
            running.kill()
    if not sent.sound:
        raise GeneratorLate(sent)
    came: dict[str, Any] = json.loads(output.splitlines()[-1])
    return Cost(cost, 1.0 - came["packets"] / max(1, sent.sent), sent)
