"""
Our own o= line through a dialog.
"""

from __future__ import annotations

from attrs import evolve

from siprec_tw.sdp.description import MediaDescription, Origin, SessionDescription
from siprec_tw.sdp.origin_sequence import OriginSequence

FIRST = SessionDescription(media=(MediaDescription("audio", 6000, "RTP/AVP", ("0",)),))
SECOND = evolve(FIRST, name="x")


def versions(*descriptions: SessionDescription) -> list[str]:
    sequence, found = OriginSequence(42, "192.0.2.9", 5), []
    for description in descriptions:
        sequence, stamped = sequence.stamp(description)
        assert stamped.origin is not None
        found.append(stamped.origin.version)
    return found


def test_the_first_description_has_the_first_version() -> None:
    """
    The o= line is ours, whatever the description had; all else is as it was.
    """
    sequence, stamped = OriginSequence(42, "2001:db8::9").stamp(
        evolve(FIRST, origin=Origin("x", "1", "9", "IN", "IP4", "198.51.100.1"))
    )
    assert stamped == evolve(FIRST, origin=Origin("-", "42", "0", "IN", "IP6", "2001:db8::9"))
    assert sequence.origin == stamped.origin


def test_the_version_rises_with_the_text_only() -> None:
    """
    One up for a change, the same for the same text, never back, also not to a text of before (RFC 3264 s.8).
    """
    assert versions(FIRST, FIRST, SECOND, SECOND, FIRST) == ["5", "5", "6", "6", "7"]
