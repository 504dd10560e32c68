"""
How messages find their transactions (RFC 3261 s.17.1.3, s.17.2.3).
"""

from __future__ import annotations

from signaling_fakes import request

from siprec_tw.signaling.matching import Key, client_key, merge_key, server_key
from siprec_tw.sip.message import Request
from siprec_tw.sip.parser import parse_message
from siprec_tw.sip.reply import reply

OLD = "SIP/2.0/UDP 192.0.2.9:5070"


def parsed(octets: bytes) -> Request:
    message = parse_message(octets)
    assert isinstance(message, Request)
    return message


def key(octets: bytes) -> Key:
    return server_key(parsed(octets))


def test_branch_and_sent_by_tell_transactions_apart() -> None:
    """
    Branch, sent-by and method make the key; nothing else of a message does.
    """
    one = key(request())
    assert key(request(cseq="9 INVITE", call_id="other")) == one
    assert key(request(branch="z9hG4bKtwo")) != one
    assert key(request(via="SIP/2.0/UDP 192.0.2.9:5071;branch=z9hG4bKone")) != one
    assert key(request("BYE")) != one
    assert key(request(via="SIP/2.0/UDP 192.0.2.9:5070;branch=Z9HG4BKONE")) == one


def test_ack_and_cancel_find_their_invite() -> None:
    """
    An ACK has its INVITE's key; a CANCEL has its own, and its INVITE's when that is asked for.
    """
    for via in ("", OLD, OLD + ";branch=1"):
        invite = key(request(via=via))
        assert key(request("ACK", via=via, to="<sip:srs@192.0.2.1>;tag=ours")) == invite
        cancel = parsed(request("CANCEL", via=via))
        assert server_key(cancel) != invite
        assert server_key(cancel, "INVITE") == invite


def test_old_branches_are_not_trusted() -> None:
    """
    Without more than the magic cookie Request-URI, From tag, Call-ID, CSeq and Via are compared (RFC 2543).
    """
    one = key(request(via=OLD + ";branch=1"))
    assert key(request(via=OLD + ";branch=1")) == one
    assert key(request(via=OLD + ";branch=1", call_id="other")) != one
    assert key(request(via=OLD + ";branch=1", cseq="2 INVITE")) != one
    assert key(request(via=OLD)) != one
    empty = OLD + ";branch=z9hG4bK"
    assert key(request(via=empty)) != key(request(via=empty, call_id="other"))


def test_response_finds_its_request() -> None:
    """
    A response has the branch and method of the request it answers.
    """
    sent = parsed(request("OPTIONS"))
    assert client_key(sent) == client_key(reply(sent, 200))
    assert client_key(sent) != client_key(parsed(request("BYE")))


def test_copies_by_other_ways_have_one_merge_key() -> None:
    """
    From tag, Call-ID and CSeq tell a merged request (s.8.2.2.2), which there is not within a dialog.
    """
    assert merge_key(parsed(request())) == merge_key(parsed(request(branch="z9hG4bKtwo")))
    assert merge_key(parsed(request())) != merge_key(parsed(request(cseq="2 INVITE")))
    assert merge_key(parsed(request(to="<sip:srs@192.0.2.1>;tag=ours"))) is None
