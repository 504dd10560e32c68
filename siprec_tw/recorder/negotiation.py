"""
Offer and answer of one call (RFC 3264, RFC 7866 s.7.2): descriptions in, tracks moved, descriptions out.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, evolve, field

from siprec_tw.errors import LocalError, PeerError
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
from siprec_tw.sdp.offer import offer, plan_from_answer, relocated
from siprec_tw.sdp.origin_sequence import OriginSequence
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

# What an INVITE without offer is offered: a stream for either side of the call.
UNASKED_STREAMS = 2
# What is recorded: the secured profiles too, where their key can be used.
RECORDED = AnswerPolicy(frozenset({
    "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF",
}))


@define(eq=False)
class Negotiation:
    """
    The state of offer and answer; every method leaves the tracks as agreed, or as they were.
    """

    _tracks: Tracks
    _origin: OriginSequence
    _warn: Callable[[str, str], None]
    _keying: Keying
    _count_reopened: Callable[[int], None]              # so many lost streams are received again
    _policy: AnswerPolicy = RECORDED
    _described: SessionDescription | None = None        # what we sent last
    _held: SessionDescription | None = None             # what holds where our offer in mid-call is refused
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
            raise PeerError(f"SDP has {found}, wanted audio by RTP, or by SRTP with keys that can be used", 488)
        planned = await self._tracks.follow(planned)
        self._awaits_answer = False
        self._count_reopened(len(self._tracks.told()))
        local = {
            index: evolve(each, crypto=self._keying.answer(planned[index]), setup=self._keying.setup(planned[index]))
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
        await self._tracks.mend()
        self._awaits_answer = True
        described = relocated(self._described, self._local_anew())
        return self._said(evolve(described, media=tuple(map(wanted_again, described.media))))

    def renewed(self) -> bytes:
        """
        What we said last, with the ports as they are now: for an answer that has not gone out.
        """
        self._count_reopened(len(self._tracks.told()))
        return self._said(relocated(self._agreed(), self._tracks.local()))

    def offer_anew(self) -> bytes:
        """
        Our own offer in mid-call: what holds, with the ports as they are now, and new keys for new ports.
        """
        self._held = self._agreed()
        self._awaits_answer = True
        return self._said(relocated(self._held, self._local_anew()))

    def refused(self) -> None:
        """
        Our offer in mid-call was refused: what held before holds (RFC 3261 s.14.1).
        """
        self._awaits_answer = False
        self._described, self._held = self._held, None
        self._keying.withdraw()

    def not_answered(self) -> None:
        """
        Our offer gets no answer any more.
        """
        self._awaits_answer = False

    async def answered(self, sdp: bytes | None) -> None:
        """
        The client's answer to our offer came, with its ACK or its 2xx, or that came without: then all stays as
        offered.

        Raises PeerError(400) for what is no SDP.
        """
        if not self._awaits_answer or self._described is None:
            return
        self._awaits_answer, self._held = False, None
        told = self._tracks.told()
        if sdp is None:
            self._warn("answer-missing", "the ACK or 2xx has no SDP, wanted the answer to our offer")
            return
        known = self._tracks.planned
        planned = self._keying.answered(plan_from_answer(self._described, self._read(sdp), self._policy, known))
        for code, text in plan_warnings(planned, known):
            self._warn(code, text)
        await self._tracks.follow(planned)
        self._count_reopened(len(told & self._tracks.open.keys() - self._tracks.untold))

    def _local_anew(self) -> dict[int, LocalMedia]:
        open_now, untold = self._tracks.open, self._tracks.untold
        return {
            index: evolve(each, crypto=self._keying.offer(open_now[index].planned)) if index in untold else each
            for index, each in self._tracks.local().items()
        }

    def _agreed(self) -> SessionDescription:
        # Only called once something has been described: a track is open then.
        if self._described is None:
            raise LocalError("nothing has been described yet")
        return self._described

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
    rest = tuple(
        Attribute("setup", "actpass") if attribute.name == "setup" else attribute       # RFC 5763 s.5
        for attribute in media.attributes if attribute.name not in directions
    )
    return evolve(media, attributes=(*rest, Attribute(Direction.RECVONLY.value)))
