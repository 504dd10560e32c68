"""
Which header fields of an INVITE are kept.
"""

from __future__ import annotations

from recorder_fakes import client_request

from siprec_tw.recorder.kept_headers import LONGEST_VALUE, MOST_KEPT, kept_headers
from siprec_tw.sip.message import headers


def test_what_names_the_call_is_kept_and_plumbing_is_not() -> None:
    """
    Identifying fields stay in order; routing, negotiation and credentials do not get into the journal.
    """
    fields = (
        "Session-ID: ab;remote=0\nCisco-Guid: 1-2-3-4\nRoute: <sip:p;lr>\nX-Cisco-Recording-Participant: <sip:1@x>\n"
        "X-Cisco-Recording-Participant: <sip:2@x>\nAuthorization: Digest x\nMin-SE: 90\nsession-expires: 1800\ns: Hello"
    )
    assert kept_headers(client_request("INVITE", fields=fields)) == (
        ("Session-ID", "ab;remote=0"),
        ("Cisco-Guid", "1-2-3-4"),
        ("X-Cisco-Recording-Participant", "<sip:1@x>"),
        ("X-Cisco-Recording-Participant", "<sip:2@x>"),
        ("Subject", "Hello"),
    )


def test_compact_names_of_plumbing_are_known() -> None:
    """
    x is Session-Expires, k is Supported: neither is kept.
    """
    assert kept_headers(client_request("INVITE", fields="x: 1800\nk: timer")) == ()


def test_what_is_kept_is_bounded() -> None:
    """
    A client may send many fields, and long ones.
    """
    request = client_request("INVITE").with_headers(headers(("X-Long", "x" * 5000) for _ in range(100)))
    kept = kept_headers(request)
    assert len(kept) == MOST_KEPT
    assert {len(value) for _, value in kept} == {LONGEST_VALUE}
