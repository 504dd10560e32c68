"""
The keys of secured streams.
"""

from __future__ import annotations

import base64

from siprec_tw.recorder.keying import Keying
from siprec_tw.sdp.answer import AnswerPolicy, PlannedMedia, Refusal, plan
from siprec_tw.sdp.parser import parse_sdp

SAVP = AnswerPolicy(frozenset({"RTP/AVP", "RTP/SAVP"}))
THEIR_KEY = bytes(range(100, 130))
INLINE = base64.b64encode(THEIR_KEY).decode().rstrip("=")


def planned(*lines: str, protocol: str = "RTP/SAVP") -> tuple[PlannedMedia, ...]:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0"]
    text = [*head, f"m=audio 4000 {protocol} 0", *lines, ""]
    return plan(parse_sdp("\r\n".join(text).encode()).description, (), SAVP)


def keying() -> tuple[Keying, list[str]]:
    codes: list[str] = []
    return Keying(lambda count: bytes(range(count)), lambda code, text: codes.append(code)), codes


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


def test_plain_rtp_has_no_key() -> None:
    """
    A crypto line on RTP/AVP is passed over: the stream is answered, and received, in clear.
    """
    keys, _ = keying()
    media, = keys.agree(planned("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + INLINE, protocol="RTP/AVP"))
    assert media.accepted
    assert keys.keys(media) is None
    assert keys.answer(media) == ""


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
