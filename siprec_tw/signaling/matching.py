"""
Which transaction a message belongs to (RFC 3261 s.17.1.3, s.17.2.3), and what came twice (s.8.2.2.2).
"""

from __future__ import annotations

from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.name_addr import parse_name_addr
from siprec_tw.sip.via import MAGIC_COOKIE, top_via

Key = tuple[str, ...]

_COOKIE = MAGIC_COOKIE.lower()


def server_key(request: Request, method: str | None = None) -> Key:
    """
    The key of the server transaction of a request; an ACK has the key of its INVITE.

    With C{method} the key of that method's transaction: a CANCEL and its INVITE share all the rest.
    Branches without the magic cookie, or of nothing else, are not unique (RFC 2543): there the key is made
    of all that a retransmission has in common, but not of the To tag, which an ACK got from our response.
    Raises PeerError where a field is missing that L{siprec_tw.sip.validation} asks for.
    """
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    via = top_via(request.headers)
    branch = (via.branch or "").lower()
    if branch.startswith(_COOKIE) and branch != _COOKIE:
        return (branch, via.host.lower(), str(via.port or ""), method)
    origin = parse_name_addr(request.headers.get("From") or "")
    number = parse_cseq(request.headers.get("CSeq") or "").number
    call_id = request.headers.get("Call-ID") or ""
    return ("RFC 2543", request.uri, origin.tag or "", call_id, str(number), str(via), method)


def client_key(message: Request | Response) -> Key:
    """
    The key of the client transaction, from its request or from a response to it. Raises PeerError.
    """
    method = parse_cseq(message.headers.get("CSeq") or "").method
    return ((top_via(message.headers).branch or "").lower(), method)


def merge_key(request: Request) -> Key | None:
    """
    What two copies of one request have in common that came by different ways; None within a dialog.
    """
    if parse_name_addr(request.headers.get("To") or "").tag is not None:
        return None
    origin = parse_name_addr(request.headers.get("From") or "")
    cseq = parse_cseq(request.headers.get("CSeq") or "")
    return (origin.tag or "", request.headers.get("Call-ID") or "", str(cseq))
