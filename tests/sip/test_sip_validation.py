"""
What a request must have, what may be missing, and what is said when it is not so.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Request, Response, headers
from siprec_tw.sip.validation import validate_request, validate_response

FIELDS = (
    ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
    ("From", "<sip:a@b>;tag=1"),
    ("To", "<sip:c@d>"),
    ("Call-ID", "1@h"),
    ("CSeq", "1 INVITE"),
    ("Max-Forwards", "70"),
    ("Contact", "<sip:a@h>;+sip.src"),
)
GOOD = Request("INVITE", "sip:c@d", headers(FIELDS))


def status_of(request: Request) -> int | None:
    """
    With what this is refused, None where it is not.
    """
    try:
        validate_request(request)
    except PeerError as error:
        return error.status
    return None


def test_good_request() -> None:
    """
    A request with all that is mandatory passes, without Max-Forwards, Contact and the tag of From too.
    """
    assert status_of(GOOD) is None
    bare = GOOD.headers.without("Max-Forwards").without("Contact").replace("From", "sip:a@b")
    assert status_of(GOOD.with_headers(bare)) is None


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_mandatory_fields(name: str) -> None:
    """
    Each of the mandatory header fields is missed, and of all but Via there is one.
    """
    assert status_of(GOOD.with_headers(GOOD.headers.without(name))) == 400
    value = GOOD.headers.get(name) or ""
    assert status_of(GOOD.with_headers(GOOD.headers.add(name, value))) == (None if name == "Via" else 400)
    assert status_of(GOOD.with_headers(GOOD.headers.replace(name, ""))) == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0/UDP"),
        ("From", "nothing"),
        ("To", "<sip:a b@c>"),
        ("CSeq", "2147483648 INVITE"),
        ("CSeq", "1 BYE"),
        ("CSeq", "1 invite"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Max-Forwards", "٣"),
        ("Max-Forwards", "9" * 5000),
        ("Contact", "<sip:a@h"),
        ("Contact", "<sip:a@h:99999>"),
    ],
)
def test_wrong_values(name: str, value: str) -> None:
    """
    A value that cannot be understood is answered 400.
    """
    assert status_of(GOOD.with_headers(GOOD.headers.replace(name, value))) == 400


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sips:c@d", None),
        ("tel:+123", None),
        ("sip:", 400),
        ("<sip:c@d>", 400),
        ("sip:c@d; lr", 400),
        ("sip:c@d?X=1", 400),
        ("http://d", 416),
        ("nonsense", 400),
        ("", 400),
    ],
)
def test_request_uri(uri: str, status: int | None) -> None:
    """
    The Request-URI is sip, sips or tel and has no headers.
    """
    assert status_of(Request("INVITE", uri, GOOD.headers)) == status


def test_contact_star_and_other_schemes() -> None:
    """
    A star and URIs of other schemes are no concern of ours in a Contact.
    """
    for value in ("*", "<mailto:a@b>", "<<sip:127.0.0.1:15060>;+sip.src>"):
        assert status_of(GOOD.with_headers(GOOD.headers.replace("Contact", value))) is None


def test_bad_routes() -> None:
    """
    A route that cannot be followed is refused before it is stored.
    """
    for name in ("Route", "Record-Route"):
        assert status_of(GOOD.with_headers(GOOD.headers.add(name, "<sip:p;lr>, <sip:"))) == 400


def test_responses() -> None:
    """
    A response needs the same header fields, but its CSeq may name any method.
    """
    good = Response(200, "OK", headers(FIELDS))
    validate_response(good)
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        with pytest.raises(PeerError):
            validate_response(good.with_headers(good.headers.without(name)))
