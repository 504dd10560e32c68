"""
The responses of a recorder: the header fields that each of them has (RFC 3261 s.8.2.6, RFC 7866 s.6.2).
"""

from __future__ import annotations

from ipaddress import ip_address

from siprec_tw.errors import PeerError
from siprec_tw.recorder.bodies import ACCEPTED_TYPES, SDP_TYPE
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.signaling.peer import Peer
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.message import Response
from siprec_tw.sip.reply import reply
from siprec_tw.sip.uri import bracketed

ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK")
ACCEPT = ("Accept", ", ".join(ACCEPTED_TYPES))
SUPPORTED_TAGS = frozenset({"siprec", "timer", "100rel"})
SUPPORTED = ("Supported", "siprec, timer, 100rel")

Fields = tuple[tuple[str, str], ...]


def contact(surroundings: Surroundings, local: Peer) -> tuple[str, str]:
    """
    Our Contact: where the request was received, with the feature tag of a session recording server.
    """
    own = surroundings.contact_host if ip_address(local.host).is_unspecified else local.host
    host = surroundings.sip.advertise or own
    transport = "" if local.transport == "udp" else f";transport={local.transport}"
    return "Contact", f"<sip:{bracketed(host)}:{local.port}{transport}>;+sip.srs"


def accepted(
    surroundings: Surroundings, incoming: IncomingRequest, fields: Fields = (), sdp: bytes | None = None
) -> Response:
    """
    A 200, with a session description where there is one.
    """
    common = (contact(surroundings, incoming.local), ALLOW, SUPPORTED, ("Server", surroundings.sip.user_agent))
    return reply(
        incoming.request, 200, to_tag=incoming.tag, fields=(*common, *fields),
        body=sdp or b"", content_type=None if sdp is None else SDP_TYPE,
    )


def refused(surroundings: Surroundings, incoming: IncomingRequest, error: PeerError) -> Response:
    """
    The response to what cannot be done, with the header fields that its status wants.
    """
    fields: list[tuple[str, str]] = [("Server", surroundings.sip.user_agent), *error.fields]
    if error.status == 405:
        fields.append(ALLOW)
    elif error.status == 415:
        fields.append(ACCEPT)
    elif error.status == 503:
        fields.append(("Retry-After", str(round(surroundings.sip.retry_after))))
    if error.status in (400, 488):
        fields.append(("Warning", f'399 siprec_tw "{warning_text(error.text)}"'))
    return reply(incoming.request, error.status, to_tag=incoming.tag, fields=fields)


def warning_text(text: str) -> str:
    """
    A text fit for a quoted string: printable, without quotes (RFC 3261 s.20.43).
    """
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "'" for c in text)[:200]
