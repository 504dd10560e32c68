"""
Dialogs: set up from both sides, kept in order, routed, stored (RFC 3261 s.12).
"""

from __future__ import annotations

import json

import pytest

from siprec_tw.errors import PeerError
from siprec_tw.sip.dialog import (
    Dialog,
    DialogId,
    DialogState,
    dialog_from_stored,
    dialog_id,
    uac_dialog,
    uas_dialog,
)
from siprec_tw.sip.message import Headers, Request, Response

INVITE = Request("INVITE", "sip:srs@192.0.2.1", Headers((
    ("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"),
    ("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"),
    ("Record-Route", "<sip:p0.example.com;lr>"),
    ("From", '"SRC" <sip:src@example.com>;tag=theirs'),
    ("To", "sip:srs@example.com"),
    ("Call-ID", "one@example.com"),
    ("CSeq", "2 INVITE"),
    ("Contact", "<sip:192.0.2.9:5070;transport=tcp>;+sip.src"),
)))
ROUTES = ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>", "<sip:p0.example.com;lr>")
STANDING = Dialog(
    call_id="one@example.com", local_tag="ours", remote_tag="theirs",
    local_uri="sip:srs@example.com", remote_uri="sip:src@example.com",
    remote_target="sip:192.0.2.9:5070;transport=tcp", route_set=ROUTES,
    local_cseq=None, remote_cseq=2, state=DialogState.CONFIRMED,
)


def peers(method: str, number: int, *fields: tuple[str, str]) -> Request:
    return Request(method, "sip:srs@192.0.2.1", Headers((
        ("From", "<sip:src@example.com>;tag=theirs"), ("To", "<sip:srs@example.com>;tag=ours"),
        ("Call-ID", "one@example.com"), ("CSeq", f"{number} {method}"), *fields,
    )))


def without_routes(dialog: Dialog, *routes: str) -> Dialog:
    return dialog_from_stored({**dialog.as_stored(), "route_set": list(routes)})


def test_uas_dialog_is_made_of_the_request() -> None:
    """
    Routes stay in order, the target is the Contact, our tag is the response's (s.12.1.1).
    """
    early = uas_dialog(INVITE, "ours")
    assert early.state is DialogState.EARLY
    assert early.confirmed() == STANDING
    assert early.dialog_id == DialogId("one@example.com", "ours", "theirs")


def test_uac_dialog_is_made_of_the_response() -> None:
    """
    Routes are turned round, the target is the response's Contact, the CSeq ours (s.12.1.2).
    """
    request = Request("INVITE", "sip:srs@192.0.2.1", Headers((
        ("From", "<sip:src@example.com>;tag=ours"), ("To", "<sip:srs@example.com>"),
        ("Call-ID", "one@example.com"), ("CSeq", "2 INVITE"),
    )))
    fields = Headers((
        ("Record-Route", "<sip:p1.example.com;lr>"), ("Record-Route", "<sip:p2.example.com;lr>"),
        ("To", "<sip:srs@example.com>;tag=theirs"), ("From", "<sip:src@example.com>;tag=ours"),
        ("Call-ID", "one@example.com"), ("Contact", "<sip:192.0.2.1>"),
    ))
    early = uac_dialog(request, Response(183, "Session Progress", fields))
    assert (early.state, early.local_cseq, early.remote_cseq) == (DialogState.EARLY, 2, None)
    assert early.route_set == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    confirmed = early.confirmed(Response(200, "OK", fields.without("Record-Route")))
    assert (confirmed.route_set, confirmed.remote_target) == ((), "sip:192.0.2.1")
    assert uac_dialog(request, Response(200, "OK", fields)).state is DialogState.CONFIRMED
    assert early.terminated().state is DialogState.TERMINATED


def test_dialog_id_is_seen_from_our_side() -> None:
    """
    A request of the peer has our tag in To, a response to ours in From; without To tag there is no dialog.
    """
    assert dialog_id(peers("BYE", 3)) == STANDING.dialog_id
    response = Response(200, "OK", Headers((
        ("From", "<sip:srs@example.com>;tag=ours"), ("To", "<sip:src@example.com>;tag=theirs"),
        ("Call-ID", "one@example.com"),
    )))
    assert dialog_id(response) == STANDING.dialog_id
    assert dialog_id(INVITE) is None
    assert str(STANDING.dialog_id) == "one@example.com;local-tag=ours;remote-tag=theirs"


