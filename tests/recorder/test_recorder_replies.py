"""
The header fields of our responses.
"""

from __future__ import annotations

import pytest
from recorder_fakes import LOCAL, SRC, Studio, client_request, header

from siprec_tw.config.model import Sip
from siprec_tw.errors import PeerError
from siprec_tw.recorder.replies import accepted, contact, refused, warning_text
from siprec_tw.signaling.peer import Peer
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.message import Response


def incoming(method: str = "INVITE") -> IncomingRequest:
    return IncomingRequest(client_request(method), SRC, LOCAL, 0.0, "ours", lambda response: None)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (Peer("udp", "192.0.2.1", 5060), "<sip:192.0.2.1:5060>;+sip.srs"),
        (Peer("tcp", "192.0.2.1", 5062), "<sip:192.0.2.1:5062;transport=tcp>;+sip.srs"),
        (Peer("udp", "2001:db8::1", 5060), "<sip:[2001:db8::1]:5060>;+sip.srs"),
        (Peer("udp", "0.0.0.0", 5060), "<sip:198.51.100.1:5060>;+sip.srs"),
        (Peer("tcp", "::", 5060), "<sip:198.51.100.1:5060;transport=tcp>;+sip.srs"),
    ],
)
def test_contact_is_where_the_request_came_to(local: Peer, expected: str) -> None:
    """
    Address, port and transport of the listener, the advertised host for a wildcard, and +sip.srs (RFC 7866 s.6.2).
    """
    assert contact(Studio().surroundings, local) == ("Contact", expected)


def test_accepted_with_a_description() -> None:
    """
    The body is bare application/sdp, after our own header fields.
    """
    response = accepted(Studio().surroundings, incoming(), (("Session-Expires", "1800"),), b"v=0\r\n")
    assert response.status == 200
    assert header(response, "To") == "<sip:srs@192.0.2.1>;tag=ours"
    assert header(response, "Content-Type") == "application/sdp"
    assert header(response, "Session-Expires") == "1800"
    assert header(response, "Supported") == "siprec, timer, 100rel"
    assert header(response, "Server") == "siprec_tw"
    assert response.body == b"v=0\r\n"


def test_accepted_without_a_description() -> None:
    """
    No body, no Content-Type.
    """
    response = accepted(Studio().surroundings, incoming("BYE"))
    assert (response.body, "Content-Type" in response.headers) == (b"", False)


def refusal(status: int, *fields: tuple[str, str]) -> Response:
    studio = Studio(Sip(retry_after=7.0))
    return refused(studio.surroundings, incoming(), PeerError('a "text"', status, fields))


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (405, "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK"),
        (415, "Accept", "application/sdp, application/rs-metadata+xml, application/rs-metadata, multipart/mixed"),
        (503, "Retry-After", "7"),
        (400, "Warning", "399 siprec_tw \"a 'text'\""),
        (488, "Warning", "399 siprec_tw \"a 'text'\""),
    ],
)
def test_refusals_say_what_would_do(status: int, name: str, value: str) -> None:
    """
    Each status has the header field that its RFC wants (RFC 3261 s.21.4.6, s.21.4.13, s.21.5.4, s.20.43).
    """
    response = refusal(status)
    assert (response.status, header(response, name)) == (status, value)


def test_fields_of_the_error_are_in_the_response() -> None:
    """
    A 420 names what is not supported, and only that.
    """
    response = refusal(420, ("Unsupported", "foo"))
    assert header(response, "Unsupported") == "foo"
    assert not {"Allow", "Accept", "Retry-After", "Warning"} & {name for name, _ in response.headers}


def test_warning_text_cannot_break_out_of_its_quotes() -> None:
    """
    What a peer sent may be in the text: quotes, backslashes, controls and non-ASCII are replaced, and it is bounded.
    """
    assert warning_text('say "hi"\\\r\n\u00e9') == "say 'hi'''''"
    assert len(warning_text("x" * 999)) == 200
