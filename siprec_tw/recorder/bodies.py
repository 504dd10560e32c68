"""
What a SIP message carries for a recorder: the session description, the metadata, and the rest (RFC 7866 s.9).
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Message, Request
from siprec_tw.sip.multipart import Part, read_body
from siprec_tw.sip.parameters import parameter, parse_parameters

SDP_TYPE = "application/sdp"
# RFC 9806 settled on the first; most clients in the field send one of the others.
METADATA_TYPES = frozenset({"application/rs-metadata+xml", "application/rs-metadata", "application/rs-metadata-xml"})
XML_TYPES = frozenset({"application/xml", "text/xml"})
SIGNS_OF_METADATA = (b"ns:recording", b"ns:siprec", b"<recording")
NEGOTIATING = ("INVITE", "UPDATE")
ACCEPTED_TYPES = ("application/sdp", "application/rs-metadata+xml", "application/rs-metadata", "multipart/mixed")


@frozen
class Bodies:
    """
    The parts of one message, sorted by what they are.
    """

    sdp: Part | None
    metadata: tuple[Part, ...]
    others: tuple[Part, ...]
    warnings: tuple[tuple[str, str], ...]


def read_bodies(message: Message) -> Bodies:
    """
    Sort the parts of a message; unknown parts of a multipart body are kept, not refused.

    Raises PeerError(415) where the whole body of a request is of a type, or in an encoding, that a recorder cannot
    read and must.
    """
    refuse_encoding(message)
    body = read_body(message.headers.get("Content-Type"), message.body)
    warnings = list(body.warnings)
    descriptions = [part for part in body.parts if is_sdp(part)]
    metadata = tuple(part for part in body.parts if part not in descriptions and is_metadata(part))
    others = tuple(part for part in body.parts if part not in descriptions[:1] and part not in metadata)
    if len(descriptions) > 1:
        warnings.append(("several-session-descriptions", f"found {len(descriptions)}, the first is used"))
    headers = (message.headers, *(part.headers for part in body.parts))
    required = all(is_required(each.get("Content-Disposition")) for each in headers)
    if len(body.parts) == 1 and others and is_negotiating(message) and required:
        raise PeerError(f"Content-Type is {essence(others[0])}, wanted {' or '.join(ACCEPTED_TYPES)}", 415)
    return Bodies(descriptions[0] if descriptions else None, metadata, others, tuple(warnings))


def refuse_encoding(message: Message) -> None:
    """
    Raises PeerError(415) for an offer or metadata that is compressed (RFC 3261 s.8.2.3).
    """
    encoding = (message.headers.get("Content-Encoding") or "identity").strip().lower()
    if message.body and encoding != "identity" and is_negotiating(message):
        text = f"Content-Encoding is {encoding}, wanted identity"
        raise PeerError(text, 415, (("Accept-Encoding", "identity"),))


def is_negotiating(message: Message) -> bool:
    """
    Whether a message is a request that may have an offer: it can be refused.
    """
    return isinstance(message, Request) and message.method in NEGOTIATING


def essence(part: Part) -> str:
    """
    Type and subtype of a part in lower case, "" where it does not say.
    """
    return part.media_type.essence if part.media_type else ""


def is_sdp(part: Part) -> bool:
    """
    By its type, or where that is missing by its first line.
    """
    kind = essence(part)
    return kind == SDP_TYPE or (not kind and part.body.lstrip().startswith(b"v=0"))


def is_metadata(part: Part) -> bool:
    """
    By its type, or as XML that looks like RFC 7865.
    """
    kind = essence(part)
    if kind in METADATA_TYPES:
        return True
    return (not kind or kind in XML_TYPES) and any(sign in part.body for sign in SIGNS_OF_METADATA)


def is_required(disposition: str | None) -> bool:
    """
    Whether a body of this Content-Disposition must be understood, which is the default (RFC 3261 s.20.11).
    """
    handling = parameter(parse_parameters((disposition or "").partition(";")[2]), "handling") or "required"
    return handling.lower() != "optional"