def test_peer_without_tag_or_contact_is_tolerated() -> None:
    """
    An RFC 2543 peer has an empty tag; without Contact its From is where we reach it.
    """
    fields = INVITE.headers.replace("From", "sip:src@example.com").without("Contact").without("Record-Route")
    dialog = uas_dialog(INVITE.with_headers(fields), "ours")
    assert (dialog.remote_tag, dialog.remote_target) == ("", "sip:src@example.com")
    _, bye = dialog.request("BYE")
    assert bye.headers.get("To") == "<sip:src@example.com>"


def test_older_request_is_refused() -> None:
    """
    A CSeq below the last is answered 500 (s.12.2.2); gaps are right, and ACK and CANCEL have an old one.
    """
    later = STANDING.received(peers("INFO", 9))
    assert later.remote_cseq == 9
    with pytest.raises(PeerError) as caught:
        later.received(peers("INFO", 8))
    assert caught.value.status == 500
    assert later.received(peers("ACK", 2)) is later
    assert later.received(peers("CANCEL", 2)) is later
    assert later.received(peers("BYE", 9)).remote_cseq == 9


def test_contact_of_a_refresh_is_the_new_target() -> None:
    """
    The target follows the Contact; a broken or missing one changes nothing, doubled brackets are understood.
    """
    moved = STANDING.refreshed(peers("UPDATE", 3, ("m", "<<sip:192.0.2.77:15060>;+sip.src>")))
    assert moved.remote_target == "sip:192.0.2.77:15060"
    assert STANDING.refreshed(peers("UPDATE", 3)) is STANDING
    assert STANDING.refreshed(peers("UPDATE", 3, ("Contact", "<sip:192.0.2.77"))) is STANDING


def test_request_goes_by_loose_routes() -> None:
    """
    With lr the target is the Request-URI and the routes are sent as they are (s.12.2.1.1).
    """
    after, update = STANDING.request("UPDATE", fields=[("Supported", "timer")], body=b"v=0",
                                     content_type="application/sdp")
    assert update == Request("UPDATE", "sip:192.0.2.9:5070;transport=tcp", Headers((
        ("Route", ROUTES[0]), ("Route", ROUTES[1]), ("Route", ROUTES[2]),
        ("Max-Forwards", "70"),
        ("From", "<sip:srs@example.com>;tag=ours"),
        ("To", "<sip:src@example.com>;tag=theirs"),
        ("Call-ID", "one@example.com"),
        ("CSeq", "1 UPDATE"),
        ("Supported", "timer"),
        ("Content-Type", "application/sdp"),
    )), b"v=0")
    assert after.local_cseq == 1
    assert after.request("BYE")[1].headers.get("CSeq") == "2 BYE"
    assert str(STANDING.next_hop()) == "sip:p2.example.com;lr"


def test_request_goes_by_strict_routes() -> None:
    """
    Without lr the first route is the Request-URI, and the target the last route (s.12.2.1.1).
    """
    strict = without_routes(STANDING, "<sip:p2.example.com;method=INVITE?x=y>", "<sip:p1.example.com;lr>")
    _, bye = strict.request("BYE")
    assert bye.uri == "sip:p2.example.com"
    assert bye.headers.get_all("Route") == (
        "<sip:p1.example.com;lr>", "<sip:192.0.2.9:5070;transport=tcp>",
    )


def test_request_without_routes_goes_to_the_target() -> None:
    """
    With an empty route set the target is both Request-URI and next hop.
    """
    direct = without_routes(STANDING)
    _, bye = direct.request("BYE")
    assert (bye.uri, bye.headers.get_all("Route")) == ("sip:192.0.2.9:5070;transport=tcp", ())
    assert direct.next_hop().host == "192.0.2.9"


def test_ack_bears_the_number_of_its_invite() -> None:
    """
    The ACK to a 2xx takes the INVITE's CSeq number and uses up none (s.13.2.2.4).
    """
    ack = STANDING.ack(7)
    assert (ack.method, ack.headers.get("CSeq")) == ("ACK", "7 ACK")
    assert ack.headers.get("To") == "<sip:src@example.com>;tag=theirs"


def test_stored_dialog_goes_on_elsewhere() -> None:
    """
    A dialog comes back equal from JSON, early or confirmed, with and without numbers.
    """
    for dialog in (STANDING, uas_dialog(INVITE, "ours"), STANDING.request("BYE")[0]):
        assert dialog_from_stored(json.loads(json.dumps(dialog.as_stored()))) == dialog


@pytest.mark.parametrize(("name", "value"), [
    ("route_set", "<sip:p>"), ("local_cseq", "1"), ("state", "asleep"),
])
def test_nonsense_is_no_stored_dialog(name: str, value: object) -> None:
    """
    What L{Dialog.as_stored} did not write is a ValueError.
    """
    with pytest.raises(ValueError, match=r"."):
        dialog_from_stored({**STANDING.as_stored(), name: value})
