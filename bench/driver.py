"""
Load on a real server: calls by SIPREC INVITEs, media of the generator, SIP answer times meanwhile, every octet checked.

    python -m bench.driver --streams 200 --seconds 10 --sip-seconds 10
    python -m bench.driver --streams 400 --flood 250000 --set media.workers=1

A run:  set up all calls | warm-up | CPU measured | SIP measured under the same load | BYE | finalised | files checked

CPU is measured while nothing but media happens, so that it is the cost of media; the calls that measure SIP come after
that, while the media goes on. The server runs on one core, generator and driver on another. With --flood one call more
is up whose first stream gets so many packets a second: it is not checked, all the others are.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import yaml
from attrs import asdict, define, field, frozen

from bench.build import compiled
from bench.load import PAYLOAD, PERIOD, Flood, Generator, Sent, Target, generate, target
from bench.machine import cores, on_core, receive_buffer_errors, resident_octets
from bench.measure import GeneratorLate, us_a_packet, window
from bench.recorded import Found, checked, manifests_by_call
from bench.sip_calls import LABELS, AnswerTimes, Call, Client

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "end_to_end"))

from running_server import RunningServer

MEDIA_PORTS = "20000-32767"         # below the system's ephemeral ports
QUARANTINE = 2.0
GUARD = 1.0                         # seconds of load before and after everything that is measured
OCTETS_ON_DISK = 8                  # for each octet of payload: spool, tracks, recording.wav of 16 bits, and some
FINALISE_SECONDS = 0.5              # that a recording may take
MOST_FAULTS = 10                    # that are told


@frozen
class Wanted:
    """
    A run. C{flood} is packets a second, C{flood_as} their kind (L{bench.load.Flood}); C{suite} is that of SRTP, "" for
    RTP in clear; C{sections} are added to the server's configuration.
    """

    streams: int
    seconds: float = 60.0
    warm_up: float = 10.0
    sip_seconds: float = 30.0
    flood: float = 0.0
    suite: str = ""
    flood_as: str = "rtp"
    sections: dict[str, dict[str, Any]] = field(factory=dict)

    @property
    def load_seconds(self) -> float:
        """
        How long media is sent.
        """
        return self.warm_up + window(self.seconds) + self.sip_seconds + GUARD


@frozen
class Result:
    """
    What a run showed. Times in seconds, shares from 0 to 1.
    """

    streams: int
    us_a_packet: float              # CPU of all server processes
    lost_share: float               # by the files
    lost: int                       # packets
    faults: tuple[str, ...]         # octets that are not what was sent; anything else that must not be
    longest_sweep: float
    sip_p50: float                  # INVITE to 200, sip.answer_delay included
    sip_p99: float
    bye_p99: float
    sip_calls: int
    memory_a_call: float            # octets, resident, under load
    receive_buffer_errors: int      # of the whole machine
    set_up_seconds: float
    finalise_seconds: float
    check_seconds: float
    load: Sent


@define(eq=False)
class Run:
    """
    One run in a directory that is the caller's to remove.
    """

    wanted: Wanted
    directory: Path
    programs: Path
    cores: tuple[int | None, int | None]
    _server: RunningServer = field(init=False)
    _client: Client = field(init=False)
    _random: Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        sections = {name: dict(keys) for name, keys in self.wanted.sections.items()}
        sections["sip"] = {"max_calls": self.wanted.streams + 500, **sections.get("sip", {})}
        sections["media"] = {"quarantine": f"{QUARANTINE:.0f}s", **sections.get("media", {})}
        self._server = RunningServer(self.directory, MEDIA_PORTS, **sections)
        self._random = Random(self.wanted.streams)

    def run(self) -> Result:
        """
        All of it.
        """
        _enough_space(self.directory, self.wanted)
        most_descriptors()
        with on_core(self.cores[0]):
            self._server.start()
        try:
            self._client = Client(self._server.sip_port, Random(time.time_ns()), self.wanted.suite)
            with on_core(self.cores[1]):
                return self._measured()
        finally:
            self._server.kill()

    def _measured(self) -> Result:
        assert self._server.process is not None
        pid, wanted = self._server.process.pid, self.wanted
        memory, errors = resident_octets(pid), receive_buffer_errors()
        begun = time.monotonic()
        calls = self._client.set_up(-(-wanted.streams // len(LABELS)))
        flooded = self._client.set_up(1) if wanted.flood else []
        set_up = time.monotonic() - begun
        targets = self._targets(calls)
        generator = self._generate([each for call in targets for _, each in call][:wanted.streams], flooded)
        try:
            self._client.wait(max(0.0, generator.began - time.monotonic()) + wanted.warm_up)
            cost = us_a_packet(pid, wanted.streams, wanted.seconds, self._client.wait)
            memory = resident_octets(pid) - memory
            times = self._client.answer_times(wanted.sip_seconds) if wanted.sip_seconds else AnswerTimes((), ())
            while time.monotonic() < generator.began + wanted.load_seconds + GUARD:
                self._client.serve(0.1)
            sent = generator.finish()
        finally:
            generator.kill()
        self._client.wait(GUARD)
        errors = receive_buffer_errors() - errors
        sweep = self._metric("siprec_media_sweep_longest_seconds")
        begun = time.monotonic()
        self._client.hang_up(calls + flooded)
        self._await_finalised(len(calls))
        finalised = time.monotonic()
        found = self._found(calls, targets, sent)
        faults = found.faults + tuple(self._server.errors())
        return Result(
            wanted.streams, cost, found.lost_share, found.lost, faults[:MOST_FAULTS], sweep,
            _quantile(times.invites, 0.5), _quantile(times.invites, 0.99), _quantile(times.byes, 0.99),
            len(times.invites), memory / len(calls), errors, set_up, finalised - begun, time.monotonic() - finalised,
            sent,
        )

    def _targets(self, calls: Sequence[Call]) -> list[list[tuple[str, Target]]]:
        """
        For each call, its streams: label and target.
        """
        return [
            [
                (label, target(place.host, place.rtp_port, self._random, key))
                for label, place, key in zip(LABELS, call.places, call.keys, strict=True)
            ]
            for call in calls
        ]

    def _generate(self, targets: Sequence[Target], flooded: Sequence[Call]) -> Generator:
        flood = None
        if flooded:
            place = flooded[0].places[0]
            flooding = target(place.host, place.rtp_port, self._random)
            flood = Flood(flooding, self.wanted.flood, self.wanted.flood_as)
        suite = self.wanted.suite
        program = compiled("generator", self.programs, srtp=bool(suite))
        return generate(program, targets, self.wanted.load_seconds, self.cores[1], flood, suite)

    def _metric(self, name: str) -> float:
        """
        The highest of a metric over its labels.
        """
        lines = self._server.get("/metrics")[1].decode().splitlines()
        return max(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def _await_finalised(self, calls: int) -> None:
        deadline = time.monotonic() + 60.0 + FINALISE_SECONDS * calls
        pending = ("siprec_calls_active", "siprec_recordings_pending")
        while any(self._metric(name) for name in pending):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._metric(pending[1]):.0f} recordings are still not finalised")
            self._client.wait(0.5)

    def _found(self, calls: Sequence[Call], targets: Sequence[list[tuple[str, Target]]], sent: Sent) -> Found:
        manifests = manifests_by_call(self._server.recordings)
        found = Found()
        left = self.wanted.streams
        for call, streams in zip(calls, targets, strict=True):
            manifest = manifests.get(call.call_id)
            wanted, left = streams[:left], left - len(streams)
            if manifest is None:
                found = found.plus(Found(len(wanted), 0, len(wanted) * sent.packets_a_stream, ("no recording",)))
            else:
                found = found.plus(checked(manifest, wanted, sent.packets_a_stream))
        return found


def measured(wanted: Wanted, programs: Path, on_cores: tuple[int | None, int | None]) -> Result:
    """
    A run in a directory of its own, which is gone afterwards.
    """
    directory = Path(tempfile.mkdtemp(prefix="siprec-bench-"))
    try:
        return Run(wanted, directory, programs, on_cores).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _enough_space(directory: Path, wanted: Wanted) -> None:
    needed = wanted.streams * wanted.load_seconds / PERIOD * PAYLOAD * OCTETS_ON_DISK
    needed += wanted.flood * wanted.load_seconds * PAYLOAD
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise SystemExit(f"{free >> 20} MiB are free in {directory}, wanted {needed / 2**20:.0f}: set TMPDIR")


def most_descriptors() -> None:
    """
    As many open files as are allowed, for this process and what it starts.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _quantile(times: Sequence[float], share: float) -> float:
    """
    The time that such a share of all does not exceed; 0.0 of none.
    """
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def sections_of(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """
    Of C{media.workers=1} and the like.
    """
    sections: dict[str, dict[str, Any]] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = yaml.safe_load(value)
    return sections


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """
    What every driver of runs is asked.
    """
    parser.add_argument("--seconds", type=float, default=60.0, help="in which CPU is measured")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds before that")
    parser.add_argument("--sip-seconds", type=float, default=30.0, help="in which a call is placed every 100 ms")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of the server")


def main() -> int:
    """
    0 where nothing was lost and nothing is wrong; 3 where that is so, but the generator was late: no measurement.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--suite", default="", help="of SRTP, as RFC 4568 names it; in clear without")
    parser.add_argument("--flood", type=float, default=0.0, help="packets a second to a stream beside the others")
    add_arguments(parser)
    given = parser.parse_args()
    wanted = Wanted(
        given.streams, given.seconds, given.warm_up, given.sip_seconds, given.flood, given.suite,
        sections=sections_of(given.set),
    )
    with tempfile.TemporaryDirectory() as programs:
        result = measured(wanted, Path(programs), cores())
    print(json.dumps(asdict(result), indent=2))
    if not result.load.sound:
        print(GeneratorLate(result.load), file=sys.stderr)
    return 1 if result.lost or result.faults else 0 if result.load.sound else 3


if __name__ == "__main__":
    sys.exit(main())
