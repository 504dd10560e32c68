"""
The rules of SIP over live sockets: transactions, refusals, transports. Dialogs are in test_sip_dialogs_live.py.
"""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from running_server import RunningServer, free_port
from wire_client import (
    BOUNDARY,
    Caller,
    Wire,
    answer_to,
    calls_of,
    manifests_of,
    metadata,
    multipart,
    open_wire,
    options,
    sdp,
    serving,
)

ANSWER_DELAY = 0.5  # of the slow server
QUICK_T1 = 0.05  # of the quick server
SAVP = sdp().replace(b"RTP/AVP", b"RTP/SAVP")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A server on the defaults.
    """
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A server that takes half a second to answer.
    """
    with serving(tmp_path_factory.mktemp("server"), sip={"answer_delay": "500ms"}) as found:
        yield found


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A server whose timers all run ten times as fast.
    """
    with serving(tmp_path_factory.mktemp("server"), sip={"t1": "50ms"}) as found:
        yield found


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """
    Either transport.
    """
    found: str = request.param
    return found


@pytest.fixture
def wire(server: RunningServer, transport: str) -> Iterator[Wire]:
    """
    A wire to the server on the defaults.
    """
    with open_wire(transport, server.sip_port) as found:
        yield found


# --- the INVITE transaction --------------------------------------------------------------------------


def test_trying_at_once_and_the_answer_not_before_its_time(slow: RunningServer, transport: str) -> None:
    """
    The 100 comes at once, the 200 no earlier than answer_delay after the INVITE.
    """
    with open_wire(transport, slow.sip_port) as wire:
        caller, began = Caller(wire), time.monotonic()
        branch = caller.offer()
        trying = wire.expect("a 100", lambda each: each.status == 100)
        answer = caller.took(wire.final(branch))
        assert trying.at - began < ANSWER_DELAY / 2
        assert answer.status == 200
        assert answer.at - began >= ANSWER_DELAY
        caller.ack()
        caller.bye()


def test_the_answer_waits_for_its_few_milliseconds(server: RunningServer, wire: Wire) -> None:
    """
    On the defaults too there are 8 ms between INVITE and 200: some clients lose a faster one.
    """
    for _ in range(5):
        caller, began = Caller(wire), time.monotonic()
        assert caller.call().at - began >= 0.008
        caller.bye()


def test_repeated_invite_is_no_second_call(slow: RunningServer, transport: str) -> None:
    """
    An INVITE that comes again before its 200 gets the 100 again, after it nothing of its own; there is one call.
    """
    with open_wire(transport, slow.sip_port) as wire:
        caller, before = Caller(wire), slow.metric("siprec_calls_started_total")
        branch = caller.offer()
        wire.expect("a 100", lambda each: each.status == 100)
        wire.send(caller.invited)
        wire.expect("the 100 again", lambda each: each.status == 100)
        caller.took(wire.final(branch))
        wire.send(caller.invited)
        caller.ack()
        more = [each for each in wire.all_within(0.3) if each.status >= 200]
        assert {each.to_tag for each in more} <= {caller.to_tag}
        assert slow.metric("siprec_calls_started_total") == before + 1
        assert len(calls_of(slow, caller)) == 1
        caller.bye()


def test_merged_invite_is_a_loop(server: RunningServer, wire: Wire) -> None:
    """
    The same INVITE by another way, that is with another branch, gets 482 and is no second call (RFC 3261 s.8.2.2.2).
    """
    caller = Caller(wire)
    caller.call()
    again = caller.invited.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother")
    wire.send(again)
    branch = re.search(rb"branch=([^;\r]*)", again)
    assert branch
    assert wire.final(branch[1].decode()).status == 482
    assert len(calls_of(server, caller)) == 1
    caller.bye()


def test_answer_is_repeated_until_its_ack(quick: RunningServer, transport: str) -> None:
    """
    The 200 comes again after T1, 2*T1, 4*T1 ..., over TCP too, and no more after the ACK (RFC 3261 s.13.3.1.4).
    """
    with open_wire(transport, quick.sip_port) as wire:
        caller = Caller(wire)
        first = caller.invite()
        assert first.status == 200
        times = [first.at, *(each.at for each in wire.all_within(1.0) if each.status == 200)]
        gaps = [late - early for early, late in pairwise(times)]
        assert len(gaps) == 4, gaps
        for doubled, gap in enumerate(gaps):
            assert QUICK_T1 * 2**doubled - 0.02 <= gap <= QUICK_T1 * 2**doubled + 0.15, gaps
        caller.ack()
        wire.all_within(0.05)
        assert wire.all_within(1.7) == []
        caller.bye()


def test_call_without_ack_ends_by_itself(quick: RunningServer, transport: str) -> None:
    """
    64*T1 after the 200 without ACK comes a BYE in the dialog; ports are freed and what was recorded is stored.
    """
    with open_wire(transport, quick.sip_port) as wire:
        caller, streams = Caller(wire), quick.metric("siprec_streams_open")
        answer = caller.invite()
        assert len(calls_of(quick, caller)[0]["tracks"]) == 2
        bye = wire.expect("a BYE", lambda each: each.start.startswith("BYE "), 64 * QUICK_T1 + 2)
        assert 64 * QUICK_T1 - 0.05 <= bye.at - answer.at <= 64 * QUICK_T1 + 1
        assert bye.start == f"BYE sip:src@{wire.here};transport={transport} SIP/2.0"
        assert (bye.get("Call-ID"), bye.to_tag) == (caller.call_id, caller.tag)
        assert f"tag={answer.to_tag}" in bye.get("From")
        answer_to(wire, bye)
        quick.wait("the end of the call", lambda: not calls_of(quick, caller))
        assert quick.metric("siprec_streams_open") <= streams
        quick.wait("the recording", lambda: len(manifests_of(quick, caller)) == 1)
        assert manifests_of(quick, caller)[0]["end"]["reason"] == "no-ack"


def test_refusal_is_repeated_until_its_ack(quick: RunningServer) -> None:
    """
    Over UDP a 488 comes again until the ACK (RFC 3261 s.17.2.1).
    """
    with open_wire("udp", quick.sip_port) as wire:
        caller = Caller(wire)
        refusal = caller.invite(SAVP)
        assert refusal.status == 488
        assert [each.status for each in wire.all_within(0.5) if each.status > 100][:2] == [488, 488]
        caller.ack_refusal(refusal)
        wire.all_within(0.05)
        assert wire.all_within(1.0) == []


# --- CANCEL ------------------------------------------------------------------------------------------


def test_cancelled_invite_leaves_nothing(slow: RunningServer, transport: str) -> None:
    """
    CANCEL before the 200: 200 to it, 487 to the INVITE, and nothing is stored.
    """
    with open_wire(transport, slow.sip_port) as wire:
        caller, streams = Caller(wire), slow.metric("siprec_streams_open")
        branch = caller.offer()
        wire.expect("a 100", lambda each: each.status == 100)
        slow.wait("the call", lambda: calls_of(slow, caller))
        wire.send(caller.compose("CANCEL", number=caller.invite_number, branch=branch)[1])
        cancelled = wire.expect("the CANCEL's answer", lambda each: each.method == "CANCEL" and each.status >= 200)
        refusal = wire.expect("the INVITE's answer", lambda each: each.method == "INVITE" and each.status >= 200)
        assert (cancelled.status, refusal.status) == (200, 487)
        assert cancelled.to_tag == refusal.to_tag
        caller.ack_refusal(refusal)
        assert [each.start for each in wire.all_within(ANSWER_DELAY + 0.3) if each.status != 487] == []
        slow.wait("the end of the call", lambda: not calls_of(slow, caller))
        slow.wait("an empty spool", lambda: not list((slow.recordings / "spool").glob("*")))
        assert manifests_of(slow, caller) == []
        found = slow.json(f"/api/v1/recordings?text={caller.call_id}")
        assert found["recordings"] == []
        assert slow.metric("siprec_streams_open") <= streams


def test_cancel_after_the_answer_changes_nothing(server: RunningServer, wire: Wire) -> None:
    """
    CANCEL after the 200 gets 200 and has no effect (RFC 3261 s.9.2).
    """
    caller = Caller(wire)
    answer = caller.invite()
    wire.send(caller.compose("CANCEL", number=caller.invite_number, branch=answer.branch, to_tag="")[1])
    assert wire.expect("an answer", lambda each: each.method == "CANCEL").status == 200
    caller.ack()
    assert len(calls_of(server, caller)) == 1
    caller.bye()


def test_cancel_of_nothing(wire: Wire) -> None:
    """
    CANCEL without its INVITE's transaction gets 481 (RFC 3261 s.9.2), whatever it requires (s.8.2.2.3).
    """
    assert Caller(wire).ask("CANCEL", to_tag="").status == 481
    assert Caller(wire).ask("CANCEL", fields=(("Require", "foo"),)).status == 481


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK"])
def test_unknown_dialog(wire: Wire, method: str) -> None:
    """
    A request within a dialog that is not known gets 481 (RFC 3261 s.12.2.2).
    """
    caller = Caller(wire, to_tag="nobody")
    answer = caller.ask(method)
    assert answer.status == 481
    if method == "INVITE":
        caller.invite_number = caller.number
        caller.ack_refusal(answer)


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INFO", "PRACK"])
def test_request_of_a_dialog_without_one(wire: Wire, method: str) -> None:
    """
    What only makes sense in a dialog gets 481 without a To tag.
    """
    assert Caller(wire).ask(method).status == 481


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "REFER", "PUBLISH", "FROBNICATE"])
def test_unknown_method(wire: Wire, method: str) -> None:
    """
    A method that is not supported gets 405 with Allow (RFC 3261 s.8.2.1).
    """
    answer = Caller(wire).ask(method)
    assert answer.status == 405
    allowed = {each.strip() for each in answer.get("Allow").split(",")}
    assert allowed == {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "PRACK"}


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_unknown_extension(server: RunningServer, wire: Wire, method: str) -> None:
    """
    An option tag that is not known gets 420 and is named in Unsupported (RFC 3261 s.8.2.2.3).
    """
    caller = Caller(wire)
    fields = (("Require", "foo, siprec"), ("Require", "bar"))
    answer = caller.refuse(sdp(), fields=fields) if method == "INVITE" else caller.ask(method, fields=fields)
    assert answer.status == 420
    assert [each.strip() for each in answer.get("Unsupported").split(",")] == ["foo", "bar"]
    assert calls_of(server, caller) == []


def test_unknown_body(server: RunningServer, wire: Wire) -> None:
    """
    A body of a type that nobody can read gets 415 with what could be (RFC 3261 s.8.2.3).
    """
    caller = Caller(wire)
    answer = caller.refuse(b"hello", "text/plain")
    assert answer.status == 415
    assert {"application/sdp", "multipart/mixed"} <= {each.strip() for each in answer.get("Accept").split(",")}
    assert calls_of(server, caller) == []


def test_unknown_body_that_is_optional(server: RunningServer, wire: Wire) -> None:
    """
    The same body with handling=optional is passed over: the INVITE is one without offer (RFC 3261 s.20.11).
    """
    caller = Caller(wire)
    answer = caller.call(b"hello", "text/plain", (("Content-Disposition", "render;handling=optional"),))
    assert answer.get("Content-Type") == "application/sdp"
    caller.bye()


def test_unknown_encoding(server: RunningServer, wire: Wire) -> None:
    """
    A body in an encoding that is not undone gets 415 with Accept-Encoding (RFC 3261 s.8.2.3).
    """
    caller = Caller(wire)
    answer = caller.refuse(gzip.compress(sdp()), fields=(("Content-Encoding", "gzip"),))
    assert answer.status == 415
    assert "accept-encoding" in {name for name, _ in answer.fields}
    assert calls_of(server, caller) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"this is no session description\r\n", 400),
        (b"\xff\x00\xfe" * 50, 400),
        (SAVP, 488),
        (sdp().replace(b"m=audio", b"m=video"), 488),
        (
            b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4 TCP 0\r\n",
            488,
        ),
    ],
    ids=["text", "octets", "savp", "video", "tcp"],
)
def test_description_that_cannot_be_recorded(server: RunningServer, wire: Wire, body: bytes, status: int) -> None:
    """
    What is no SDP gets 400, SDP of which nothing can be recorded 488; a Warning says why, and no call is left.
    """
    caller, streams = Caller(wire), server.metric("siprec_streams_open")
    answer = caller.refuse(body)
    assert answer.status == status
    assert answer.get("Warning").startswith("399 ")
    server.wait("no call", lambda: not calls_of(server, caller))
    assert server.metric("siprec_streams_open") <= streams
    assert manifests_of(server, caller) == []


def test_short_session_interval(wire: Wire) -> None:
    """
    A Session-Expires below Min-SE gets 422 with ours (RFC 4028 s.9).
    """
    answer = Caller(wire).refuse(sdp(), fields=(("Session-Expires", "30"), ("Supported", "timer")))
    assert (answer.status, answer.get("Min-SE")) == (422, "90")


def test_full_server(tmp_path: Path, transport: str) -> None:
    """
    With max_calls calls up, the next gets 503 with Retry-After; when one has ended, there is room again.
    """
    sections = {"sip": {"max_calls": 2, "retry_after": "7s"}}
    with serving(tmp_path, **sections) as full, open_wire(transport, full.sip_port) as wire:
        callers = [Caller(wire) for _ in range(4)]
        callers[0].call()
        callers[1].call()
        refusal = callers[2].refuse(sdp())
        assert (refusal.status, refusal.get("Retry-After")) == (503, "7")
        assert len(full.calls()) == 2
        callers[0].bye()
        full.wait("room", lambda: len(full.calls()) < 2)
        callers[3].call()


def test_leaving_server_takes_no_calls(tmp_path: Path) -> None:
    """
    A server that is being stopped ends its calls by BYE and answers new ones 503 with Retry-After, or no more.
    """
    with serving(tmp_path) as leaving:
        with open_wire("udp", leaving.sip_port) as wire:
            callers = [Caller(wire) for _ in range(60)]
            for caller in callers:
                caller.call()
            assert leaving.process is not None
            leaving.process.terminate()
            branches: list[str] = []
            while leaving.process.poll() is None and len(branches) < 20_000:
                branches.append(Caller(wire).offer())
                time.sleep(0.001)
            came = wire.all_within(0.3)
        answers = [each for each in came if each.status >= 200 and each.branch in set(branches)]
        late = {each.branch for each in answers if each.status != 200}
        refused = [each for each in answers if each.branch in late]
        assert refused, "the time between SIGTERM and the end was too short to see"
        assert {(each.status, each.get("Retry-After")) for each in refused} == {(503, "5")}
        byes = {each.get("Call-ID") for each in came if each.start.startswith("BYE ")}
        assert byes >= {caller.call_id for caller in callers}
        assert len(leaving.manifests()) >= len(callers)
        assert {manifest["end"]["reason"] for manifest in leaving.manifests()} == {"shutdown"}


def test_strangers_are_refused(tmp_path: Path, transport: str) -> None:
    """
    Requests from a network that is not allowed get 403; no call comes of them.
    """
    with serving(tmp_path, sip={"allow": ["10.0.0.0/8"]}) as closed, open_wire(transport, closed.sip_port) as wire:
        caller = Caller(wire)
        assert caller.refuse(sdp()).status == 403
        assert options(wire).status == 403
        assert closed.metric("siprec_calls_started_total") == 0


# --- transports --------------------------------------------------------------------------------------


def test_options(wire: Wire) -> None:
    """
    OPTIONS tells what an INVITE would (RFC 3261 s.11.2).
    """
    answer = options(wire)
    assert answer.status == 200
    assert answer.to_tag
    assert "INVITE" in answer.get("Allow")
    assert "application/sdp" in answer.get("Accept")
    assert "siprec" in answer.get("Supported")
    assert ";+sip.srs" in answer.get("Contact")


def test_several_messages_in_one_segment(server: RunningServer) -> None:
    """
    Three requests in one TCP segment, one with a body, are three requests.
    """
    with open_wire("tcp", server.sip_port) as wire:
        callers = [Caller(wire) for _ in range(3)]
        content_type, body = multipart(sdp(), metadata())
        asked = [
            callers[0].compose("OPTIONS"),
            callers[1].compose("INVITE", body, content_type),
            callers[2].compose("OPTIONS"),
        ]
        wire.send(b"".join(octets for _, octets in asked))
        assert [wire.final(branch).status for branch, _ in asked] == [200, 200, 200]


def test_one_message_octet_by_octet(server: RunningServer) -> None:
    """
    An INVITE that comes one octet a segment is an INVITE.
    """
    with open_wire("tcp", server.sip_port) as wire:
        caller = Caller(wire)
        content_type, body = multipart(sdp(), metadata())
        branch, octets = caller.compose("INVITE", body, content_type)
        caller.invite_number = caller.number
        for at in range(len(octets)):
            wire.send(octets[at : at + 1])
            if at % 100 == 0:
                time.sleep(0.002)
        assert caller.took(wire.final(branch)).status == 200
        caller.ack()
        caller.bye()


def test_keep_alive(server: RunningServer) -> None:
    """
    A double CRLF gets a single one, between messages too (RFC 5626 s.3.5.1); over UDP it gets nothing.
    """
    with open_wire("tcp", server.sip_port) as wire:
        for _ in range(2):
            wire.send(b"\r\n\r\n")
            assert wire.sock.recv(100) == b"\r\n"
            assert options(wire).status == 200
    with open_wire("udp", server.sip_port) as wire:
        wire.send(b"\r\n\r\n")
        assert options(wire).status == 200
        assert wire.all_within(0.1) == []


def test_stream_that_cannot_be_followed(server: RunningServer) -> None:
    """
    A Content-Length that is none gets 400, and the connection is closed, for nothing behind it can be found.
    """
    with open_wire("tcp", server.sip_port) as wire:
        branch, octets = Caller(wire).compose("OPTIONS")
        wire.send(octets.replace(b"Content-Length: 0", b"Content-Length: many"))
        assert wire.final(branch).status == 400
        assert wire.sock.recv(100) == b""


def test_call_outlives_its_connection(server: RunningServer) -> None:
    """
    A call that was set up over one connection is ended over another.
    """
    with open_wire("tcp", server.sip_port) as first:
        caller = Caller(first)
        caller.call()
    with open_wire("tcp", server.sip_port) as second:
        assert len(calls_of(server, caller)) == 1
        caller.wire = second
        caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)


def test_large_invite(server: RunningServer, wire: Wire) -> None:
    """
    An INVITE of 60 kB is taken whole, over UDP too, and its metadata is kept octet by octet.
    """
    caller, document = Caller(wire), metadata(padding=58_500)
    content_type, body = multipart(sdp(), document)
    caller.call(body, content_type)
    assert 60_000 < len(caller.invited) < 65_507
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    kept = manifests_of(server, caller)[0]
    names = [each["name"] for each in kept["documents"] if each["kind"] == "metadata"]
    assert [(kept["directory"] / "documents" / name).read_bytes() for name in names] == [document]


def test_compact_and_folded_header_fields(server: RunningServer, wire: Wire) -> None:
    """
    Compact names, odd spaces and folded lines mean the same (RFC 3261 s.7.3.1, s.7.3.3).
    """
    caller = Caller(wire)
    content_type, body = multipart(sdp(), metadata("Ann", "Ben"))
    branch, octets = caller.compose("INVITE", body, content_type, (("Require", "siprec"), ("Supported", "timer")))
    caller.invite_number = caller.number
    compact = {
        b"Via:": b"v :",
        b"From:": b"f:\r\n\t",
        b"To:": b"t  :",
        b"Call-ID:": b"i:",
        b"Contact:": b"m:\r\n  ",
        b"Content-Length:": b"l:",
        b"Content-Type:": b"c:",
        b"Supported:": b"k:",
        b"CSeq:": b"cSEQ:\r\n ",
    }
    head, _, rest = octets.partition(b"\r\n\r\n")
    for long, short in compact.items():
        head = head.replace(b"\r\n" + long, b"\r\n" + short)
    wire.send(
        head.replace(f";boundary={BOUNDARY}".encode(), f"\r\n ;\r\n\tboundary={BOUNDARY}".encode()) + b"\r\n\r\n" + rest
    )
    assert caller.took(wire.final(branch)).status == 200
    caller.ack()
    (call,) = calls_of(server, caller)
    assert [party["name"] for party in call["parties"]] == ["Ann", "Ben"]
    caller.bye()


def test_ipv6(tmp_path: Path, transport: str) -> None:
    """
    On [::1] a call is made and ended like any other, and Contact and Via have brackets.
    """
    port = free_port()
    listen, media = {"listen": [f"udp://[::1]:{port}", f"tcp://[::1]:{port}"]}, {"address": "::1"}
    with serving(tmp_path, sip=listen, media=media) as there, open_wire(transport, port, host="::1") as wire:
        caller = Caller(wire)
        answer = caller.call(sdp().replace(b"IN IP4 127.0.0.1", b"IN IP6 ::1"))
        assert caller.target.startswith(f"sip:[::1]:{port}")
        assert f";rport={wire.sock.getsockname()[1]}" in answer.get("Via")
        assert b"c=IN IP6 ::1" in answer.body
        caller.bye()
        there.wait("the recording", lambda: len(manifests_of(there, caller)) == 1)


def test_answer_goes_where_the_datagram_came_from_with_rport(server: RunningServer) -> None:
    """
    With rport the answer comes to the port of the sender, whatever its Via says (RFC 3581 s.4).
    """
    with open_wire("udp", server.sip_port) as wire:
        branch, octets = Caller(wire).compose("OPTIONS")
        wire.send(octets.replace(f"UDP {wire.here}".encode(), b"UDP client.example.com:9"))
        answer = wire.final(branch)
        assert answer.status == 200
        assert f";rport={wire.sock.getsockname()[1]}" in answer.get("Via")
        assert ";received=127.0.0.1" in answer.get("Via")


def test_answer_goes_to_the_port_of_the_via_without_rport(server: RunningServer) -> None:
    """
    Without rport the answer goes to the sender's address and the port of its Via (RFC 3261 s.18.2.2).
    """
    with open_wire("udp", server.sip_port) as sender, open_wire("udp", server.sip_port) as other:
        branch, octets = Caller(other).compose("OPTIONS", rport=False)
        sender.send(octets)
        assert other.final(branch).status == 200
        assert sender.all_within(0.1) == []
