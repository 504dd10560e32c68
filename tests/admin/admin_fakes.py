"""
The other parts of the server as the HTTP tests need them, and ways to ask without a socket.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, evolve, field
from pydantic import SecretStr
from treq.testing import StubTreq
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from siprec_tw.admin.auth import Access
from siprec_tw.admin.faces import Faces
from siprec_tw.admin.site import AdminResource, admin_site
from siprec_tw.admin.threads import InThread
from siprec_tw.config.model import Role, Token
from siprec_tw.errors import PeerError
from siprec_tw.interfaces import (
    CallView,
    Condition,
    LateDecoding,
    PartyView,
    RecordingPage,
    RecordingQuery,
    RecordingRow,
    StreamQuality,
    StreamReport,
    TrackView,
)
from siprec_tw.metrics import Metrics

T = TypeVar("T")

BASE = "http://localhost:8080"
READER_TOKEN = "reader-token-0123456789"
OPERATOR_TOKEN = "operator-token-0123456789"
TOKENS = (
    Token(name="wall display", token=SecretStr(READER_TOKEN), role=Role.READER),
    Token(name="alice", token=SecretStr(OPERATOR_TOKEN), role=Role.OPERATOR),
)

ALICE = PartyView("p-1", "sip:alice@example.com", "Alice")
BOB = PartyView("p-2", "sip:bob@example.com", "Bøb")

CALL = CallView(
    recording_id="rec-7",
    call_id="B2B.1.2.3",
    node_id="node-1",
    state="confirmed",
    started=1795166797.25,
    answered=1795166797.26,
    from_uri="sip:src@192.0.2.1",
    to_uri="sip:srs@192.0.2.9",
    source="udp:192.0.2.1:5060",
    user_agent="OpenSIPS",
    parties=(ALICE, BOB),
    tracks=(
        TrackView(
            0, "1", "audio", "recvonly", ("PCMU",), "192.0.2.9:16384", (ALICE,),
            StreamReport("rec-7-0", packets=50, octets=8000, first_arrival=1795166798.0, ssrc=7,
                         warnings=(("two-sources-at-once", "two"),),
                         quality=StreamQuality(0.02, 1, 1, 0.5, 0.04, 0.0, 0.49, 0.001, 80.1, 4.03)),
        ),
        TrackView(1, "2", "audio", "inactive", (), "192.0.2.9:16386", (), None, 1795166797.26, one_way=True),
    ),
    warnings=(("metadata-not-well-formed", "line 3"),),
)

STORED = RecordingRow(
    recording_id="rec-1",
    state="stored",
    verdict="complete",
    call_id="B2B.0.0.1",
    started=1795166797.25,
    ended=1795166827.25,
    duration=30.0,
    parties=(ALICE, BOB),
    tracks=2,
    path="2026/11/20/rec-1",
    size=480058,
)
RECORDING = evolve(
    STORED, recording_id="rec-7", state="recording", verdict="", ended=None, duration=0.0, path="", size=0
)


@define
class FakeCalls:
    """
    L{RunningCalls} that are listed; C{ended} keeps who was ended, C{waiting} delays it.
    """

    running: list[CallView] = field(factory=lambda: [CALL])
    ended: list[str] = field(factory=list)
    waiting: Deferred[None] | None = None

    def calls(self) -> tuple[CallView, ...]:
        return tuple(self.running)

    def call(self, recording_id: str) -> CallView | None:
        return next((call for call in self.running if call.recording_id == recording_id), None)

    async def end_call(self, recording_id: str) -> bool:
        if self.waiting is not None:
            await self.waiting
        if self.call(recording_id) is None:
            return False
        self.ended.append(recording_id)
        return True


@define
class FakeRecordings:
    """
    L{StoredRecordings} over a directory; C{queries} keeps what was searched for.
    """

    directory: Path = Path("/nonexistent")
    rows: list[RecordingRow] = field(factory=lambda: [STORED, RECORDING])
    queries: list[RecordingQuery] = field(factory=list)
    failure: Exception | None = None
    looks: bool = True          # False: says where a file should be, though it is gone

    async def search(self, query: RecordingQuery) -> RecordingPage:
        self.queries.append(query)
        if self.failure is not None:
            raise self.failure
        if query.cursor not in (None, "next"):
            raise PeerError(f"cursor is {query.cursor!r}, wanted one of ours")
        return RecordingPage(tuple(self.rows), "next", 12)

    async def get(self, recording_id: str) -> RecordingRow | None:
        return next((row for row in self.rows if row.recording_id == recording_id), None)

    def file(self, row: RecordingRow, name: str) -> str | None:
        path = self.directory / row.path / name
        return str(path) if row.path and (path.exists() or not self.looks) else None


@define
class FakeDecoder:
    """
    L{LateDecoder} of which C{answers} come one after another.
    """

    answers: list[LateDecoding | PeerError] = field(factory=list)
    asked: list[str] = field(factory=list)

    async def decode(self, recording_id: str) -> LateDecoding:
        self.asked.append(recording_id)
        answer = self.answers.pop(0)
        if isinstance(answer, PeerError):
            raise answer
        return answer


@define
class FakeReadiness:
    """
    L{Readiness} as it is told.
    """

    found: tuple[Condition, ...] = (Condition("sip", True, "listening"),)

    def conditions(self) -> tuple[Condition, ...]:
        return self.found


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """
    L{InThread} without a thread.
    """
    return execute(work)


@define
class Answered:
    """
    A response that was read whole.
    """

    status: int
    headers: dict[str, str]     # names in lower case
    body: bytes

    @property
    def value(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value

    @property
    def message(self) -> str:
        error = self.value["error"]
        assert error["status"] == self.status
        return str(error["message"])


class Admin:
    """
    An HTTP face over fakes, and the questions that tests put to it.
    """

    def __init__(
        self, directory: Path | None = None, tokens: tuple[Token, ...] = (), in_thread: InThread = at_once
    ) -> None:
        self.calls = FakeCalls()
        self.recordings = FakeRecordings(directory or Path("/nonexistent"))
        self.readiness = FakeReadiness()
        self.metrics = Metrics("1.2.3")
        self.clock = Clock()
        self.decoder = FakeDecoder()
        self.faces = Faces(self.calls, self.recordings, self.decoder, self.readiness, self.metrics, "1.2.3")
        self.access = Access(tokens, "127.0.0.1")
        self.in_thread = in_thread
        self.resource = AdminResource(self.faces, self.access, in_thread, self.clock)
        self._client = StubTreq(self.resource)

    def ask(self, method: str, path: str, **headers: str) -> Answered:
        """
        The answer to a request over treq; C{If_Range="x"} is the header C{If-Range: x}.
        """
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        asked: list[Any] = []
        self._client.request(method, BASE + path, headers=fields).addCallback(asked.append)
        self._client.flush()
        response = asked[0]
        read: list[bytes] = []
        response.content().addCallback(read.append)
        names = {
            name.decode().lower(): b", ".join(values).decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        names.setdefault("content-length", str(response.length))    # the client takes it out of a GET's
        return Answered(response.code, names, read[0])

    def get(self, path: str, **headers: str) -> Answered:
        """
        The answer to a GET.
        """
        return self.ask("GET", path, **headers)

    def octets(self, *pieces: bytes) -> tuple[bytes, StringTransport]:
        """
        What comes back for exactly these octets on a connection, and the connection.
        """
        site = admin_site(self.faces, self.access, self.in_thread, self.clock)
        transport = StringTransport()
        connection = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000))
        transport.protocol = connection
        connection.makeConnection(transport)
        for piece in pieces:
            connection.dataReceived(piece)
        return transport.value(), transport

    def raw(self, target: str | bytes, method: str = "GET", host: str = "localhost") -> Answered:
        """
        The answer to a request whose target is sent as it stands.
        """
        target = target.encode() if isinstance(target, str) else target
        request = method.encode() + b" " + target + b" HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n"
        return parsed(self.octets(request)[0])


def parsed(response: bytes) -> Answered:
    """
    A response off the wire.
    """
    head, _, body = response.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Answered(int(lines[0].split()[1]), headers, body)
