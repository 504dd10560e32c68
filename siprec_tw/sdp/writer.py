"""
A session description as octets, lines in the order of RFC 8866 s.5.
"""

from __future__ import annotations

from collections.abc import Iterable

from siprec_tw.sdp.description import (
    Attribute,
    Connection,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
)

# Letters in the order of RFC 8866 s.5; t=, r= and z= stay together. Unknown ones come before the attributes.
SESSION_RANKS = {letter: rank for rank, letter in enumerate("vosiuepcbtk")} | {"r": 9, "z": 9}
MEDIA_RANKS = {letter: rank for rank, letter in enumerate("micbk")}


def write_sdp(description: SessionDescription) -> bytes:
    """
    The description in UTF-8, every line ended by CRLF. Nothing is added but v=.
    """
    lines = [*_session_lines(description)]
    for media in description.media:
        lines.extend(_media_lines(media))
    return "".join(f"{line.letter}={line.value}\r\n" for line in lines).encode()


def in_order(lines: Iterable[Line], ranks: dict[str, int]) -> tuple[Line, ...]:
    """
    Lines sorted by the rank of their letters; equal and unknown ones keep their order.
    """
    return tuple(sorted(lines, key=lambda line: ranks.get(line.letter, len(ranks))))


def _session_lines(description: SessionDescription) -> tuple[Line, ...]:
    lines = [Line("v", description.version)]
    if description.origin is not None:
        lines.append(Line("o", _origin_text(description.origin)))
    if description.name is not None:
        lines.append(Line("s", description.name))
    lines.extend(_common_lines(description.connection, description.bandwidths))
    lines.extend(description.timing)
    lines.extend(description.other_lines)
    return in_order(lines, SESSION_RANKS) + _attribute_lines(description.attributes)


def _media_lines(media: MediaDescription) -> tuple[Line, ...]:
    port = str(media.port) if media.port_count == 1 else f"{media.port}/{media.port_count}"
    lines = [Line("m", " ".join((media.media, port, media.protocol, *media.formats)))]
    lines.extend(_common_lines(media.connection, media.bandwidths))
    lines.extend(media.other_lines)
    return in_order(lines, MEDIA_RANKS) + _attribute_lines(media.attributes)


def _common_lines(connection: Connection | None, bandwidths: tuple[str, ...]) -> list[Line]:
    lines = [Line("b", value) for value in bandwidths]
    if connection is not None:
        text = f"{connection.network_type} {connection.address_type} {connection.address}"
        lines.append(Line("c", text))
    return lines


def _attribute_lines(attributes: tuple[Attribute, ...]) -> tuple[Line, ...]:
    return tuple(Line("a", a.name if a.value is None else f"{a.name}:{a.value}") for a in attributes)


def _origin_text(origin: Origin) -> str:
    return " ".join((
        origin.username, origin.session_id, origin.version,
        origin.network_type, origin.address_type, origin.address,
    ))
