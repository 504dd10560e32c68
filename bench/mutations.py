"""
Spoiled messages for a real server: through its UDP and TCP sockets, into live dialogs, onto open media ports.

  python -m bench.mutations --count 100000 --seed 1

The same seeds spoil in the same way. Meanwhile one call runs that nobody may disturb: it must be recorded octet by
octet. Another one, the victim, is there to be spoiled, for re-INVITE and UPDATE are reached in a dialog alone; it is
replaced from time to time. INVITEs that are still good enough get a 200 that nobody acknowledges: what comes of
them must end by itself.

Nothing that would make the server send to another machine is sent (L{leads_elsewhere}).
"""

from __future__ import annotations

import argparse
import itertools
import re
import select
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from attrs import define, field, frozen

sys.path[:0] = [str(Path(__file__).parents[1] / "tests" / room) for room in ("end_to_end", "sip")]

from mutation import mutated  # noqa: E402
from running_server import RunningServer  # noqa: E402
from steady_call import SteadyCall  # noqa: E402
from wire_client import (  # noqa: E402
    Caller,
    Wire,
    manifests_of,
    media_ports,
    metadata,
    multipart,
    open_wire,
    options,
    sdp,
)

from bench.mutation_corpus import TOKEN, corpus, leads_elsewhere, rtp_garbage  # noqa: E402

PAIRS = 3_000  # of media ports
PATIENCE = 20.0  # seconds until everything must be over
A_MOMENT = 0.03  # seconds that a request mostly takes
A_ROUND = 100  # messages between two looks at whether the server lives
VICTIM_LASTS = 200  # messages
STREAM_LASTS = 20  # messages on one TCP connection: most spoil what follows
HIGHEST_CSEQ = 2**31 - 1
MOST_GROWTH = 128 << 20  # octets of memory that a run may leave behind
MOST_BODY = 50_000  # octets, so that a datagram holds the request
MOST_FIELD = 4_000
SECTIONS = {
    "sip": {"t1": "50ms"},
    "media": {"quarantine": "2s"},
    "logging": {"level": "info"},
}

_START_LINES = re.compile(rb"(?m)^(SIP/2\.0 \d{3}|[A-Z]{3,9}(?= \S+ SIP/2\.0\r))")
_LEVEL = re.compile(r"(?m)^\d{4}\S+Z (\w+)")
_LOUD = re.compile(r"(?m)^\d{4}\S+Z (?:error|critical) .*|^.*(?:Traceback|Unhandled).*")


