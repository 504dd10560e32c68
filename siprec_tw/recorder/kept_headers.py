"""
Which header fields of an INVITE go into the journal: those that may tell an operator which call it was.
"""

from __future__ import annotations

from siprec_tw.sip.message import Request, expanded_name

# Routing, framing and negotiation say nothing about the call; credentials must not be kept.
NOT_KEPT = frozenset(
    name.lower()
    for name in (
        "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Allow-Events", "Authorization", "Call-ID",
        "Contact", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Type",
        "CSeq", "Expires", "From", "Max-Forwards", "MIME-Version", "Min-SE", "Proxy-Authorization", "Proxy-Require",
        "Record-Route", "Require", "Route", "Session-Expires", "Supported", "To", "User-Agent", "Via",
    )
)
MOST_KEPT = 64
LONGEST_VALUE = 2048


def kept_headers(request: Request) -> tuple[tuple[str, str], ...]:
    """
    Session-ID, Cisco-Guid, User-to-User, X-... and whatever else is not plumbing, in order, bounded.
    """
    kept = (
        (expanded_name(name), value[:LONGEST_VALUE])
        for name, value in request.headers
        if expanded_name(name).lower() not in NOT_KEPT
    )
    return tuple(kept)[:MOST_KEPT]
