"""
Participants told by header fields.
"""

from __future__ import annotations

from siprec_tw.metadata.attribution import attributions
from siprec_tw.metadata.participant_headers import metadata_of_headers

NAME = "X-Cisco-Recording-Participant"


def test_each_participant_is_heard_on_its_own_line() -> None:
    """
    Two fields with media-index 0 and 1 are two participants, each the sender of one stream.
    """
    told = metadata_of_headers(
        [("Subject", "x"), (NAME, 'sip:4001@192.0.2.1;media-index="0"'), (NAME, "4002@192.0.2.1 ; media-index=1")]
    )
    assert told is not None
    assert [p.name_ids[0].aor for p in told.participants] == ["sip:4001@192.0.2.1", "sip:4002@192.0.2.1"]
    assert [(a.label, a.participant_id) for a in attributions([(5.0, told)])] == [
        ("media-index 0", "sip:4001@192.0.2.1"), ("media-index 1", "sip:4002@192.0.2.1"),
    ]


def test_mixed_stream_is_of_all() -> None:
    """
    Participants with the same index share the one stream.
    """
    told = metadata_of_headers([(NAME, 'sip:a@b;media-index="0"'), (NAME, 'sip:c@d;media-index="0"')])
    assert told is not None
    assert [stream.label for stream in told.streams] == ["media-index 0"]
    assert {a.participant_id for a in attributions([(5.0, told)])} == {"sip:a@b", "sip:c@d"}


def test_nothing_told_is_none() -> None:
    """
    Other fields, and an empty one, tell of nobody.
    """
    assert metadata_of_headers([("From", "sip:a@b"), (NAME, "  ")]) is None
