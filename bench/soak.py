"""
The long run: calls on a bad network again and again, kills, spoiled messages. C{make soak}; about 25 minutes.

    python -m bench.soak [--minutes 25] [--only noise,kills,mutations]

  noise      rounds of 100 calls of 30 s, UDP and TCP by turns, 3 % lost, 5 % out of order, 2 % twice: every octet is at
             its place, nothing of a call is left, and from the second round on memory does not grow by more than
             MOST_GROWTH
  kills      SIGKILL at random moments while ten calls run or have just ended, and a new start: what had come half a
             second before is there
  mutations  L{bench.mutations}

With fewer minutes there are fewer rounds, kills and messages. Exit status 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from attrs import define, field, frozen

from bench.exactness import differences, read_sent
from bench.machine import resident_octets
from bench.noise_run import ROOT, end_of, start_noise_calls
from bench.survival import missing_after_kill

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "end_to_end"))

from running_server import RunningServer

FULL_MINUTES = 25.0
ROUNDS, LEAST_ROUNDS = 12, 3
KILLS, LEAST_KILLS = 20, 2
MESSAGES, LEAST_MESSAGES = 100_000, 2_000
MESSAGES_SHARE = 0.5            # of the minutes, at most

CALLS, CALL_SECONDS, CALLS_A_SECOND = 100, 30.0, 20.0
NETWORK = {"loss": 0.03, "reorder": 0.05, "duplicate": 0.02}
MOST_GROWTH = 12 << 20          # octets, from the second round on: what the allocator keeps, not what a call costs
KILLED_CALLS, KILLED_SECONDS = 10, 6.0
PATIENCE = 120.0                # seconds for whatever must come to an end
MOST_TOLD = 10                  # faults of a part
MOST_TEXT = 1500                # characters of one, its end

SECTIONS = {
    "sip": {"t1": "100ms"},     # so that transactions are over in seconds, not in half a minute
    "media": {"quarantine": "2s"},
}


@define(eq=False)
class Part:
    """
    A part of the long run: what it did in a line, and what was wrong.
    """

    name: str
    summary: str = ""
    faults: list[str] = field(factory=list)
    seconds: float = 0.0


@frozen
class Amount:
    """
    How much of everything.
    """

    rounds: int
    kills: int
    messages: int
    message_seconds: float


def amount(minutes: float) -> Amount:
    """
    What fits into so many minutes.
    """
    share = minutes / FULL_MINUTES
    return Amount(
        max(LEAST_ROUNDS, round(ROUNDS * share)),
        max(LEAST_KILLS, round(KILLS * share)),
        max(LEAST_MESSAGES, round(MESSAGES * share)),
        minutes * 60 * MESSAGES_SHARE,
    )


# --- noise -------------------------------------------------------------------------------------------


def noise_rounds(part: Part, directory: Path, rounds: int) -> None:
    """
    Rounds of calls on one server.
    """
    server = RunningServer(directory, **SECTIONS)
    server.start()
    memory: list[int] = []
    try:
        for number in range(rounds):
            part.faults += _noise_round(server, directory / f"sent-{number}.jsonl", number)
            assert server.process is not None
            memory.append(resident_octets(server.process.pid))
            tell(f"noise: round {number + 1} of {rounds}, memory {memory[-1] / 2**20:.1f} MiB")
    finally:
        server.kill()
    part.faults += server.errors()
    growth = max(memory[1:]) - memory[1]
    if growth > MOST_GROWTH:
        part.faults.append(f"memory grew by {growth >> 20} MiB since round 2, wanted at most {MOST_GROWTH >> 20}")
    part.summary = (
        f"{rounds} rounds of {CALLS} calls of {CALL_SECONDS:.0f} s; memory after each, in MiB: "
        f"{', '.join(f'{octets / 2**20:.1f}' for octets in memory)}"
    )


def _noise_round(server: RunningServer, sent: Path, number: int) -> list[str]:
    """
    What is wrong after a round; its recordings are removed.
    """
    client = start_noise_calls(
        server.sip_port, sent, transport=("udp", "tcp")[number % 2], codec=("pcmu", "pcma")[number // 2 % 2],
        calls=CALLS, rate=CALLS_A_SECOND, duration=CALL_SECONDS, seed=number + 1, **NETWORK,
    )
    complaints = end_of(client, CALLS / CALLS_A_SECOND + CALL_SECONDS + PATIENCE)
    faults = [f"round {number + 1}: the client says {complaints}"] if complaints else []
    for metric in ("calls_active", "recordings_pending", "streams_open", "sip_connections", "sip_transactions"):
        server.wait(f"no {metric}", lambda metric=metric: server.metric(f"siprec_{metric}") == 0, PATIENCE)
    manifests = server.manifests()
    faults += differences(read_sent(sent), manifests)
    if len(manifests) != CALLS:
        faults.append(f"round {number + 1}: {len(manifests)} recordings, wanted {CALLS}")
    for manifest in manifests:
        shutil.rmtree(manifest["directory"])
    sent.unlink()
    return faults


# --- kills -------------------------------------------------------------------------------------------


def kills(part: Part, directory: Path, count: int) -> None:
    """
    Kills of one server, each with a new start.
    """
    random = Random(count)
    server = RunningServer(directory, **SECTIONS)
    server.start()
    packets = 0
    try:
        for number in range(count):
            moment = random.uniform(0.0, KILLED_SECONDS + 1.0)
            found = _kill(server, directory / f"killed-{number}.jsonl", moment, number)
            part.faults += found[0]
            packets += found[1]
            tell(f"kills: {number + 1} of {count}, {moment:.1f} s after the last call was up")
    finally:
        server.kill()
    part.faults += server.errors()
    part.summary = f"{count} kills, {KILLED_CALLS} calls each, {packets} packets due and checked"


def _kill(server: RunningServer, sent: Path, moment: float, number: int) -> tuple[list[str], int]:
    """
    What is wrong after a kill so many seconds after all calls were up, and how many packets were sent before it. The
    recordings are removed.
    """
    client = start_noise_calls(
        server.sip_port, sent, calls=KILLED_CALLS, rate=20, duration=KILLED_SECONDS, seed=1000 + number
    )
    try:
        server.wait(
            f"{KILLED_CALLS} calls",
            lambda: [call["state"] for call in server.calls()] == ["confirmed"] * KILLED_CALLS, PATIENCE,
        )
        time.sleep(moment)
        killed = time.time()
        server.kill()
        server.start()
    finally:
        end_of(client, KILLED_SECONDS + PATIENCE)   # it complains, as it should
    server.wait(f"{KILLED_CALLS} recordings", lambda: len(server.manifests()) == KILLED_CALLS, PATIENCE)
    server.wait("an empty spool", lambda: not list((server.recordings / "spool").glob("*")), PATIENCE)
    streams, manifests = read_sent(sent), server.manifests()
    faults = missing_after_kill(streams, manifests, killed, ("truncated", "complete"))
    if len(streams) != 2 * KILLED_CALLS:
        faults.append(f"kill {number + 1}: {len(streams)} streams were sent, wanted {2 * KILLED_CALLS}")
    for manifest in manifests:
        shutil.rmtree(manifest["directory"])
    return faults, sum(at <= killed for stream in streams for at in stream.times)


# --- mutations ---------------------------------------------------------------------------------------


def mutations(part: Part, messages: int, seconds: float) -> None:
    """
    L{bench.mutations} in a process of its own.
    """
    seed = 1 + 1_000_000 * (time.time_ns() % 1000)
    tell(f"mutations: {messages} messages from seed {seed}")
    command = [
        sys.executable, "-m", "bench.mutations", f"--count={messages}", f"--seed={seed}", f"--seconds={seconds:.0f}",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 2 * PATIENCE, check=False
    )
    lines = done.stdout.strip().splitlines()
    part.summary = "\n".join(line for line in lines if not line.startswith("FAULT "))
    part.faults += [line.removeprefix("FAULT ") for line in lines if line.startswith("FAULT ")]
    if done.returncode and not part.faults:
        part.faults.append(f"exit status {done.returncode}: {done.stderr.strip()[-MOST_TEXT:]}")


# --- all of it ---------------------------------------------------------------------------------------


def tell(text: str) -> None:
    """
    How far it is.
    """
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def timed(name: str, run: Callable[[Part, Path], None]) -> Part:
    """
    Run a part in a directory of its own; whatever goes wrong is one of its faults, so that the other parts run.
    """
    part, begun = Part(name), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="siprec-soak-") as directory:
        try:
            run(part, Path(directory))
        except (AssertionError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            part.faults.append(f"{type(error).__name__}: {str(error)[-MOST_TEXT:]}")
    part.seconds = time.monotonic() - begun
    return part


def main() -> int:
    """
    Run, tell, judge.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES)
    parser.add_argument("--only", default="noise,kills,mutations", help="parts, with commas between")
    given = parser.parse_args()
    much = amount(given.minutes)
    parts: dict[str, Callable[[Part, Path], None]] = {
        "noise": lambda part, directory: noise_rounds(part, directory, much.rounds),
        "kills": lambda part, directory: kills(part, directory, much.kills),
        "mutations": lambda part, _: mutations(part, much.messages, much.message_seconds),
    }
    names = given.only.split(",")
    if unknown := set(names) - set(parts):
        parser.error(f"found {', '.join(sorted(unknown))}, wanted {', '.join(parts)}")
    done = [timed(name, parts[name]) for name in names]
    print()
    for part in done:
        print(f"{part.name}: {'FAILED' if part.faults else 'good'}, {part.seconds:.0f} s")
        for line in (*part.summary.splitlines(), *(f"FAULT {fault}" for fault in part.faults[:MOST_TOLD])):
            print(f"    {line}")
    return 1 if any(part.faults for part in done) else 0


if __name__ == "__main__":
    sys.exit(main())
