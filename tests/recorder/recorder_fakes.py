"""
A recorder without sockets, disk and time: the rooms around it as fakes, and a recording client to call it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import cast

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.config.model import Recording, Sip
from siprec_tw.errors import PeerError, PortsExhausted
from siprec_tw.interfaces import Condition, PartyView, StreamAddress, StreamReport, StreamSpec
from siprec_tw.metrics import Metrics
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.lost_streams import LostStreams
from siprec_tw.recorder.server import Server
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recording.journal import CallStarted, DocumentKept, DocumentKind, JournalEvent
from siprec_tw.signaling.layer import Signaling
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.message import Headers, Message, Request, Response
from siprec_tw.sip.name_addr import parse_name_addr
from siprec_tw.sip.reply import reply
from siprec_tw.sip.timers import TimerValues
from siprec_tw.sip.uri import SipUri
from siprec_tw.storage.spool import SpooledRecording

EPOCH = 1_790_000_000.0         # POSIX seconds when the clock stands at 0
LOCAL = Peer("udp", "192.0.2.1", 5060)
SRC = Peer("udp", "192.0.2.9", 5070)
ANSWER_DELAY = Sip().answer_delay
ACK_PATIENCE = 32.0             # 64*T1

PCMU_PCMA = "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
SDP_HEAD = "v=0\r\no=src 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"

METADATA = b"""<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
<datamode>complete</datamode>
<session session_id="s1"/>
<participant participant_id="p1"><nameID aor="sip:ada@example.org"><name>Ada</name></nameID></participant>
<participant participant_id="p2"><nameID aor="sip:bob@example.org"><name>Bob</name></nameID></participant>
<stream stream_id="t1" session_id="s1"><label>1</label></stream>
<stream stream_id="t2" session_id="s1"><label>2</label></stream>
<sessionrecordingassoc session_id="s1"><associate-time>2026-09-21T14:13:20Z</associate-time></sessionrecordingassoc>
<participantsessionassoc participant_id="p1" session_id="s1"><associate-time>2026-09-21T14:13:20Z</associate-time>
</participantsessionassoc>
<participantsessionassoc participant_id="p2" session_id="s1"><associate-time>2026-09-21T14:13:20Z</associate-time>
</participantsessionassoc>
<participantstreamassoc participant_id="p1"><send>t1</send><recv>t2</recv></participantstreamassoc>
<participantstreamassoc participant_id="p2"><send>t2</send><recv>t1</recv></participantstreamassoc>
</recording>
"""
METADATA_TYPE = "application/rs-metadata+xml"


def media_line(label: str = "", direction: str = "sendonly", port: int = 40000, media: str = "audio") -> str:
    """
    One m-line of an offer.
    """
    named = f"a=label:{label}\r\n" if label else ""
    return f"m={media} {port} RTP/AVP 0 8\r\n{PCMU_PCMA}{named}a={direction}\r\n"


def sdp(*lines: str) -> bytes:
    """
    A description of these m-lines.
    """
    return (SDP_HEAD + "".join(lines)).encode()


TWO_STREAMS = sdp(media_line("1"), media_line("2", port=40002))
HELD = sdp(media_line("1", "inactive"), media_line("2", "inactive", port=40002))


def multipart(*parts: tuple[str, bytes]) -> tuple[str, bytes]:
    """
    The Content-Type and the body of a multipart/mixed of these (type, body).
    """
    sections = [b"--b\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n" for kind, body in parts]
    return "multipart/mixed;boundary=b", b"".join(sections) + b"--b--\r\n"


def siprec_body(description: bytes = TWO_STREAMS, metadata: bytes = METADATA) -> tuple[str, bytes]:
    """
    SDP and metadata, as most clients send them.
    """
    return multipart(("application/sdp", description), (METADATA_TYPE, metadata))


class Gates:
    """
    What stands in the way of the fakes' work: a step may be held until it is released, or fail.
    """

    def __init__(self) -> None:
        self.faults: dict[str, Exception] = {}
        self._held: dict[str, list[Deferred[None]]] = {}

    def hold(self, step: str) -> None:
        """
        Whoever comes to this step waits.
        """
        self._held[step] = []

    def waiting(self, step: str) -> int:
        """
        How many wait there.
        """
        return len(self._held.get(step, ()))

    def release(self, step: str) -> None:
        """
        Let everybody go on.
        """
        for waiting in self._held.pop(step):
            waiting.callback(None)

    def passing(self, step: str) -> Deferred[None]:
        """
        What a fake awaits at a step.
        """
        if step in self.faults:
            return fail(self.faults[step])
        if step not in self._held:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._held[step].append(waiting)
        return waiting


class FakeMediaPlane:
    """
    A L{siprec_tw.interfaces.MediaPlane} with so many pairs of ports, that receives what the test says.
    """

    def __init__(self, gates: Gates, pairs: int = 20) -> None:
        self.gates = gates
        self.pairs = pairs
        self.open: dict[str, StreamSpec] = {}
        self.specs: list[StreamSpec] = []               # of streams opened and updated, in order
        self.updates: list[tuple[str, tuple[PayloadFormat, ...]]] = []
        self.updated: list[StreamSpec] = []
        self.closed: list[str] = []
        self.reports: dict[str, StreamReport] = {}
        self.asked = 0                                  # how many reports
        self._ports = count(16384, 2)

    async def open_stream(self, spec: StreamSpec) -> StreamAddress:
        await self.gates.passing("open_stream")
        if self.free_pairs() <= 0:
            raise PortsExhausted("no pair is free")
        self.open[spec.stream_id] = spec
        self.specs.append(spec)
        port = next(self._ports)
        return StreamAddress("192.0.2.1", port, port + 1, "sha-256 AB:CD" if spec.dtls else "")

    async def update_stream(self, spec: StreamSpec) -> None:
        await self.gates.passing("update_stream")
        self.specs.append(spec)
        self.updates.append((spec.stream_id, spec.formats))
        self.updated.append(spec)

    async def close_stream(self, stream_id: str) -> StreamReport:
        await self.gates.passing("close_stream")
        self.open.pop(stream_id, None)
        self.closed.append(stream_id)
        return self.reports.get(stream_id, StreamReport(stream_id))

    def report(self, stream_id: str) -> StreamReport | None:
        self.asked += 1
        return self.reports.get(stream_id, StreamReport(stream_id)) if stream_id in self.open else None

    def last_arrival(self, stream_id: str) -> float | None:
        report = self.reports.get(stream_id, StreamReport(stream_id)) if stream_id in self.open else None
        return None if report is None else report.last_arrival or 0.0

    def when_lost(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        self.tell_lost = tell

    def open_streams(self) -> int:
        return len(self.open)

    def free_pairs(self) -> int:
        return self.pairs - len(self.open)

    def lose(self, *numbers: int) -> None:
        """
        The worker of these streams died, numbered in the order in which they were opened; of all where none is named.
        """
        ids = list(self.open)
        gone = tuple(ids[number] for number in numbers or range(len(ids)))
        for stream_id in gone:
            del self.open[stream_id]
        self.tell_lost(gone)

    def heard(self, at: float) -> None:
        """
        A packet came on every open stream.
        """
        for stream_id in self.open:
            self.reports[stream_id] = StreamReport(stream_id, packets=1, last_arrival=at)


class FakeSpooled:
    """
    A recording in the spool: remembers its journal and its documents.
    """

    def __init__(self, started: CallStarted, gates: Gates) -> None:
        self.recording_id = started.recording_id
        self.directory = f"/recordings/spool/{started.recording_id}"
        self.journal: list[JournalEvent] = [started]
        self.documents: list[tuple[DocumentKind, str, str, bytes]] = []
        self.closed = False
        self._gates = gates

    def append(self, event: JournalEvent) -> Deferred[None]:
        if self.closed:
            return fail(OSError(9, "Bad file descriptor"))
        return self._gates.passing("append").addCallback(lambda _: self.journal.append(event))

    def keep_document(
        self, kind: DocumentKind, content_type: str, carried_by: str, at: float, body: bytes
    ) -> Deferred[str]:
        if self.closed:
            return fail(OSError(9, "Bad file descriptor"))
        return self._gates.passing("keep_document").addCallback(
            lambda _: self._kept(DocumentKept(at, kind, f"{len(self.documents) + 1}", content_type, carried_by), body)
        )

    def _kept(self, event: DocumentKept, body: bytes) -> str:
        self.documents.append((event.kind, event.content_type, event.carried_by, body))
        return event.name

    def events(self, *kinds: type[JournalEvent]) -> list[JournalEvent]:
        """
        The events of these kinds, in their order.
        """
        return [event for event in self.journal if isinstance(event, kinds)]


class FakeArchive:
    """
    A L{siprec_tw.recorder.surroundings.Archive} in memory.
    """

    def __init__(self, gates: Gates) -> None:
        self.gates = gates
        self.begun: list[FakeSpooled] = []
        self.indexed: list[tuple[str, tuple[PartyView, ...]]] = []
        self.finished: list[FakeSpooled] = []
        self.discarded: list[FakeSpooled] = []

    async def begin(self, started: CallStarted) -> SpooledRecording:
        await self.gates.passing("begin")
        self.begun.append(FakeSpooled(started, self.gates))
        return cast(SpooledRecording, self.begun[-1])

    async def answered(self, started: CallStarted, parties: tuple[PartyView, ...]) -> None:
        await self.gates.passing("answered")
        self.indexed.append((started.recording_id, parties))

    async def told(self, recording_id: str, parties: tuple[PartyView, ...]) -> None:
        """
        The index names them.
        """
        self.indexed.append((recording_id, parties))

    async def finish(self, spooled: SpooledRecording) -> None:
        self._close(spooled).closed = True
        await self.gates.passing("finish")
        self.finished.append(self._close(spooled))

    async def discard(self, spooled: SpooledRecording) -> None:
        self._close(spooled).closed = True
        await self.gates.passing("discard")
        self.discarded.append(self._close(spooled))

    def _close(self, spooled: SpooledRecording) -> FakeSpooled:
        return cast(FakeSpooled, spooled)


class FakeSignaling:
    """
    The way to the client for our own requests: remembers them, and answers as it is told.
    """

    def __init__(self, gates: Gates) -> None:
        self.gates = gates
        self.requests: list[tuple[Request, Peer, Flow | None]] = []
        self.statuses: dict[str, int] = {}
        self.queued: list[int] = []                     # statuses for the next requests, before C{statuses}
        self.fields: tuple[tuple[str, str], ...] = ()
        self.answer: bytes | None = None                # the body of a 2xx to an INVITE
        self.sent: list[tuple[Message, Peer, Flow | None]] = []
        self.hearers: list[Callable[[Response], None]] = []

    async def request(
        self,
        request: Request,
        destination: Peer,
        *,
        flow: Flow | None = None,
        on_response: Callable[[Response], None] | None = None,
        patience: float | None = None,
    ) -> Response:
        self.requests.append((request, destination, flow))
        await self.gates.passing("request")
        status = self.queued.pop(0) if self.queued else self.statuses.get(request.method, 200)
        has_body = request.method == "INVITE" and status < 300 and self.answer is not None
        response = reply(
            request, status, fields=self.fields, body=self.answer or b"" if has_body else b"",
            content_type="application/sdp" if has_body else None,
        )
        if on_response is not None:
            self.hearers.append(on_response)
            on_response(response)
        return response

    def send(self, message: Message, destination: Peer, *, flow: Flow | None = None) -> None:
        self.sent.append((message, destination, flow))

    async def resolve(self, uri: SipUri, transport: str) -> Peer:
        await self.gates.passing("resolve")
        if not uri.host:
            raise PeerError(f"{uri} has no address", 503)
        return Peer(uri.transport or transport, uri.host, uri.port or 5060)

    def methods(self) -> list[str]:
        """
        The methods of our requests so far.
        """
        return [request.method for request, _, _ in self.requests]


@define
class Exchange:
    """
    A request of the client and what it was answered.
    """

    incoming: IncomingRequest
    responses: list[Response] = field(factory=list)

    @property
    def statuses(self) -> list[int]:
        """
        The status of every response, in order.
        """
        return [response.status for response in self.responses]

    @property
    def last(self) -> Response:
        """
        The last response.
        """
        return self.responses[-1]

    @property
    def final(self) -> Response | None:
        """
        What the client's transaction takes as the final response: the first one.
        """
        return next((response for response in self.responses if response.status >= 200), None)


def header(response: Response | Request, name: str) -> str:
    """
    The one value of a header field, "" where it is missing.
    """
    return response.headers.get(name) or ""


class Studio:
    """
    A recorder among fakes, and one client that sends it requests.
    """

    def __init__(
        self,
        sip: Sip | None = None,
        recording: Recording | None = None,
        pairs: int = 20,
        random_octets: Callable[[int], bytes] = lambda count: bytes(range(count)),
    ) -> None:
        self.clock = Clock()
        self.gates = Gates()
        self.media = FakeMediaPlane(self.gates, pairs)
        self.archive = FakeArchive(self.gates)
        self.signaling = FakeSignaling(self.gates)
        self.metrics = Metrics("test")
        self.storage = Condition("storage", True, "room enough")
        self.server = Server()
        tokens = count(1)
        self.surroundings = Surroundings(
            reactor=self.clock,
            signaling=cast(Signaling, self.signaling),
            media=self.media,
            archive=self.archive,
            metrics=self.metrics,
            sip=sip or Sip(),
            recording=recording or Recording(),
            timers=TimerValues(),
            node_id="node-1",
            contact_host="198.51.100.1",
            now=self.now,
            random_octets=random_octets,
            random_token=lambda: f"{next(tokens):024x}"[::-1],
            origin_id=lambda: 77,
            conditions=lambda: (self.storage,),
        )
        self.server.surroundings = self.surroundings
        self.media.when_lost(LostStreams(self.surroundings, self.server.registry).tell)
        self._tags = count(1)

    def now(self) -> float:
        """
        POSIX seconds.
        """
        return EPOCH + self.clock.seconds()

    # --- what the client does -------------------------------------------------------------------

    def receive(self, request: Request, peer: Peer = SRC, local: Peer = LOCAL) -> Exchange:
        """
        The recorder gets a request.
        """
        responses: list[Response] = []
        incoming = IncomingRequest(
            request, peer, local, self.clock.seconds(), f"ours{next(self._tags)}", responses.append
        )
        exchange = Exchange(incoming, responses)
        self.server.request_received(incoming)
        return exchange

    def send(self, method: str, cseq: int = 1, body: tuple[str, bytes] | None = None, **options: str) -> Exchange:
        """
        The client sends a request; see L{client_request}.
        """
        return self.receive(client_request(method, cseq, body, **options))

    def invite(self, body: tuple[str, bytes] | None = None, cseq: int = 1, **options: str) -> Exchange:
        """
        An INVITE that begins a call.
        """
        return self.send("INVITE", cseq, siprec_body() if body is None else body, **options)

    def ack(self, to: Exchange, body: tuple[str, bytes] | None = None) -> None:
        """
        The client acknowledges a 2xx.
        """
        number = int(header(to.incoming.request, "CSeq").split()[0])
        tag = parse_name_addr(header(to.last, "To")).tag or ""
        call_id = header(to.last, "Call-ID")
        self.server.ack_received(client_request("ACK", number, body, tag=tag, call_id=call_id), SRC)

    def establish(self, body: tuple[str, bytes] | None = None, **options: str) -> Established:
        """
        A call that is up.
        """
        invite = self.invite(body, **options)
        self.clock.advance(ANSWER_DELAY)
        self.ack(invite)
        call = self.calls[-1]
        return Established(self, invite, call)

    # --- what is seen of it ---------------------------------------------------------------------

    @property
    def calls(self) -> Sequence[Call]:
        """
        The calls in the registry.
        """
        return tuple(self.server.registry)

    def spooled(self, call: Call) -> FakeSpooled:
        """
        What a call has written.
        """
        return cast(FakeSpooled, call.spooled)

    def counted(self, name: str, **labels: str) -> float:
        """
        The value of a metric.
        """
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def nothing_left(self) -> bool:
        """
        Whether no call, port or timer is left.
        """
        return not (self.calls or self.media.open or self.clock.getDelayedCalls())


@define
class Established:
    """
    A call that was answered and acknowledged, and the client's side of its dialog.
    """

    studio: Studio
    invite: Exchange
    call: Call
    cseq: int = 1

    @property
    def tag(self) -> str:
        """
        Our tag.
        """
        return self.call.leg.dialog.local_tag

    @property
    def spooled(self) -> FakeSpooled:
        """
        What the call has written.
        """
        return self.studio.spooled(self.call)

    def send(self, method: str, body: tuple[str, bytes] | None = None, **options: str) -> Exchange:
        """
        The next request in the dialog.
        """
        self.cseq += 1
        return self.studio.send(method, self.cseq, body, tag=self.tag, **options)

    def ack(self, to: Exchange, body: tuple[str, bytes] | None = None) -> None:
        """
        Acknowledge the 2xx to a re-INVITE.
        """
        self.studio.ack(to, body)


def client_request(
    method: str,
    cseq: int = 1,
    body: tuple[str, bytes] | None = None,
    *,
    tag: str = "",
    call_id: str = "one@192.0.2.9",
    fields: str = "",
    contact: str = "<sip:src@192.0.2.9:5070>;+sip.src",
) -> Request:
    """
    A request of the client. C{tag} is ours; C{fields} are further header fields, a line each.
    """
    own = [tuple(line.split(": ", 1)) for line in fields.splitlines()]
    kind = [] if body is None else [("Content-Type", body[0])]
    values = (
        ("Via", f"SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK{cseq}{method}"),
        ("From", "<sip:src@192.0.2.9>;tag=theirs"),
        ("To", "<sip:srs@192.0.2.1>" + (f";tag={tag}" if tag else "")),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        ("Contact", contact),
        *cast(list[tuple[str, str]], own),
        *(kind if body is None or body[0] else []),
    )
    return Request(method, "sip:srs@192.0.2.1", Headers(values), b"" if body is None else body[1])
