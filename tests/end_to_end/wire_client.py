"""
A small blocking SIP client for tests: it writes and reads octets itself, so that nothing of the server judges itself.

One L{Wire} is a socket, one L{Caller} a dialog on it.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import randrange
from typing import Any, Self

from attrs import define, field, frozen
from running_server import RunningServer

PAIRS = 1_000  # of media ports of a server
SOON = 5.0  # seconds that an answer may take on a busy machine
COOKIE = "z9hG4bK"
BOUNDARY = "wire-boundary"
MULAW = "0 PCMU/8000"

_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
}
_NUMBERS = count(1)

Fields = Sequence[tuple[str, str]]


@frozen
class Heard:
    """
    A message that came: its octets taken apart, nothing more.
    """

    start: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    at: float  # monotonic seconds

    @property
    def status(self) -> int:
        """
        The status of a response, 0 for a request.
        """
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """
        The method of a request, or that of the request that is answered.
        """
        return self.get("CSeq").rpartition(" ")[2].strip()

    @property
    def number(self) -> int:
        """
        The number of the CSeq.
        """
        return int(self.get("CSeq").split()[0])

    @property
    def branch(self) -> str:
        """
        The branch of the topmost Via, "" without one.
        """
        found = re.search(r";\s*branch=([^;,\s]*)", self.get("Via"))
        return found[1] if found else ""

    @property
    def to_tag(self) -> str:
        """
        The tag of the To, "" without one.
        """
        found = re.search(r";\s*tag\s*=\s*([^;\s]*)", self.get("To"))
        return found[1] if found else ""

    def get_all(self, name: str) -> list[str]:
        """
        Every value of a header field, in order.
        """
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name: str) -> str:
        """
        The first value of a header field, "" without one.
        """
        return next(iter(self.get_all(name)), "")

    @property
    def ports(self) -> list[int]:
        """
        The ports of the m= lines of the body.
        """
        return [int(port) for port in re.findall(rb"^m=\S+ (\d+)", self.body, re.MULTILINE)]


def heard(octets: bytes) -> Heard:
    """
    A message out of its octets.
    """
    head, _, body = octets.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    fields = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        fields.append((_COMPACT.get(name, name), value.strip()))
    return Heard(lines[0], tuple(fields), body, time.monotonic())


@define(eq=False)
class Wire:
    """
    A socket to the server. What was heard and not wanted yet waits in C{waiting}.
    """

    transport: str  # "UDP" or "TCP"
    sock: socket.socket
    target: tuple[str, int]
    waiting: list[Heard] = field(factory=list)
    raw: bytearray = field(factory=bytearray)  # TCP: octets that are no whole message yet

    @property
    def here(self) -> str:
        """
        Host and port of this end, as a Via and a Contact have them.
        """
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, octets: bytes) -> None:
        """
        Send as it is.
        """
        if self.transport == "UDP":
            self.sock.sendto(octets, self.target)
        else:
            self.sock.sendall(octets)

    def hear(self, wanted: Callable[[Heard], bool], seconds: float = SOON) -> Heard | None:
        """
        The first message that is wanted, None where none comes in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = next((each for each in self.waiting if wanted(each)), None)
            if found is not None:
                self.waiting.remove(found)
                return found
            if not self._read(deadline - time.monotonic()):
                return None

    def expect(self, what: str, wanted: Callable[[Heard], bool], seconds: float = SOON) -> Heard:
        """
        The first message that is wanted; fails saying what was awaited.
        """
        found = self.hear(wanted, seconds)
        assert found is not None, f"waited {seconds} s for {what}; heard {[each.start for each in self.waiting]}"
        return found

    def final(self, branch: str, seconds: float = SOON) -> Heard:
        """
        The final response to the request of this branch.
        """
        return self.expect("a final response", lambda each: each.status >= 200 and each.branch == branch, seconds)

    def all_within(self, seconds: float) -> list[Heard]:
        """
        Everything that waits and that comes in so many seconds.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._read(deadline - time.monotonic()):
            pass
        found, self.waiting = self.waiting, []
        return found

    def close(self) -> None:
        """
        Close the socket.
        """
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, seconds: float) -> bool:
        if seconds <= 0 or not select.select([self.sock], [], [], seconds)[0]:
            return False
        octets = self.sock.recv(65_535)
        if self.transport == "UDP":
            self.waiting.append(heard(octets))
            return True
        self.raw += octets
        self._cut()
        return bool(octets)

    def _cut(self) -> None:
        while (end := self.raw.find(b"\r\n\r\n")) > 0:
            length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", self.raw[:end])
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self.raw) < size:
                return
            self.waiting.append(heard(bytes(self.raw[:size])))
            del self.raw[:size]


def open_wire(transport: str, port: int, host: str = "127.0.0.1", local: tuple[str, int] | None = None) -> Wire:
    """
    A wire to the server over "udp" or "tcp"; C{local} is this end's address, where it matters.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    sock = socket.socket(family, kind)
    if transport == "udp":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(local or (host, 0))
    if transport == "tcp":
        sock.settimeout(SOON)
        sock.connect((host, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(transport.upper(), sock, (host, port))


# --- bodies ------------------------------------------------------------------------------------------


def sdp(*lines: str, version: int = 1, ports: Sequence[int] = (40000, 40002), direction: str = "sendonly") -> bytes:
    """
    An offer of an audio stream a port, labelled 1, 2, ...; C{lines} are added to each.
    """
    head = f"v=0\r\no=src 7 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    media = (
        "\r\n".join(
            (
                f"m=audio {port} RTP/AVP 0",
                f"a=rtpmap:{MULAW}",
                f"a=label:{label}",
                f"a={direction}",
                *lines,
                "",
            )
        )
        for label, port in enumerate(ports, 1)
    )
    return (head + "".join(media)).encode()


def metadata(caller: str = "Alice", callee: str = "Bob", padding: int = 0) -> bytes:
    """
    A complete RFC 7865 document of two parties who send labels 1 and 2, with so many octets of a comment.
    """
    parties = "".join(
        f'<participant participant_id="p{n}"><nameID aor="sip:{name.lower()}@example.com"><name>{name}</name></nameID>'
        f"</participant>"
        for n, name in enumerate((caller, callee), 1)
    )
    streams = "".join(f'<stream stream_id="s{n}" session_id="x"><label>{n}</label></stream>' for n in (1, 2))
    sides = "".join(
        f'<participantstreamassoc participant_id="p{n}"><send>s{n}</send><recv>s{3 - n}</recv></participantstreamassoc>'
        for n in (1, 2)
    )
    comment = f"<!--{'x' * padding}-->" if padding else ""
    return (
        "<?xml version='1.0' encoding='UTF-8'?><recording xmlns='urn:ietf:params:xml:ns:recording:1'>"
        f"<datamode>complete</datamode>{comment}<session session_id='x'/>{parties}{streams}{sides}</recording>"
    ).encode()


def multipart(description: bytes, document: bytes) -> tuple[str, bytes]:
    """
    Content-Type and body of a SIPREC request.
    """
    body = b"".join(
        (
            f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n".encode(),
            description,
            f"\r\n--{BOUNDARY}\r\nContent-Type: application/rs-metadata+xml\r\n".encode(),
            b"Content-Disposition: recording-session\r\n\r\n",
            document,
            f"\r\n--{BOUNDARY}--\r\n".encode(),
        )
    )
    return f"multipart/mixed;boundary={BOUNDARY}", body


# --- dialogs -----------------------------------------------------------------------------------------


@define(eq=False)
class Caller:
    """
    One dialog's recording client. It remembers what the 200 told.
    """

    wire: Wire
    call_id: str = field(factory=lambda: f"wire-{next(_NUMBERS)}-{time.time_ns()}")
    tag: str = field(factory=lambda: f"t{time.time_ns():x}")
    to_tag: str = ""
    target: str = "sip:recorder@127.0.0.1"
    number: int = 0  # of the last CSeq
    invite_number: int = 0
    invited: bytes = b""  # the INVITE as it was sent
    accepted: Heard | None = None

    def compose(
        self,
        method: str,
        body: bytes = b"",
        content_type: str = "application/sdp",
        fields: Fields = (),
        *,
        number: int | None = None,
        branch: str | None = None,
        to_tag: str | None = None,
        rport: bool = True,
    ) -> tuple[str, bytes]:
        """
        A request of this dialog: its branch and its octets. Without C{number} the CSeq goes on counting.
        """
        if number is None:
            self.number += 1
            number = self.number
        branch = branch or f"{COOKIE}{next(_NUMBERS)}x{time.time_ns():x}"
        tag = self.to_tag if to_tag is None else to_tag
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/{self.wire.transport} {self.wire.here};branch={branch}{';rport' * rport}",
            f"From: <sip:src@127.0.0.1>;tag={self.tag}",
            f"To: <sip:recorder@127.0.0.1>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:src@{self.wire.here};transport={self.wire.transport.lower()}>;+sip.src",
            "Max-Forwards: 70",
            *(f"{name}: {value}" for name, value in fields),
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return branch, "\r\n".join((*lines, "", "")).encode() + body

    def ask(
        self,
        method: str,
        body: bytes = b"",
        content_type: str = "application/sdp",
        fields: Fields = (),
        *,
        number: int | None = None,
        to_tag: str | None = None,
        seconds: float = SOON,
    ) -> Heard:
        """
        Send a request and wait for its final response.
        """
        branch, octets = self.compose(method, body, content_type, fields, number=number, to_tag=to_tag)
        self.wire.send(octets)
        return self.wire.final(branch, seconds)

    def offer(
        self,
        body: bytes | None = None,
        content_type: str = "application/sdp",
        fields: Fields = (),
        branch: str | None = None,
    ) -> str:
        """
        Send an INVITE, by default with two streams and metadata; its branch.
        """
        if body is None:
            content_type, body = multipart(sdp(), metadata())
        branch, self.invited = self.compose(
            "INVITE", body, content_type, (("Require", "siprec"), *fields), branch=branch
        )
        self.invite_number = self.number
        self.wire.send(self.invited)
        return branch

    def invite(self, body: bytes | None = None, content_type: str = "application/sdp", fields: Fields = ()) -> Heard:
        """
        Send an INVITE and wait for its final response; a 2xx is remembered, and not acknowledged.
        """
        return self.took(self.wire.final(self.offer(body, content_type, fields)))

    def took(self, answer: Heard) -> Heard:
        """
        Remember what a 2xx to an INVITE says.
        """
        if 200 <= answer.status < 300:
            self.accepted, self.to_tag = answer, answer.to_tag
            contact = re.search(r"<([^>]*)>", answer.get("Contact"))
            assert contact, answer.fields
            self.target = contact[1]
        return answer

    def ack(self, body: bytes = b"") -> None:
        """
        The ACK to the last INVITE's 2xx.
        """
        self.wire.send(self.compose("ACK", body, number=self.invite_number)[1])

    def ack_refusal(self, refusal: Heard) -> None:
        """
        The ACK to a refused INVITE, within its transaction (RFC 3261 s.17.1.1.3).
        """
        octets = self.compose("ACK", number=self.invite_number, branch=refusal.branch, to_tag=refusal.to_tag)[1]
        self.wire.send(octets)

    def call(self, body: bytes | None = None, content_type: str = "application/sdp", fields: Fields = ()) -> Heard:
        """
        INVITE, 200, ACK; the 200.
        """
        answer = self.invite(body, content_type, fields)
        assert answer.status == 200, (answer.start, answer.get("Warning"))
        self.ack()
        return answer

    def refuse(self, body: bytes, content_type: str = "application/sdp", fields: Fields = ()) -> Heard:
        """
        INVITE that is refused, and the ACK to that.
        """
        answer = self.invite(body, content_type, fields)
        assert answer.status >= 300, answer.start
        self.ack_refusal(answer)
        return answer

    def bye(self) -> Heard:
        """
        BYE and its answer.
        """
        answer = self.ask("BYE")
        assert answer.status == 200, answer.start
        return answer


def media_ports(pairs: int) -> str:
    """
    A range of so many pairs of ports, mostly another one each time: several servers may run on this machine.
    """
    first = randrange(20_000, 32_768 - 2 * pairs, 2)  # below the system's ephemeral ports
    return f"{first}-{first + 2 * pairs - 1}"


@contextmanager
def serving(directory: Path, **sections: dict[str, Any]) -> Iterator[RunningServer]:
    """
    A server of these settings, ready; when it is done with, its log must hold no error.
    """
    server = RunningServer(directory, media_ports(PAIRS), **dict[str, Any](sections))
    server.start()
    try:
        yield server
    finally:
        server.kill()
    assert not server.errors(), server.log()


def calls_of(server: RunningServer, caller: Caller) -> list[dict[str, Any]]:
    """
    The running calls with this Call-ID.
    """
    return [call for call in server.calls() if call["call_id"] == caller.call_id]


def manifests_of(server: RunningServer, caller: Caller) -> list[dict[str, Any]]:
    """
    The finished recordings with this Call-ID.
    """
    return [manifest for manifest in server.manifests() if manifest["call"]["call_id"] == caller.call_id]


def options(wire: Wire, seconds: float = SOON) -> Heard:
    """
    An OPTIONS outside of any dialog, and its answer: the server lives.
    """
    return Caller(wire).ask("OPTIONS", seconds=seconds)


def answer_to(wire: Wire, request: Heard, status: int = 200, reason: str = "OK") -> None:
    """
    Answer a request of the server.
    """
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    copied = [f"{name}: {value}" for name in names for value in request.get_all(name)]
    wire.send("\r\n".join((f"SIP/2.0 {status} {reason}", *copied, "Content-Length: 0", "", "")).encode())
