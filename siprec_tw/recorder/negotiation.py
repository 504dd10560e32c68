"""
Offer and answer of one call (RFC 3264, RFC 7866 s.7.2): descriptions in, tracks moved, descriptions out.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve, field

from siprec_tw.errors import PeerError
from siprec_tw.recorder.keying import Keying
from siprec_tw.recorder.tracks import Tracks
from siprec_tw.sdp.answer import (
    AnswerPolicy,
    LocalMedia,
    PlannedMedia,
    answer,
    is_acceptable,
    plan,
    plan_warnings,
)
from siprec_tw.sdp.description import Attribute, Direction, MediaDescription, SessionDescription
from siprec_tw.sdp.offer import offer, plan_from_answer
from siprec_tw.sdp.origin_sequence import OriginSequence
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

# What an INVITE without offer is offered: a stream for either side of the call.
UNASKED_STREAMS = 2
# What is recorded: the secured profiles too, where their key can be used.
RECORDED = AnswerPolicy(frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"}))


@define(eq=False)
class Negotiation:
    """
    The state of offer and answer; every method leaves the tracks as agreed, or as they were.
    """

    _tracks: Tracks
    _origin: OriginSequence
    _warn: Callable[[str, str], None]
    _keying: Keying
    _policy: AnswerPolicy = RECORDED
    _described: SessionDescription | None = None        # what we sent last
    _awaits_answer: bool = field(default=False)

    @property
    def awaits_answer(self) -> bool:
        """
        Whether an offer of ours is unanswered.
        """
        return self._awaits_answer

    async def answer(self, sdp: bytes) -> bytes:
        """
        Our answer to the client's offer.

        Raises PeerError: 400 for what is no SDP, 488 where nothing of it can be recorded, 503 without ports.
        """
        offered = self._read(sdp)
        planned = self._keying.agree(plan(offered, self._tracks.planned, self._policy))
        for code, text in plan_warnings(planned, self._tracks.planned):
            self._warn(code, text)
        if not is_acceptable(planned):
            found = ", ".join(f"{media.media} {media.protocol}" for media in planned) or "no m-line"
            raise PeerError(f"SDP has {found}, wanted audio by RTP, or by SRTP with a key in a=crypto", 488)
        planned = await self._tracks.follow(planned)
        self._awaits_answer = False
        local = {
            index: evolve(each, crypto=self._keying.answer(planned[index]))
            for index, each in self._tracks.local().items()
        }
        return self._said(answer(offered, planned, local, self._origin.origin))

    async def offer(self) -> bytes:
        """
        Our offer, where the client made none: the streams that there are, or two new ones.

        Raises PeerError(503) without ports.
        """
        if self._described is None:
            for media in self._unasked():
                await self._tracks.open_unasked(media)
            local = self._tracks.local()
            self._described = offer([local[index] for index in sorted(local)], self._origin.origin)
        self._awaits_answer = True
        return self._said(evolve(self._described, media=tuple(map(wanted_again, self._described.media))))

    def not_answered(self) -> None:
        """
        Our offer gets no answer any more.
        """
        self._awaits_answer = False

    async def answered(self, sdp: bytes | None) -> None:
        """
        The client's answer to our offer came with its ACK, or the ACK came without: then all stays as offered.

        Raises PeerError(400) for what is no SDP.
        """
        if not self._awaits_answer or self._described is None:
            return
        self._awaits_answer = False
        if sdp is None:
            self._warn("answer-missing", "the ACK has no SDP, wanted the answer to our offer")
            return
        planned = plan_from_answer(self._described, self._read(sdp), self._policy)
        for code, text in plan_warnings(planned, self._tracks.planned):
            self._warn(code, text)
        await self._tracks.follow(planned)

    def _unasked(self) -> tuple[PlannedMedia, ...]:
        # A draft of the offer, only to be read: ports are opened with the formats that it has.
        draft = offer([LocalMedia(self._origin.address, 2, 3)] * UNASKED_STREAMS, self._origin.origin)
        return tuple(
            evolve(media, direction=Direction.RECVONLY, remote_host="", remote_port=0, remote_rtcp_port=0)
            for media in plan(draft, (), self._policy)
        )

    def _read(self, sdp: bytes) -> SessionDescription:
        reading = parse_sdp(sdp)
        for code, text in reading.warnings:
            self._warn(code, text)
        return reading.description

    def _said(self, description: SessionDescription) -> bytes:
        self._origin, self._described = self._origin.stamp(description)
        return write_sdp(self._described)


def wanted_again(media: MediaDescription) -> MediaDescription:
    """
    A section of our last description as we offer it: whoever held it may say so again, or let it go on.
    """
    directions = {each.value for each in Direction}
    if media.port == 0:
        return media
    rest = tuple(attribute for attribute in media.attributes if attribute.name not in directions)
    return evolve(media, attributes=(*rest, Attribute(Direction.RECVONLY.value)))
