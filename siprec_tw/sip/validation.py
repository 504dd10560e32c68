"""
What a message must have before anybody acts on it (RFC 3261 s.8.1.1, s.8.2, s.18.3; RFC 4475).

A request that fails is answered with the error's status; a response that fails is dropped. What a
recorder can live without is not asked for: Max-Forwards and the tag of From may be missing (RFC 2543
clients), Date and Expires may be nonsense.
"""

from __future__ import annotations

from siprec_tw.errors import PeerError
from siprec_tw.sip.cseq import CSeq, parse_cseq
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.name_addr import NameAddr, parse_name_addr, parse_name_addr_list
from siprec_tw.sip.uri import parse_uri, uri_scheme
from siprec_tw.sip.via import parse_vias

MAX_FORWARDS = 255

_SINGLE = ("From", "To", "Call-ID", "CSeq")
_SIP_SCHEMES = ("sip", "sips", "tel")


def validate_request(request: Request) -> None:
    """
    Raises PeerError with the status to answer: 400, or 416 for the scheme of the Request-URI.
    """
    headers = request.headers
    cseq = _mandatory(headers)
    if cseq.method != request.method:
        raise PeerError(f"CSeq names {cseq.method[:40]!r}, wanted {request.method[:40]!r}")
    _max_forwards(headers.get_all("Max-Forwards"))
    uri = parse_uri(request.uri)
    if uri.headers:
        # s.19.1.1, table 1: no headers in a Request-URI.
        raise PeerError(f"Request-URI is {request.uri[:80]!r}, wanted one without header fields")
    _addresses(headers, "Contact")
    _addresses(headers, "Route")
    _addresses(headers, "Record-Route")


def validate_response(response: Response) -> None:
    """
    Raises PeerError for a response that is to be dropped.
    """
    _mandatory(response.headers)
    _addresses(response.headers, "Contact")
    _addresses(response.headers, "Record-Route")


def _mandatory(headers: Headers) -> CSeq:
    if not parse_vias(headers):
        raise PeerError("Via is missing, wanted at least one")
    for name in _SINGLE:
        found = len(headers.get_all(name))
        if found != 1:
            raise PeerError(f"{name} is there {found} times, wanted once")
    if not headers.get("Call-ID"):
        raise PeerError("Call-ID is empty, wanted a word")
    for name in ("From", "To"):
        _address(name, parse_name_addr(headers.get(name) or ""))
    return parse_cseq(headers.get("CSeq") or "")


def _addresses(headers: Headers, name: str) -> None:
    for address in parse_name_addr_list(headers, name):
        if name != "Contact" or address.uri != "*":
            _address(name, address)


def _address(name: str, address: NameAddr) -> None:
    # Other schemes are somebody else's business here (RFC 4475 s.3.3.4).
    if uri_scheme(address.uri) in _SIP_SCHEMES:
        try:
            parse_uri(address.uri)
        except PeerError as error:
            raise PeerError(f"{name}: {error.text}") from error


def _max_forwards(values: tuple[str, ...]) -> None:
    if len(values) > 1:
        raise PeerError(f"Max-Forwards is there {len(values)} times, wanted once")
    for value in values:
        digits = value.lstrip("0") or "0"
        if not (value.isascii() and value.isdecimal() and len(digits) <= 3 and int(digits) <= MAX_FORWARDS):
            raise PeerError(f"Max-Forwards is {value[:40]!r}, wanted 0 to {MAX_FORWARDS}")
