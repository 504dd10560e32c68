"""
Responses, and the way they take back.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.headers import top_via
from siprec_tw.sip.message import Request, Response, headers
from siprec_tw.sip.reply import is_answerable, reason_phrase, reply
from siprec_tw.sip.response_route import response_target, with_received

INVITE = Request(
    "INVITE",
    "sip:srs@h",
    headers(
        [
            ("v", "SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b"),
            ("Record-Route", "<sip:p;lr>"),
            ("Via", "SIP/2.0/UDP c"),
            ("f", "sip:a@b;tag=1"),
            ("To", "sip:c@d"),
            ("i", "1"),
            ("CSeq", "1 INVITE"),
            ("Timestamp", "54"),
            ("Contact", "<sip:a@b>"),
        ]
    ),
)
COPIED = (
    ("Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b"),
    ("Via", "SIP/2.0/UDP c"),
    ("From", "sip:a@b;tag=1"),
)
REST = (("Call-ID", "1"), ("CSeq", "1 INVITE"))


def test_200_copies_route_and_gets_a_tag() -> None:
    """
    A 2xx to INVITE has all Via in order, From, To with our tag, Call-ID, CSeq and Record-Route.
    """
    got = reply(
        INVITE,
        200,
        to_tag="us",
        fields=[("Contact", "<sip:us>")],
        body=b"v=0",
        content_type="application/sdp",
    )
    assert got == Response(
        200,
        "OK",
        headers(
            [
                *COPIED,
                ("To", "sip:c@d;tag=us"),
                *REST,
                ("Record-Route", "<sip:p;lr>"),
                ("Contact", "<sip:us>"),
                ("Content-Type", "application/sdp"),
            ]
        ),
        b"v=0",
    )


def test_100_and_failures() -> None:
    """
    A 100 copies Timestamp and no route; a failure neither.
    """
    assert reply(INVITE, 100).headers == headers([*COPIED, ("To", "sip:c@d"), *REST, ("Timestamp", "54")])
    assert reply(INVITE, 486, "Not now", to_tag="us") == Response(
        486,
        "Not now",
        headers([*COPIED, ("To", "sip:c@d;tag=us"), *REST]),
    )


def test_a_tag_that_is_there_stays() -> None:
    """
    Within a dialog To has our tag already.
    """
    inside = INVITE.with_headers(INVITE.headers.replace("To", '"C" <sip:c@d>;tag=x'))
    assert reply(inside, 200, to_tag="us").headers.get("To") == '"C" <sip:c@d>;tag=x'


def test_defective_requests() -> None:
    """
    What is missing or broken stays so in the response.
    """
    bad = Request(
        "INVITE", "sip:h", headers([("Via", "SIP/2.0/UDP a"), ("To", '"open <sip:a@b>'), ("CSeq", "x")])
    )
    assert reply(bad, 400, to_tag="us").headers == headers(
        [
            ("Via", "SIP/2.0/UDP a"),
            ("To", '"open <sip:a@b>'),
            ("CSeq", "x"),
        ]
    )
    assert is_answerable(bad)
    assert not is_answerable(Request("ACK", "sip:h", bad.headers))
    assert not is_answerable(Request("INVITE", "sip:h", headers([("Via", "nonsense")])))
    assert not is_answerable(Request("INVITE", "sip:h", headers([])))


def test_reason_phrases() -> None:
    """
    Each status has its phrase, an unknown one that of its class.
    """
    assert [reason_phrase(s) for s in (200, 299, 481, 499, 777)] == [
        "OK",
        "OK",
        "Call/Transaction Does Not Exist",
        "Bad Request",
        "Unknown",
    ]


@pytest.mark.parametrize(
    ("via", "source", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.1", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP host", "192.0.2.1", "SIP/2.0/UDP host;received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.9", "192.0.2.1", "SIP/2.0/UDP 192.0.2.9;received=192.0.2.1"),
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=b",
            "192.0.2.1",
            "SIP/2.0/UDP 192.0.2.1;rport=4000;branch=b;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;received=198.51.100.1;rport=9",
            "192.0.2.1",
            "SIP/2.0/UDP 192.0.2.1;rport=4000;received=192.0.2.1",
        ),
        ("SIP/2.0/UDP 192.0.2.1;received=198.51.100.1", "192.0.2.1", "SIP/2.0/UDP 192.0.2.1"),
        ("SIP/2.0/UDP [2001:DB8:0::1]", "2001:db8::1", "SIP/2.0/UDP [2001:DB8:0::1]"),
    ],
)
def test_received(via: str, source: str, expected: str) -> None:
    """
    The topmost Via says where the request came from, and never what the peer says itself (RFC 3581 s.4).
    """
    request = Request(
        "BYE", "sip:h", headers([("X", "1"), ("v", via + ", SIP/2.0/TCP z"), ("Via", "SIP/2.0/UDP y")])
    )
    seen = with_received(request, source, 4000)
    assert seen.headers == headers(
        [("X", "1"), ("v", expected + ", SIP/2.0/TCP z"), ("Via", "SIP/2.0/UDP y")]
    )


def test_received_needs_a_via() -> None:
    """
    Without a Via that can be read there is no way back.
    """
    for fields in ([], [("Via", "nonsense")]):
        with pytest.raises(PeerError):
            with_received(Request("BYE", "sip:h", headers(fields)), "192.0.2.1", 1)


@pytest.mark.parametrize(
    ("via", "target"),
    [
        ("SIP/2.0/UDP h", ("h", 5060, "udp")),
        ("SIP/2.0/TLS h", ("h", 5061, "tls")),
        ("SIP/2.0/TCP h:5080", ("h", 5080, "tcp")),
        ("SIP/2.0/UDP h:5080;received=192.0.2.1", ("192.0.2.1", 5080, "udp")),
        ("SIP/2.0/UDP h:5080;received=[2001:db8::1];rport=99", ("2001:db8::1", 99, "udp")),
        ("SIP/2.0/TCP h:5080;received=192.0.2.1;rport=99", ("192.0.2.1", 5080, "tcp")),
        ("SIP/2.0/UDP [2001:db8::1]", ("2001:db8::1", 5060, "udp")),
        ("SIP/2.0/UDP h:5080;maddr=224.2.0.1;received=192.0.2.1", ("224.2.0.1", 5080, "udp")),
    ],
)
def test_response_target(via: str, target: tuple[str, int, str]) -> None:
    """
    A response goes to maddr, else to received and rport, else to sent-by (RFC 3261 s.18.2.2).
    """
    assert response_target(Response(200, "OK", headers([("Via", via)]))) == target


def test_received_and_target_fit() -> None:
    """
    With rport a response goes exactly where the request came from.
    """
    request = Request("BYE", "sip:h", headers([("Via", "SIP/2.0/UDP h;rport")]))
    answer = reply(with_received(request, "2001:db8::7", 4321), 200)
    assert response_target(answer) == ("2001:db8::7", 4321, "udp")
    assert top_via(answer.headers).parameter("rport") == "4321"
