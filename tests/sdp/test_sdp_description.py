"""
What a recorder reads out of a media description.
"""

from __future__ import annotations

import pytest

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.description import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    RtcpAddress,
    RtpMap,
    SessionDescription,
    connection_of,
    direction_of,
    fingerprints_of,
    setup_of,
)
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.static_payload_types import STATIC_PAYLOAD_TYPES


def media_of(formats: str, *attributes: str, kind: str = "audio") -> MediaDescription:
    lines = [f"m={kind} 4000 RTP/AVP {formats}", *(f"a={a}" for a in attributes)]
    return parse_sdp("\n".join(lines).encode()).description.media[0]


@pytest.mark.parametrize(("attributes", "expected"), [
    ((), Direction.SENDRECV),
    (("sendonly",), Direction.SENDONLY),
    (("SendOnly",), Direction.SENDONLY),
    (("direction:both", "recvonly"), Direction.RECVONLY),
    (("direction:both",), Direction.SENDRECV),
    (("inactive", "sendrecv"), Direction.INACTIVE),
])
def test_direction_of_a_section(attributes: tuple[str, ...], expected: Direction) -> None:
    """
    The first direction attribute counts, in any case of letters; without one it is sendrecv.
    """
    assert media_of("0", *attributes).direction is expected


def test_direction_is_inherited() -> None:
    """
    The session's direction holds for a section that states none (RFC 8866 s.6.7).
    """
    session = SessionDescription(attributes=(Attribute("inactive"),))
    assert direction_of(session, media_of("0")) is Direction.INACTIVE
    assert direction_of(session, media_of("0", "sendonly")) is Direction.SENDONLY
    assert direction_of(SessionDescription(), media_of("0")) is Direction.SENDRECV


def test_connection_is_inherited() -> None:
    """
    The session's c= line holds for a section that has none, without its TTL.
    """
    session = SessionDescription(connection=Connection("IN", "IP4", "233.252.0.1/127"))
    connection = connection_of(session, media_of("0"))
    assert connection is not None
    assert connection.host == "233.252.0.1"
    assert connection_of(SessionDescription(), media_of("0")) is None


@pytest.mark.parametrize(("host", "null"), [
    ("0.0.0.0", True), ("::", True), ("192.0.2.1", False), ("sbc.example.com", False), ("/", False),
])
def test_null_addresses(host: str, null: bool) -> None:
    """
    The unspecified addresses of both families put media on hold, others do not.
    """
    assert Connection("IN", "IP4", host).is_null is null


def test_formats_by_map_by_table_and_unknown() -> None:
    """
    An rtpmap comes first, then RFC 3551's table, then a name that says which; fmtp goes with each.
    """
    media = media_of(
        "0 3 9 18 96 97 101 110 0 * 128",
        "rtpmap:18 G729a/8000", "fmtp:18 annexb=no", "rtpmap:96 opus/48000/2", "fmtp:96 minptime=10",
        "fmtp:96 useinbandfec=1", "rtpmap:101 telephone-event", "fmtp:101 0-16", "rtpmap:96 speex/8000",
    )
    assert media.payload_formats() == (
        PayloadFormat(0, "PCMU", 8000),
        PayloadFormat(3, "GSM", 8000),
        PayloadFormat(9, "G722", 8000),
        PayloadFormat(18, "G729A", 8000, parameters="annexb=no"),
        PayloadFormat(96, "OPUS", 48000, 2, "minptime=10;useinbandfec=1"),
        PayloadFormat(97, "UNKNOWN-97", 8000),
        PayloadFormat(101, "TELEPHONE-EVENT", 8000, parameters="0-16"),
        PayloadFormat(110, "UNKNOWN-110", 8000),
    )


def test_unknown_video_ticks_at_90000() -> None:
    """
    A payload type of video without rtpmap is taken at the clock rate that video has.
    """
    assert media_of("99 34", kind="video").payload_formats() == (
        PayloadFormat(99, "UNKNOWN-99", 90000), PayloadFormat(34, "H263", 90000),
    )


