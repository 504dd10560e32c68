"""
The client's place on the network: its signaling, its calls, and what the recorder asks of them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.cli.source.attempts import Attempts
from siprec_tw.cli.source.impairment import UNIMPAIRED, Impairment
from siprec_tw.cli.source.messages import ALLOW, Ends
from siprec_tw.cli.source.outlet import UdpOutlet
from siprec_tw.cli.source.pacer import Pacer
from siprec_tw.cli.source.parties import CallStory
from siprec_tw.cli.source.source_call import SourceCall
from siprec_tw.errors import PeerError
from siprec_tw.signaling.acceptance import RepeatedAnswer, repeat_answer
from siprec_tw.signaling.layer import Signaling
from siprec_tw.signaling.peer import DEFAULT_PORT, Flow, Peer, is_numeric
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.dialog import Dialog
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.reply import reply
from siprec_tw.sip.timers import TimerValues
from siprec_tw.sip.uri import bracketed

SDP_TYPE = "application/sdp"


class RecordingClient:
    """
    A client of one recorder. L{open} first; then any number of calls, each begun by its C{start}.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        target: str,
        recorder: Peer,
        *,
        random: Random,
        wall: Callable[[], float],
        timers: TimerValues = TimerValues(),  # noqa: B008 (a value)
        patience: float | None = None,
    ) -> None:
        self._reactor = reactor
        self._target = target
        self._recorder = recorder
        self._random = random
        self._wall = wall
        self._host = own_address(recorder)
        self._local = Peer(recorder.transport, self._host, 0)
        self._signaling = Signaling(
            reactor, self, timers=timers,
            random_token=lambda: random.randbytes(8).hex(), allow=lambda peer: True,
        )
        self._attempts = Attempts(reactor, recorder, patience)
        self._timers = timers
        self._calls: dict[str, SourceCall] = {}
        self._answers: dict[tuple[str, int], RepeatedAnswer] = {}   # that await their ACK
        self._begun = 0
        self.pacer = Pacer(reactor, wall)

    async def open(self) -> None:
        """
        Listen for what the recorder asks. Raises LocalError where that cannot be.
        """
        self._local = await self._signaling.listen(self._recorder.transport, self._host, 0)
        self._attempts.open()

    def call(self, story: CallStory, impairment: Impairment = UNIMPAIRED) -> SourceCall:
        """
        A call that has not begun.
        """
        contact = f"sip:siprec-call@{bracketed(self._host)}:{self._local.port}"
        if self._recorder.transport != "udp":
            contact += f";transport={self._recorder.transport}"
        call = SourceCall(
            reactor=self._reactor, signals=self, pacer=self.pacer,
            ends=Ends(self._host, contact, self._target, self._recorder.transport),
            story=story, random=self._random, wall=self._wall, impairment=impairment, number=self._begun,
            open_outlet=lambda: UdpOutlet(self._host),
        )
        self._begun += 1
        self._calls[call.call_id] = call
        call.over.addCallback(lambda how: self._forget(call, how))
        return call

    async def close(self) -> None:
        """
        End what is still up, one after another, and stop to listen.
        """
        for call in tuple(self._calls.values()):
            try:
                await call.end()
            except PeerError as error:
                self.log.warn("Could not end {call}: {error}", call=call.call_id, error=error.text)
        self._attempts.close()
        for answer in self._answers.values():
            answer.stop()
        await self._signaling.stop()

    # --- Signals ------------------------------------------------------------------------------

    async def request(
        self, request: Request, dialog: Dialog | None, on_response: Callable[[Response], None] | None = None
    ) -> Response:
        """
        Send a request by the way of its dialog and wait for the recorder's final response.

        Raises PeerError where there is none.
        """
        def ask(hear: Callable[[Response], None]) -> Coroutine[Deferred[object], object, Response]:
            flow = Flow(self._recorder, self._local)
            return self._signaling.request(request, self._hop(dialog), flow=flow, on_response=hear)

        return await self._attempts.response(ask, on_response, first=dialog is None)

    def acknowledge(self, request: Request, dialog: Dialog) -> None:
        """
        Send an ACK.
        """
        self._signaling.send(request, self._hop(dialog), flow=Flow(self._recorder, self._local))

    def _hop(self, dialog: Dialog | None) -> Peer:
        # A Contact that is no address is not looked up: the recorder is where it was.
        if dialog is None:
            return self._recorder
        try:
            uri = dialog.next_hop()
        except PeerError:
            return self._recorder
        if not is_numeric(uri.host):
            return self._recorder
        return Peer(uri.transport or self._recorder.transport, uri.host, uri.port or DEFAULT_PORT)

    # --- TransactionUser ----------------------------------------------------------------------

    def request_received(self, incoming: IncomingRequest) -> None:
        """
        The recorder asks something.
        """
        request = incoming.request
        call = self._calls.get(request.headers.get("Call-ID") or "")
        if call is None:
            incoming.respond(reply(request, 200 if request.method == "OPTIONS" else 481))
            return
        try:
            call.received(request)
            response = self._answer(request, call)
        except PeerError as error:
            incoming.respond(reply(request, error.status))
            return
        if request.method == "INVITE" and response.status < 300:
            self._accept(incoming, response)
        else:
            incoming.respond(response)
        if request.method == "BYE":
            call.ended_by_peer()

    def ack_received(self, request: Request, peer: Peer) -> None:
        """
        The recorder has our answer to its re-INVITE.
        """
        answer = self._answers.pop(_exchange(request), None)
        if answer is not None:
            answer.stop()

    def cancelled(self, incoming: IncomingRequest) -> None:
        """
        Its INVITE has been answered already.
        """

    def _answer(self, request: Request, call: SourceCall) -> Response:
        allowed = (("Allow", ALLOW),)
        match request.method:
            case "BYE" | "OPTIONS":
                return reply(request, 200, fields=allowed)
            case "UPDATE" if not request.body:
                return reply(request, 200, fields=_session_fields(request, call))
            case "UPDATE" | "INVITE" if _is_offer(request):
                sdp = call.reoffered(request.body)
                fields = _session_fields(request, call) + allowed
                return reply(request, 200, fields=fields, body=sdp, content_type=SDP_TYPE)
            case "UPDATE" | "INVITE":
                return reply(request, 488)
            case _:
                return reply(request, 405, fields=allowed)

    def _accept(self, incoming: IncomingRequest, response: Response) -> None:
        exchange = _exchange(incoming.request)

        def gave_up() -> None:
            self._answers.pop(exchange, None)
            self.log.warn("The recorder never acknowledged our answer to its re-INVITE", call=exchange[0])

        self._answers[exchange] = repeat_answer(self._reactor, incoming, response, self._timers, gave_up)

    def _forget(self, call: SourceCall, how: str) -> str:
        self._calls.pop(call.call_id, None)
        return how


def _exchange(request: Request) -> tuple[str, int]:
    """
    Call-ID and CSeq number: what an INVITE and its ACK have in common. Raises PeerError.
    """
    return request.headers.get("Call-ID") or "", parse_cseq(request.headers.get("CSeq") or "").number


def _is_offer(request: Request) -> bool:
    media_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    return bool(request.body) and media_type == SDP_TYPE


def _session_fields(request: Request, call: SourceCall) -> tuple[tuple[str, str], ...]:
    """
    What a 200 to a refresh has: our Contact, and the session's interval where the request tells one.
    """
    agreed = request.headers.get("Session-Expires")
    timer = (("Session-Expires", agreed), ("Require", "timer")) if agreed else ()
    return (("Contact", f"<{call.ends.contact}>;+sip.src"), *timer)


def own_address(peer: Peer) -> str:
    """
    The address of this machine that the system would send from; nothing is sent to find out.
    """
    family = socket.AF_INET6 if ":" in peer.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer.host, peer.port or DEFAULT_PORT))
        return str(probe.getsockname()[0])
