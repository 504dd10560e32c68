"""
The decisions of a recorder, and how its answer says them.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import LocalError
from siprec_tw.sdp.answer import (
    AnswerPolicy,
    LocalMedia,
    PlannedMedia,
    Refusal,
    answer,
    is_acceptable,
    plan,
    plan_warnings,
)
from siprec_tw.sdp.description import Direction, Origin, SessionDescription
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

ORIGIN = Origin("-", "7", "1", "IN", "IP4", "192.0.2.9")
HEAD = "v=0\no=- 1 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n"


def offer_of(*sections: str) -> SessionDescription:
    return parse_sdp((HEAD + "\n".join(sections)).encode()).description


def answered(offer: SessionDescription, *local: LocalMedia) -> list[str]:
    description = answer(offer, plan(offer), dict(enumerate(local)), ORIGIN)
    return write_sdp(description).decode().split("\r\n")[:-1]


def test_a_plan_in_full() -> None:
    """
    Everything that an m-line tells is in its plan.
    """
    offer = offer_of(
        "m=Audio 4000 rtp/avp 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=label:x y",
        "a=rtcp:4005", "a=rtcp-mux", "a=ptime:30", "a=sendonly",
    )
    assert plan(offer) == (PlannedMedia(
        index=0, accepted=True, refused_reason=None, label="x y", media="audio", protocol="rtp/avp",
        formats=(PayloadFormat(0, "PCMU", 8000), PayloadFormat(101, "TELEPHONE-EVENT", 8000, 1, "0-15")),
        direction=Direction.RECVONLY, held=False, remote_host="198.51.100.1", remote_port=4000,
        remote_rtcp_port=4005, rtcp_mux=True, ptime=30,
    ),)


@pytest.mark.parametrize(("offered", "ours"), [
    ("sendonly", "recvonly"), ("sendrecv", "recvonly"), ("inactive", "inactive"), ("recvonly", "inactive"),
])
def test_directions(offered: str, ours: str) -> None:
    """
    What is sent is received; where nothing is sent the answer is inactive, for a recorder sends nothing.
    """
    offer = offer_of("m=audio 4000 RTP/AVP 0", f"a={offered}")
    assert answered(offer, LocalMedia("192.0.2.9", 6000, 6001))[-1] == f"a={ours}"


@pytest.mark.parametrize(("section", "reason"), [
    ("m=audio 0 RTP/AVP 0", Refusal.CLOSED),
    ("m=video 0 RTP/AVP 34", Refusal.CLOSED),
    ("m=video 4000 RTP/AVP 34", Refusal.MEDIA),
    ("m=image 4000 udptl t38", Refusal.MEDIA),
    ("m=audio 4000 RTP/SAVP 0", Refusal.PROTOCOL),
    ("m=audio 4000 RTP/SAVPF 0", Refusal.PROTOCOL),
    ("m=audio 4000 UDP/TLS/RTP/SAVPF 0", Refusal.PROTOCOL),
    ("m=audio 4000 RTP/AVP", Refusal.NO_FORMATS),
    ("m=audio 4000 RTP/AVP *", Refusal.NO_FORMATS),
    ("m=audio 4000 RTP/AVP 96", None),
    ("m=AUDIO 4000 rtp/avpf 0", None),
])
def test_what_is_refused(section: str, reason: Refusal | None) -> None:
    """
    Closed lines, other media, other protocols and lines without a payload type are refused, and say why.
    """
    [media] = plan(offer_of(section))
    assert (media.accepted, media.refused_reason) == (reason is None, reason)


def test_the_policy_decides() -> None:
    """
    What is not accepted today is accepted by changing the policy alone.
    """
    offer = offer_of("m=audio 4000 RTP/SAVP 0", "m=video 4002 RTP/AVP 34")
    policy = AnswerPolicy(frozenset({"RTP/AVP", "RTP/SAVP"}), frozenset({"audio", "video"}))
    assert [media.accepted for media in plan(offer, (), policy)] == [True, True]


def test_refused_lines_keep_their_place() -> None:
    """
    Count, order, media, protocol and formats stay; a line without formats gets one (RFC 3264 s.6).
    """
    offer = offer_of("m=video 5000 RTP/SAVPF 99 100", "m=audio 4000 RTP/AVP 0", "m=image 5002 udptl",
                     "m=audio 0 RTP/AVP 8")
    lines = answered(offer, LocalMedia("192.0.2.8", 1, 2), LocalMedia("192.0.2.9", 6000, 6001))
    assert [line for line in lines if line[0] == "m"] == [
        "m=video 0 RTP/SAVPF 99 100", "m=audio 6000 RTP/AVP 0", "m=image 0 udptl 0", "m=audio 0 RTP/AVP 8",
    ]


def test_connections_where_they_differ() -> None:
    """
    The first host stands at session level; only a section on another, here IPv6, has its own c= line.
    """
    offer = offer_of(*["m=audio 4000 RTP/AVP 0"] * 3)
    lines = answered(
        offer, LocalMedia("192.0.2.9", 6000, 6001), LocalMedia("2001:db8::9", 6002, 6003),
        LocalMedia("192.0.2.9", 6004, 6005),
    )
    assert [line for line in lines if line[0] in "cm"] == [
        "c=IN IP4 192.0.2.9", "m=audio 6000 RTP/AVP 0", "m=audio 6002 RTP/AVP 0", "c=IN IP6 2001:db8::9",
        "m=audio 6004 RTP/AVP 0",
    ]


def test_ipv6_for_all() -> None:
    """
    IPv6 is at session level too when every section is there.
    """
    assert answered(offer_of("m=audio 4000 RTP/AVP 0"), LocalMedia("2001:db8::9", 6000, 6001))[3] == (
        "c=IN IP6 2001:db8::9"
    )


@pytest.mark.parametrize(("offered_mux", "local", "expected"), [
    (False, LocalMedia("192.0.2.9", 6000, 6001), []),
    (False, LocalMedia("192.0.2.9", 6000, 7001), ["a=rtcp:7001"]),
    (True, LocalMedia("192.0.2.9", 6000, 6001), []),
    (True, LocalMedia("192.0.2.9", 6000, 6000, True), ["a=rtcp-mux"]),
    (False, LocalMedia("192.0.2.9", 6000, 6001, True), []),
])
def test_rtcp(offered_mux: bool, local: LocalMedia, expected: list[str]) -> None:
    """
    The RTCP port is said where it is not the next one; rtcp-mux only where offered and wanted.
    """
    offer = offer_of("m=audio 4000 RTP/AVP 0", *(["a=rtcp-mux"] if offered_mux else []))
    assert [line for line in answered(offer, local) if "rtcp" in line] == expected


@pytest.mark.parametrize(("formats", "muxed"), [("0 63 96 127", True), ("0 64", False), ("0 95", False), ("72", False)])
def test_mux_and_payload_types(formats: str, muxed: bool) -> None:
    """
    Payload types of 64 to 95 exclude rtcp-mux (RFC 5761 s.4): marked, they look like RTCP.
    """
    maps = [f"a=rtpmap:{each} PCMA/8000" for each in formats.split()]
    offer = offer_of(f"m=audio 4000 RTP/AVP {formats}", *maps, "a=rtcp-mux")
    (planned,) = plan(offer)
    assert planned.shares_port is muxed
    assert ("a=rtcp-mux" in answered(offer, LocalMedia("192.0.2.9", 6000, 6001, True))) is muxed


def test_rtcp_elsewhere() -> None:
    """
    a=rtcp may name another host than that of RTP (RFC 3605), but not where the line is closed.
    """
    rtcp = "a=rtcp:53020 IN IP4 126.16.64.4"
    assert [media.remote_rtcp_host for media in plan(offer_of("m=audio 4000 RTP/AVP 0", rtcp))] == ["126.16.64.4"]
    assert [media.remote_rtcp_host for media in plan(offer_of("m=audio 0 RTP/AVP 0", rtcp))] == [""]
    assert [media.remote_rtcp_host for media in plan(offer_of("m=audio 4000 RTP/AVP 0", "a=rtcp:53020"))] == [""]


def test_nothing_else_is_echoed() -> None:
    """
    Groups, packet times, keys, feedback and candidates of the offer are not in the answer.
    """
    offer = parse_sdp((HEAD + (
        "a=group:BUNDLE 0\na=ice-ufrag:x\nm=audio 4000 RTP/AVP 0 96\nb=AS:64\na=ptime:20\na=maxptime:40\n"
        "a=crypto:1 A inline:B\na=rtcp-fb:96 nack\na=mid:0\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\n"
        "a=RTPMAP:96 opus/48000/2\na=fmtp:96 stereo=1\na=rtpmap:97 PCMA/8000\na=label: 1\n"
    )).encode()).description
    assert answered(offer, LocalMedia("192.0.2.9", 6000, 6001))[4:] == [
        "t=0 0", "m=audio 6000 RTP/AVP 0 96", "a=rtpmap:96 opus/48000/2", "a=fmtp:96 stereo=1", "a=label:1",
        "a=recvonly",
    ]


def test_our_fingerprint_and_part_are_said() -> None:
    """
    Both stand in each section that has them, and the client's own are not repeated.
    """
    offer = offer_of("m=audio 4000 RTP/AVP 0", "a=setup:actpass", "a=fingerprint:sha-256 AB", "a=tls-id:x")
    local = LocalMedia("192.0.2.9", 6000, 6001, fingerprint="sha-256 CD", setup="passive")
    assert answered(offer, local)[6:] == ["a=fingerprint:sha-256 CD", "a=setup:passive", "a=recvonly"]


def test_connection_on_hold_is_inactive() -> None:
    """
    setup:holdconn with a fingerprint: nothing comes for now (RFC 4145 s.4); without one the word means nothing.
    """
    line, words = "m=audio 4000 RTP/AVP 0", ("a=setup:holdconn", "a=sendonly")
    assert plan(offer_of(line, *words))[0].direction is Direction.RECVONLY
    assert plan(offer_of(line, *words, "a=fingerprint:sha-256 AB"))[0].direction is Direction.INACTIVE


@pytest.mark.parametrize(("timing", "expected"), [
    ("t=1 2\nr=1 2 3\n", ["t=1 2", "r=1 2 3"]), ("", ["t=0 0"]),
])
def test_time_is_echoed(timing: str, expected: list[str]) -> None:
    """
    The t= of the answer is that of the offer (RFC 3264 s.6), and 0 0 where it has none.
    """
    offer = parse_sdp((HEAD.replace("t=0 0\n", timing) + "m=audio 4000 RTP/AVP 0\n").encode()).description
    lines = answered(offer, LocalMedia("192.0.2.9", 6000, 6001))
    assert [line for line in lines if line[0] in "trz"] == expected


def test_a_missing_local_address_is_loud() -> None:
    """
    An accepted line without a port of ours, or a plan of another offer, is our own fault.
    """
    offer = offer_of("m=audio 4000 RTP/AVP 0")
    with pytest.raises(LocalError):
        answer(offer, plan(offer), {}, ORIGIN)
    with pytest.raises(LocalError):
        answer(offer, (), {}, ORIGIN)


def test_nothing_accepted() -> None:
    """
    What the peer closed is answered, and no m-line at all; what we refuse alone is not acceptable.
    """
    closed, video = "m=audio 0 RTP/AVP 0", "m=video 4000 RTP/AVP 34"
    assert is_acceptable(plan(offer_of(closed)))
    assert is_acceptable(plan(offer_of()))
    assert not is_acceptable(plan(offer_of(closed, video)))
    assert answered(offer_of(closed))[3:] == ["c=IN IP4 192.0.2.9", "t=0 0", "m=audio 0 RTP/AVP 0"]


def test_a_later_offer_borrows_from_the_plan() -> None:
    """
    A re-INVITE without label and rtpmap keeps the label and the meaning of its payload types; none is echoed.
    """
    known = plan(offer_of("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=label:7"))
    later = offer_of("m=audio 4000 RTP/AVP 96 97")
    [media] = plan(later, known)
    assert media.label == "7"
    assert [f.encoding for f in media.formats] == ["OPUS", "UNKNOWN-97"]
    assert not any("label" in line for line in answered(later, LocalMedia("192.0.2.9", 6000, 6001)))


def test_nothing_is_borrowed_from_a_closed_slot() -> None:
    """
    A slot that was closed may be another stream now (RFC 3264 s.8.1).
    """
    known = plan(offer_of("m=audio 0 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=label:7"))
    [media] = plan(offer_of("m=audio 4000 RTP/AVP 96"), known)
    assert (media.label, media.formats[0].encoding) == ("", "UNKNOWN-96")


def test_warnings_of_a_plan() -> None:
    """
    Missing and repeated labels, refusals and vanished sections are told; what the peer closed is not.
    """
    planned = plan(offer_of(
        "m=audio 1 RTP/AVP 0", "a=label:a", "m=audio 2 RTP/AVP 0", "m=audio 3 RTP/AVP 0", "a=label:a",
        "m=video 4 RTP/AVP 34", "a=label:a", "m=audio 0 RTP/AVP 0",
    ))
    known = (*planned, evolve(planned[0], index=5))
    assert plan_warnings(planned, known) == (
        ("label-missing", "m-line 1 has no label"),
        ("label-repeated", "m-lines 0 and 2 both have label 'a'"),
        ("media-refused", "m-line 3 (video RTP/AVP): media-not-recorded"),
        ("media-sections-missing", "SDP has 5 m-lines, wanted 6 or more"),
    )


@pytest.mark.parametrize(("port", "rtp", "rtcp"), [
    ("4000", 4000, 4001), ("65535", 65535, 0), ("70000", 0, 0),
])
def test_remote_ports_are_ports_or_unknown(port: str, rtp: int, rtcp: int) -> None:
    """
    A port that no socket could have is unknown; the line is recorded all the same.
    """
    [media] = plan(offer_of(f"m=audio {port} RTP/AVP 0"))
    assert (media.accepted, media.remote_port, media.remote_rtcp_port) == (True, rtp, rtcp)
