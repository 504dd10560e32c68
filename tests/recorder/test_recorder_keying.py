"""
The keys of secured streams.
"""

from __future__ import annotations

import base64

import pytest

from siprec_tw.interfaces import DtlsPeer
from siprec_tw.recorder.keying import Keying
from siprec_tw.recorder.negotiation import RECORDED
from siprec_tw.sdp.answer import PlannedMedia, Protection, Refusal, plan
from siprec_tw.sdp.description import Direction
from siprec_tw.sdp.parser import parse_sdp

THEIR_KEY = bytes(range(100, 130))
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
SHA_1 = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)
INLINE = base64.b64encode(THEIR_KEY).decode().rstrip("=")


def planned(*lines: str, protocol: str = "RTP/SAVP") -> tuple[PlannedMedia, ...]:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    text = [*head, f"m=audio 4000 {protocol} 0", *lines, ""]
    return plan(parse_sdp("\r\n".join(text).encode()).description, (), RECORDED)


def keying(opportunistic: bool = True) -> tuple[Keying, list[str]]:
    codes: list[str] = []
    return Keying(lambda count: bytes(range(count)), lambda code, text: codes.append(code), opportunistic), codes


def test_first_usable_line_is_taken_and_answered_with_our_own_key() -> None:
    """
    Unknown suites are passed over; the answer has the line's tag and suite, and never the client's key.
    """
    keys, warnings = keying()
    offered = planned(
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + INLINE, "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE
    )
    media, = keys.agree(offered)
    assert media.accepted
    wanted = keys.keys(media)
    assert wanted is not None
    assert (wanted.suite, wanted.keys) == ("AES_CM_128_HMAC_SHA1_80", ((THEIR_KEY[:16], THEIR_KEY[16:], b""),))
    answer = keys.answer(media)
    assert answer.startswith("7 AES_CM_128_HMAC_SHA1_80 inline:")
    assert INLINE not in answer
    assert base64.b64encode(bytes(range(30))).decode() in answer
    assert warnings == []


def test_line_without_usable_key_is_refused() -> None:
    """
    SAVP without any key, as SEMS offers it, and with suites of which we know none.
    """
    for lines in ((), ("a=crypto:1 NULL_HMAC_SHA1_80 inline:" + INLINE,)):
        keys, warnings = keying()
        media, = keys.agree(planned(*lines))
        assert (media.accepted, media.refused_reason) == (False, Refusal.NO_KEY)
        assert warnings == ["no-usable-key"]
        assert keys.keys(media) is None


def test_keys_on_a_line_in_clear_are_taken_where_the_policy_has_it() -> None:
    """
    RTP/AVP with a=crypto or a=fingerprint (RFC 8643): answered with ours, or all of it passed over; a key that cannot
    be used refuses nothing there.
    """
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE
    for lines, protection in (
        ((crypto,), Protection.SDES), ((crypto, FINGERPRINT), Protection.SDES), ((FINGERPRINT,), Protection.DTLS),
        (("a=crypto:1 NULL_HMAC_SHA1_80 inline:" + INLINE,), Protection.CLEAR), ((), Protection.CLEAR),
    ):
        for opportunistic in (True, False):
            keys, warnings = keying(opportunistic)
            media, = keys.agree(planned(*lines, protocol="RTP/AVP"))
            wanted = protection if opportunistic else Protection.CLEAR
            assert (media.accepted, media.protection) == (True, wanted)
            assert (keys.keys(media) is not None, bool(keys.answer(media))) == (wanted is Protection.SDES,) * 2
            assert (keys.dtls(media) is not None, bool(keys.setup(media))) == (wanted is Protection.DTLS,) * 2
            assert warnings == []


