"""
A recorder's answer to an offer (RFC 3264 s.6, RFC 7866 s.7.2): what is accepted, and how it is said.

Two steps. L{plan} decides, m-line by m-line; the caller opens a port pair for each accepted one; L{answer}
writes the decision down. All formats of an accepted line are accepted: a recorder keeps what it cannot
decode, and some clients drop the call when the answer has fewer. The version of the offer's o= line is
looked at nowhere: OpenSIPS pauses and resumes without raising it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from attrs import field, frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import LocalError
from siprec_tw.sdp.description import (
    HIGHEST_PORT,
    Attribute,
    Connection,
    Direction,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
    connection_of,
    connection_to,
    direction_of,
    fingerprints_of,
    headed,
    setup_of,
)
from siprec_tw.sdp.static_payload_types import UNKNOWN_PREFIX

# Answers an m= line that had no format at all: one is needed (RFC 3264 s.6).
REJECTED_FORMAT = "0"

# RFC 5761 s.4: with the marker bit these look like RTCP, so they exclude sharing a port with it.
NOT_BESIDE_RTCP = range(64, 96)


class Protection(Enum):
    """
    Where the keys of an m-line come from.
    """

    CLEAR = "none"
    SDES = "a=crypto"                           # RFC 4568
    DTLS = "a=fingerprint"                      # RFC 5763


class Refusal(Enum):
    """
    Why an m-line is not recorded.
    """

    CLOSED = "closed-by-peer"                   # port 0
    MEDIA = "media-not-recorded"
    PROTOCOL = "protocol-not-supported"
    NO_FORMATS = "no-formats"
    NO_KEY = "no-usable-key"                    # a secured protocol without a key that we can use
    NOT_ANSWERED = "not-answered"               # our offer had the line, the answer has not


@frozen
class AnswerPolicy:
    """
    What is accepted: transport protocols (upper case) and media (lower case) of m= lines.
    """

    protocols: frozenset[str] = frozenset({"RTP/AVP", "RTP/AVPF"})
    media: frozenset[str] = frozenset({"audio"})


DEFAULT_POLICY = AnswerPolicy()


@frozen
class PlannedMedia:
    """
    What was decided of one m-line, and what its description says. C{remote_*} are hints: packets may come
    from elsewhere.
    """

    index: int                                  # among the m-lines
    accepted: bool
    refused_reason: Refusal | None
    label: str                                  # "" where none is known
    media: str                                  # lower case: "audio"
    protocol: str                               # as offered
    formats: tuple[PayloadFormat, ...]
    direction: Direction                        # ours: RECVONLY or INACTIVE
    held: bool                                  # c= is 0.0.0.0 or ::, a hold as RFC 2543 had it
    remote_host: str                            # "" where no c= holds
    remote_port: int                            # 0 where unknown
    remote_rtcp_port: int                       # 0 where unknown
    rtcp_mux: bool                              # offered; whether it is accepted, C{shares_port} says
    ptime: float | None                         # milliseconds
    cryptos: tuple[str, ...] = field(default=(), repr=False)    # the values of a=crypto (RFC 4568), keys in them
    remote_rtcp_host: str = ""                  # where a=rtcp names another than that of RTP (RFC 3605)
    fingerprints: tuple[str, ...] = ()          # the values of a=fingerprint that hold (RFC 8122)
    setup: str = ""                             # of a=setup, who begins (RFC 4145); "" where it is not said
    protection: Protection = Protection.CLEAR   # as was decided with the keys

    @property
    def shares_port(self) -> bool:
        """
        Whether RTCP may go by the port of RTP: it was offered, and all payload types allow it (RFC 5761 s.4).
        """
        return self.rtcp_mux and not any(each.payload_type in NOT_BESIDE_RTCP for each in self.formats)

    @property
    def is_secured(self) -> bool:
        """
        Whether its protocol is a secured one: without a key there is no stream (RFC 4568 s.7.1.2).
        """
        return "SAVP" in self.protocol.upper()


@frozen
class LocalMedia:
    """
    Where we receive one m-line.
    """

    host: str
    rtp_port: int
    rtcp_port: int
    rtcp_mux: bool = False                      # take RTCP on the RTP port, where that was offered
    crypto: str = field(default="", repr=False) # our a=crypto in the answer, "" for none
    fingerprint: str = ""                       # our a=fingerprint, "" for none
    setup: str = ""                             # our a=setup, "" for none


def plan(
    offer: SessionDescription,
    known: Sequence[PlannedMedia] = (),
    policy: AnswerPolicy = DEFAULT_POLICY,
) -> tuple[PlannedMedia, ...]:
    """
    What becomes of each m-line of an offer, in its order.

    C{known} is the plan that holds now (empty for the first offer): where the offer leaves them out, it lends
    the label and the meaning of dynamic payload types, which stay the same in a session (RFC 3264 s.8.3.2).
    """
    return tuple(
        _planned(index, offer, media, _lender(index, media, known), policy)
        for index, media in enumerate(offer.media)
    )


def is_acceptable(planned: Sequence[PlannedMedia]) -> bool:
    """
    Whether an offer should be answered: one line is accepted, or the peer itself closed them all.

    Else 488 is due (RFC 3261 s.21.4.26).
    """
    return any(media.accepted for media in planned) or all(
        media.refused_reason is Refusal.CLOSED for media in planned
    )


def plan_warnings(
    planned: Sequence[PlannedMedia], known: Sequence[PlannedMedia] = ()
) -> tuple[tuple[str, str], ...]:
    """
    What a plan leaves to be complained of: (code, text) each.
    """
    found: list[tuple[str, str]] = []
    seen: dict[str, int] = {}
    for media in planned:
        if media.accepted and not media.label:
            found.append(("label-missing", f"m-line {media.index} has no label"))
        elif media.accepted and (first := seen.setdefault(media.label, media.index)) != media.index:
            text = f"m-lines {first} and {media.index} both have label {media.label!r}"
            found.append(("label-repeated", text))
        if media.refused_reason not in (None, Refusal.CLOSED):
            text = f"m-line {media.index} ({media.media} {media.protocol}): {media.refused_reason.value}"
            found.append(("media-refused", text))
    if len(planned) < len(known):
        text = f"SDP has {len(planned)} m-lines, wanted {len(known)} or more"
        found.append(("media-sections-missing", text))
    return tuple(found)


def answer(
    offer: SessionDescription,
    planned: Sequence[PlannedMedia],
    local: Mapping[int, LocalMedia],
    origin: Origin,
) -> SessionDescription:
    """
    The answer: as many m-lines in the same order (RFC 3264 s.6), c= for the session and where a line differs.

    C{planned} is L{plan} of this offer; C{local} has every accepted index. Nothing of the offer's session
    level but t= is echoed: no groups. Raises LocalError where a local address is missing.
    """
    missing = [media.index for media in planned if media.accepted and media.index not in local]
    if missing or len(planned) != len(offer.media):
        counts = f"{len(planned)} planned for {len(offer.media)} m-lines"
        raise LocalError(f"{counts}; without local address: {missing}")
    hosts = [local[media.index].host for media in planned if media.accepted]
    shared = connection_to(hosts[0] if hosts else origin.address)
    return SessionDescription(
        origin=origin,
        connection=shared,
        timing=offer.timing or (Line("t", "0 0"),),
        media=tuple(
            _accepted(offered, chosen, local[chosen.index], shared) if chosen.accepted else _refused(offered)
            for offered, chosen in zip(offer.media, planned, strict=True)
        ),
    )


def _accepted(
    offered: MediaDescription, chosen: PlannedMedia, local: LocalMedia, shared: Connection
) -> MediaDescription:
    muxed = local.rtcp_mux and chosen.shares_port
    connection = connection_to(local.host)
    attributes = [*_format_attributes(offered)]
    if not muxed and local.rtcp_port != local.rtp_port + 1:
        attributes.append(Attribute("rtcp", str(local.rtcp_port)))
    if muxed:
        attributes.append(Attribute("rtcp-mux"))
    if local.crypto:
        attributes.append(Attribute("crypto", local.crypto))
    if local.fingerprint:
        attributes += [Attribute("fingerprint", local.fingerprint), Attribute("setup", local.setup)]
    attributes.extend(_label_attribute(offered))
    attributes.append(Attribute(chosen.direction.value))
    return MediaDescription(
        media=offered.media,
        port=local.rtp_port,
        protocol=offered.protocol,
        formats=offered.formats,
        connection=None if connection == shared else connection,
        attributes=tuple(attributes),
    )


def _refused(offered: MediaDescription) -> MediaDescription:
    return MediaDescription(
        media=offered.media,
        port=0,
        protocol=offered.protocol,
        formats=offered.formats or (REJECTED_FORMAT,),
        attributes=_label_attribute(offered),
    )


def _label_attribute(offered: MediaDescription) -> tuple[Attribute, ...]:
    return () if offered.label is None else (Attribute("label", offered.label),)


def _format_attributes(offered: MediaDescription) -> tuple[Attribute, ...]:
    formats = frozenset(offered.formats)
    return tuple(
        Attribute(name, value.strip())
        for name, value in ((a.name.strip().lower(), a.value or "") for a in offered.attributes)
        if name in ("rtpmap", "fmtp") and headed(value)[0] in formats
    )


def _planned(
    index: int,
    session: SessionDescription,
    media: MediaDescription,
    lender: PlannedMedia | None,
    policy: AnswerPolicy,
) -> PlannedMedia:
    formats = _formats(media, lender)
    refusal = _refusal(media, formats, policy)
    connection = connection_of(session, media)
    port = media.port if media.port <= HIGHEST_PORT else 0
    return PlannedMedia(
        index=index,
        accepted=refusal is None,
        refused_reason=refusal,
        label=media.label or (lender.label if lender else ""),
        media=media.media.lower(),
        protocol=media.protocol,
        formats=formats,
        direction=Direction.RECVONLY if _sends(session, media) else Direction.INACTIVE,
        held=connection is not None and connection.is_null,
        remote_host=connection.host if connection else "",
        remote_port=port,
        remote_rtcp_port=_rtcp_port(media, port),
        rtcp_mux=media.rtcp_mux,
        ptime=media.ptime,
        cryptos=media.cryptos,
        remote_rtcp_host=(media.rtcp.host or "") if media.rtcp is not None and port else "",
        fingerprints=fingerprints_of(session, media),
        setup=setup_of(session, media),
    )


def _sends(session: SessionDescription, media: MediaDescription) -> bool:
    """
    Whether media may come; not over a connection that is not to be set up for now (RFC 4145 s.4).
    """
    held = fingerprints_of(session, media) and setup_of(session, media) == "holdconn"
    return not held and direction_of(session, media).sends


def _refusal(
    media: MediaDescription, formats: tuple[PayloadFormat, ...], policy: AnswerPolicy
) -> Refusal | None:
    if media.port == 0:
        return Refusal.CLOSED
    if media.media.lower() not in policy.media:
        return Refusal.MEDIA
    if media.protocol.upper() not in policy.protocols:
        return Refusal.PROTOCOL
    return None if formats else Refusal.NO_FORMATS


def _lender(index: int, media: MediaDescription, known: Sequence[PlannedMedia]) -> PlannedMedia | None:
    before = known[index] if index < len(known) else None
    # A slot that was closed may have been taken by another stream (RFC 3264 s.8.1).
    return before if before and before.accepted and before.media == media.media.lower() else None


def _formats(media: MediaDescription, lender: PlannedMedia | None) -> tuple[PayloadFormat, ...]:
    lent = {f.payload_type: f for f in lender.formats} if lender else {}
    return tuple(
        lent.get(f.payload_type, f) if f.encoding.startswith(UNKNOWN_PREFIX) else f
        for f in media.payload_formats()
    )


def _rtcp_port(media: MediaDescription, port: int) -> int:
    if port == 0:
        return 0
    if media.rtcp is not None:
        return media.rtcp.port
    return port + 1 if port < HIGHEST_PORT else 0
