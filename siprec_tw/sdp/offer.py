"""
Offers of ours, and what their answers make of them (RFC 3264 s.5, s.8; RFC 3261 s.13.2.1, s.14.1).

The first one is for an INVITE that has none: Cisco CUCM (built-in bridge) and Genesys call a recorder so, we offer
in the 200, they answer in the ACK. Later ones say what held before, with other addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def relocated(described: SessionDescription, local: Mapping[int, LocalMedia]) -> SessionDescription:
    """
    Our last description, with the addresses as they are now; a line without one is closed (RFC 3264 s.8.2).

    All else stays: order, formats, labels, directions; a crypto line too, where C{local} has none for it, and a
    fingerprint likewise.
    """
    return evolve(
        described,
        media=tuple(_relocated(described, index, media, local) for index, media in enumerate(described.media)),
    )


def _relocated(
    described: SessionDescription, index: int, media: MediaDescription, local: Mapping[int, LocalMedia]
) -> MediaDescription:
    if index not in local or media.port == 0:
        label = () if media.label is None else (Attribute("label", media.label),)
        return evolve(media, port=0, connection=None, attributes=label)
    here = local[index]
    connection = connection_to(here.host)
    attributes = [Attribute("crypto", here.crypto)] if here.crypto else []
    if here.rtcp_port != here.rtp_port + 1 and not media.rtcp_mux:
        attributes.append(Attribute("rtcp", str(here.rtcp_port)))
    if here.fingerprint:
        attributes.append(Attribute("fingerprint", here.fingerprint))
    stale = {"rtcp", *(("crypto",) if here.crypto else ()), *(("fingerprint",) if here.fingerprint else ())}
    attributes += [each for each in media.attributes if each.name not in stale]
    return evolve(
        media, port=here.rtp_port, connection=None if connection == described.connection else connection,
        attributes=tuple(attributes),
    )


def plan_from_answer(
    offered: SessionDescription,
    answered: SessionDescription,
    policy: AnswerPolicy = DEFAULT_POLICY,
    known: Sequence[PlannedMedia] = (),
) -> tuple[PlannedMedia, ...]:
    """
    What the peer made of our offer: one entry for each line that we offered, in order.

    Labels and payload types that the answer does not repeat are taken from the offer; lines it has too many
    are passed over, lines it lacks are refused, lines that were offered closed stay closed.
    C{known} is the plan that holds now, as for L{plan}.
    """
    ours = plan(offered, known, policy)
    theirs = plan(answered, ours, policy)
    # rtcp-mux is agreed on where the offer had it (RFC 5761 s.5.1.1).
    found = tuple(
        evolve(its, rtcp_mux=its.rtcp_mux and our.rtcp_mux) if our.accepted else our
        for our, its in zip(ours, theirs, strict=False)
    )
    return found + tuple(_unanswered(media) for media in ours[len(theirs):])


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
