"""
Structured header fields: Via, addresses, CSeq, media types, lists.
"""

from __future__ import annotations

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.headers import (
    CSeq,
    MediaType,
    NameAddr,
    Via,
    parse_contacts,
    parse_cseq,
    parse_media_type,
    parse_name_addr,
    parse_name_addr_list,
    parse_parameters,
    parse_tokens,
    parse_via,
    parse_vias,
    split_list,
    top_via,
    with_parameter,
    write_parameters,
)
from siprec_tw.sip.message import Headers, headers


def test_via_round_trip() -> None:
    """
    A Via is written as it was read, an IPv6 host in brackets.
    """
    text = "SIP/2.0/UDP [2001:db8::9:1]:5070;branch=z9hG4bK1;rport"
    via = parse_via(text)
    assert via == Via("SIP/2.0", "UDP", "2001:db8::9:1", 5070, (("branch", "z9hG4bK1"), ("rport", None)))
    assert str(via) == text
    assert (via.branch, via.parameter("rport"), via.parameter("received")) == ("z9hG4bK1", "", None)


def test_via_with_parameter() -> None:
    """
    A parameter is set in place, or added last.
    """
    via = (
        parse_via("SIP/2.0/UDP h;rport;branch=b")
        .with_parameter("rport", "5")
        .with_parameter("received", "::1")
    )
    assert str(via) == "SIP/2.0/UDP h;rport=5;branch=b;received=::1"


def test_vias_of_several_fields() -> None:
    """
    Lists and repeated fields add up, topmost first; an item that cannot be read matters to all but top_via.
    """
    fields = headers([("Via", "SIP/2.0/UDP a, SIP/2.0/TCP b"), ("v", "SIP/2.0/TLS c")])
    assert [via.host for via in parse_vias(fields)] == ["a", "b", "c"]
    bad = headers([("Via", "SIP/2.0/UDP a, nonsense")])
    with pytest.raises(PeerError):
        parse_vias(bad)
    assert top_via(bad).host == "a"
    with pytest.raises(PeerError):
        top_via(Headers())


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0 UDP h", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h x", "SIP/2.0/UDP [x]"]
)
def test_wrong_vias(text: str) -> None:
    """
    What is no Via is refused.
    """
    with pytest.raises(PeerError):
        parse_via(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:a@b;tag=1", NameAddr("", "sip:a@b", (("tag", "1"),))),
        ("<sip:a@b;x=1>;tag=1", NameAddr("", "sip:a@b;x=1", (("tag", "1"),))),
        ('"A. \\"B\\" <C>, D" <sip:a@b>', NameAddr('A. "B" <C>, D', "sip:a@b")),
        ("Alice Smith <sip:a@b> ; tag = x", NameAddr("Alice Smith", "sip:a@b", (("tag", "x"),))),
        ("Alice<sip:a@b>", NameAddr("Alice", "sip:a@b")),
        ("<sip:192.0.2.1:5060>;+sip.src", NameAddr("", "sip:192.0.2.1:5060", (("+sip.src", None),))),
        ("<<sip:127.0.0.1:15060>;+sip.src>", NameAddr("", "sip:127.0.0.1:15060", (("+sip.src", None),))),
        (
            '<sip:a@b>;+sip.instance="<urn:uuid:1>";q=1',
            NameAddr("", "sip:a@b", (("+sip.instance", '"<urn:uuid:1>"'), ("q", "1"))),
        ),
        ("*", NameAddr("", "*")),
    ],
)
def test_addresses(text: str, expected: NameAddr) -> None:
    """
    Every form of address that is sent is understood, broken ones too.
    """
    assert parse_contacts(text) == (expected,)
    assert parse_name_addr(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", '"A <sip:a@b>', '"A" sip:a@b', "<sip:a@b", "<sip:a@b> x", "sip:a@b?x=y"]
)
def test_wrong_addresses(text: str) -> None:
    """
    An address without a URI or with quotes or brackets left open is refused.
    """
    with pytest.raises(PeerError):
        parse_name_addr(text)


def test_feature_inside_or_outside() -> None:
    """
    A feature tag counts within the brackets too, where one SBC writes it.
    """
    for text in ("<sip:a@b>;+sip.src", "<sip:a@b;+sip.src>", "<<sip:a@b>;+sip.src>", "sip:a@b;+sip.src"):
        assert parse_name_addr(text).has_feature("+sip.src")
    assert not parse_name_addr("<sip:a@b>").has_feature("+sip.src")


def test_tags() -> None:
    """
    A tag is read and set.
    """
    address = parse_name_addr("Alice <sip:a@b>")
    assert address.tag is None
    assert str(address.with_tag("9")) == '"Alice" <sip:a@b>;tag=9'


def test_lists_of_addresses() -> None:
    """
    Routes of one field and of many come in order.
    """
    fields = headers([("Route", '<sip:a;lr>, "x, y" <sip:b,c;lr>'), ("Route", "<sip:d;lr>")])
    assert [a.uri for a in parse_name_addr_list(fields, "Route")] == ["sip:a;lr", "sip:b,c;lr", "sip:d;lr"]


def test_split_list() -> None:
    """
    Commas count outside quotes and brackets only; an open quote reaches to the end.
    """
    assert split_list('a, "b,\\",c" , <d,e>,f') == ("a", '"b,\\",c"', "<d,e>", "f")
    assert split_list('a,"b,c') == ("a", '"b,c')
    assert split_list("a,,") == ("a", "", "")


def test_tokens() -> None:
    """
    Tokens of several fields add up, empty ones and parameters are left out.
    """
    fields = headers([("Supported", "timer, 100rel,,"), ("k", "siprec;x=1"), ("Supported", "")])
    assert parse_tokens(fields, "Supported") == ("timer", "100rel", "siprec")


def test_cseq() -> None:
    """
    A CSeq goes to 2**31 - 1, leading zeros or not; beyond it is refused.
    """
    assert parse_cseq("0009   INVITE") == CSeq(9, "INVITE")
    assert str(parse_cseq("2147483647 BYE")) == "2147483647 BYE"
    for text in ("2147483648 BYE", "9" * 6000 + " BYE", "-1 BYE", "1", "INVITE 1", "٣ BYE", ""):
        with pytest.raises(PeerError):
            parse_cseq(text)


@pytest.mark.parametrize(
    "text",
    [
        "multipart/mixed;boundary=foo",
        'Multipart/MIXED ; boundary="foo"',
        "multipart / mixed;  Boundary = foo ;x",
        "multipart/mixed ;boundary=foo;",
    ],
)
def test_media_types(text: str) -> None:
    """
    Whatever the spacing and the case, type and boundary are found.
    """
    media_type = parse_media_type(text)
    assert (media_type.essence, media_type.parameter("boundary")) == ("multipart/mixed", "foo")


def test_media_type_round_trip() -> None:
    """
    Parameters keep their quotes.
    """
    assert str(parse_media_type('a/B; c="d;e"; f')) == 'a/b;c="d;e";f'
    assert parse_media_type("a/b") == MediaType("a", "b")
    for text in ("", "sdp", "a/", "/b", "a b/c"):
        with pytest.raises(PeerError):
            parse_media_type(text)


def test_parameters() -> None:
    """
    Parameters keep order and spelling; names compare without case.
    """
    found = parse_parameters(';A=1;;b="x;y"; c = 2 ;d=')
    assert found == (("A", "1"), ("b", '"x;y"'), ("c", "2"), ("d", ""))
    assert write_parameters(with_parameter(found, "a", None)) == ';A;b="x;y";c=2;d='
