"""
Dialogs over live sockets: what a recording client may do in a call, and what each of it is answered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from running_server import RunningServer
from wire_client import (
    Caller,
    Heard,
    Wire,
    answer_to,
    calls_of,
    manifests_of,
    metadata,
    multipart,
    open_wire,
    sdp,
    serving,
)

PATIENCE = 64 * 0.05  # seconds that the quick server waits for an ACK or a PRACK


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A server on the defaults, for all tests; its log must hold no error in the end.
    """
    with serving(tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A server whose timers all run ten times as fast.
    """
    with serving(tmp_path_factory.mktemp("quick"), sip={"t1": "50ms"}) as found:
        yield found


@pytest.fixture(params=["udp", "tcp"])
def wire(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Wire]:
    """
    A wire to the server, over either transport.
    """
    with open_wire(request.param, server.sip_port) as found:
        yield found


def version_of(answer: Heard) -> tuple[bytes, int]:
    """
    Of the o= line: all that must stay the same, and the version that must rise.
    """
    found = re.search(rb"^o=(\S+ \S+) (\d+) (\S+ \S+ \S+)\r$", answer.body, re.MULTILINE)
    assert found, answer.body
    return found[1] + found[3], int(found[2])


def directions(answer: Heard) -> list[bytes]:
    """
    The direction of each m-line.
    """
    return re.findall(rb"^a=(recvonly|inactive|sendrecv|sendonly)\r$", answer.body, re.MULTILINE)


def labels(answer: Heard) -> list[bytes]:
    """
    The label of each m-line.
    """
    return re.findall(rb"^a=label:(\S+)\r$", answer.body, re.MULTILINE)


# --- the call ----------------------------------------------------------------------------------------


def test_call(server: RunningServer, wire: Wire) -> None:
    """
    INVITE, ACK, BYE: a bare SDP answer, the Contact of a recorder, and one recording of two tracks.
    """
    caller = Caller(wire)
    answer = caller.call()
    assert answer.get("Content-Type") == "application/sdp"
    assert re.fullmatch(rf"<sip:127\.0\.0\.1:{server.sip_port}[^>]*>;\+sip\.srs", answer.get("Contact"))
    assert (directions(answer), labels(answer)) == ([b"recvonly", b"recvonly"], [b"1", b"2"])
    assert all(port % 2 == 0 for port in answer.ports)
    (call,) = calls_of(server, caller)
    assert call["state"] == "confirmed"
    assert [party["name"] for party in call["parties"]] == ["Alice", "Bob"]
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    (manifest,) = manifests_of(server, caller)
    assert (manifest["end"]["reason"], len(manifest["tracks"])) == ("bye", 2)
    server.wait("the end of the call", lambda: not calls_of(server, caller))


def test_bye_again(server: RunningServer) -> None:
    """
    A BYE that comes again gets its 200 again; another one gets 481, for the dialog is over.
    """
    with open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        caller.call()
        branch, octets = caller.compose("BYE")
        wire.send(octets)
        first = wire.final(branch)
        server.wait("the end of the call", lambda: not calls_of(server, caller))
        wire.send(octets)
        assert (wire.final(branch).fields, first.status) == (first.fields, 200)
        assert caller.ask("BYE").status == 481


def test_bye_before_ack(server: RunningServer, wire: Wire) -> None:
    """
    A BYE without ACK ends the call; the 200 is repeated no more.
    """
    caller = Caller(wire)
    assert caller.invite().status == 200
    caller.bye()
    wire.all_within(0.1)
    assert wire.all_within(0.8) == []
    server.wait("the end of the call", lambda: not calls_of(server, caller))


def test_old_request(server: RunningServer, wire: Wire) -> None:
    """
    A CSeq below the last one gets 500 and changes nothing (RFC 3261 s.12.2.2).
    """
    caller = Caller(wire)
    caller.call()
    assert caller.ask("OPTIONS", number=20).status == 200
    assert caller.ask("OPTIONS", number=10).status == 500
    assert caller.ask("BYE", number=19).status == 500
    assert len(calls_of(server, caller)) == 1
    assert caller.ask("BYE", number=21).status == 200


def test_options_in_the_dialog(wire: Wire) -> None:
    """
    OPTIONS in a dialog gets 200 as long as there is the dialog, then 481.
    """
    caller = Caller(wire)
    caller.call()
    answer = caller.ask("OPTIONS")
    assert (answer.status, answer.to_tag) == (200, caller.to_tag)
    assert "INVITE" in answer.get("Allow")
    caller.bye()
    deadline = time.monotonic() + 5
    while (status := caller.ask("OPTIONS").status) == 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status == 481


def test_info(server: RunningServer, wire: Wire) -> None:
    """
    INFO gets 200 and its body is kept; one of a package that was never agreed on gets 469 (RFC 6086 s.4.2.2).
    """
    caller = Caller(wire)
    caller.call()
    assert caller.ask("INFO", b"Signal=5\r\n", "application/dtmf-relay").status == 200
    assert caller.ask("INFO", b"x", "text/plain", (("Info-Package", "foo"),)).status == 469
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    (manifest,) = manifests_of(server, caller)
    kept = [(manifest["directory"] / "documents" / each["name"]).read_bytes() for each in manifest["documents"]]
    assert b"Signal=5\r\n" in kept


def test_refused_in_the_dialog(server: RunningServer, wire: Wire) -> None:
    """
    Unknown methods, extensions and bodies are refused in a dialog as anywhere, and the call goes on.
    """
    caller = Caller(wire)
    caller.call()
    assert caller.ask("SUBSCRIBE").status == 405
    refusal = caller.ask("OPTIONS", fields=(("Require", "foo"),))
    assert (refusal.status, refusal.get("Unsupported")) == (420, "foo")
    assert caller.ask("UPDATE", b"hello", "text/plain").status == 415
    assert caller.ask("UPDATE", b"no description\r\n").status == 400
    assert caller.ask("UPDATE", sdp().replace(b"RTP/AVP", b"RTP/SAVP")).status == 488
    (call,) = calls_of(server, caller)
    assert [track["direction"] for track in call["tracks"]] == ["recvonly", "recvonly"]
    caller.bye()


# --- UPDATE and re-INVITE ----------------------------------------------------------------------------


def test_update_with_a_description(server: RunningServer, wire: Wire) -> None:
    """
    UPDATE with SDP gets SDP: the same ports, the direction mirrored, o= the same but for a higher version.
    """
    caller = Caller(wire)
    first = caller.call()
    held = caller.ask("UPDATE", sdp(version=2, direction="inactive"))
    assert held.status == 200
    assert directions(held) == [b"inactive", b"inactive"]
    assert (held.ports, version_of(held)[0]) == (first.ports, version_of(first)[0])
    assert version_of(held)[1] > version_of(first)[1]
    (call,) = calls_of(server, caller)
    assert [track["direction"] for track in call["tracks"]] == ["inactive", "inactive"]
    caller.bye()


@pytest.mark.parametrize("content_type", ["application/rs-metadata+xml", "application/rs-metadata"])
def test_update_with_metadata(server: RunningServer, wire: Wire, content_type: str) -> None:
    """
    UPDATE with metadata alone gets 200 without a body, and the parties are the new ones.
    """
    caller = Caller(wire)
    caller.call()
    answer = caller.ask("UPDATE", metadata("Carol", "Dave"), content_type)
    assert (answer.status, answer.body) == (200, b"")
    (call,) = calls_of(server, caller)
    assert {"Carol", "Dave"} <= {party["name"] for party in call["parties"]}
    caller.bye()


def test_update_with_both(server: RunningServer, wire: Wire) -> None:
    """
    UPDATE with SDP and metadata does both.
    """
    caller = Caller(wire)
    caller.call()
    content_type, body = multipart(sdp(version=2, direction="inactive"), metadata("Carol", "Dave"))
    answer = caller.ask("UPDATE", body, content_type)
    assert (answer.status, answer.get("Content-Type"), directions(answer)) == (
        200,
        "application/sdp",
        [b"inactive", b"inactive"],
    )
    (call,) = calls_of(server, caller)
    assert {"Carol", "Dave"} <= {party["name"] for party in call["parties"]}
    caller.bye()


def test_update_with_neither(wire: Wire) -> None:
    """
    UPDATE without body, the refresh of a session timer, gets 200 without one and the interval again (RFC 4028).
    """
    caller = Caller(wire)
    first = caller.call(fields=(("Supported", "timer"), ("Session-Expires", "300;refresher=uac")))
    assert first.get("Session-Expires") == "300;refresher=uac"
    again = caller.ask("UPDATE", fields=(("Supported", "timer"), ("Session-Expires", "300;refresher=uac")))
    assert (again.status, again.body, again.get("Session-Expires")) == (200, b"", "300;refresher=uac")
    caller.bye()


def test_reinvite_adds_and_removes_streams(server: RunningServer, wire: Wire) -> None:
    """
    A re-INVITE with a third m-line gets a third port; one with port 0 gets port 0, and the others stay.
    """
    caller = Caller(wire)
    first = caller.call()
    more = caller.call(sdp(version=2, ports=(40000, 40002, 40004)))
    assert more.ports[:2] == first.ports
    assert (len(more.ports), labels(more)) == (3, [b"1", b"2", b"3"])
    assert more.to_tag == first.to_tag
    fewer = caller.call(sdp(version=3, ports=(40000, 0, 40004)))
    assert fewer.ports == [more.ports[0], 0, more.ports[2]]
    (call,) = calls_of(server, caller)
    assert [track["index"] for track in call["tracks"]] == [0, 2]
    caller.bye()


def test_reinvite_without_body(server: RunningServer, wire: Wire) -> None:
    """
    A re-INVITE without body gets an offer: the same streams on the same ports; the answer comes with the ACK.
    """
    caller = Caller(wire)
    first = caller.call()
    offer = caller.invite(b"")
    assert (offer.status, offer.get("Content-Type"), offer.ports) == (200, "application/sdp", first.ports)
    assert version_of(offer)[0] == version_of(first)[0]
    assert version_of(offer)[1] >= version_of(first)[1]
    caller.ack(sdp(version=2, direction="inactive"))
    server.wait(
        "the answer",
        lambda: [track["direction"] for track in calls_of(server, caller)[0]["tracks"]] == ["inactive", "inactive"],
    )
    caller.bye()


def test_refused_reinvite_changes_nothing(server: RunningServer, wire: Wire) -> None:
    """
    A re-INVITE that is refused leaves streams and dialog as they were (RFC 3261 s.14.2).
    """
    caller = Caller(wire)
    first = caller.call()
    target = caller.target
    assert caller.refuse(sdp(version=2).replace(b"RTP/AVP", b"RTP/SAVP")).status == 488
    assert caller.refuse(b"no description\r\n").status == 400
    (call,) = calls_of(server, caller)
    assert [track["address"] for track in call["tracks"]] == [f"127.0.0.1:{port}" for port in first.ports]
    assert caller.target == target
    caller.bye()


def test_second_invite_in_the_midst_of_the_first(server: RunningServer, wire: Wire) -> None:
    """
    Two re-INVITEs at once: the second may not pass the first; one of them is refused with 500, or both are done.
    """
    caller = Caller(wire)
    caller.call()
    one = caller.compose("INVITE", sdp(version=2, ports=(40000, 40002, 40004)))
    two = caller.compose("INVITE", sdp(version=3))
    wire.send(one[1] + two[1] if wire.transport == "TCP" else one[1])
    if wire.transport == "UDP":
        wire.send(two[1])
    answers = [wire.final(one[0]), wire.final(two[0])]
    assert [each.status for each in answers] in ([200, 200], [200, 500]), answers
    for number, answer in zip((caller.number - 1, caller.number), answers, strict=True):
        caller.invite_number = number
        caller.ack_refusal(answer) if answer.status >= 300 else caller.ack()
        if answer.status == 500:
            assert 0 <= int(answer.get("Retry-After")) <= 10
    caller.bye()


def test_reinvite_that_is_never_acknowledged(quick: RunningServer) -> None:
    """
    The call goes on though the ACK of a re-INVITE never comes; after its BYE nothing of it is left.
    """
    with open_wire("udp", quick.sip_port) as wire:
        caller = Caller(wire)
        caller.call()
        assert caller.invite(sdp(version=2)).status == 200
        wire.all_within(PATIENCE + 0.3)
        assert caller.ask("OPTIONS").status == 200
        caller.bye()
        quick.wait("the end of the call", lambda: not calls_of(quick, caller), 5.0)


def test_bye_while_a_reinvite_awaits_its_ack(quick: RunningServer) -> None:
    """
    After the BYE the 200 to a re-INVITE is repeated no more, and nothing of the call is left.
    """
    with open_wire("udp", quick.sip_port) as wire:
        caller = Caller(wire)
        caller.call()
        assert caller.invite(sdp(version=2)).status == 200
        caller.bye()
        wire.all_within(0.05)
        assert [each.start for each in wire.all_within(1.0)] == []
        quick.wait("the end of the call", lambda: not calls_of(quick, caller), 5.0)


def test_reinvite_behind_a_bye(quick: RunningServer) -> None:
    """
    A re-INVITE that is worked on together with a BYE is not accepted any more, and nothing of the call is left.
    """
    with open_wire("tcp", quick.sip_port) as wire:
        caller = Caller(wire)
        caller.call()
        asked = [
            caller.compose("UPDATE", sdp(version=2)),
            caller.compose("BYE"),
            caller.compose("INVITE", sdp(version=3)),
        ]
        wire.send(b"".join(octets for _, octets in asked))
        assert [wire.final(branch).status for branch, _ in asked] == [200, 200, 481]
        quick.wait("the end of the call", lambda: not calls_of(quick, caller), 5.0)


def test_answer_behind_a_bye(quick: RunningServer) -> None:
    """
    An ACK with the answer to our offer, right behind the BYE, opens nothing any more.
    """
    streams = quick.metric("siprec_streams_open")
    with open_wire("tcp", quick.sip_port) as wire:
        for _ in range(10):
            caller = Caller(wire)
            caller.call(sdp(ports=(40000, 0)))
            assert caller.invite(b"").status == 200
            branch, bye = caller.compose("BYE")
            ack = caller.compose("ACK", sdp(version=2), number=caller.invite_number)[1]
            wire.send(bye + ack)
            assert wire.final(branch).status == 200
    quick.wait("the end of the calls", lambda: not calls_of(quick, caller), 5.0)
    time.sleep(0.2)
    assert quick.metric("siprec_streams_open") <= streams


def test_offer_that_is_never_answered(quick: RunningServer) -> None:
    """
    Metadata is taken while our offer awaits its answer; an offer is refused with 491 (RFC 3311 s.5.2), but not for
    ever: when 64*T1 have passed without ACK, ours is void.
    """
    with open_wire("udp", quick.sip_port) as wire:
        caller = Caller(wire)
        caller.call()
        assert caller.invite(b"").status == 200
        assert caller.ask("UPDATE", metadata("Carol", "Dave"), "application/rs-metadata+xml").status == 200
        assert caller.ask("UPDATE", sdp(version=2)).status == 491
        wire.all_within(PATIENCE + 0.3)
        assert caller.ask("UPDATE", sdp(version=2)).status == 200
        caller.bye()


# --- offerless ---------------------------------------------------------------------------------------


def test_invite_without_offer(server: RunningServer, wire: Wire) -> None:
    """
    An INVITE without body gets an offer of two recvonly streams; the answer in the ACK says where they come from.
    """
    caller = Caller(wire)
    offer = caller.invite(b"")
    assert (offer.status, offer.get("Content-Type"), len(offer.ports)) == (200, "application/sdp", 2)
    assert directions(offer) == [b"recvonly", b"recvonly"]
    caller.ack(sdp(ports=(40000, 0)))
    server.wait("the answer", lambda: len(calls_of(server, caller)[0]["tracks"]) == 1)
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    (manifest,) = manifests_of(server, caller)
    assert [each["kind"] for each in manifest["documents"]][:2] == ["offer", "answer"]
    assert manifest["warnings"] == []


def test_invite_without_offer_and_ack_without_answer(server: RunningServer, wire: Wire) -> None:
    """
    Where the ACK has no answer, what was offered is recorded, and the manifest says so.
    """
    caller = Caller(wire)
    assert caller.invite(b"").status == 200
    caller.ack()
    server.wait("the ACK", lambda: calls_of(server, caller)[0]["state"] == "confirmed")
    assert len(calls_of(server, caller)[0]["tracks"]) == 2
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    assert "answer-missing" in {each["code"] for each in manifests_of(server, caller)[0]["warnings"]}


# --- reliable provisional responses ------------------------------------------------------------------


def reliable(caller: Caller) -> tuple[str, Heard]:
    """
    INVITE with Require: 100rel: its branch and the 183 that comes.
    """
    branch = caller.offer(fields=(("Require", "100rel"),))
    ringing = caller.wire.expect("a reliable 1xx", lambda each: 100 < each.status < 200 and each.branch == branch)
    assert "100rel" in ringing.get("Require")
    assert int(ringing.get("RSeq")) > 0
    caller.to_tag = ringing.to_tag
    found = re.search(r"<([^>]*)>", ringing.get("Contact"))
    assert found
    caller.target = found[1]
    return branch, ringing


def test_prack(server: RunningServer, wire: Wire) -> None:
    """
    Require: 100rel gets a 183 with RSeq; after its PRACK comes the 200 (RFC 3262 s.3).
    """
    caller = Caller(wire)
    branch, ringing = reliable(caller)
    assert wire.hear(lambda each: each.status >= 200, 0.2) is None
    wrong = caller.ask("PRACK", fields=(("RAck", f"{int(ringing.get('RSeq')) + 1} {caller.invite_number} INVITE"),))
    assert wrong.status == 481
    rack = (("RAck", f"{ringing.get('RSeq')} {caller.invite_number} INVITE"),)
    assert caller.ask("PRACK", fields=rack).status == 200
    answer = caller.took(wire.final(branch))
    assert (answer.status, answer.to_tag) == (200, ringing.to_tag)
    caller.ack()
    assert caller.ask("PRACK", fields=rack).status == 481
    caller.bye()


def test_no_prack(quick: RunningServer) -> None:
    """
    The 183 is repeated; without PRACK the INVITE is refused with a 5xx after 64*T1, and nothing is left (RFC 3262 s.3).
    """
    with open_wire("udp", quick.sip_port) as wire:
        caller, streams = Caller(wire), quick.metric("siprec_streams_open")
        branch, ringing = reliable(caller)
        answer = wire.final(branch, PATIENCE + 2)
        repeated = [each for each in wire.waiting if each.status == ringing.status]
        assert 500 <= answer.status < 600
        assert answer.at - ringing.at >= PATIENCE - 0.1
        assert len(repeated) >= 4
        caller.ack_refusal(answer)
        quick.wait("the end of the call", lambda: not calls_of(quick, caller))
        assert quick.metric("siprec_streams_open") <= streams
        assert manifests_of(quick, caller) == []


# --- what the server asks ----------------------------------------------------------------------------


def test_ended_by_the_operator(server: RunningServer, wire: Wire) -> None:
    """
    A call that an operator ends gets a BYE with our CSeq, by the way that the client came.
    """
    caller = Caller(wire)
    answer = caller.call()
    (call,) = calls_of(server, caller)
    assert delete(server, call["recording_id"]) == 202
    bye = wire.expect("a BYE", lambda each: each.start.startswith("BYE "))
    assert (bye.get("Call-ID"), bye.to_tag) == (caller.call_id, caller.tag)
    assert f"tag={answer.to_tag}" in bye.get("From")
    answer_to(wire, bye)
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    assert manifests_of(server, caller)[0]["end"]["reason"] == "operator"


def delete(server: RunningServer, recording_id: str) -> int:
    """
    The status of DELETE for a running call.
    """
    url = f"http://127.0.0.1:{server.admin_port}/api/v1/calls/{recording_id}"
    with urlopen(Request(url, method="DELETE"), timeout=10) as reply:
        status: int = reply.status
        return status


def test_route_set(server: RunningServer) -> None:
    """
    Our BYE takes the way that Record-Route says, with the client's Contact as its target (RFC 3261 s.12.2.1.1).
    """
    with open_wire("udp", server.sip_port) as wire, open_wire("udp", server.sip_port) as proxy:
        caller = Caller(wire)
        route = f"<sip:{proxy.here};lr>"
        answer = caller.call(fields=(("Record-Route", route),))
        assert answer.get("Record-Route") == route
        (call,) = calls_of(server, caller)
        assert delete(server, call["recording_id"]) == 202
        bye = proxy.expect("a BYE", lambda each: each.start.startswith("BYE "))
        assert bye.start == f"BYE sip:src@{wire.here};transport=udp SIP/2.0"
        assert bye.get("Route") == route
        answer_to(proxy, bye)
