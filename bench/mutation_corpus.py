"""
What L{bench.mutations} spoils, and what of it may be sent: nothing that would make the server send to others than us.
"""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from random import Random

from mutation import CORPUS
from wire_client import Caller, open_wire

from siprec_tw.errors import PeerError
from siprec_tw.sip.message import Request
from siprec_tw.sip.name_addr import NameAddr, parse_name_addr_list
from siprec_tw.sip.parser import BadMessage, parse_message
from siprec_tw.sip.uri import parse_uri
from siprec_tw.sip.via import top_via

TOKEN = b"SEED0000"

_HOSTS = re.compile(
    rb"(?:[A-Za-z0-9.-]*example\.(?:com|net|org)|192\.0\.2\.\d+|192\.168\.\d+\.\d+|\[2001:db8::1\])(?::\d+)?"
)
_SENT_BY = re.compile(rb"(?i)(\r\nvia[ \t]*:[ \t]*SIP/2\.0/\w+[ \t]+)[^;\s]+")
_PLACES = re.compile(
    rb"(?i)(?:sips?:|maddr=|sip/2\.0/(?:udp|tcp) )(?:[^@<>\s,]*@)?(\[[^\]\s]*\]|[^\s:;<>?,\"]*)(?::(\d{1,5})\b)?"
)


def corpus(here: str, transport: str) -> tuple[bytes, ...]:
    """
    What is spoiled: recording sessions in three dialects, requests of every kind and the torture messages; all their
    hosts are this machine, all answers come to C{here}. TOKEN stands where each message is to be unlike all others.
    """
    found = []
    for octets in (each for each in CORPUS if b"dblreq" not in each):  # it holds another one, with its own hosts
        head, end, body = octets.partition(b"\r\n\r\n")
        head = _HOSTS.sub(here.encode(), head)
        head = head.replace(b"branch=z9hG4bK", b"branch=z9hG4bK" + TOKEN)
        head = re.sub(rb"(?i)(\r\n(?:i|call-id)[ \t]*:[ \t]*)", rb"\g<1>" + TOKEN, head, count=1)
        head = _SENT_BY.sub(rb"\g<1>" + here.encode(), head, count=1)
        found.append(head + end + body)
    with open_wire("udp", 9) as nowhere:
        caller = Caller(nowhere)
        for method in ("OPTIONS", "CANCEL", "ACK", "BYE", "MESSAGE"):
            found.append(caller.compose(method, branch=f"z9hG4bK{TOKEN.decode()}")[1])
        there = nowhere.here.encode()
    return tuple(
        octets.replace(there, here.encode()).replace(b"SIP/2.0/UDP", f"SIP/2.0/{transport}".encode())
        for octets in (*found[:3], *found)
    )


def leads_elsewhere(octets: bytes, ports: set[int]) -> bool:
    """
    Whether the server, understanding this request, would send anything to others than these ports of ours some time.
    """
    if all(host == b"127.0.0.1" and int(port or 0) in ports for host, port in _PLACES.findall(octets)):
        return False
    try:
        message = parse_message(octets)
    except BadMessage as error:
        if error.request is None:
            return False
        message = error.request
    return isinstance(message, Request) and not all(_is_ours(each, ports) for each in _targets(message))


def _targets(request: Request) -> list[tuple[str, int | None]]:
    """
    Hosts and ports that the response, or requests in the dialog that may come of it, are sent to.
    """
    found: list[tuple[str, int | None]] = []
    with suppress(PeerError):
        via = top_via(request.headers)  # its host counts for nothing: received does
        found.append((via.parameter("maddr") or "127.0.0.1", via.port))
    if request.method in ("INVITE", "UPDATE"):
        for name in ("Contact", "Record-Route") if request.headers.get("Contact") else ("From", "Record-Route"):
            with suppress(PeerError):  # what the server cannot read either does not lead it anywhere
                found += map(_target, parse_name_addr_list(request.headers, name))
    return found


def _target(address: NameAddr) -> tuple[str, int | None]:
    uri = parse_uri(address.uri)
    maddr = next((value for key, value in uri.parameters if key.lower() == "maddr"), None)
    return maddr or uri.host, uri.port


def _is_ours(target: tuple[str, int | None], ports: set[int]) -> bool:
    return target[0] == "127.0.0.1" and target[1] in ports


def rtp_garbage(random: Random, ssrcs: tuple[int, ...]) -> bytes:
    """
    A datagram for a media port that is no packet of these sources: noise, RTP of strangers, RTCP of nobody.
    """
    ssrc = next(n for n in iter(lambda: random.getrandbits(32), None) if n not in ssrcs)
    kind = random.randrange(6)
    if kind == 0:
        return random.randbytes(random.choice((0, 1, 7, 11, 12, 13, 200, 1500, 9000)))
    if kind == 1:
        first, second = random.getrandbits(8), random.getrandbits(8)
        head = struct.pack(">BBHII", first, second, random.getrandbits(16), random.getrandbits(32), ssrc)
        return head + random.randbytes(random.randrange(300))
    if kind == 2:
        return struct.pack(">BBHII", 0x80, 0, random.getrandbits(16), random.getrandbits(32), ssrc) + random.randbytes(
            160
        )
    second, length = random.randint(192, 223), random.choice((0, 1, 6, 7, 100, 65_535))
    head = struct.pack(">BBHI", 0x80 | random.getrandbits(5), second, length, ssrc)
    return head + random.randbytes(random.choice((0, 3, 4, 20, 24, 48, 400)))
