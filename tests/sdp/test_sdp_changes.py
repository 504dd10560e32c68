"""
What later offers change.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.sdp.answer import PlannedMedia, Refusal, plan
from siprec_tw.sdp.changes import (
    Change,
    DirectionChanged,
    FormatsChanged,
    HoldChanged,
    LabelChanged,
    ProtocolChanged,
    RemoteChanged,
    StreamAdded,
    StreamRemoved,
    changes,
)
from siprec_tw.sdp.description import Direction, SessionDescription
from siprec_tw.sdp.parser import parse_sdp

CLIENTS = Path(__file__).parent / "clients"
FORMATS = (PayloadFormat(0, "PCMU", 8000),)
MEDIA = PlannedMedia(
    index=0, accepted=True, refused_reason=None, label="1", media="audio", protocol="RTP/AVP",
    formats=FORMATS, direction=Direction.RECVONLY, held=False, remote_host="198.51.100.1", remote_port=4000,
    remote_rtcp_port=4001, rtcp_mux=False, ptime=20,
)
CLOSED = evolve(MEDIA, accepted=False, refused_reason=Refusal.CLOSED)


def offer_of(name: str) -> SessionDescription:
    return parse_sdp((CLIENTS / f"{name}.offer.sdp").read_bytes()).description


def between(before: str, after: str) -> tuple[Change, ...]:
    known = plan(offer_of(before))
    return changes(known, plan(offer_of(after), known))


@pytest.mark.parametrize(("after", "expected"), [
    (evolve(MEDIA, label="2"), LabelChanged(0, "1", "2")),
    (evolve(MEDIA, direction=Direction.INACTIVE),
     DirectionChanged(0, Direction.RECVONLY, Direction.INACTIVE)),
    (evolve(MEDIA, held=True), HoldChanged(0, True)),
    (evolve(MEDIA, formats=()), FormatsChanged(0, FORMATS, ())),
    (evolve(MEDIA, protocol="RTP/AVPF"), ProtocolChanged(0, "RTP/AVP", "RTP/AVPF")),
])
def test_one_difference_is_one_change(after: PlannedMedia, expected: Change) -> None:
    """
    Each thing that can differ has its change, with both sides.
    """
    assert changes((MEDIA,), (after,)) == (expected,)


@pytest.mark.parametrize("after", [
    evolve(MEDIA, remote_host="198.51.100.2"),
    evolve(MEDIA, remote_port=4002),
    evolve(MEDIA, remote_rtcp_port=4003),
    evolve(MEDIA, remote_rtcp_host="198.51.100.2"),
    evolve(MEDIA, rtcp_mux=True),
])
def test_another_remote_address(after: PlannedMedia) -> None:
    """
    Any part of the peer's address is a change of the remote.
    """
    assert changes((MEDIA,), (after,)) == (RemoteChanged(0, MEDIA, after),)


def test_streams_come_and_go() -> None:
    """
    New lines are added, closed and vanished ones removed; a line refused before and after is nothing.
    """
    second = evolve(MEDIA, index=1)
    assert changes((), (MEDIA,)) == (StreamAdded(0, MEDIA),)
    assert changes((MEDIA, second), (MEDIA,)) == (StreamRemoved(1, second),)
    assert changes((MEDIA,), (CLOSED,)) == (StreamRemoved(0, MEDIA),)
    assert changes((CLOSED,), (MEDIA,)) == (StreamAdded(0, MEDIA),)
    assert changes((CLOSED,), (CLOSED,)) == ()
    assert changes((), (CLOSED,)) == ()


def test_a_slot_with_other_media_is_another_stream() -> None:
    """
    Audio that becomes video on the same line ends one stream and begins another.
    """
    video = evolve(MEDIA, media="video")
    assert changes((MEDIA,), (video,)) == (StreamRemoved(0, MEDIA), StreamAdded(0, video))


def test_opensips_pauses_without_a_new_version() -> None:
    """
    OpenSIPS sends the same o= line with inactive: both lines pause, and resume the same way.
    """
    assert offer_of("opensips_rtpproxy").origin == offer_of("opensips_rtpproxy_paused").origin
    assert between("opensips_rtpproxy", "opensips_rtpproxy_paused") == (
        DirectionChanged(0, Direction.RECVONLY, Direction.INACTIVE),
        DirectionChanged(1, Direction.RECVONLY, Direction.INACTIVE),
    )
    assert between("opensips_rtpproxy_paused", "opensips_rtpproxy") == (
        DirectionChanged(0, Direction.INACTIVE, Direction.RECVONLY),
        DirectionChanged(1, Direction.INACTIVE, Direction.RECVONLY),
    )


def test_an_unchanged_refresh_changes_nothing() -> None:
    """
    A re-INVITE that repeats the offer is no change.
    """
    assert between("opensips_rtpengine", "opensips_rtpengine") == ()


def test_cube_changes_the_codec_on_the_same_port() -> None:
    """
    PCMA becomes G.729 where it was; the video that was never recorded goes unnoticed.
    """
    found = between("cisco_cube", "cisco_cube_g729")
    assert [(type(c), c.index) for c in found] == [(FormatsChanged, 0), (FormatsChanged, 1)]
    assert isinstance(found[0], FormatsChanged)
    assert [f.encoding for f in found[0].after] == ["G729", "TELEPHONE-EVENT", "CN"]


def test_cube_starts_inactive() -> None:
    """
    All-inactive lines are streams already; sendonly then opens them.
    """
    found = between("cisco_cube_inactive", "cisco_cube")
    assert [type(c) for c in found] == [DirectionChanged, DirectionChanged]


def test_oracle_adds_the_far_end() -> None:
    """
    The second line comes by re-INVITE when the far end has answered.
    """
    [added] = between("oracle_early", "oracle_both")
    assert isinstance(added, StreamAdded)
    assert (added.index, added.media.label) == (1, "16777228")


def test_broadworks_holds_by_address() -> None:
    """
    A hold by 0.0.0.0 is a hold and a new remote, not a new direction.
    """
    assert [type(c) for c in between("broadworks", "broadworks_held")] == [HoldChanged, RemoteChanged]
