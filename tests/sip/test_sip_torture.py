"""
The torture messages of RFC 4475 and RFC 5118, at the level of parser and validation.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from torture_cases import CASES, DROPPED, UNDERSTOOD, Case

from siprec_tw.errors import PeerError
from siprec_tw.sip.headers import parse_contacts, parse_name_addr, parse_vias
from siprec_tw.sip.message import Message, Request, Response
from siprec_tw.sip.multipart import parts
from siprec_tw.sip.parser import BadMessage, parse_message
from siprec_tw.sip.reply import is_answerable, reply
from siprec_tw.sip.uri import parse_uri
from siprec_tw.sip.validation import validate_request, validate_response
from siprec_tw.sip.writer import write


def outcome(octets: bytes) -> tuple[str | int, Request | None]:
    """
    What comes of a datagram, and the request that would be answered.
    """
    try:
        message = parse_message(octets)
    except BadMessage as error:
        return (DROPPED if error.request is None else error.status), error.request
    try:
        if isinstance(message, Request):
            validate_request(message)
        else:
            validate_response(message)
    except PeerError as error:
        return (error.status, message) if isinstance(message, Request) else (DROPPED, None)
    return UNDERSTOOD, None


def parsed(name: str) -> Message:
    """
    The message of this short name.
    """
    return parse_message(next(case for case in CASES if case.name == name).octets())


def request(name: str) -> Request:
    """
    The request of this short name.
    """
    message = parsed(name)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_of_it(case: Case) -> None:
    """
    Each message is understood, refused with the right status, or dropped, as the RFC says.
    """
    assert outcome(case.octets())[0] == case.outcome, case.note


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.outcome, int)], ids=lambda case: case.name)
def test_a_refusal_can_be_sent(case: Case) -> None:
    """
    A request that is refused can be answered: with its Via, and with octets that parse again.
    """
    status, bad = outcome(case.octets())
    assert bad is not None
    assert isinstance(status, int)
    assert is_answerable(bad)
    answer = parse_message(write(reply(bad, status, to_tag="t")))
    assert isinstance(answer, Response)
    assert answer.status == case.outcome
    assert answer.headers.get_all("Via") == bad.headers.get_all("Via")


@pytest.mark.parametrize("case", [c for c in CASES if c.outcome == UNDERSTOOD], ids=lambda case: case.name)
def test_understood_messages_survive_writing(case: Case) -> None:
    """
    What is understood means the same after it was written and parsed again.
    """
    message = parse_message(case.octets())
    again = parse_message(write(message))
    assert again.headers.without("Content-Length") == message.headers.without("Content-Length")
    assert again.body == message.body


def test_every_fixture_has_a_case() -> None:
    """
    No file lies in the directory that nobody expects anything of.
    """
    files = {path.stem for path in (Path(__file__).parent / "torture").glob("*.sip")}
    assert files == {case.name for case in CASES}


def test_wsinv_in_detail() -> None:
    """
    Odd spaces, folding and compact names do not hide the values (RFC 4475 s.3.1.1.1).
    """
    invite = request("wsinv")
    vias = parse_vias(invite.headers)
    assert [(v.transport, v.host, v.branch) for v in vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert parse_name_addr(invite.headers.get("To") or "").tag == "1918181833n"
    sender = parse_name_addr(invite.headers.get("From") or "")
    assert (sender.display_name, sender.tag) == ('J Rosenberg \\"', "98asjd8")
    (contact,) = parse_contacts(invite.headers.get("Contact") or "")
    assert contact.display_name == 'Quoted string ""'
    assert contact.parameters == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert invite.headers.get("Subject") == ""
    assert len(invite.body) == 150


def test_intmeth_in_detail() -> None:
    """
    Every character that is allowed is kept (RFC 4475 s.3.1.1.2).
    """
    message = request("intmeth")
    uri = parse_uri(message.uri)
    assert (uri.host, uri.password) == ("example.com", "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
    assert parse_name_addr(message.headers.get("To") or "").display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert str(uri) == message.uri


def test_dblreq_is_cut() -> None:
    """
    What follows the body in a datagram is thrown away (RFC 4475 s.3.1.1.8).
    """
    message = request("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")


def test_esc02_does_not_unescape() -> None:
    """
    A method with % is just another method, and a header name with % another header (RFC 4475 s.3.1.1.5).
    """
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert len(message.headers.get_all("Contact")) == 2


def test_semiuri_keeps_the_user_whole() -> None:
    """
    A semicolon in the user part begins no parameter (RFC 4475 s.3.1.1.9).
    """
    uri = parse_uri(request("semiuri").uri)
    assert (uri.user, uri.host, uri.parameters) == ("user;par=u%40example.net", "example.com", ())


def test_mpart01_keeps_binary() -> None:
    """
    The octets of a binary part come through unchanged (RFC 4475 s.3.1.1.11).
    """
    message = request("mpart01")
    text, binary = parts(message.headers.get("Content-Type"), message.body)
    assert text.body == b"Hello"
    assert binary.body == bytes(range(256)) + b"\r\n\x00\r\n"


def test_reasons() -> None:
    """
    A reason phrase may be UTF-8 or missing (RFC 4475 s.3.1.1.12, s.3.1.1.13).
    """
    strange, none = parsed("unreason"), parsed("noreason")
    assert isinstance(strange, Response)
    assert isinstance(none, Response)
    assert strange.reason.endswith("простое")
    assert (none.status, none.reason) == (100, "")


def test_contact_parameters_belong_to_whom_they_belong() -> None:
    """
    Without brackets a parameter is the header's, within them the URI's (RFC 4475 s.3.3.12, s.3.3.13).
    """
    (outer,) = parse_contacts(request("cparam01").headers.get("Contact") or "")
    (inner,) = parse_contacts(request("cparam02").headers.get("Contact") or "")
    assert (outer.parameters, outer.sip_uri().parameters) == ((("unknownparam", None),), ())
    assert (inner.parameters, inner.sip_uri().parameters) == ((), (("unknownparam", None),))


def test_ipv6_ports() -> None:
    """
    Within the brackets 5070 is address, behind them port (RFC 5118 s.4.3, s.4.4).
    """
    inside, behind = parse_uri(request("port-ambiguous").uri), parse_uri(request("port-unambiguous").uri)
    assert (inside.host, inside.port) == ("2001:db8::10:5070", None)
    assert (behind.host, behind.port) == ("2001:db8::10", 5070)