@pytest.mark.parametrize(("protocol", "lines", "protection"), [
    ("UDP/TLS/RTP/SAVP", "both", Protection.DTLS),
    ("udp/tls/rtp/savpf", "both", Protection.DTLS),
    ("UDP/TLS/RTP/SAVPF", "crypto", Protection.SDES),
    ("UDP/TLS/RTP/SAVPF", "crypto and sha-1", Protection.SDES),
    ("RTP/SAVPF", "both", Protection.SDES),
    ("RTP/SAVPF", "fingerprint", Protection.DTLS),
    ("RTP/SAVP", "fingerprint and bad crypto", Protection.DTLS),
])
def test_who_gives_the_keys(protocol: str, lines: str, protection: Protection) -> None:
    """
    DTLS where the protocol says so, else the SDP; and the other one where that cannot be used.
    """
    crypto, bad = (f"a=crypto:1 {suite} inline:{INLINE}" for suite in ("AES_CM_128_HMAC_SHA1_80", "NULL_HMAC_SHA1_80"))
    offered = {
        "both": (crypto, FINGERPRINT), "crypto": (crypto,), "fingerprint": (FINGERPRINT,),
        "crypto and sha-1": (SHA_1, crypto), "fingerprint and bad crypto": (bad, FINGERPRINT),
    }[lines]
    keys, warnings = keying()
    media, = keys.agree(planned(*offered, protocol=protocol))
    assert (media.accepted, media.protection, warnings) == (True, protection, [])


@pytest.mark.parametrize(("lines", "active", "ours"), [
    (("a=setup:actpass",), False, "passive"),
    (("a=setup:active",), False, "passive"),
    (("a=setup:Passive",), True, "active"),
    (("a=setup:holdconn",), False, "holdconn"),
    ((), False, "passive"),
    (("a=setup:nonsense",), False, "passive"),
])
def test_who_begins(lines: tuple[str, ...], active: bool, ours: str) -> None:
    """
    Whoever may begin does; we begin where the client will not.
    """
    keys, _ = keying()
    media, = keys.agree(planned(FINGERPRINT, *lines, protocol="UDP/TLS/RTP/SAVP"))
    assert keys.dtls(media) == DtlsPeer((("sha-256", FINGERPRINT.partition(" ")[2]),), active)
    assert keys.setup(media) == ours
    assert (media.direction is Direction.INACTIVE) is (ours == "holdconn")


def test_parts_stay_as_they_are() -> None:
    """
    A later offer that leaves it to us finds us in the part that we have, and one that does not has its way.
    """
    keys, _ = keying()
    for setup, ours in (("passive", "active"), ("actpass", "active"), ("active", "passive"), ("actpass", "passive")):
        media, = keys.agree(planned(FINGERPRINT, f"a=setup:{setup}", protocol="UDP/TLS/RTP/SAVP"))
        assert keys.setup(media) == ours


def test_several_fingerprints() -> None:
    """
    Those that can be used are; with none of those the line is refused, and why is said.
    """
    keys, _ = keying()
    media, = keys.agree(planned(SHA_1, FINGERPRINT, FINGERPRINT.lower(), protocol="UDP/TLS/RTP/SAVP"))
    peer = keys.dtls(media)
    assert peer is not None
    assert [name for name, _ in peer.fingerprints] == ["sha-256", "sha-256"]
    keys, warnings = keying()
    media, = keys.agree(planned(SHA_1, protocol="UDP/TLS/RTP/SAVP"))
    assert (media.accepted, media.refused_reason, warnings) == (False, Refusal.NO_KEY, ["no-usable-key"])


