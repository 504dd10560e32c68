"""
The offer to an INVITE without one, and what answers make of it.
"""

from __future__ import annotations

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.answer import LocalMedia, PlannedMedia, Refusal, plan, plan_warnings
from siprec_tw.sdp.description import Direction, Origin, SessionDescription
from siprec_tw.sdp.offer import offer, plan_from_answer, relocated
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

ORIGIN = Origin("-", "7", "0", "IN", "IP4", "192.0.2.9")
OURS = offer([LocalMedia("192.0.2.9", 6000, 6001), LocalMedia("192.0.2.9", 6002, 6003)], ORIGIN)
SECTION = (
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:13 CN/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


def planned(text: str) -> tuple[PlannedMedia, ...]:
    head = "v=0\no=CCM 1 1 IN IP4 198.51.100.5\ns=-\nc=IN IP4 198.51.100.5\nt=0 0\n"
    return plan_from_answer(OURS, parse_sdp((head + text).encode()).description)


def test_the_offer_in_full() -> None:
    """
    Two recvonly lines of all that can be stored, labelled 1 and 2.
    """
    assert write_sdp(OURS).decode() == (
        "v=0\r\no=- 7 0 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        f"m=audio 6000 RTP/AVP 0 8 9 18 96 13 101\r\n{SECTION}a=label:1\r\na=recvonly\r\n"
        f"m=audio 6002 RTP/AVP 0 8 9 18 96 13 101\r\n{SECTION}a=label:2\r\na=recvonly\r\n"
    )


def test_addresses_of_the_offer() -> None:
    """
    A section on another host has its own c= line, one with a strange RTCP port says it.
    """
    local = [LocalMedia("2001:db8::9", 6000, 6009), LocalMedia("192.0.2.9", 6002, 6003)]
    lines = write_sdp(offer(local, ORIGIN)).decode().split("\r\n")
    assert [line for line in lines if line[:2] == "c=" or "rtcp" in line] == [
        "c=IN IP6 2001:db8::9", "a=rtcp:6009", "c=IN IP4 192.0.2.9",
    ]


def test_an_answer_in_full() -> None:
    """
    The peer picks formats and addresses; label and payload types it leaves out are those of the offer.
    """
    first, second = planned("m=audio 24000 RTP/AVP 96 101\na=sendonly\nm=audio 24002 RTP/AVP 8\na=inactive\n")
    assert first == PlannedMedia(
        index=0, accepted=True, refused_reason=None, label="1", media="audio", protocol="RTP/AVP",
        formats=(PayloadFormat(96, "OPUS", 48000, 2), PayloadFormat(101, "TELEPHONE-EVENT", 8000, 1, "0-16")),
        direction=Direction.RECVONLY, held=False, remote_host="198.51.100.5", remote_port=24000,
        remote_rtcp_port=24001, rtcp_mux=False, ptime=None,
    )
    assert (second.label, second.direction) == ("2", Direction.INACTIVE)


def test_an_answer_with_one_line() -> None:
    """
    A CUCM bridge that closes or leaves out our second line is recorded on the first.
    """
    closed = planned("m=audio 24000 RTP/AVP 0\nm=audio 0 RTP/AVP 0\n")
    missing = planned("m=audio 24000 RTP/AVP 0\n")
    assert [media.refused_reason for media in closed] == [None, Refusal.CLOSED]
    assert [media.refused_reason for media in missing] == [None, Refusal.NOT_ANSWERED]
    assert (missing[1].label, missing[1].remote_host, missing[1].remote_port) == ("2", "", 0)
    assert plan_warnings(missing) == (("media-refused", "m-line 1 (audio RTP/AVP): not-answered"),)


def test_an_answer_with_mux() -> None:
    """
    What we did not offer is not agreed on, whatever the answer says (RFC 5761 s.5.1.1).
    """
    (first, _) = planned("m=audio 24000 RTP/AVP 0\na=rtcp-mux\n")
    assert (first.rtcp_mux, first.remote_rtcp_port) == (False, 24001)


def test_an_answer_with_too_many_lines() -> None:
    """
    Lines that were never offered are passed over.
    """
    assert len(planned("m=audio 24000 RTP/AVP 0\n" * 3)) == 2


def described(*lines: str) -> SessionDescription:
    head = "v=0\no=- 7 0 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n"
    return parse_sdp((head + "\n".join(lines) + "\n").encode()).description


def test_same_addresses_change_nothing() -> None:
    """
    What was said is said again to the letter.
    """
    assert relocated(OURS, {n: LocalMedia("192.0.2.9", 6000 + 2 * n, 6001 + 2 * n) for n in range(2)}) == OURS


def test_other_addresses() -> None:
    """
    Port, c= and RTCP port follow; order, formats, label and direction stay; a line without address is closed.
    """
    before = described(
        "m=audio 6000 RTP/AVP 0", "a=rtcp:7001", "a=label:1", "a=inactive", "m=audio 6002 RTP/AVP 8", "a=label:2",
        "m=audio 0 RTP/AVP 0", "a=label:3", "m=audio 6004 RTP/AVP 0", "a=label:4", "a=recvonly",
    )
    local = {
        0: LocalMedia("198.51.100.7", 8000, 8009), 2: LocalMedia("192.0.2.9", 1, 2),
        3: LocalMedia("192.0.2.9", 9000, 9001),
    }
    lines = write_sdp(relocated(before, local)).decode().split("\r\n")
    assert lines[5:-1] == [
        "m=audio 8000 RTP/AVP 0", "c=IN IP4 198.51.100.7", "a=rtcp:8009", "a=label:1", "a=inactive",
        "m=audio 0 RTP/AVP 8", "a=label:2", "m=audio 0 RTP/AVP 0", "a=label:3",
        "m=audio 9000 RTP/AVP 0", "a=label:4", "a=recvonly",
    ]


def test_fresh_keys_take_the_place_of_old_ones() -> None:
    """
    Where there is one; else the line of before is repeated.
    """
    before = described("m=audio 6000 RTP/SAVP 0", "a=crypto:1 OLD", "m=audio 6002 RTP/SAVP 0", "a=crypto:2 OLD")
    local = {0: LocalMedia("192.0.2.9", 8000, 8001, crypto="1 NEW"), 1: LocalMedia("192.0.2.9", 6002, 6003)}
    assert [media.cryptos for media in relocated(before, local).media] == [("1 NEW",), ("2 OLD",)]


def test_fingerprint_is_that_of_whoever_receives_now() -> None:
    """
    Another worker has another certificate; our part in the handshake stays.
    """
    before = described("m=audio 6000 UDP/TLS/RTP/SAVP 0", "a=fingerprint:sha-256 OLD", "a=setup:passive")
    media, = relocated(before, {0: LocalMedia("192.0.2.9", 8000, 8001, fingerprint="sha-256 NEW")}).media
    assert (media.fingerprints, media.values("setup")) == (("sha-256 NEW",), ("passive",))


def test_line_that_was_offered_closed_stays_closed() -> None:
    """
    An answer cannot open it (RFC 3264 s.6).
    """
    first, second = plan_from_answer(
        described("m=audio 0 RTP/AVP 0", "m=audio 6000 RTP/AVP 0"),
        described("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0"),
    )
    assert (first.accepted, first.refused_reason, second.accepted) == (False, Refusal.CLOSED, True)


def test_what_was_known_lends_formats() -> None:
    """
    A dynamic payload type that neither our offer nor the answer explains keeps its meaning (RFC 3264 s.8.3.2).
    """
    known = plan(described("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2", "a=label:1"))
    bare = described("m=audio 6000 RTP/AVP 96")
    media, = plan_from_answer(bare, bare, known=known)
    assert (media.label, media.formats) == ("1", (PayloadFormat(96, "OPUS", 48000, 2),))
