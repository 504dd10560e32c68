"""
A session description as a value (RFC 8866), with the attributes a recorder reads.

What is not understood is kept, so that a description can be written as it was read. Attribute names and
tokens compare without case: RFC 8866 wants them exact, the field does not always send them so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from attrs import evolve, frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.static_payload_types import unmapped_format, usual_clock_rate

HIGHEST_PAYLOAD_TYPE = 127
HIGHEST_PORT = 65535
HIGHEST_CLOCK_RATE = 192_000    # of audio and video payload formats that are registered
MOST_CHANNELS = 8
MOST_DIGITS = 10            # of any number read here; checked before int(), which is quadratic
NULL_HOSTS = frozenset({"0.0.0.0", "::", "0:0:0:0:0:0:0:0"})


class Direction(Enum):
    """
    Which way media flows, seen by the side that wrote it (RFC 8866 s.6.7).
    """

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """
        Whether the side that wrote it sends media.
        """
        return self in (Direction.SENDRECV, Direction.SENDONLY)


@frozen
class Line:
    """
    A line that has no field of its own: C{k=...} is C{Line("k", "...")}.
    """

    letter: str
    value: str


@frozen
class Attribute:
    """
    An a= line: a property (value None) or a name and a value, both as written (RFC 8866 s.5.13).
    """

    name: str
    value: str | None = None

    def is_named(self, name: str) -> bool:
        """
        Whether this is the attribute of that (lower-case) name.
        """
        return self.name.strip().lower() == name


@frozen
class Origin:
    """
    The o= line (RFC 8866 s.5.2); numbers are text, because peers write what they like.
    """

    username: str
    session_id: str
    version: str
    network_type: str
    address_type: str
    address: str


@frozen
class Connection:
    """
    A c= line (RFC 8866 s.5.7); the address may carry a TTL or a count after a slash.
    """

    network_type: str
    address_type: str
    address: str

    @property
    def host(self) -> str:
        """
        The address alone, "" where there is none.
        """
        return "".join(self.address.split("/")[0].split()[:1])

    @property
    def is_null(self) -> bool:
        """
        Whether this is the unspecified address, by which RFC 2543 put media on hold (RFC 3264 s.8.4).
        """
        return self.host in NULL_HOSTS


def connection_to(host: str) -> Connection:
    """
    The c= line of an IPv4 or IPv6 address.
    """
    return Connection("IN", address_type_of(host), host)


def address_type_of(host: str) -> str:
    """
    IP6 for what has a colon, else IP4.
    """
    return "IP6" if ":" in host else "IP4"


@frozen
class RtpMap:
    """
    An rtpmap attribute (RFC 8866 s.6.6); a clock rate of 0 was not written.
    """

    encoding: str               # upper case
    clock_rate: int             # ticks a second
    channels: int = 1


@frozen
class RtcpAddress:
    """
    An rtcp attribute (RFC 3605 s.2.1): a port, and a host where it is not that of the media.
    """

    port: int
    host: str | None = None


@frozen
class MediaDescription:
    """
    An m= line and what belongs to it (RFC 8866 s.5.14).
    """

    media: str                                  # as written: "audio"
    port: int                                   # as written; may exceed 65535
    protocol: str                               # as written: "RTP/AVP"
    formats: tuple[str, ...]
    port_count: int = 1
    connection: Connection | None = None
    bandwidths: tuple[str, ...] = ()            # values of b= lines
    attributes: tuple[Attribute, ...] = ()
    other_lines: tuple[Line, ...] = ()          # in the order of the RFC

    def values(self, name: str) -> tuple[str, ...]:
        """
        The values of every attribute of this (lower-case) name, in order, without outer white space.
        """
        return _stated(self.attributes, name)

    @property
    def label(self) -> str | None:
        """
        The label (RFC 4574), None where there is none or it is empty.
        """
        return next(iter(self.values("label")), "") or None

    @property
    def own_direction(self) -> Direction | None:
        """
        The direction stated in this section; L{direction_of} knows the one that holds.
        """
        return _stated_direction(self.attributes)

    @property
    def direction(self) -> Direction:
        """
        The direction stated in this section, else sendrecv; the session level is not looked at.
        """
        return self.own_direction or Direction.SENDRECV

    @property
    def rtpmaps(self) -> Mapping[int, RtpMap]:
        """
        Payload type to readable rtpmap; of two for one type the first counts.
        """
        found: dict[int, RtpMap] = {}
        for value in self.values("rtpmap"):
            if (entry := parse_rtpmap(value)) is not None:
                found.setdefault(*entry)
        return found

    @property
    def fmtps(self) -> Mapping[int, str]:
        """
        Payload type to format parameters, verbatim; several lines for one type are joined by a semicolon.
        """
        found: dict[int, str] = {}
        for value in self.values("fmtp"):
            head, parameters = headed(value)
            payload_type = payload_type_of(head)
            if payload_type is not None:
                before = found.get(payload_type)
                found[payload_type] = f"{before};{parameters}" if before else parameters
        return found

    @property
    def rtcp(self) -> RtcpAddress | None:
        """
        The rtcp attribute, None where there is none or no port can be read from it.
        """
        for value in self.values("rtcp"):
            fields = value.split()
            port = number(fields[0]) if fields else None
            if port is not None and 0 < port <= HIGHEST_PORT:
                return RtcpAddress(port, fields[3] if len(fields) > 3 else None)
        return None

    @property
    def rtcp_mux(self) -> bool:
        """
        Whether RTCP on the port of RTP is offered or accepted (RFC 5761 s.5.1.1).
        """
        return bool(self.values("rtcp-mux"))

    @property
    def cryptos(self) -> tuple[str, ...]:
        """
        The values of the crypto attributes, unread (RFC 4568 s.9.1).
        """
        return self.values("crypto")

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """
        The values of the fingerprint attributes in this section, unread (RFC 8122 s.5).
        """
        return self.values("fingerprint")

    @property
    def ptime(self) -> float | None:
        """
        Milliseconds of media in a packet (RFC 8866 s.6.4), None where not said or not readable.
        """
        return _milliseconds(self.values("ptime"))

    @property
    def maxptime(self) -> float | None:
        """
        Most milliseconds of media in a packet (RFC 8866 s.6.5), None where not said or not readable.
        """
        return _milliseconds(self.values("maxptime"))

    def payload_formats(self) -> tuple[PayloadFormat, ...]:
        """
        What each format of the m= line stands for; formats that are no payload type are passed over.

        Without an rtpmap the static assignment holds (RFC 3551 s.6), else the encoding is C{UNKNOWN-<pt>}.
        """
        types = (payload_type_of(text) for text in self.formats)
        rtpmaps, fmtps = self.rtpmaps, self.fmtps
        return tuple(
            evolve(self._format(t, rtpmaps.get(t)), parameters=fmtps.get(t, ""))
            for t in dict.fromkeys(types) if t is not None
        )

    def _format(self, payload_type: int, rtpmap: RtpMap | None) -> PayloadFormat:
        if rtpmap is None:
            return unmapped_format(payload_type, self.media)
        rate = rtpmap.clock_rate or usual_clock_rate(rtpmap.encoding, self.media)
        return PayloadFormat(payload_type, rtpmap.encoding, rate, rtpmap.channels)


@frozen
class SessionDescription:
    """
    A whole description; None is what was not there (RFC 8866 s.5).
    """

    origin: Origin | None = None
    name: str | None = "-"
    connection: Connection | None = None
    timing: tuple[Line, ...] = (Line("t", "0 0"),)      # t=, r= and z= as they came
    bandwidths: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    media: tuple[MediaDescription, ...] = ()
    other_lines: tuple[Line, ...] = ()                  # in the order of the RFC
    version: str = "0"


def direction_of(session: SessionDescription, media: MediaDescription) -> Direction:
    """
    The direction that holds for a media description: its own, the session's, else sendrecv (RFC 8866 s.6.7).
    """
    return media.own_direction or _stated_direction(session.attributes) or Direction.SENDRECV


def fingerprints_of(session: SessionDescription, media: MediaDescription) -> tuple[str, ...]:
    """
    The values of the fingerprint attributes that hold for a media description: its own, else the session's
    (RFC 8122 s.5).
    """
    return media.fingerprints or _stated(session.attributes, "fingerprint")


def setup_of(session: SessionDescription, media: MediaDescription) -> str:
    """
    Who begins, in lower case (RFC 4145 s.4): the section's own word, else the session's, "" where none is said.
    """
    return next(iter(media.values("setup") or _stated(session.attributes, "setup")), "").lower()


def connection_of(session: SessionDescription, media: MediaDescription) -> Connection | None:
    """
    The c= line that holds for a media description (RFC 8866 s.5.7), None where there is none.
    """
    return media.connection or session.connection


def number(text: str) -> int | None:
    """
    A decimal number of few digits, None for anything else.
    """
    if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS:
        return int(text)
    return None


def payload_type_of(text: str) -> int | None:
    """
    An RTP payload type, None for anything else.
    """
    value = number(text)
    return value if value is not None and value <= HIGHEST_PAYLOAD_TYPE else None


def headed(value: str) -> tuple[str, str]:
    """
    The first word of an attribute's value, and the rest; "" for what is not there.
    """
    head, rest = (*value.split(None, 1), "", "")[:2]
    return head, rest


def parse_rtpmap(value: str) -> tuple[int, RtpMap] | None:
    """
    The payload type and meaning of an rtpmap attribute's value, None where they cannot be read.
    """
    head, rest = headed(value)
    payload_type = payload_type_of(head)
    encoding, *numbers = (part.strip() for part in rest.split("/"))
    if payload_type is None or not encoding:
        return None
    rate, channels = ([number(n) or 0 for n in numbers] + [0, 0])[:2]
    # What cannot be is taken as not told: buffers are made as large as these numbers say.
    rate = rate if rate <= HIGHEST_CLOCK_RATE else 0
    channels = channels if 0 < channels <= MOST_CHANNELS else 1
    return payload_type, RtpMap(encoding.upper(), rate, channels)


def _stated(attributes: Iterable[Attribute], name: str) -> tuple[str, ...]:
    return tuple((a.value or "").strip() for a in attributes if a.is_named(name))


def _stated_direction(attributes: Iterable[Attribute]) -> Direction | None:
    for attribute in attributes:
        for direction in Direction:
            if attribute.is_named(direction.value):
                return direction
    return None


def _milliseconds(values: tuple[str, ...]) -> float | None:
    whole, _, part = (values[0] if values else "").partition(".")
    if number(whole) is None or (part and number(part) is None):
        return None
    return float(f"{whole}.{part or '0'}") or None