@pytest.mark.parametrize(("value", "expected"), [
    ("96 opus/48000/2", {96: RtpMap("OPUS", 48000, 2)}),
    (" 96\tPCMA / 8000 ", {96: RtpMap("PCMA", 8000)}),
    ("96 PCMA", {96: RtpMap("PCMA", 0)}),
    ("96 PCMA/x/y", {96: RtpMap("PCMA", 0)}),
    ("96 L16/99999999999", {96: RtpMap("L16", 0)}),
    ("128 PCMA/8000", {}),
    ("96", {}),
    ("96 /8000", {}),
    ("", {}),
    ("²5 PCMA/8000", {}),
])
def test_rtpmaps(value: str, expected: dict[int, RtpMap]) -> None:
    """
    An rtpmap is read as far as it can be.
    """
    assert media_of("96", f"rtpmap:{value}").rtpmaps == expected


@pytest.mark.parametrize(("value", "expected"), [
    ("53020", RtcpAddress(53020)),
    ("53020 IN IP6 2001:db8::1", RtcpAddress(53020, "2001:db8::1")),
    ("0", None),
    ("65536", None),
    ("", None),
])
def test_rtcp(value: str, expected: RtcpAddress | None) -> None:
    """
    The rtcp attribute tells a port, and maybe a host (RFC 3605 s.2.1).
    """
    assert media_of("0", f"rtcp:{value}").rtcp == expected


@pytest.mark.parametrize(("value", "expected"), [
    ("20", 20.0), ("2.5", 2.5), ("0", None), ("20 ms", None), ("", None), (".5", None), ("1e9", None),
])
def test_ptime(value: str, expected: float | None) -> None:
    """
    Packet times are milliseconds, maybe with a fraction; nonsense is none.
    """
    media = media_of("0", f"ptime:{value}", f"maxptime:{value}")
    assert (media.ptime, media.maxptime) == (expected, expected)


def test_flags_and_labels() -> None:
    """
    Names are found in any case, an empty label is none, and rtcp-mux is a flag.
    """
    media = media_of("0", "Label: a_leg ", "RTCP-MUX", "crypto:1 A inline:B", "crypto:2 C inline:D")
    assert media.label == "a_leg"
    assert media.rtcp_mux
    assert media.cryptos == ("1 A inline:B", "2 C inline:D")
    assert media_of("0", "label:").label is None
    assert not media_of("0").rtcp_mux


def test_fingerprint_and_setup_of_either_level() -> None:
    """
    A section's own hold, else the session's (RFC 8122 s.5); setup in any case of letters, "" where none is said.
    """
    session = parse_sdp(b"v=0\na=Fingerprint:sha-256 AB \na=setup:ActPass\nm=audio 4000 UDP/TLS/RTP/SAVP 0").description
    own = media_of("0", "fingerprint:sha-1 CD", "fingerprint:sha-256 EF", "setup:passive")
    for media, fingerprints, setup in (
        (session.media[0], ("sha-256 AB",), "actpass"), (own, ("sha-1 CD", "sha-256 EF"), "passive"),
    ):
        assert fingerprints_of(session, media) == fingerprints
        assert setup_of(session, media) == setup
    assert fingerprints_of(SessionDescription(), media_of("0")) == ()
    assert setup_of(SessionDescription(), media_of("0")) == ""


def test_static_table_is_that_of_the_rfc() -> None:
    """
    The audio rows of RFC 3551 table 4, and the two of old that are still sent.
    """
    audio = {t: (f.encoding, f.clock_rate, f.channels) for t, f in STATIC_PAYLOAD_TYPES.items() if t < 20}
    assert audio == {
        0: ("PCMU", 8000, 1), 2: ("G726-32", 8000, 1), 3: ("GSM", 8000, 1), 4: ("G723", 8000, 1),
        5: ("DVI4", 8000, 1), 6: ("DVI4", 16000, 1), 7: ("LPC", 8000, 1), 8: ("PCMA", 8000, 1),
        9: ("G722", 8000, 1), 10: ("L16", 44100, 2), 11: ("L16", 44100, 1), 12: ("QCELP", 8000, 1),
        13: ("CN", 8000, 1), 14: ("MPA", 90000, 1), 15: ("G728", 8000, 1), 16: ("DVI4", 11025, 1),
        17: ("DVI4", 22050, 1), 18: ("G729", 8000, 1), 19: ("CN", 8000, 1),
    }
