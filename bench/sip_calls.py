"""
A recording client that is lean enough to hold thousands of calls: real SIPREC INVITEs over UDP, one socket, no reactor.

It sends no media. What it measures is the time from the INVITE on to its 200, as the kernel saw both.
"""

from __future__ import annotations

import heapq
import select
import socket
import struct
import time
from collections.abc import Callable
from itertools import count
from random import Random

from attrs import define, field, frozen

from siprec_tw.cli.source.messages import Ends, first_invite, session_body, within_dialog
from siprec_tw.cli.source.offer import Destination, OfferedStream, read_answer
from siprec_tw.cli.source.parties import CallStory, Party, random_id
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.errors import PeerError
from siprec_tw.sdp.description import Direction
from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.dialog import Dialog, uac_dialog
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.parser import parse_message
from siprec_tw.sip.reply import reply
from siprec_tw.sip.via import top_via
from siprec_tw.sip.writer import write
from siprec_tw.srtp.crypto_attribute import CryptoAttribute, InlineKey, write_crypto
from siprec_tw.srtp.profiles import profile_named

HOST = "127.0.0.1"
LABELS = ("1", "2")
AT_ONCE = 40                # transactions in flight
T1, T2 = 0.5, 4.0           # RFC 3261 s.17.1.1.1
TIMEOUT = 64 * T1
SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
_TIMESPEC = struct.Struct("@ll")


@define(eq=False)
class Transaction:
    """
    A request that waits for its answer.
    """

    request: Request
    octets: bytes
    answered: Callable[[Response, float], None]
    first_sent: float               # POSIX seconds
    interval: float = T1            # until it is sent again
    provisional: bool = False


@define(eq=False)
class Call:
    """
    A call as its client knows it. Times are seconds from a request to its 200.
    """

    call_id: str
    story: CallStory
    tag: str
    stream_ids: tuple[str, ...]
    invite: Request | None = None
    dialog: Dialog | None = None
    places: tuple[Destination, ...] = ()    # of its streams
    keys: tuple[bytes, ...] = ()            # of its streams, master key and salt; b"" in clear
    answer_seconds: float = 0.0
    bye_seconds: float = 0.0
    over: bool = False


@frozen
class AnswerTimes:
    """
    Of calls that were placed one after another, seconds.
    """

    invites: tuple[float, ...]
    byes: tuple[float, ...]


