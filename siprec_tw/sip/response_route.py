"""
The way back of responses: received, rport and where to send (RFC 3261 s.18.2, RFC 3581).
"""

from __future__ import annotations

from ipaddress import ip_address

from siprec_tw.errors import PeerError
from siprec_tw.sip.lists import split_list
from siprec_tw.sip.message import Headers, Request, Response, comparable_name
from siprec_tw.sip.uri import parse_host, parse_port
from siprec_tw.sip.via import Via, parse_via, top_via

DEFAULT_PORT = 5060
DEFAULT_TLS_PORT = 5061


def with_received(request: Request, source_host: str, source_port: int) -> Request:
    """
    The request with the topmost Via telling where it really came from.

    C{received} is written where rport is asked for or the host differs (RFC 3261 s.18.2.1, RFC 3581
    s.4); what the peer itself wrote there is overwritten or removed, or it could aim our
    responses at others. Raises PeerError(400) if there is no readable topmost Via.
    """
    fields = request.headers.fields
    at = next((i for i, (name, _) in enumerate(fields) if comparable_name(name) == "via"), None)
    if at is None:
        raise PeerError("Via is missing, wanted at least one")
    name, value = fields[at]
    items = split_list(value)
    via = _seen_from(parse_via(items[0]), source_host, source_port)
    new = (name, ", ".join((str(via), *items[1:])))
    return request.with_headers(Headers((*fields[:at], new, *fields[at + 1:])))


def _seen_from(via: Via, host: str, port: int) -> Via:
    via = via.without_parameter("received")
    if via.parameter("rport") is not None:
        return via.with_parameter("received", host).with_parameter("rport", str(port))
    return via if _same_address(via.host, host) else via.with_parameter("received", host)


def _same_address(one: str, other: str) -> bool:
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def response_target(response: Response) -> tuple[str, int, str]:
    """
    Host, port and transport ("udp", "tcp", "tls") a response is sent to (RFC 3261 s.18.2.2, RFC 3581 s.4).

    On a reliable transport this is only for a connection that is gone: the one of the request comes
    first. Raises PeerError(400) if there is no readable topmost Via.
    """
    via = top_via(response.headers)
    transport = via.transport.lower()
    sent_by = via.port or (DEFAULT_TLS_PORT if transport == "tls" else DEFAULT_PORT)
    maddr = via.parameter("maddr")
    if maddr:
        return parse_host(maddr), sent_by, transport
    received = via.parameter("received")
    if not received:
        return via.host, sent_by, transport
    port = parse_port(via.parameter("rport")) if transport == "udp" else None
    return received.strip("[]"), port or sent_by, transport
