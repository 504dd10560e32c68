"""
The offer to an INVITE without one, and what answers make of it.
"""

from __future__ import annotations

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.answer import LocalMedia, PlannedMedia, Refusal, plan_warnings
from siprec_tw.sdp.description import Direction, Origin
from siprec_tw.sdp.offer import offer, plan_from_answer
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