def test_keys_that_are_not_repeated_stay() -> None:
    """
    A later description of a secured line that says nothing of keys leaves those that hold.
    """
    keys, warnings = keying()
    before, = keys.agree(planned("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE))
    after, = keys.agree(planned())
    assert (after.accepted, keys.keys(after)) == (True, keys.keys(before))
    assert warnings == ["keys-not-repeated"]


def test_lifetime_of_a_key_is_told() -> None:
    """
    What the line says, else the most there is.
    """
    keys, _ = keying()
    line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE
    for offered, lifetime in ((line, 1 << 48), (line + "|2^20", 1 << 20), (line + "|1000|1:4", 1000)):
        media, = keys.agree(planned(offered))
        found = keys.keys(media)
        assert found is not None
        assert found.lifetimes == (lifetime,)


def test_nothing_shows_a_key() -> None:
    """
    Neither the plan nor the keys have a key in their repr.
    """
    keys, _ = keying()
    media, = keys.agree(planned("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE))
    assert INLINE not in repr(media)
    assert repr(THEIR_KEY[:16])[2:-1] not in repr(keys.keys(media))


def test_our_key_is_told_to_the_media() -> None:
    """
    What the answer says is what seals our RTCP; it stays while the client's keys stay, and is not shown.
    """
    keys, _ = keying()
    media, = keys.agree(planned("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE))
    told = keys.keys(media)
    assert told is not None
    assert told.own is not None
    assert base64.b64encode(told.own[0] + told.own[1]).decode() in keys.answer(media)
    assert told.own[2] == b""
    assert repr(told.own[0]) not in repr(told)
    again, = keys.agree((media,))
    assert keys.keys(again) == told


def answer_line(key: bytes, tag: int = 1) -> str:
    return f"a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}"


def rekeyed() -> tuple[Keying, list[str], str]:
    """
    A line with the client's first key, and our fresh offer for it.
    """
    codes: list[str] = []
    octets = iter((bytes(range(50)), bytes(range(150, 200))))
    keys = Keying(lambda count: next(octets)[:count], lambda code, text: codes.append(code))
    media, = keys.agree(planned(answer_line(THEIR_KEY)))
    return keys, codes, keys.offer(media)


def test_offer_of_ours_has_a_fresh_key() -> None:
    """
    The suite and the tag that were agreed, another key than before; RTP in clear has none.
    """
    keys, _, offered = rekeyed()
    fresh = base64.b64encode(bytes(range(150, 180))).decode()
    assert offered == f"1 AES_CM_128_HMAC_SHA1_80 inline:{fresh}"
    assert keys.offer(planned(protocol="RTP/AVP")[0]) == ""


def test_answer_to_our_offer_has_the_clients_key() -> None:
    """
    It opens what comes from now on, and our fresh key is ours.
    """
    keys, codes, offered = rekeyed()
    media, = keys.answered(planned(answer_line(bytes(range(30)))))
    wanted = keys.keys(media)
    assert wanted is not None
    assert (media.accepted, wanted.keys) == (True, ((bytes(range(16)), bytes(range(16, 30)), b""),))
    assert (keys.answer(media), codes) == (offered, [])


def test_answer_without_usable_key_leaves_the_old_one() -> None:
    """
    No crypto line, or one with another tag: the stream is not given up for it.
    """
    for lines in ((), (answer_line(bytes(range(30)), tag=2),)):
        keys, codes, _ = rekeyed()
        media, = keys.answered(planned(*lines))
        wanted = keys.keys(media)
        assert wanted is not None
        assert (media.accepted, wanted.keys[0][0], codes) == (True, THEIR_KEY[:16], ["no-usable-key"])


def test_secured_answer_to_an_offer_in_clear() -> None:
    """
    A client that answers with a key of its own where none was offered is taken at its word.
    """
    keys, codes = keying()
    media, = keys.answered(planned(answer_line(THEIR_KEY)))
    wanted = keys.keys(media)
    assert wanted is not None
    assert (media.accepted, wanted.keys[0][0], codes) == (True, THEIR_KEY[:16], [])


def test_offer_that_was_refused() -> None:
    """
    What was agreed before holds: a later answer is to our old key.
    """
    keys, _, _ = rekeyed()
    media, = planned(answer_line(THEIR_KEY))
    before = keys.answer(media)
    keys.withdraw()
    keys.answered((media,))
    assert keys.answer(media) == before
