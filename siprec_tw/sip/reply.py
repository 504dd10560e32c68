"""
Responses of a user agent server (RFC 3261 s.8.2.6): what is copied from the request, and what is said.
"""

from __future__ import annotations

from collections.abc import Iterable

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.name_addr import parse_name_addr
from siprec_tw.sip.via import top_via

# RFC 3261 s.21; 199: RFC 6228, 202, 489: 6665, 204: 5839, 412: 3903, 422: 4028, 469: 6086, 494: 3329,
# 580: 3312.
REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK", 202: "Accepted", 204: "No Notification",
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 412: "Conditional Request Failed",
    413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief",
    469: "Bad Info Package",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 493: "Undecipherable", 494: "Security Agreement Required",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}

# RFC 3261 s.12.1, RFC 6665 s.4.4.1: their responses set up a dialog, and so carry the route.
_DIALOG_FORMING = ("INVITE", "SUBSCRIBE")


def reply(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """
    The response to a request, a defective one too: it gets back what it has.

    C{to_tag} is added where the To has none yet. A 100 copies Timestamp (s.8.2.6.1), a response
    that forms a dialog Record-Route (s.12.1.1). Raises nothing.
    """
    copied = ["Via", "From", "To", "Call-ID", "CSeq"]
    if status == 100:
        copied.append("Timestamp")
    elif status < 300 and request.method in _DIALOG_FORMING:
        copied.append("Record-Route")
    out: list[tuple[str, str]] = []
    for name in copied:
        out += ((name, value) for value in request.headers.get_all(name))
    if to_tag is not None:
        out = [(name, _with_tag(value, to_tag) if name == "To" else value) for name, value in out]
    out += fields
    if content_type is not None:
        out.append(("Content-Type", content_type))
    return Response(status, reason_phrase(status) if reason is None else reason, Headers(tuple(out)), body)


def reason_phrase(status: int) -> str:
    """
    The standard phrase; for an unknown status the one of its class (s.8.1.3.2).
    """
    return REASONS.get(status) or REASONS.get(status // 100 * 100, "Unknown")


def is_answerable(request: Request) -> bool:
    """
    Whether a defective request is to be answered: it is no ACK, and its topmost Via says where to.
    """
    try:
        top_via(request.headers)
    except PeerError:
        return False
    return request.method != "ACK"


def _with_tag(to: str, tag: str) -> str:
    # The peer's own spelling is kept: older clients compare To as text.
    try:
        has_tag = parse_name_addr(to).tag is not None
    except PeerError:
        return to
    return to if has_tag else f"{to};tag={tag}"
