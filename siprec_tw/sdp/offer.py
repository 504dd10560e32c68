"""
Our offer to an INVITE that has none, and what its answer makes of it (RFC 3264 s.5, RFC 3261 s.13.2.1).

Cisco CUCM (built-in bridge) and Genesys call a recorder so: we offer in the 200, they answer in the ACK.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from siprec_tw.sdp.answer import DEFAULT_POLICY, AnswerPolicy, LocalMedia, PlannedMedia, Refusal, plan
from siprec_tw.sdp.description import (
    Attribute,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
    connection_to,
)


@frozen
class OfferedFormat:
    """
    A format as it is offered; names as the registry spells them, for peers that compare exactly.
    """

    payload_type: int
    rtpmap: str
    fmtp: str = ""


OFFERED_FORMATS = (
    OfferedFormat(0, "PCMU/8000"),
    OfferedFormat(8, "PCMA/8000"),
    OfferedFormat(9, "G722/8000"),
    OfferedFormat(18, "G729/8000"),
    OfferedFormat(96, "opus/48000/2"),
    OfferedFormat(13, "CN/8000"),
    OfferedFormat(101, "telephone-event/8000", "0-16"),
)


def offer(local: Sequence[LocalMedia], origin: Origin) -> SessionDescription:
    """
    A recvonly audio section for each local address, labelled "1", "2", ...; at least one is given.
    """
    shared = connection_to(local[0].host)
    return SessionDescription(
        origin=origin,
        connection=shared,
        media=tuple(_offered(str(number), each, shared.host) for number, each in enumerate(local, 1)),
    )


def plan_from_answer(
    offered: SessionDescription,
    answered: SessionDescription,
    policy: AnswerPolicy = DEFAULT_POLICY,
) -> tuple[PlannedMedia, ...]:
    """
    What the peer made of our offer: one entry for each line that we offered, in order.

    Labels and payload types that the answer does not repeat are taken from the offer; lines it has too many
    are passed over, lines it lacks are refused.
    """
    ours = plan(offered, (), policy)
    theirs = plan(answered, ours, policy)
    # rtcp-mux is agreed on where the offer had it (RFC 5761 s.5.1.1).
    heard = tuple(evolve(its, rtcp_mux=its.rtcp_mux and our.rtcp_mux) for our, its in zip(ours, theirs, strict=False))
    return heard + tuple(_unanswered(media) for media in ours[len(theirs):])


def _unanswered(media: PlannedMedia) -> PlannedMedia:
    return evolve(
        media,
        accepted=False,
        refused_reason=Refusal.NOT_ANSWERED,
        remote_host="",
        remote_port=0,
        remote_rtcp_port=0,
        remote_rtcp_host="",
    )


def _offered(label: str, local: LocalMedia, shared_host: str) -> MediaDescription:
    attributes = []
    for each in OFFERED_FORMATS:
        attributes.append(Attribute("rtpmap", f"{each.payload_type} {each.rtpmap}"))
        if each.fmtp:
            attributes.append(Attribute("fmtp", f"{each.payload_type} {each.fmtp}"))
    if local.rtcp_port != local.rtp_port + 1:
        attributes.append(Attribute("rtcp", str(local.rtcp_port)))
    attributes.append(Attribute("label", label))
    attributes.append(Attribute(Direction.RECVONLY.value))
    return MediaDescription(
        media="audio",
        port=local.rtp_port,
        protocol="RTP/AVP",
        formats=tuple(str(each.payload_type) for each in OFFERED_FORMATS),
        connection=None if local.host == shared_host else connection_to(local.host),
        attributes=tuple(attributes),
    )
