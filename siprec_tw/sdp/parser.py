"""
Octets to a session description (RFC 8866 s.5), tolerant of what real clients send.

Only what leaves nothing to answer is refused: octets that are no SDP, an m= line without media, port and
protocol (no answer could repeat it), and more than the bounds allow. All else becomes a warning, a pair of
a stable code and a sentence, for the manifest.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from itertools import pairwise

from attrs import define, field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sdp.description import (
    HIGHEST_PORT,
    Attribute,
    Connection,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
    number,
    parse_rtpmap,
)
from siprec_tw.sdp.writer import MEDIA_RANKS, SESSION_RANKS, in_order

MAX_SIZE = 262_144          # octets; the largest body seen in the field has 5,000
MAX_LINES = 4_000
MAX_MEDIA_SECTIONS = 64
MAX_WARNINGS = 50
SHOWN = 80                  # characters of the peer's text in a warning or an error

_KEY = re.compile(r"(inline:).*", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK = " \t\0"
_LEADING = b" \t\0\r\n"
_TIMING = frozenset("trz")


@frozen
class Reading:
    """
    What was read, and what was wrong with it: (code, text) each.
    """

    description: SessionDescription
    warnings: tuple[tuple[str, str], ...] = ()


@define
class _Warnings:
    found: list[tuple[str, str]] = field(factory=list)

    def add(self, code: str, text: str) -> None:
        if (code, text) not in self.found and len(self.found) < MAX_WARNINGS:
            self.found.append((code, text))


def parse_sdp(octets: bytes) -> Reading:
    """
    Read a session description.

    Raises PeerError: 400 for what is no SDP or too large, 488 for more than MAX_MEDIA_SECTIONS m= lines.
    """
    if len(octets) > MAX_SIZE:
        raise PeerError(f"SDP has {len(octets)} octets, wanted at most {MAX_SIZE}")
    warnings = _Warnings()
    lines = _lines(_text(octets, warnings), warnings)
    if not any(line.letter in "vom" for line in lines):
        raise PeerError("Body is not SDP: found no v=, o= or m= line")
    starts = [at for at, line in enumerate(lines) if line.letter == "m"]
    if len(starts) > MAX_MEDIA_SECTIONS:
        raise PeerError(f"SDP has {len(starts)} m= lines, wanted at most {MAX_MEDIA_SECTIONS}", 488)
    bounds = [*starts, len(lines)]
    media = tuple(_media(lines[begin:end], warnings) for begin, end in pairwise(bounds))
    description = _session(lines[:bounds[0]], media, warnings)
    _warn_of_connections(description, warnings)
    return Reading(description, tuple(warnings.found))


def _text(octets: bytes, warnings: _Warnings) -> str:
    octets = octets.lstrip(_LEADING).removeprefix(BOM_UTF8)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        warnings.add("sdp-not-utf8", "SDP is not UTF-8 and was read as ISO 8859-1")
        return octets.decode("latin-1")


def _lines(text: str, warnings: _Warnings) -> list[Line]:
    texts = _LINE_END.split(text)
    if len(texts) > MAX_LINES:
        raise PeerError(f"SDP has {len(texts)} lines, wanted at most {MAX_LINES}")
    lines = []
    for written in texts:
        if not written.strip(_BLANK):
            continue
        before, equals, value = written.partition("=")
        letter = before.strip(_BLANK).lower()
        if not equals or len(letter) != 1 or not (letter.isascii() and letter.isalpha()):
            warnings.add("sdp-line-unreadable", f"SDP line is {_shown(written)}, wanted <letter>=<value>")
            continue
        # A session without a name is written "s= " (RFC 8866 s.5.3).
        lines.append(Line(letter, value if letter == "s" else value.strip(_BLANK)))
    return lines


@define
class _Parts:
    """
    The lines of one section, sorted into those that have a field and those that are only kept.
    """

    warnings: _Warnings
    connection: Connection | None = None
    bandwidths: list[str] = field(factory=list)
    attributes: list[Attribute] = field(factory=list)
    others: list[Line] = field(factory=list)

    def take(self, line: Line) -> None:
        match line.letter:
            case "a":
                name, colon, value = line.value.partition(":")
                self.attributes.append(Attribute(name, value if colon else None))
            case "b":
                self.bandwidths.append(line.value)
            case "c" if self.connection is None:
                self.connection = self._connection(line)
            case _:
                self.others.append(line)

    def _connection(self, line: Line) -> Connection | None:
        fields = line.value.split(None, 2)
        if len(fields) == 3:
            return Connection(*fields)
        text = f"c= is {_shown(line.value)}, wanted IN, IP4 or IP6, and an address"
        self.warnings.add("connection-unreadable", text)
        self.others.append(line)
        return None


def _session(
    lines: list[Line], media: tuple[MediaDescription, ...], warnings: _Warnings
) -> SessionDescription:
    parts = _Parts(warnings)
    origin: Origin | None = None
    firsts: dict[str, str] = {}
    timing: list[Line] = []
    for line in lines:
        if line.letter == "o" and origin is None and (origin := _origin(line.value)) is not None:
            continue
        if line.letter in ("v", "s") and line.letter not in firsts:
            firsts[line.letter] = line.value
        elif line.letter in _TIMING:
            timing.append(line)
        else:
            parts.take(line)
    description = SessionDescription(
        origin=origin,
        name=firsts.get("s"),
        connection=parts.connection,
        timing=tuple(timing),
        bandwidths=tuple(parts.bandwidths),
        attributes=tuple(parts.attributes),
        media=media,
        other_lines=in_order(parts.others, SESSION_RANKS),
        version=firsts.get("v", "0"),
    )
    _warn_of_head(description, "v" in firsts, warnings)
    return description


def _origin(value: str) -> Origin | None:
    # From the right: user names with spaces have been seen.
    fields = value.rsplit(None, 5)
    return Origin(*fields) if len(fields) == 6 else None


def _media(lines: list[Line], warnings: _Warnings) -> MediaDescription:
    value = lines[0].value
    fields = value.split()
    if len(fields) < 3:
        raise PeerError(f"m= is {_shown(value)}, wanted media, port, protocol and formats")
    port_text, _, count_text = fields[1].partition("/")
    port = number(port_text)
    if port is None or port > HIGHEST_PORT:
        warnings.add("media-port-unreadable", f"m= has port {_shown(port_text)}, wanted 0 to {HIGHEST_PORT}")
    parts = _Parts(warnings)
    for line in lines[1:]:
        parts.take(line)
    media = MediaDescription(
        media=fields[0],
        port=port or 0,
        protocol=fields[2],
        formats=tuple(fields[3:]),
        port_count=number(count_text) or 1,
        connection=parts.connection,
        bandwidths=tuple(parts.bandwidths),
        attributes=tuple(parts.attributes),
        other_lines=in_order(parts.others, MEDIA_RANKS),
    )
    for rtpmap in media.values("rtpmap"):
        if parse_rtpmap(rtpmap) is None:
            text = f"rtpmap is {_shown(rtpmap)}, wanted a payload type and an encoding"
            warnings.add("rtpmap-unreadable", text)
    return media


def _warn_of_head(description: SessionDescription, has_version: bool, warnings: _Warnings) -> None:
    if not has_version:
        warnings.add("sdp-version-missing", "SDP has no v= line")
    elif description.version != "0":
        warnings.add("sdp-version-unknown", f"v= is {_shown(description.version)}, wanted 0")
    if description.origin is None:
        written = next((line.value for line in description.other_lines if line.letter == "o"), None)
        if written is None:
            warnings.add("origin-missing", "SDP has no o= line")
        else:
            warnings.add("origin-unreadable", f"o= is {_shown(written)}, wanted six fields")
    if description.name is None:
        warnings.add("session-name-missing", "SDP has no s= line")
    if not any(line.letter == "t" for line in description.timing):
        warnings.add("timing-missing", "SDP has no t= line")


def _warn_of_connections(description: SessionDescription, warnings: _Warnings) -> None:
    if description.connection is None:
        for index, media in enumerate(description.media):
            if media.connection is None and media.port != 0:
                warnings.add("connection-missing", f"m-line {index} has no c= line, nor has the session")


def _shown(text: str) -> str:
    # A line that was folded or mangled may have the key of a=crypto (RFC 4568 s.9.1) in it.
    text = _KEY.sub(r"\1(a key)", text)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
