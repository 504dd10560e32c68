"""
What one RTP packet costs the receiver: CPU microseconds (user and system), sockets read and files written.

The load is plain G.711: C{--streams} streams, C{--packets} packets of each in a sweep, C{--sweeps} sweeps that are
measured. The streams do not begin together, so that what each does every five seconds is spread over all sweeps.

Beside both receivers stands the raw limit of this machine, raw_receive.c, if there is a C compiler: the same
datagrams taken by recvmmsg and dropped. All take turns, C{--rounds} times; the cheapest sweep of each counts,
since whatever else the machine does only adds. Nothing is judged.

    python -m bench.receive_cost --streams 200 2000
"""

from __future__ import annotations

import argparse
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamAddress, StreamSpec
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.receiver import StreamReceiver

HEADER = struct.Struct("!BBHII")
FORMATS = (PayloadFormat(0, "PCMU", 8000),)
HOST = "127.77.0.1"         # any of 127/8 is this machine; this one nobody else uses
INTERVAL = 0.5
PACKET_SECONDS = 0.02
MOST_LATE = 0.8             # seconds, before numbers are passed over
WARM_UP = 10                # sweeps: as long as five seconds, in which what is rare happens once
FILES_A_STREAM = 3
SPARE_FILES = 100
RAW = "raw: recvmmsg in C, dropped"
RAW_SOURCE = Path(__file__).with_name("raw_receive.c")

Cost = tuple[float, float]
"""
Microseconds a packet, and the part of the packets that arrived.
"""


def datagram(ssrc: int, number: int) -> bytes:
    """
    The packet of that number.
    """
    header = HEADER.pack(0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc)
    return header + bytes([number & 0xFF]) * 160


def receiver_alone(directory: str, streams: int, packets: int, sweeps: int) -> Cost:
    """
    From datagrams in memory to files, packet by packet.
    """
    receivers = [StreamReceiver(StreamSpec(f"a{i}", directory, FORMATS), "bench") for i in range(streams)]
    costs = []
    for sweep in range(sweeps + 1):
        numbers = range(sweep * packets, (sweep + 1) * packets)
        batches = [
            [(datagram(ssrc, number), (HOST, 4000), 1e9 + number * PACKET_SECONDS) for number in numbers]
            for ssrc in range(streams)
        ]
        begun = time.process_time()
        for receiver, batch in zip(receivers, batches, strict=True):
            receiver.receive(batch)
        costs.append(time.process_time() - begun)
    for receiver in receivers:
        receiver.close()
    return min(costs) / (streams * packets) * 1e6, 1.0


class Load:
    """
    A plane with streams, and a client that sends to them as if it were so late as it is.
    """

    def __init__(self, name: str, directory: str, streams: int, first_port: int) -> None:
        self.clock = Clock()
        self.sent = 0
        self._name = name
        self._plane = LocalMediaPlane(
            self.clock, "bench", HOST, (first_port, first_port + 4 * streams), sweep_interval=INTERVAL, receiver=name
        )
        self._plane.start()
        self._addresses: list[StreamAddress] = []
        for index in range(streams):
            opening = self._plane.open_stream(StreamSpec(f"{name}{index}", directory, FORMATS))
            Deferred.fromCoroutine(opening).addCallback(self._addresses.append)
        self._client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._begun = time.monotonic()
        self._next = 0

    def send(self, packets: int, streams: int) -> None:
        """
        So many packets to each of the first so many streams. Sound that came faster than it is spoken, or much
        later, would be a clock that jumped.
        """
        late = time.monotonic() - self._begun - self._next * PACKET_SECONDS
        first = self._next + (int(late / PACKET_SECONDS) if late > MOST_LATE else 0)
        self._next = first + packets
        for number in range(first, first + packets):
            for ssrc, address in enumerate(self._addresses[:streams]):
                self._client.sendto(datagram(ssrc, number), (HOST, address.rtp_port))
                self.sent += 1
        time.sleep(max(0.0, self._begun + self._next * PACKET_SECONDS - time.monotonic()))

    def sweep(self) -> float:
        """
        CPU seconds that one sweep took.
        """
        begun = time.process_time()
        self.clock.advance(INTERVAL)
        return time.process_time() - begun

    def stop(self) -> int:
        """
        Close all; how many packets arrived.
        """
        names = [f"{self._name}{index}" for index in range(len(self._addresses))]
        arrived = sum(report.packets for name in names if (report := self._plane.report(name)))
        Deferred.fromCoroutine(self._plane.stop())
        self.clock.pump([0, 0, 0])
        self._client.close()
        return arrived