@define(eq=False)
class Storm:
    """
    Everything that is sent at one server, and what came back.
    """

    server: RunningServer
    steady: SteadyCall
    sent: Counter[str] = field(factory=Counter)  # by kind
    answers: Counter[str] = field(factory=Counter)  # by status, or method of a request
    kept_back: int = 0  # they would have led elsewhere
    _datagrams: Wire = field(init=False)
    _stream: Wire = field(init=False)
    _probe: Wire = field(init=False)
    _media: socket.socket = field(init=False)
    _victim: Caller = field(init=False)
    _victim_ports: list[int] = field(factory=list)
    _ports: set[int] = field(factory=set)  # of all wires that there were
    _on_stream: int = 0  # messages that went by it
    _corpora: dict[str, tuple[bytes, ...]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._datagrams, self._probe, self._stream = self._open("udp"), self._open("udp"), self._open("tcp")
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.bind(("127.0.0.1", 0))
        for wire in (self._datagrams, self._stream):
            self._corpora[wire.transport] = corpus(wire.here, wire.transport)
        self._victim = Caller(self._open("udp"))
        self._call_victim()

    @property
    def total(self) -> int:
        """
        How many messages were sent.
        """
        return sum(self.sent.values())

    def blow(self, first_seed: int, count: int, seconds: float) -> None:
        """
        Send so many messages, in so many seconds at most. Fails where the server does not answer any more.
        """
        deadline = time.monotonic() + seconds
        for seed in itertools.count(first_seed):
            self._send(seed)
            if seed % VICTIM_LASTS == 0:
                self._end_victim()
                self._call_victim()
            if seed % A_ROUND == 0:
                assert options(self._probe, 10.0).status == 200
                self._collect()
                if time.monotonic() > deadline:
                    return
            if self.total >= count:
                return

    def settle(self) -> list[str]:
        """
        End the victim and wait until nothing but the running call is left; what is, nevertheless.
        """
        self._end_victim()
        mine, deadline = self.steady.caller.call_id, time.monotonic() + PATIENCE
        while (left := [c for c in self.server.calls() if c["call_id"] != mine]) and time.monotonic() < deadline:
            time.sleep(0.2)
        self._collect()
        for wire in (self._datagrams, self._stream, self._probe, self._victim.wire):
            wire.close()
        self._media.close()
        return [f"call left: {call['state']} {call['recording_id']} {call['call_id'][:60]!r}" for call in left]

    # --- the kinds ---------------------------------------------------------------------------------

    def _send(self, seed: int) -> None:
        random = Random(f"kind {seed}")
        (kind,) = random.choices(("datagram", "stream", "victim", "steady", "media"), (45, 15, 20, 10, 10))
        if kind == "media":
            self._send_media(random)
        elif kind == "steady":
            self._send_steady(random, seed)
        elif kind == "victim":
            self._send_victim(random, seed)
        else:
            wire = self._datagrams if kind == "datagram" else self._open_stream()
            octets = mutated(seed, self._corpora[wire.transport]).replace(TOKEN, b"%08d" % seed)
            if leads_elsewhere(octets, self._ports):
                self.kept_back += 1
                return
            try:
                wire.send(octets)
            except OSError:  # closed by the server, for what came before could not be followed
                self._on_stream = STREAM_LASTS
                return
        self.sent[kind] += 1

    def _send_media(self, random: Random) -> None:
        ports = [*self.steady.media_ports, *self._victim_ports * 2]
        octets = rtp_garbage(random, self.steady.ssrcs)
        if not any(struct.pack(">I", ssrc) in octets for ssrc in self.steady.ssrcs):
            self._media.sendto(octets, ("127.0.0.1", random.choice(ports) + random.randrange(2)))

    def _send_steady(self, random: Random, seed: int) -> None:
        # In the running call's dialog, but nothing that would rightly change its media or end it.
        caller, method = self.steady.caller, random.choice(("UPDATE", "INFO", "OPTIONS", "PRACK", "NONSENSE"))
        body = mutated(seed, (metadata(), metadata("Zoe", "Yan")))[:MOST_BODY]
        if b"v=0" in body or method == "OPTIONS":
            body = b""
        garbage = random.randbytes(20).hex()
        fields = (
            (f"X-{garbage}", mutated(seed, (b"a, b;c=d <sip:x@127.0.0.1>",)).hex()[:MOST_FIELD]),
            ("Rack", garbage),
        )
        wanted = random.choice((None, None, None, 0, 1))
        octets = caller.compose(method, body, "application/rs-metadata+xml", fields, number=wanted)[1]
        caller.wire.send(octets)

    def _send_victim(self, random: Random, seed: int) -> None:
        caller = self._victim
        if random.random() < 0.5:  # else it may come before the last one is done
            self._drain(caller.wire, A_MOMENT)
        (method,) = random.choices(
            ("INVITE", "UPDATE", "INFO", "OPTIONS", "ACK", "PRACK", "BYE"), (30, 25, 10, 5, 20, 5, 1)
        )
        description = sdp(version=caller.number, direction=random.choice(("sendonly", "inactive")))
        if random.random() < 0.5:
            description = mutated(seed, (description, sdp(ports=(4, 0, 6)), b"v=0\r\n"))
        document = mutated(seed + 1, (metadata(),)) if random.random() < 0.5 else metadata()
        description, document = description[: MOST_BODY // 2], document[: MOST_BODY // 2]
        content_type, body = random.choice(
            (
                multipart(description, document),
                ("application/sdp", description),
                ("application/rs-metadata", document),
                ("", b""),
            )
        )
        number = caller.invite_number if method == "ACK" else None
        octets = caller.compose(method, body, content_type, number=number)[1]
        if method == "INVITE":
            caller.invite_number = caller.number
        if random.random() < 0.15:
            octets = mutated(seed, (octets,))
        if leads_elsewhere(octets, self._ports):
            self.kept_back += 1
            return
        try:
            caller.wire.send(octets)
        except OSError:
            caller.wire = self._fresh_stream(caller.wire)

    # --- the calls and the wires -------------------------------------------------------------------

    def _call_victim(self) -> None:
        transport = "tcp" if self._victim.wire.transport == "UDP" else "udp"
        self._drain(self._victim.wire)
        self._victim.wire.close()
        self._victim = Caller(self._open(transport))
        self._victim_ports = self._victim.call().ports

    def _end_victim(self) -> None:
        # By a way that nothing spoiled went: on the victim's own, a stream may wait for the rest of something.
        caller = Caller(self._probe, call_id=self._victim.call_id, tag=self._victim.tag, to_tag=self._victim.to_tag)
        caller.ask("BYE", number=HIGHEST_CSEQ)

    def _fresh_stream(self, wire: Wire) -> Wire:
        self._drain(wire)
        wire.close()
        return self._open("tcp")

    def _open(self, transport: str) -> Wire:
        wire = open_wire(transport, self.server.sip_port)
        self._ports.add(wire.sock.getsockname()[1])
        return wire

    def _open_stream(self) -> Wire:
        self._on_stream += 1
        if self._on_stream > STREAM_LASTS:
            self._on_stream = 0
            self._stream = self._fresh_stream(self._stream)
            self._corpora["TCP"] = corpus(self._stream.here, "TCP")
        return self._stream

    def _collect(self) -> None:
        for wire in (self._datagrams, self._stream, self._victim.wire, self.steady.caller.wire):
            self._drain(wire)

    def _drain(self, wire: Wire, seconds: float = 0.0) -> None:
        """
        Count what came on a wire; with C{seconds}, wait so long for a final response.
        """
        deadline = time.monotonic() + seconds
        try:
            while select.select([wire.sock], [], [], max(0.0, deadline - time.monotonic()))[0]:
                octets = wire.sock.recv(65_535)
                if not octets:
                    return
                found = [line.decode().removeprefix("SIP/2.0 ") for line in _START_LINES.findall(octets)]
                self.answers.update(found)
                if any("200" <= each <= "699" for each in found):
                    deadline = 0.0
        except OSError:
            self.answers["connection reset"] += 1


@frozen
class Outcome:
    """
    What came of a run.
    """

    report: str
    faults: tuple[str, ...]  # none, where all is well
    sent: int
    classes: frozenset[str]  # of what came back: "2xx"; "requests"


def run(directory: Path, count: int, first_seed: int = 1, seconds: float = 3600.0) -> Outcome:
    """
    Send so many spoiled messages to a server of its own, in so many seconds at most, and judge it.
    """
    server = RunningServer(directory, media_ports(PAIRS), **dict[str, Any](SECTIONS))
    server.start()
    try:
        return _judged(server, count, first_seed, seconds)
    finally:
        server.kill()


def _judged(server: RunningServer, count: int, first_seed: int, seconds: float) -> Outcome:
    steady = SteadyCall(server.sip_port, f"mutations {first_seed}")
    steady.start()
    began, memory = time.monotonic(), server.resident_memory()
    storm = Storm(server, steady)
    storm.blow(first_seed, count, seconds)
    took = time.monotonic() - began
    faults = storm.settle()
    steady.end()
    faults += _left_over(server)
    growth = server.resident_memory() - memory
    faults += _LOUD.findall(server.log())
    faults += next((steady.faults(each) for each in manifests_of(server, steady.caller)), ["no recording"])
    if growth > MOST_GROWTH:
        faults.append(f"memory grew by {growth >> 20} MiB, wanted at most {MOST_GROWTH >> 20}")
    levels = Counter(_LEVEL.findall(server.log()))
    lines = (
        f"sent: {storm.total} in {took:.1f} s, seeds from {first_seed}: {_listed(storm.sent)}; "
        f"kept back: {storm.kept_back}",
        f"came back: {_listed(_classes(storm.answers))}: {_listed(storm.answers)}",
        f"calls: {server.metric('siprec_calls_started_total'):.0f} begun, {_listed(_ended(server))}; "
        f"recordings: {len(server.manifests())}; the running call: {steady.sent} packets a track",
        f"not understood: {_listed(_labelled(server, 'siprec_sip_bad_messages_total'))}",
        f"log: {_listed(levels)}; memory: {memory >> 20} MiB and {growth >> 20} more",
        *(f"FAULT {fault}" for fault in faults),
    )
    return Outcome("\n".join(lines), tuple(faults), storm.total, frozenset(_classes(storm.answers)))


def _left_over(server: RunningServer) -> list[str]:
    """
    Calls, streams, ports, transactions, connections, sockets and files that are left when all has had its time.
    """
    metrics = {
        "siprec_calls_active": 0,
        "siprec_streams_open": 0,
        "siprec_recordings_pending": 0,
        "siprec_sip_transactions": 0,
        "siprec_sip_connections": 0,
        "siprec_media_port_pairs_free": PAIRS,
    }
    deadline = time.monotonic() + PATIENCE
    while True:
        found = {name: server.metric(name) for name in metrics}
        try:
            sockets = server.open_udp_sockets()
        except FileNotFoundError:  # one was closed while they were counted
            continue
        spooled = list((server.recordings / "spool").glob("*"))
        if (found, sockets, spooled) == (metrics, 1, []):
            return []
        if time.monotonic() > deadline:
            faults = [
                f"{name} is {found[name]:.0f}, wanted {wanted}"
                for name, wanted in metrics.items()
                if found[name] != wanted
            ]
            return [*faults, f"{sockets} UDP sockets, wanted 1", f"{len(spooled)} recordings in the spool"]
        time.sleep(0.2)


def _classes(answers: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, number in answers.items():
        found[f"{name[0]}xx" if name.isdigit() else "requests"] += number
    return found


def _ended(server: RunningServer) -> Counter[str]:
    return _labelled(server, "siprec_calls_ended_total")


def _labelled(server: RunningServer, metric: str) -> Counter[str]:
    found = re.findall(rf'^{metric}{{\w+="([^"]*)"}} (\S+)$', server.get("/metrics")[1].decode(), re.MULTILINE)
    return Counter({label: round(float(value)) for label, value in found})


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{number} x {name}" for name, number in counted.most_common()) or "nothing"


def main() -> int:
    """
    0 where nothing is wrong.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first message; the next has the next")
    parser.add_argument("--seconds", type=float, default=3600.0, help="send no longer than this")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        outcome = run(Path(directory), wanted.count, wanted.seed, wanted.seconds)
    print(outcome.report)
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
