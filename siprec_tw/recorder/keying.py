"""
The keys of a call's streams: for each m-line whether they come in the SDP (SDES, RFC 4568), by DTLS (RFC 5763), or
not at all, and what is answered; or what we offer, and which keys the answer has.

  UDP/TLS/RTP/SAVP(F)     DTLS, else SDES: some write the profile of the one and the keys of the other
  RTP/SAVP(F)             SDES, else DTLS
  RTP/AVP(F)              where the policy has it (RFC 8643) SDES, else DTLS, else in clear; else in clear
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import DtlsPeer, StreamKeys
from siprec_tw.sdp.answer import PlannedMedia, Protection, Refusal
from siprec_tw.srtp.crypto_attribute import CryptoAttribute, write_crypto
from siprec_tw.srtp.fingerprint import parse_fingerprint
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import MOST_MATERIAL
from siprec_tw.srtp.sdes import NOT_ACCEPTABLE, SdesChoice, SdesPolicy, answered, choose, offer_for

# Our part in the connection by theirs (RFC 5763 s.5, RFC 4145 s.4.1): whoever may do both, or says nothing, begins.
_ANSWERED_SETUP = {"passive": "active", "holdconn": "holdconn"}
_USUAL_SETUP = "passive"


@frozen
class DtlsChoice:
    """
    What was chosen for an m-line with DTLS.
    """

    peer: DtlsPeer
    setup: str          # ours


@define(eq=False)
class Keying:
    """
    What was chosen for each m-line, by its index. C{opportunistic}: keys on lines in clear are taken (RFC 8643).
    """

    _random: Callable[[int], bytes]
    _warn: Callable[[str, str], object]
    _opportunistic: bool = True
    _policy: SdesPolicy = field(factory=SdesPolicy)
    _chosen: dict[int, SdesChoice] = field(factory=dict)
    _offered: dict[int, tuple[CryptoAttribute, MasterKey]] = field(factory=dict)    # fresh, in an offer of ours
    _by_dtls: dict[int, DtlsChoice] = field(factory=dict)
    _agreed: dict[int, Protection] = field(factory=dict)

    def agree(self, planned: Sequence[PlannedMedia]) -> tuple[PlannedMedia, ...]:
        """
        Choose the keys of each m-line; a secured one without a key that can be used comes back refused.
        """
        return tuple(self._agree(media) if media.accepted else media for media in planned)

    def keys(self, media: PlannedMedia) -> StreamKeys | None:
        """
        What opens the packets of an m-line, and seals ours; None where the SDP has no keys.
        """
        if media.protection is not Protection.SDES:
            return None
        choice = self._chosen[media.index]
        keys = tuple((each.key, each.salt, each.mki) for each in choice.peer_keys)
        own = choice.own_key.key, choice.own_key.salt, choice.own_key.mki
        lifetimes = tuple(each.lifetime for each in choice.peer_keys)
        return StreamKeys(choice.profile.name, keys, choice.encrypted, own, lifetimes)

    def dtls(self, media: PlannedMedia) -> DtlsPeer | None:
        """
        Whose certificate gives the keys of an m-line; None without DTLS.
        """
        return self._by_dtls[media.index].peer if media.protection is Protection.DTLS else None

    def answer(self, media: PlannedMedia) -> str:
        """
        The value of our a=crypto; "" where the SDP has no keys. Its key is ours, never the client's.
        """
        return write_crypto(self._chosen[media.index].answer) if media.protection is Protection.SDES else ""

    def setup(self, media: PlannedMedia) -> str:
        """
        The value of our a=setup; "" without DTLS.
        """
        return self._by_dtls[media.index].setup if media.protection is Protection.DTLS else ""

    def offer(self, media: PlannedMedia) -> str:
        """
        The value of a=crypto in an offer of ours: a fresh key for the suite that was agreed; "" where the SDP has no
        keys.
        """
        if media.protection is not Protection.SDES:
            return ""
        choice = self._chosen[media.index]
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

        They come as it was agreed before, and one in clear stays in clear. An answer without a key that can be used
        leaves what the client had; where it had none, a secured line comes back refused. A key where none was offered
        is taken there.
        """
        taken = tuple(self._answered(media) if media.accepted else media for media in planned)
        self._offered.clear()
        return taken

    def _agree(self, media: PlannedMedia) -> PlannedMedia:
        if not media.is_secured and not self._opportunistic:
            return self._in_clear(media)
        ways = [(self._choose_sdes, media.cryptos), (self._choose_dtls, media.fingerprints)]
        if media.protocol.upper().startswith("UDP/TLS/"):
            ways.reverse()
        found = []
        for choose_by, values in ways:
            if values:
                try:
                    self._agreed[media.index] = choose_by(media)
                    return evolve(media, protection=self._agreed[media.index])
                except PeerError as error:
                    found.append(error.text)
        if not media.is_secured:
            return self._in_clear(media)
        before = self._agreed.get(media.index)
        if before is not None and not found:
            self._warn("keys-not-repeated", f"m-line {media.index} says nothing of its keys: those that hold stay")
            return evolve(media, protection=before)
        text = "; ".join(found) or "neither a=crypto nor a=fingerprint"
        self._warn("no-usable-key", f"m-line {media.index} is refused: {text}")
        return evolve(media, accepted=False, refused_reason=Refusal.NO_KEY)

    def _in_clear(self, media: PlannedMedia) -> PlannedMedia:
        self._agreed.pop(media.index, None)
        return media

    def _answered(self, media: PlannedMedia) -> PlannedMedia:
        agreed = self._agreed.get(media.index)
        if agreed is None:
            return self._agree(media) if media.is_secured else media
        try:
            if agreed is Protection.SDES:
                before = self._chosen[media.index]
                ours = self._offered.get(media.index, (before.answer, before.own_key))
                self._chosen[media.index] = answered(media.cryptos, *ours)
            else:
                self._choose_dtls(media)
        except PeerError as error:
            self._warn("no-usable-key", f"m-line {media.index} keeps the keys that it had: {error.text}")
        return evolve(media, protection=agreed)

    def _choose_sdes(self, media: PlannedMedia) -> Protection:
        self._chosen[media.index] = choose(
            media.cryptos, self._policy, self._random(MOST_MATERIAL), self._chosen.get(media.index)
        )
        return Protection.SDES

    def _choose_dtls(self, media: PlannedMedia) -> Protection:
        """
        Raises PeerError where no fingerprint can be used.
        """
        fingerprints, passed_over = [], []
        for value in media.fingerprints:
            try:
                fingerprints.append(parse_fingerprint(value))
            except PeerError as error:
                passed_over.append(error.text)
        if not fingerprints:
            raise PeerError("; ".join(passed_over) or "no fingerprint attribute", NOT_ACCEPTABLE)
        before = self._by_dtls.get(media.index)
        setup = _ANSWERED_SETUP.get(media.setup, _USUAL_SETUP)
        if before is not None and media.setup not in ("active", "passive") and setup != "holdconn":
            setup = "active" if before.peer.active else "passive"       # parts stay as they are (RFC 8842)
        active = before.peer.active if before is not None and setup == "holdconn" else setup == "active"
        self._by_dtls[media.index] = DtlsChoice(DtlsPeer(tuple(fingerprints), active), setup)
        return Protection.DTLS
