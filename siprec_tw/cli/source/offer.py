"""
What the client offers, and what it reads out of the answer (RFC 3264, RFC 7866 s.7.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.cli.source.payload import CODECS, PACKET_TIME
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import PeerError
from siprec_tw.sdp.description import (
    Attribute,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
    address_type_of,
    connection_of,
    connection_to,
)
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

TELEPHONE_EVENT = PayloadFormat(101, "telephone-event", 8000, parameters="0-15")


@frozen
class OfferedStream:
    """
    A media description to be; port 0 where the stream has been removed.
    """

    label: str
    port: int
    first: PayloadFormat            # the codec that is sent
    direction: Direction


@frozen
class Destination:
    """
    Where a stream is received.
    """

    host: str
    rtp_port: int
    rtcp_port: int


def write_offer(host: str, session_id: int, version: int, streams: Sequence[OfferedStream]) -> bytes:
    """
    The offer: a media description for each stream, the codec that is sent before the others.
    """
    origin = Origin("-", str(session_id), str(version), "IN", address_type_of(host), host)
    media = tuple(_media(stream) for stream in streams)
    return write_sdp(SessionDescription(origin, "siprec call", connection_to(host), media=media))


def read_answer(answer: bytes, streams: Sequence[OfferedStream]) -> tuple[Destination | None, ...]:
    """
    Where each stream is to be sent; None where it was refused.

    Raises PeerError where the answer does not fit the offer (RFC 3264 s.6).
    """
    description = parse_sdp(answer).description
    if len(description.media) != len(streams):
        raise PeerError(f"the answer has {len(description.media)} m= lines, wanted {len(streams)}")
    return tuple(
        _destination(description, media, stream)
        for media, stream in zip(description.media, streams, strict=True)
    )


def _media(stream: OfferedStream) -> MediaDescription:
    others = [codec.format for codec in CODECS.values() if codec.format != stream.first]
    formats = (stream.first, *others, TELEPHONE_EVENT)
    attributes = [Attribute("rtpmap", f"{f.payload_type} {f.encoding}/{f.clock_rate}") for f in formats]
    attributes += [Attribute("fmtp", f"{f.payload_type} {f.parameters}") for f in formats if f.parameters]
    attributes += [
        Attribute("ptime", str(round(PACKET_TIME * 1000))),
        Attribute("label", stream.label),
        Attribute(stream.direction.value),
    ]
    types = tuple(str(f.payload_type) for f in formats)
    return MediaDescription("audio", stream.port, "RTP/AVP", types, attributes=tuple(attributes))


def _destination(
    description: SessionDescription, media: MediaDescription, stream: OfferedStream
) -> Destination | None:
    if media.port == 0 or stream.port == 0:
        return None
    connection = connection_of(description, media)
    if connection is None:
        raise PeerError(f"the answer has no c= line for label {stream.label}")
    if str(stream.first.payload_type) not in media.formats:
        raise PeerError(f"the answer for label {stream.label} lacks {stream.first.encoding}")
    rtcp_port = media.port if media.rtcp_mux else media.port + 1
    if media.rtcp is not None:
        rtcp_port = media.rtcp.port
    return Destination(connection.host, media.port, rtcp_port)
