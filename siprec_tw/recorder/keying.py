"""
The keys of a call's secured streams (SDES, RFC 4568): which line of an offer is taken and what is answered, or
what we offer and which key the answer has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import StreamKeys
from siprec_tw.sdp.answer import PlannedMedia, Refusal
from siprec_tw.srtp.crypto_attribute import CryptoAttribute, write_crypto
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import MOST_MATERIAL
from siprec_tw.srtp.sdes import SdesChoice, SdesPolicy, answered, choose, offer_for


@define(eq=False)
class Keying:
    """
    What was chosen for each m-line, by its index.
    """

    _random: Callable[[int], bytes]
    _warn: Callable[[str, str], object]
    _policy: SdesPolicy = field(factory=SdesPolicy)
    _chosen: dict[int, SdesChoice] = field(factory=dict)
    _offered: dict[int, tuple[CryptoAttribute, MasterKey]] = field(factory=dict)    # fresh, in an offer of ours

    def agree(self, planned: Sequence[PlannedMedia]) -> tuple[PlannedMedia, ...]:
        """
        Choose a key for each secured m-line; one without a key that can be used comes back refused.
        """
        return tuple(self._agree(media) if media.accepted and media.is_secured else media for media in planned)

    def keys(self, media: PlannedMedia) -> StreamKeys | None:
        """
        What opens the packets of an m-line, and seals ours; None for RTP in clear.
        """
        choice = self._chosen.get(media.index)
        if choice is None or not media.is_secured:
            return None
        keys = tuple((each.key, each.salt, each.mki) for each in choice.peer_keys)
        own = choice.own_key.key, choice.own_key.salt, choice.own_key.mki
        return StreamKeys(choice.profile.name, keys, choice.encrypted, own)

    def answer(self, media: PlannedMedia) -> str:
        """
        The value of our a=crypto; "" for RTP in clear. Its key is ours, never the client's.
        """
        choice = self._chosen.get(media.index)
        return write_crypto(choice.answer) if choice is not None and media.is_secured else ""

    def offer(self, media: PlannedMedia) -> str:
        """
        The value of a=crypto in an offer of ours: a fresh key for the suite that was agreed; "" for RTP in clear.
        """
        choice = self._chosen.get(media.index)
        if choice is None or not media.is_secured:
            return ""
        self._offered[media.index] = offer_for(choice.profile, choice.answer.tag, self._random(MOST_MATERIAL))
        return write_crypto(self._offered[media.index][0])

    def withdraw(self) -> None:
        """
        Our offer was refused: the keys that were agreed before hold.
        """
        self._offered.clear()

    def answered(self, planned: Sequence[PlannedMedia]) -> tuple[PlannedMedia, ...]:
        """
        Take the client's keys out of its answer to our offer.

        An answer without a key that can be used leaves the one that the client had; where it had none, the line
        comes back refused. A key where none was offered is taken.
        """
        taken = tuple(
            self._answered(media) if media.accepted and media.is_secured else media for media in planned
        )
        self._offered.clear()
        return taken

    def _answered(self, media: PlannedMedia) -> PlannedMedia:
        before = self._chosen.get(media.index)
        if before is None:
            return self._agree(media)
        try:
            ours = self._offered.get(media.index, (before.answer, before.own_key))
            self._chosen[media.index] = answered(media.cryptos, *ours)
        except PeerError as error:
            self._warn("no-usable-key", f"m-line {media.index} keeps the key that it had: {error.text}")
        return media

    def _agree(self, media: PlannedMedia) -> PlannedMedia:
        try:
            self._chosen[media.index] = choose(
                media.cryptos, self._policy, self._random(MOST_MATERIAL), self._chosen.get(media.index)
            )
        except PeerError as error:
            self._warn("no-usable-key", f"m-line {media.index} is refused: {error.text}")
            return evolve(media, accepted=False, refused_reason=Refusal.NO_KEY)
        return media
