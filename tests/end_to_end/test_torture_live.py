"""
The torture messages of RFC 4475 and RFC 5118, sent to a real server.

Every octet is as the RFC has it but for the branch, which many of them share and which is made unique: else they
would be retransmissions of each other. Each transport has its own server, since a message that comes again by another
way is a merged request (RFC 3261 s.8.2.2.2).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random

import pytest
from running_server import RunningServer
from steady_call import SteadyCall
from torture_cases import CASES, Case
from wire_client import COOKIE, Heard, Wire, heard, open_wire, options, serving

QUIET = 0.15  # seconds in which no answer must come to what is dropped
# What a stream says otherwise than a datagram (RFC 3261 s.18.3).
STREAM_FINAL = {
    "clerr": (),  # the rest of the body may still come
}


@pytest.fixture(scope="module", params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """
    What the messages are sent over.
    """
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, transport: str) -> Iterator[RunningServer]:
    """
    One server for all messages of a transport: what one of them spoils, another would find.
    """
    with serving(tmp_path_factory.mktemp("torture")) as running:
        yield running


@pytest.fixture(scope="module")
def steady(server: RunningServer) -> Iterator[SteadyCall]:
    """
    A call that is recorded meanwhile.
    """
    call = SteadyCall(server.sip_port, "torture")
    call.start()
    yield call


def with_own_branch(case: Case) -> bytes:
    """
    The message with a branch that no other one has; one that is nothing but the cookie stays as it is.
    """
    return re.sub(
        rb"branch=z9hG4bK(?=[^\r\n;,])", b"branch=z9hG4bK" + case.name.encode() + b".", case.octets(), count=1
    )


def via_port(octets: bytes) -> int:
    """
    The port that the answer to a datagram without rport goes to: that of its topmost Via, or 5060.
    """
    line = re.search(rb"(?im)^(?:via|v)[ \t]*:((?:.*\r?\n[ \t])*.*)", octets)
    assert line is not None
    found = re.match(rb"[^;,]*?\s(?:\[[^\]]*\]|[^\s:;,]+)\s*:\s*(\d+)", line[1])
    return int(found[1]) if found else 5060


def wire_for(transport: str, port: int, octets: bytes) -> Wire:
    """
    A wire on which the answer comes back though the message names other hosts: the server answers to the address
    that a datagram came from (received) and to the port of its Via. All of 127/8 is this machine.
    """
    if transport == "tcp":
        return open_wire("tcp", port)
    random = Random(os.urandom(8))
    host = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
    return open_wire("udp", port, local=(host, via_port(octets)))


def end_call(wire: Wire, answer: Heard) -> None:
    """
    ACK and BYE for an INVITE that was accepted, made of what its 200 says.
    """
    contact = re.search(r"<([^>]*)>", answer.get("Contact"))
    assert contact, answer.fields
    for method, number in (("ACK", answer.number), ("BYE", answer.number + 1)):
        lines = [
            f"{method} {contact[1]} SIP/2.0",
            f"Via: SIP/2.0/{wire.transport} {wire.here};branch={COOKIE}{method}{number};rport",
            f"From: {answer.get('From')}",
            f"To: {answer.get('To')}",
            f"Call-ID: {answer.get('Call-ID')}",
            f"CSeq: {number} {method}",
            "Content-Length: 0",
            "",
            "",
        ]
        wire.send("\r\n".join(lines).encode("utf-8", "surrogateescape"))
    assert wire.final(f"{COOKIE}BYE{answer.number + 1}").status == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_torture(server: RunningServer, steady: SteadyCall, case: Case, transport: str) -> None:
    """
    The final status is the one that the RFC wants, or there is none, and the server lives on.
    """
    octets = with_own_branch(case)
    wanted = STREAM_FINAL.get(case.name, case.final) if transport == "tcp" else case.final
    with wire_for(transport, server.sip_port, octets) as wire:
        wire.send(octets)
        call_id = heard(octets).get("Call-ID")
        answer = wire.hear(lambda each: each.status >= 200, 5.0 if wanted else QUIET)
        assert (answer.status if answer else None) in (wanted or (None,)), (case.note, answer, steady.sent)
        if answer is not None and answer.status == 200 and answer.method == "INVITE":
            assert answer.get("Call-ID") == call_id
            end_call(wire, answer)
    with open_wire(transport, server.sip_port) as other:
        assert options(other).status == 200


def test_the_call_meanwhile(server: RunningServer, steady: SteadyCall) -> None:
    """
    The call that ran all the time is recorded octet by octet, and no other one is left.
    """
    steady.end()
    server.wait("no calls", lambda: not server.calls())
    mine = [m for m in server.manifests() if m["call"]["call_id"] == steady.caller.call_id]
    assert len(mine) == 1
    assert steady.faults(mine[0]) == []
    assert server.metric("siprec_streams_open") == 0
