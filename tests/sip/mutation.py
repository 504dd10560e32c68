"""
Spoiled SIP messages: a seed and a corpus in, one mutated message out, the same one every time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from torture_cases import CASES

MOST_OCTETS = 65_535

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 8 101\r\na=label:1\r\na=sendonly\r\n"
    b"m=audio 40002 RTP/AVP 0 8 101\r\na=label:2\r\na=sendonly\r\n"
)
METADATA = b"<?xml version='1.0'?>\r\n<recording xmlns='urn:ietf:params:xml:ns:recording:1'/>"


def _siprec(boundary: str, parameter: str, metadata_type: str) -> bytes:
    body = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/sdp\r\n\r\n".encode(),
            SDP,
            f"\r\n--{boundary}\r\nContent-Type:{metadata_type}\r\n".encode(),
            b"Content-Disposition: recording-session;handling=required\r\n\r\n",
            METADATA,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    head = (
        "INVITE sip:srs@192.0.2.9:5060;transport=udp SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport\r\n"
        "Max-Forwards: 70\r\n"
        'From: "A \\"quoted\\" name" <sip:src@192.0.2.1>;tag=1928301774\r\n'
        "To: <sip:srs@192.0.2.9>\r\n"
        "Call-ID: a84b4c76e66710@192.0.2.1\r\n"
        "CSeq: 314159 INVITE\r\n"
        "Contact: <sip:src@192.0.2.1:5060>;+sip.src\r\n"
        "Record-Route: <sip:proxy.example.com;lr>, <sip:[2001:db8::1]:5062;lr;transport=tcp>\r\n"
        "Require: siprec\r\nSupported: timer, replaces\r\nSession-Expires: 1800;refresher=uac\r\n"
        f"Content-Type: multipart/mixed;boundary={parameter}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


CORPUS = (
    _siprec("OSS-unique-boundary-42", "OSS-unique-boundary-42", "application/rs-metadata+xml"),
    _siprec("----=_Part_7", '"----=_Part_7"', "application/rs-metadata"),
    _siprec("foobar", "--foobar", "application/rs-metadata"),
    *(case.octets() for case in CASES),
)

_NUMBERS = (
    b"0",
    b"-1",
    b"00000000000000000001",
    b"256",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"18446744073709551616",
    b"9" * 5000,
    b"1e9",
    b"0x10",
    "٣".encode(),
)
_TOKENS = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\r\n ",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\\",
    b"<",
    b">",
    b"<<",
    b";",
    b",",
    b":",
    b"@",
    b"=",
    b"%",
    b"%00",
    b"[",
    b"]",
    b"[::",
    b"--",
    b"*",
    b"?",
    b" ",
    b"\t",
    b"SIP/2.0",
    b"SIP/3.0",
    b"Content-Length: ",
    b"l:",
    b"Via:",
    b"multipart/mixed;boundary=",
    "é".encode(),
    b"\xed\xa0\x80",
)


def mutated(seed: int, corpus: Sequence[bytes] = CORPUS) -> bytes:
    """
    A message of the corpus, spoiled one to six times; at most what a datagram holds.
    """
    random = Random(seed)
    message = random.choice(corpus)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        message = random.choice(_MUTATIONS)(random, message, corpus)
    return message[:MOST_OCTETS]


def _flip_bits(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    octets = bytearray(message)
    for _ in range(random.randint(1, 8)):
        if octets:
            octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
    return bytes(octets)


def _delete(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    start = random.randint(0, len(message))
    return message[:start] + message[start + random.choice((1, 1, 2, 5, 20, 100)) :]


def _insert(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    at = random.randint(0, len(message))
    return message[:at] + random.choice(_TOKENS) * random.choice((1, 1, 1, 2, 50, 2000)) + message[at:]


def _truncate(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    return message[: random.randint(0, len(message))]


def _splice(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    other = random.choice(corpus)
    return message[: random.randint(0, len(message))] + other[random.randint(0, len(other)) :]


def _duplicate_line(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    lines = message.split(b"\r\n")
    at = random.randrange(len(lines))
    return b"\r\n".join((*lines[:at], *[lines[at]] * random.choice((2, 2, 3, 300)), *lines[at + 1 :]))


def _drop_line(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    lines = message.split(b"\r\n")
    del lines[random.randrange(len(lines))]
    return b"\r\n".join(lines)


def _swap_lines(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    lines = message.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _replace_number(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    places = [i for i, octet in enumerate(message) if 0x30 <= octet <= 0x39]
    if not places:
        return message
    start = end = random.choice(places)
    while end < len(message) and 0x30 <= message[end] <= 0x39:
        end += 1
    return message[:start] + random.choice(_NUMBERS) + message[end:]


def _other_line_ends(random: Random, message: bytes, corpus: Sequence[bytes]) -> bytes:
    return message.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r")))


_MUTATIONS: tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...] = (
    _flip_bits,
    _delete,
    _insert,
    _truncate,
    _splice,
    _duplicate_line,
    _drop_line,
    _swap_lines,
    _replace_number,
    _replace_number,
    _other_line_ends,
)
