"""
Reading and writing session descriptions.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprec_tw.errors import PeerError
from siprec_tw.sdp.description import (
    Attribute,
    Connection,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
)
from siprec_tw.sdp.parser import MAX_LINES, MAX_MEDIA_SECTIONS, MAX_SIZE, MAX_WARNINGS, Reading, parse_sdp
from siprec_tw.sdp.writer import write_sdp

FULL = (
    b"v=0\r\n"
    b"o=alice 2890844526 2890842807 IN IP4 192.0.2.1\r\n"
    b"s=A session\r\n"
    b"i=About it\r\n"
    b"u=http://example.com/\r\n"
    b"e=a@example.com\r\n"
    b"p=+1 617 555-6011\r\n"
    b"c=IN IP4 233.252.0.1/127\r\n"
    b"b=AS:128\r\n"
    b"t=3034423619 3042462419\r\n"
    b"r=604800 3600 0 90000\r\n"
    b"z=2882844526 -1h\r\n"
    b"k=clear:x\r\n"
    b"y=unknown\r\n"
    b"a=recvonly\r\n"
    b"a=group:LS 1 2\r\n"
    b"m=audio 49170/2 RTP/AVP 0 96\r\n"
    b"i=Left\r\n"
    b"c=IN IP6 2001:db8::1\r\n"
    b"b=TIAS:64000\r\n"
    b"k=prompt\r\n"
    b"a=rtpmap:96 L16/16000/2\r\n"
    b"a=\r\n"
    b"a=odd:\r\n"
)


def codes(reading: Reading) -> list[str]:
    return [code for code, _ in reading.warnings]


def test_every_line_has_its_place() -> None:
    """
    A description with every kind of line becomes this value, and is written back octet for octet.
    """
    reading = parse_sdp(FULL)
    assert reading.warnings == ()
    assert reading.description == SessionDescription(
        origin=Origin("alice", "2890844526", "2890842807", "IN", "IP4", "192.0.2.1"),
        name="A session",
        connection=Connection("IN", "IP4", "233.252.0.1/127"),
        timing=(
            Line("t", "3034423619 3042462419"), Line("r", "604800 3600 0 90000"), Line("z", "2882844526 -1h"),
        ),
        bandwidths=("AS:128",),
        attributes=(Attribute("recvonly"), Attribute("group", "LS 1 2")),
        media=(MediaDescription(
            media="audio", port=49170, protocol="RTP/AVP", formats=("0", "96"), port_count=2,
            connection=Connection("IN", "IP6", "2001:db8::1"),
            bandwidths=("TIAS:64000",),
            attributes=(Attribute("rtpmap", "96 L16/16000/2"), Attribute(""), Attribute("odd", "")),
            other_lines=(Line("i", "Left"), Line("k", "prompt")),
        ),),
        other_lines=(
            Line("i", "About it"), Line("u", "http://example.com/"), Line("e", "a@example.com"),
            Line("p", "+1 617 555-6011"), Line("k", "clear:x"), Line("y", "unknown"),
        ),
    )
    assert write_sdp(reading.description) == FULL


@pytest.mark.parametrize("octets", [
    b"\xef\xbb\xbf" + FULL,
    b"\r\n \r\n" + FULL,
    FULL.replace(b"\r\n", b"\n"),
    FULL.replace(b"\r\n", b"\r"),
    FULL.replace(b"\r\n", b"\r\n\r\n"),
    FULL.replace(b"\r\n", b" \r\n").replace(b"s=A session ", b"s=A session"),
    FULL.replace(b"\r\n", b"\r\n  "),
    FULL.replace(b"v=0\r\no=", b"V=0\nO ="),
    FULL + b"\0\0",
    FULL[:-2],
])
def test_the_way_of_writing_does_not_matter(octets: bytes) -> None:
    """
    BOM, white space, blank lines, other line ends, a missing last one: the same description, no warning.
    """
    assert parse_sdp(octets) == parse_sdp(FULL)


def test_almost_nothing_is_enough() -> None:
    """
    An m= line alone is a description; what is missing is listed.
    """
    reading = parse_sdp(b"m=audio 4000 RTP/AVP 0")
    assert reading.description == SessionDescription(
        name=None, timing=(), media=(MediaDescription("audio", 4000, "RTP/AVP", ("0",)),)
    )
    assert codes(reading) == [
        "sdp-version-missing", "origin-missing", "session-name-missing", "timing-missing",
        "connection-missing",
    ]


def test_broken_lines_are_kept_and_told() -> None:
    """
    What cannot be read as o=, c=, a port or an rtpmap does not lose the call.
    """
    reading = parse_sdp(
        b"v=1\no=me\ns=\nc=10.0.0.1\nt=0 0\nnonsense\nm=audio many RTP/AVP 0\nc=IN IP4 192.0.2.1\n"
        b"m=audio 70000 RTP/AVP 96 \na=rtpmap:PCMU\n"
    )
    assert reading.warnings == (
        ("sdp-line-unreadable", "SDP line is 'nonsense', wanted <letter>=<value>"),
        ("media-port-unreadable", "m= has port 'many', wanted 0 to 65535"),
        ("media-port-unreadable", "m= has port '70000', wanted 0 to 65535"),
        ("rtpmap-unreadable", "rtpmap is 'PCMU', wanted a payload type and an encoding"),
        ("connection-unreadable", "c= is '10.0.0.1', wanted IN, IP4 or IP6, and an address"),
        ("sdp-version-unknown", "v= is '1', wanted 0"),
        ("origin-unreadable", "o= is 'me', wanted six fields"),
        ("connection-missing", "m-line 1 has no c= line, nor has the session"),
    )
    assert [(m.port, m.formats) for m in reading.description.media] == [(0, ("0",)), (70000, ("96",))]
    assert reading.description.other_lines == (Line("o", "me"), Line("c", "10.0.0.1"))


def test_a_user_name_may_have_spaces() -> None:
    """
    The o= line is read from its end.
    """
    origin = parse_sdp(b"v=0\no=Some SBC 1.0 12 34 IN IP4 192.0.2.1\n").description.origin
    assert origin == Origin("Some SBC 1.0", "12", "34", "IN", "IP4", "192.0.2.1")


def test_a_session_without_a_name_stays_so() -> None:
    """
    C{s= } is what RFC 8866 s.5.3 wants for no name; its space is not lost.
    """
    description = parse_sdp(b"v=0\r\ns= \r\nt=0 0\r\n").description
    assert description.name == " "
    assert write_sdp(description) == b"v=0\r\ns= \r\nt=0 0\r\n"


def test_other_encodings_are_read_as_latin() -> None:
    """
    Octets that are no UTF-8 become ISO 8859-1, with a warning.
    """
    reading = parse_sdp(b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=Caf\xe9\nt=0 0\n")
    assert reading.description.name == "Café"
    assert codes(reading) == ["sdp-not-utf8"]


@pytest.mark.parametrize(("octets", "status", "text"), [
    (b"", 400, "Body is not SDP: found no v=, o= or m= line"),
    (b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'/>", 400,
     "Body is not SDP: found no v=, o= or m= line"),
    (b"v=0\nm=audio 4000\n", 400, "m= is 'audio 4000', wanted media, port, protocol and formats"),
    (b"v" * (MAX_SIZE + 1), 400, f"SDP has {MAX_SIZE + 1} octets, wanted at most {MAX_SIZE}"),
    (b"a\n" * MAX_LINES, 400, f"SDP has {MAX_LINES + 1} lines, wanted at most {MAX_LINES}"),
    (b"m=audio 0 RTP/AVP 0\n" * (MAX_MEDIA_SECTIONS + 1), 488,
     f"SDP has {MAX_MEDIA_SECTIONS + 1} m= lines, wanted at most {MAX_MEDIA_SECTIONS}"),
])
def test_what_cannot_be_answered_is_refused(octets: bytes, status: int, text: str) -> None:
    """
    No SDP, a headless m= line and more than the bounds are errors of the peer.
    """
    with pytest.raises(PeerError) as caught:
        parse_sdp(octets)
    assert (caught.value.status, caught.value.text) == (status, text)


def test_warnings_are_bounded() -> None:
    """
    A thousand faults are told fifty times, each once, and shortened.
    """
    text = "v=0\nsame\nsame\n" + "".join(f"{n}{'x' * 200}\n" for n in range(1000))
    reading = parse_sdp(text.encode())
    assert len(set(reading.warnings)) == len(reading.warnings) == MAX_WARNINGS
    assert all(len(text) < 200 for _, text in reading.warnings)


_LETTERS = st.sampled_from("vosiuepcbtrzkamyVOA ")
_VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from([
        "audio 4000 RTP/AVP 0 96", "audio 4000/2 RTP/AVP 0", "IN IP4 192.0.2.1", "- 1 2 IN IP6 ::1",
        "label:1", "rtpmap:96 opus/48000/2", "sendonly", " ", "IN IP4",
    ]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_LETTERS, _VALUES), max_size=15), st.sampled_from(["\r\n", "\n"]))
def test_what_was_read_can_be_written_and_read(lines: list[tuple[str, str]], end: str) -> None:
    """
    Whatever lines come in whatever order: refused as the peer's error, or the same after writing and reading.
    """
    octets = end.join(f"{letter}={value}" for letter, value in [("v", "0"), *lines]).encode()
    try:
        description = parse_sdp(octets).description
    except PeerError:
        return
    assert parse_sdp(write_sdp(description)).description == description


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    """
    No octets raise anything but the peer's error.
    """
    try:
        description = parse_sdp(b"v=0\n" + octets).description
    except PeerError as error:
        assert error.status in (400, 488)
        return
    assert parse_sdp(write_sdp(description)).description == description


def test_no_warning_shows_a_key() -> None:
    """
    An a=crypto that was folded, indented or put into an m= line is complained of without its key.
    """
    key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    folded = f"v=0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n inline:{key}\r\n"
    reading = parse_sdp(folded.encode())
    assert ("sdp-line-unreadable", "SDP line is ' inline:(a key)', wanted <letter>=<value>") in reading.warnings
    assert key not in repr(reading.warnings)
    with pytest.raises(PeerError) as caught:
        parse_sdp(f"v=0\r\nm=INLINE:{key}\r\n".encode())
    assert key not in caught.value.text