@define(eq=False)
class Client:
    """
    Calls to the recorder on this port of loopback, with SRTP where a C{suite} is named (RFC 4568). Whatever is refused
    or not answered raises PeerError.
    """

    port: int
    random: Random
    suite: str = ""
    _sock: socket.socket = field(init=False)
    _sinks: list[socket.socket] = field(factory=list)   # RTCP, if the recorder sends any, goes there
    _waiting: dict[str, Transaction] = field(factory=dict)      # by branch
    _timers: list[tuple[float, int, str]] = field(factory=list)
    _calls: dict[str, Call] = field(factory=dict)
    _numbers: count[int] = field(factory=count)
    _ends: Ends = field(init=False)
    _faults: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._sock = _socket(8 << 20)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._sinks = [_socket(), _socket()]
        own = self._sock.getsockname()[1]
        self._ends = Ends(HOST, f"sip:bench@{HOST}:{own}", f"sip:recorder@{HOST}:{self.port}", "udp")

    def set_up(self, number: int) -> list[Call]:
        """
        So many calls of two streams each; all are answered when this returns.
        """
        calls: list[Call] = []
        while len(calls) < number or self._waiting:
            while len(calls) < number and len(self._waiting) < AT_ONCE:
                calls.append(self._invite())
            self.serve(0.01)
        return calls

    def hang_up(self, calls: list[Call]) -> None:
        """
        End these calls; all BYEs are answered when this returns.
        """
        left = list(calls)
        while left or self._waiting:
            while left and len(self._waiting) < AT_ONCE:
                self._bye(left.pop())
            self.serve(0.01)

    def answer_times(self, seconds: float, every: float = 0.1) -> AnswerTimes:
        """
        Place a call at every such interval for so long, and end it as soon as it is answered.
        """
        begun = time.monotonic()
        probes: list[Call] = []
        ended: set[str] = set()
        while (passed := time.monotonic() - begun) < seconds or not all(call.over for call in probes):
            if passed < seconds and len(probes) * every <= passed:
                probes.append(self._invite())
            for call in probes:
                if call.dialog is not None and call.call_id not in ended:
                    ended.add(call.call_id)
                    self._bye(call)
            self.serve(0.005)
        return AnswerTimes(
            tuple(call.answer_seconds for call in probes), tuple(call.bye_seconds for call in probes)
        )

    def serve(self, seconds: float) -> None:
        """
        Handle what comes within so many seconds; requests of the recorder are answered. Returns after what came.
        """
        deadline = time.monotonic() + seconds
        due = self._timers[0][0] if self._timers else deadline
        ready = select.select([self._sock, *self._sinks], [], [], max(0.0, min(deadline, due) - time.monotonic()))[0]
        for sock in ready:
            self._drain(sock)
        self._fire()
        if self._faults:
            raise PeerError("; ".join(self._faults[:5]))

    def wait(self, seconds: float) -> None:
        """
        Serve for exactly so long.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.serve(left)

    def close(self) -> None:
        """
        Close the sockets.
        """
        for sock in (self._sock, *self._sinks):
            sock.close()

    # --- requests --------------------------------------------------------------------------------

    def _invite(self) -> Call:
        number = next(self._numbers)
        parties = tuple(
            Party(random_id(self.random), f"sip:{name.lower()}{number}@example.com", f"{name} {number}")
            for name in ("Alice", "Bob")
        )
        call = Call(
            f"bench-{number}-{self.random.getrandbits(48):x}@{HOST}",
            CallStory(random_id(self.random), parties, time.time()),
            f"{self.random.getrandbits(48):x}",
            tuple(random_id(self.random) for _ in LABELS),
        )
        offer = (HOST, number + 1, 1, self._offered())
        metadata = call.story.metadata(tuple(zip(call.stream_ids, LABELS, strict=True)))
        fields, body = session_body(offer, metadata)
        call.keys = tuple(self._key() for _ in LABELS)
        for label, key in zip(LABELS, call.keys, strict=True):
            body = secured(body, label, self.suite, key) if key else body
        call.invite = first_invite(self._ends, call.call_id, call.tag, fields, body)
        self._calls[call.call_id] = call
        self._ask(call.invite, lambda response, seconds: self._invited(call, response, seconds))
        return call

    def _key(self) -> bytes:
        profile = profile_named(self.suite)
        return self.random.randbytes(profile.key_size + profile.salt_size) if profile else b""

    def _offered(self) -> list[OfferedStream]:
        pcmu = CODECS["pcmu"].format
        return [
            OfferedStream(label, sink.getsockname()[1], pcmu, Direction.SENDONLY)
            for label, sink in zip(LABELS, self._sinks, strict=True)
        ]

    def _invited(self, call: Call, response: Response, seconds: float) -> None:
        assert call.invite is not None
        call.answer_seconds = seconds
        call.dialog = uac_dialog(call.invite, response)
        self._acknowledge(call)
        places = read_answer(response.body, self._offered())
        call.places = tuple(place for place in places if place is not None)
        if len(call.places) < len(LABELS):
            self._faults.append(f"{call.call_id}: the recorder takes {len(call.places)} of {len(LABELS)} streams")

    def _acknowledge(self, call: Call) -> None:
        assert call.dialog is not None
        self._send(self._with_via(call.dialog.ack(1), self._branch()))

    def _bye(self, call: Call) -> None:
        assert call.dialog is not None
        ids = tuple(zip(call.stream_ids, LABELS, strict=True))
        fields, body = session_body(None, call.story.metadata(ids, ended=time.time()))
        call.dialog, request = within_dialog(self._ends, call.dialog, "BYE", fields, body)
        self._ask(request, lambda _, seconds: self._ended(call, seconds))

    def _ended(self, call: Call, seconds: float) -> None:
        call.bye_seconds, call.over = seconds, True

    # --- transactions ----------------------------------------------------------------------------

    def _ask(self, request: Request, answered: Callable[[Response, float], None]) -> None:
        branch = self._branch()
        octets = self._with_via(request, branch)
        self._waiting[branch] = Transaction(request, octets, answered, time.time())
        self._send(octets)
        heapq.heappush(self._timers, (time.monotonic() + T1, next(self._numbers), branch))

    def _branch(self) -> str:
        return f"z9hG4bK{self.random.getrandbits(64):x}"

    def _with_via(self, request: Request, branch: str) -> bytes:
        via = f"SIP/2.0/UDP {HOST}:{self._sock.getsockname()[1]};branch={branch};rport"
        return write(request.with_headers(request.headers.prepend("Via", via)))

    def _send(self, octets: bytes) -> None:
        self._sock.sendto(octets, (HOST, self.port))

    def _fire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, number, branch = heapq.heappop(self._timers)
            waiting = self._waiting.get(branch)
            if waiting is None:
                continue
            if time.time() - waiting.first_sent > TIMEOUT:
                del self._waiting[branch]
                self._faults.append(f"{waiting.request.method} was not answered in {TIMEOUT:.0f} s")
                continue
            if not (waiting.provisional and waiting.request.method == "INVITE"):
                self._send(waiting.octets)
            waiting.interval = min(2 * waiting.interval, T2)
            heapq.heappush(self._timers, (now + waiting.interval, number, branch))

    def _drain(self, sock: socket.socket) -> None:
        while True:
            try:
                octets, control, _, _ = sock.recvmsg(65_535, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if sock is self._sock:
                self._received(octets, _arrival(control))

    def _received(self, octets: bytes, at: float) -> None:
        message = parse_message(octets)
        if isinstance(message, Request):
            self._send(write(reply(message, 200 if message.method in ("BYE", "OPTIONS", "UPDATE") else 405)))
            if message.method == "BYE":
                self._faults.append(f"the recorder ended {message.headers.get('Call-ID')}")
            return
        branch = top_via(message.headers).branch or ""
        waiting = self._waiting.get(branch)
        if waiting is None:
            self._repeated(message)
        elif message.status < 200:
            waiting.provisional = True
        else:
            del self._waiting[branch]
            if message.status >= 300:
                self._faults.append(f"{waiting.request.method} was answered {message.status} {message.reason}")
            else:
                waiting.answered(message, at - waiting.first_sent)

    def _repeated(self, response: Response) -> None:
        call = self._calls.get(response.headers.get("Call-ID") or "")
        is_invite = parse_cseq(response.headers.get("CSeq") or "").method == "INVITE"
        if call is not None and call.dialog is not None and is_invite and response.status // 100 == 2:
            self._acknowledge(call)


def secured(body: bytes, label: str, suite: str, key: bytes) -> bytes:
    """
    The body of an INVITE with the m-line of this label secured by that key.
    """
    before, mark, after = body.partition(f"a=label:{label}\r\n".encode())
    head, media, rest = before.rpartition(b"m=audio ")
    crypto = write_crypto(CryptoAttribute(1, suite, (InlineKey(key),)))
    line = f"a=crypto:{crypto}\r\n".encode()
    return head + media + rest.replace(b"RTP/AVP", b"RTP/SAVP", 1) + line + mark + after


def _socket(buffer: int = 65_536) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.bind((HOST, 0))
    return made


def _arrival(control: list[tuple[int, int, bytes]]) -> float:
    for _, _, octets in control:
        seconds, nanoseconds = _TIMESPEC.unpack(octets[:_TIMESPEC.size])
        return float(seconds) + float(nanoseconds) * 1e-9
    return time.time()