def whole_way(name: str, directory: str, streams: int, packets: int, sweeps: int, first_port: int) -> Cost:
    """
    From socket to file, with the receiver of that name.
    """
    load = Load(name, directory, streams, first_port)
    for started in range(1, WARM_UP + 1):
        load.send(packets, streams * started // WARM_UP)
        load.sweep()
    costs = []
    for _ in range(sweeps):
        load.send(packets, streams)
        costs.append(load.sweep())
    return min(costs) / (streams * packets) * 1e6, load.stop() / load.sent


def raw_limit(program: Path, stamped: bool, streams: int, packets: int, sweeps: int, first_port: int) -> Cost:
    """
    From socket to nowhere, in C; C{stamped} with the source and the time of arrival of each.
    """
    numbers = (streams, packets, sweeps + 1, first_port, int(stamped))
    told = subprocess.run([program, *map(str, numbers)], capture_output=True, text=True, check=True)
    cost, arrived = told.stdout.split()
    return float(cost), float(arrived)


def compiled(directory: Path) -> Path | None:
    """
    The raw limit as a program, if there is a compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    program = directory / "raw_receive"
    subprocess.run([compiler, "-O2", "-o", program, RAW_SOURCE], check=True)
    return program


def measured(streams: int, packets: int, sweeps: int, rounds: int, first_port: int) -> dict[str, Cost]:
    """
    The best of each, by name.
    """
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            for name, run in runs_of(Path(directory), (streams, packets, sweeps, first_port)).items():
                cost = run()
                best[name] = min(best.get(name, cost), cost)
    return best


def runs_of(directory: Path, load: tuple[int, int, int, int]) -> dict[str, Callable[[], Cost]]:
    """
    What is measured, by name. C{load} is streams, packets, sweeps, first port.
    """
    runs: dict[str, Callable[[], Cost]] = {}
    program = compiled(directory)
    if program is not None:
        runs[RAW] = partial(raw_limit, program, False, *load)
        runs["raw, with source and time"] = partial(raw_limit, program, True, *load)
    runs["batch"] = partial(whole_way, "batch", str(directory), *load)
    runs["swept"] = partial(whole_way, "swept", str(directory), *load)
    runs["receiver alone"] = partial(receiver_alone, str(directory), *load[:3])
    return runs


def main(tell: Callable[[str], object]) -> None:
    """
    Measure and tell.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--streams", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--packets", type=int, default=25)
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first-port", type=int, default=12_000)
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(given.streams) * FILES_A_STREAM + SPARE_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    for streams in given.streams:
        best = measured(streams, given.packets, given.sweeps, given.rounds, given.first_port)
        raw = best.get(RAW)
        tell(f"{streams} streams, {given.packets} packets a sweep, {given.sweeps} sweeps, {given.rounds} rounds\n")
        tell(f"{'':28}{'us a packet':>12}{'raw / this':>12}{'arrived':>10}\n")
        for name, (cost, arrived) in best.items():
            score = f"{raw[0] / cost:12.2f}" if raw else f"{'':>12}"
            tell(f"{name:28}{cost:12.2f}{score}{arrived:10.2%}\n")


if __name__ == "__main__":
    main(sys.stdout.write)
