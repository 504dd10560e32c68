"""
Decoding a stored recording over HTTP.
"""

from __future__ import annotations

import pytest
from admin_fakes import OPERATOR_TOKEN, READER_TOKEN, TOKENS, Admin

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import LateDecoding

PATH = "/api/v1/recordings/rec-1/decode"


def test_under_way_and_over() -> None:
    """
    202 as long as it goes on, 200 when it is over, with the reasons why something is left.
    """
    admin = Admin()
    reasons = ("track 2: PyAV is not installed",)
    admin.decoder.answers = [LateDecoding("decoding"), LateDecoding("decoded"), LateDecoding("undecoded", reasons)]
    answers = [admin.ask("POST", PATH) for _ in range(3)]
    assert [(one.status, one.value) for one in answers] == [
        (202, {"recording_id": "rec-1", "state": "decoding", "reasons": []}),
        (200, {"recording_id": "rec-1", "state": "decoded", "reasons": []}),
        (200, {"recording_id": "rec-1", "state": "undecoded", "reasons": list(reasons)}),
    ]
    assert admin.decoder.asked == ["rec-1"] * 3


@pytest.mark.parametrize(("status", "code"), [(404, "not-found"), (409, "conflict"), (503, "unavailable")])
def test_refused(status: int, code: str) -> None:
    """
    The decoder's words, under its status.
    """
    admin = Admin()
    admin.decoder.answers = [PeerError("nothing left to decode", status)]
    answer = admin.ask("POST", PATH)
    assert (answer.status, answer.value["error"]["code"], answer.message) == (status, code, "nothing left to decode")


def test_only_operators_may() -> None:
    """
    A reader may not, and nobody asks by GET.
    """
    admin = Admin(tokens=TOKENS)
    assert admin.ask("POST", PATH).status == 401
    assert admin.ask("POST", PATH, Authorization=f"Bearer {READER_TOKEN}").status == 403
    assert admin.get(PATH, Authorization=f"Bearer {OPERATOR_TOKEN}").headers["allow"] == "POST"
    assert admin.decoder.asked == []
    admin.decoder.answers = [LateDecoding("decoding")]
    assert admin.ask("POST", PATH, Authorization=f"Bearer {OPERATOR_TOKEN}").status == 202
