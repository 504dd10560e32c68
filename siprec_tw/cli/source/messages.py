"""
The requests of the client: their header fields and bodies (RFC 7866 s.6.1, s.9.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from siprec_tw.cli.source.offer import OfferedStream, write_offer
from siprec_tw.errors import PeerError
from siprec_tw.metadata.model import Metadata
from siprec_tw.metadata.writer import write_metadata
from siprec_tw.sip.dialog import MAX_FORWARDS, Dialog
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.multipart import Part, write_multipart
from siprec_tw.sip.session_timer import RECOMMENDED_INTERVAL, SessionExpires, parse_session_expires

BOUNDARY = "siprec-call-boundary"
METADATA_TYPE = "application/rs-metadata+xml"
USER_AGENT = "siprec-call"
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"

Fields = tuple[tuple[str, str], ...]
Offer = tuple[str, int, int, Sequence[OfferedStream]]      # what write_offer takes


@frozen
class Ends:
    """
    Who calls whom.
    """

    host: str               # our address, numeric
    contact: str            # our URI
    target: str             # the recorder's URI
    transport: str          # "udp" or "tcp"


def first_invite(ends: Ends, call_id: str, local_tag: str, fields: Fields, body: bytes) -> Request:
    """
    The INVITE that sets up the recording session, without Via.
    """
    own: Fields = (
        ("Max-Forwards", MAX_FORWARDS),
        ("From", f"<sip:{USER_AGENT}@{_uri_host(ends.host)}>;tag={local_tag}"),
        ("To", f"<{ends.target}>"),
        ("Call-ID", call_id),
        ("CSeq", "1 INVITE"),
        *_session_fields(ends),
        ("Require", "siprec"),
        ("Accept", "application/sdp, application/rs-metadata-request"),
    )
    return Request("INVITE", ends.target, Headers(own + fields), body)


def within_dialog(
    ends: Ends, dialog: Dialog, method: str, fields: Fields, body: bytes
) -> tuple[Dialog, Request]:
    """
    The next request of a dialog, and the dialog after it.
    """
    own: Fields = (("User-Agent", USER_AGENT),)
    if method in ("INVITE", "UPDATE"):
        own = _session_fields(ends)
    if method == "INVITE":
        own += (("Require", "siprec"),)
    return dialog.request(method, fields=own + fields, body=body)


def session_body(offer: Offer | None, metadata: Metadata) -> tuple[Fields, bytes]:
    """
    Header fields and body: offer and metadata in a multipart, or the metadata alone.
    """
    document = write_metadata(metadata)
    disposition = ("Content-Disposition", "recording-session")
    if offer is None:
        return (("Content-Type", METADATA_TYPE), disposition), document
    parts = (
        Part(Headers((("Content-Type", "application/sdp"),)), write_offer(*offer)),
        Part(Headers((("Content-Type", METADATA_TYPE), disposition)), document),
    )
    content_type, body = write_multipart(parts, BOUNDARY)
    return (("MIME-Version", "1.0"), ("Content-Type", content_type)), body


def session_interval(response: Response) -> int | None:
    """
    The interval after which the session ends, where it is ours to refresh it (RFC 4028 s.7.2).
    """
    text = response.headers.get("Session-Expires")
    if text is None:
        return None
    try:
        agreed = parse_session_expires(text)
    except PeerError:
        return None
    return None if agreed.refresher == "uas" else agreed.interval


def _session_fields(ends: Ends) -> Fields:
    return (
        ("Contact", f"<{ends.contact}>;+sip.src"),
        ("Supported", "timer"),
        ("Session-Expires", str(SessionExpires(RECOMMENDED_INTERVAL, "uac"))),
        ("Allow", ALLOW),
        ("User-Agent", USER_AGENT),
    )


def _uri_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
