"""
Spoiled messages: whatever comes, parser, validation and what follows raise PeerError or nothing.
"""

from __future__ import annotations

import json
from time import perf_counter

from mutation import CORPUS, mutated

from siprec_tw.errors import PeerError
from siprec_tw.sip.framing import KeepAlive, StreamFraming
from siprec_tw.sip.headers import parse_name_addr_list, parse_tokens, top_via
from siprec_tw.sip.message import Message, Request
from siprec_tw.sip.multipart import read_body
from siprec_tw.sip.parser import BadMessage, parse_message
from siprec_tw.sip.reply import is_answerable, reply
from siprec_tw.sip.response_route import response_target, with_received
from siprec_tw.sip.validation import validate_request, validate_response
from siprec_tw.sip.writer import write

MUTATIONS = 20_000
ENOUGH_SECONDS = 1.0


def received(octets: bytes) -> Message | None:
    """
    What the signaling shell does with a datagram; None where PeerError told what is wrong.
    """
    bad: Request | None = None
    status = 200
    message: Message | None = None
    try:
        message = parse_message(octets)
        if isinstance(message, Request):
            bad = message
            validate_request(message)
        else:
            validate_response(message)
    except BadMessage as error:
        bad, status = error.request, error.status
    except PeerError as error:
        status = error.status
    if message is not None:
        json.dumps(message.headers.fields, ensure_ascii=False).encode()
        read_body(message.headers.get("Content-Type"), message.body)
        parse_tokens(message.headers, "Require")
        write(message)
    if bad is not None and is_answerable(bad):
        answer = reply(with_received(bad, "192.0.2.77", 4242), status, to_tag="t")
        write(answer)
        try:
            response_target(answer)
        except PeerError:
            # maddr or host may be nonsense: there is nowhere to send to.
            return None
    return message if status == 200 else None


def test_mutations_raise_nothing_but_peer_error() -> None:
    """
    20,000 spoiled messages, seeded: each is understood or refused, and some of both.
    """
    understood = sum(received(mutated(seed)) is not None for seed in range(MUTATIONS))
    assert 0 < understood < MUTATIONS


def test_mutations_in_a_stream() -> None:
    """
    The framing of a stream raises PeerError alone, and what it cuts out is never larger than allowed.
    """
    broken = 0
    for seed in range(2_000):
        framing = StreamFraming(limit=100_000)
        octets = mutated(seed) + CORPUS[0]
        try:
            for start in range(0, len(octets), 500):
                for frame in framing.feed(octets[start : start + 500]):
                    assert isinstance(frame, KeepAlive) or len(frame) <= 100_000
        except PeerError:
            broken += 1
    assert 0 < broken < 2_000


def test_mutations_are_repeatable() -> None:
    """
    The same seed spoils in the same way.
    """
    assert [mutated(seed) for seed in range(50)] == [mutated(seed) for seed in range(50)]


def test_long_runs_take_no_long_time() -> None:
    """
    No single octet, repeated as often as a header has room, makes any expression go quadratic.
    """
    head = b"INVITE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
    names = (
        b"Via: SIP/2.0/UDP h:",
        b"Contact: ",
        b"Route: <sip:",
        b"Content-Type: multipart/mixed;",
        b"Require: ",
    )
    runs = (
        b" ",
        b"\t",
        b"<",
        b'"',
        b",",
        b";",
        b"\\",
        b"-",
        b"a",
        b":",
        b"@",
        b"[",
        b"=",
        b"%",
        b"\r\n ",
        b'"<',
        b'\\"',
    )
    for name in names:
        for run in runs:
            spoiled = (
                head + name + run * (45_000 // len(run)) + b"x\r\nVia: SIP/2.0/UDP h\r\n\r\n" + run * 10_000
            )
            started = perf_counter()
            received(spoiled)
            assert perf_counter() - started < ENOUGH_SECONDS, (name, run)


def test_long_bodies_take_no_long_time() -> None:
    """
    A large body of delimiters, dashes or half headers is taken apart at once.
    """
    lines = (
        b"--b\r\n",
        b"--b",
        b"-",
        b"--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n",
        b"a:\r\n",
        b"\r\n",
        b" ",
        b"--",
    )
    for line in lines:
        for boundary in ("b", "--", "", '"'):
            body = line * (500_000 // len(line))
            started = perf_counter()
            read_body(f"multipart/mixed;boundary={boundary}", body)
            assert perf_counter() - started < ENOUGH_SECONDS, (line, boundary)


def test_corpus_is_understood_before_it_is_spoiled() -> None:
    """
    The recording sessions of the corpus are whole: two parts, one route set, a feature tag.
    """
    for octets in CORPUS[:3]:
        message = received(octets)
        assert isinstance(message, Request)
        media_types = [
            p.media_type for p in read_body(message.headers.get("Content-Type"), message.body).parts
        ]
        assert [m and m.subtype.partition("+")[0] for m in media_types] == ["sdp", "rs-metadata"]
        assert len(parse_name_addr_list(message.headers, "Record-Route")) == 2
        assert top_via(message.headers).branch == "z9hG4bK776asdhds"
