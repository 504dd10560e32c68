"""
URIs: what is understood, what is refused, and when two are the same.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.uri import SipUri, equivalent, parse_uri

ROUND_TRIPS = (
    "sip:alice@atlanta.example.com",
    "sip:alice:secretword@atlanta.example.com;transport=tcp",
    "sips:alice@atlanta.example.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.example.com;user=phone",
    "sip:192.0.2.4",
    "sip:[2001:db8::10]:5070;lr",
    "sip:srs_1@recorder_net:5060;lr;x=1",
    "sip:@host",
    "tel:+12125551212;phone-context=example.com",
)


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_round_trip(text: str) -> None:
    """
    A URI is written as it was read.
    """
    assert str(parse_uri(text)) == text


def test_parts_of_a_uri() -> None:
    """
    User, password, host, port, parameters and headers are told apart.
    """
    assert parse_uri("SIP:a;b=1:pw@[2001:db8::1]:5061;Transport=TLS;lr?To=x&n") == SipUri(
        "sip",
        "a;b=1",
        "pw",
        "2001:db8::1",
        5061,
        (("Transport", "TLS"), ("lr", None)),
        (("To", "x"), ("n", None)),
    )


def test_properties() -> None:
    """
    Transport comes in lower case, lr as a flag; both may be missing.
    """
    uri = parse_uri("sip:h;transport=TCP;lr=on")
    assert (uri.transport, uri.lr) == ("tcp", True)
    assert (parse_uri("sip:h").transport, parse_uri("sip:h").lr) == (None, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:user@",
        "sip:a b@host",
        "<sip:a@host>",
        "sip:host:65536",
        "sip:host:5x",
        "sip:[::1",
        "sip:[zz]",
        "sip:2001:db8::10",
        "tel:",
        "sip:ho\x00st",
        "1:x",
        'sip:"a"@b',
    ],
)
def test_wrong_uris_are_refused(text: str) -> None:
    """
    What is no URI is answered 400.
    """
    with pytest.raises(PeerError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_other_schemes_are_416() -> None:
    """
    A URI of a scheme that is not SIP's is answered 416 (RFC 3261 s.8.2.2.1).
    """
    with pytest.raises(PeerError) as caught:
        parse_uri("http://example.com")
    assert caught.value.status == 416


# The examples of RFC 3261 s.19.1.4.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
    ],
)
def test_equivalent(one: str, other: str) -> None:
    """
    Escapes, case and parameters that only one has do not make a difference.
    """
    assert equivalent(parse_uri(one), parse_uri(other))
    assert equivalent(parse_uri(other), parse_uri(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
    ],
)
def test_not_equivalent(one: str, other: str) -> None:
    """
    User, port, transport, headers and differing parameters do.
    """
    assert not equivalent(parse_uri(one), parse_uri(other))
