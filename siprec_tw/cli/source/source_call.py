"""
One SIPREC call as its client: INVITE, audio, changes in mid-call, BYE (RFC 7866 s.6.1, s.7.1).

::

    start()   INVITE (offer, metadata)  ->     hold(), resume(), add_stream(),    end()  final packets
                             <-  200           remove_stream()   re-INVITE  ->           BYE (metadata)  ->
              ACK, first packets        ->     update()             UPDATE  ->                      <-  200
                                               reoffered()  <-  re-INVITE, to send elsewhere from now on

What went onto the wire is in C{streams[n].rtp.sent()}, packet by packet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.cli.source.call_stream import AimedOutlet, CallStream, StreamPlan
from siprec_tw.cli.source.impairment import UNIMPAIRED, Impairment
from siprec_tw.cli.source.messages import Ends, first_invite, session_body, session_interval, within_dialog
from siprec_tw.cli.source.offer import Destination, OfferedStream, read_answer, write_offer
from siprec_tw.cli.source.pacer import Pacer
from siprec_tw.cli.source.parties import CallStory, random_id
from siprec_tw.cli.source.rtp_stream import random_identity, rtp_stream
from siprec_tw.errors import PeerError
from siprec_tw.metadata.model import Metadata
from siprec_tw.sdp.description import Direction
from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.dialog import Dialog, uac_dialog
from siprec_tw.sip.message import Request, Response

ENDED = "ended"
ANSWER_TIME = 40.0          # seconds that an answer may take


class Signals(Protocol):
    """
    What a call needs of the signaling: requests of ours go to the recorder, by the way of the dialog.
    """

    async def request(
        self, request: Request, dialog: Dialog | None, on_response: Callable[[Response], None] | None = None
    ) -> Response:
        """
        Send a request and wait for its final response.
        """

    def acknowledge(self, request: Request, dialog: Dialog) -> None:
        """
        Send an ACK.
        """


@define(eq=False)
class SourceCall:
    """
    A call. Whatever the recorder refuses raises PeerError with the status it gave.
    """

    log = Logger()

    reactor: IReactorTime
    signals: Signals
    pacer: Pacer
    ends: Ends
    story: CallStory
    random: Random
    wall: Callable[[], float]                       # POSIX time
    open_outlet: Callable[[], AimedOutlet]
    impairment: Impairment = UNIMPAIRED
    number: int = 0                                 # of the client's calls: decides, with the seed, what is lost
    call_id: str = field(default="")
    streams: list[CallStream] = field(factory=list)
    held: bool = False
    heard: bool = False                             # whether the INVITE got any response
    dialog: Dialog | None = None
    over: Deferred[str] = field(factory=Deferred)   # fires once: ENDED, or what went wrong
    _local_tag: str = field(init=False)
    _session_id: int = field(init=False)
    _version: int = 0
    _said: list[OfferedStream] = field(factory=list)    # in our last description
    _inviting: bool = False                         # a re-INVITE of ours has no final response yet
    _refresh: IDelayedCall | None = None

    def __attrs_post_init__(self) -> None:
        self.call_id = self.call_id or f"{self.random.randbytes(12).hex()}@{self.ends.host}"
        self._local_tag = self.random.randbytes(6).hex()
        self._session_id = self.random.getrandbits(40)

    # --- the life of a call -------------------------------------------------------------------

    async def start(self, plans: Sequence[StreamPlan]) -> None:
        """
        Place the call and begin to send. Raises PeerError where it is refused; then nothing is left open.
        """
        try:
            for plan in plans:
                self.streams.append(self._stream(plan))
            invite = first_invite(self.ends, self.call_id, self._local_tag, *self._session_body())
            waiting = Deferred.fromCoroutine(self.signals.request(invite, None, self._acknowledge))
            waiting.addTimeout(ANSWER_TIME, self.reactor, _not_final)
            response = await waiting
            _raise_for(response)
        except BaseException:
            self._finish("not answered")
            raise
        try:
            self._aim(read_answer(response.body, self._offered()))
        except PeerError:
            await self.end()
            raise
        self._arm_refresh(response)

    async def end(self) -> None:
        """
        End the call: the last packets, then BYE with the final metadata. A call that is over is no error.
        """
        if self.over.called or self.dialog is None:
            return
        self._stop_sending()
        how = "cut off"
        try:
            await self._request("BYE", *session_body(None, self.metadata(ended=self.wall())))
            how = ENDED
        except PeerError as error:
            how = f"BYE: {error.text}"
            raise
        finally:
            self._finish(how)

    def ended_by_peer(self) -> None:
        """
        The recorder sent BYE.
        """
        self._finish("ended by the recorder")

    # --- in mid-call --------------------------------------------------------------------------

    async def hold(self) -> None:
        """
        Nobody sends from now on: a re-INVITE with inactive streams, metadata that says so.
        """
        self.held = True
        for stream in self.streams:
            stream.rtp.paused = True
        await self.reinvite()

    async def resume(self) -> None:
        """
        The end of a hold; the timestamps have gone on.
        """
        self.held = False
        await self.reinvite()
        for stream in self.streams:
            stream.rtp.paused = False

    async def add_stream(self, plan: StreamPlan) -> CallStream:
        """
        One more stream, by a re-INVITE.
        """
        stream = self._stream(plan)
        self.streams.append(stream)
        await self.reinvite()
        return stream

    async def remove_stream(self, label: str) -> None:
        """
        A stream less, by a re-INVITE: its m= line has port 0 from now on.
        """
        for stream in self.streams:
            if stream.plan.label == label and not stream.removed:
                stream.removed = True
                self.pacer.remove(stream.rtp)
        await self.reinvite()

    async def reinvite(self) -> None:
        """
        An INVITE with an offer of the streams as they are, and the whole metadata.
        """
        self._inviting = True
        try:
            response = await self._request("INVITE", *self._session_body(), on_response=self._acknowledge)
        finally:
            self._inviting = False
        self._aim(read_answer(response.body, self._offered()))

    async def update(self, metadata: Metadata | None = None) -> None:
        """
        An UPDATE with metadata only, or, without, one that only refreshes the session.
        """
        if metadata is None:
            self._arm_refresh(await self._request("UPDATE", (), b""))
        else:
            await self._request("UPDATE", *session_body(None, metadata))

    def metadata(self, *, ended: float | None = None) -> Metadata:
        """
        The complete metadata as it is now.
        """
        present = [(s.stream_id, s.plan.label) for s in self.streams if not s.removed]
        return self.story.metadata(present, held=self.held, ended=ended)

    def received(self, request: Request) -> None:
        """
        A request of the recorder in this dialog. Raises PeerError for one out of order.
        """
        if self.dialog is not None:
            self.dialog = self.dialog.received(request).refreshed(request)

    def reoffered(self, sdp: bytes) -> bytes:
        """
        The recorder offers the streams anew (RFC 3264 s.8): they are sent where it says from now on; our answer.

        Raises PeerError: 491 while a re-INVITE of ours is unanswered, 488 for an offer without our streams, 400 for
        what is no SDP.
        """
        if self._inviting:
            raise PeerError("a re-INVITE of ours is under way", 491)
        offered = self._offered()
        places = read_answer(sdp, offered)
        if not any(places):
            raise PeerError("the recorder takes none of the streams", 488)
        self._aim(places)
        answered = [
            stream if place is not None else evolve(stream, port=0)
            for stream, place in zip(offered, places, strict=True)
        ]
        if answered != self._said:
            self._version += 1
            self._said = answered
        return write_offer(self.ends.host, self._session_id, self._version, answered)

    # --- parts --------------------------------------------------------------------------------

    def _stream(self, plan: StreamPlan) -> CallStream:
        outlet = self.open_outlet()
        identity = random_identity(self.random, plan.codec.format.payload_type)
        rtp = rtp_stream(plan.source, outlet, identity, self.impairment, f"{self.number}/{plan.label}")
        return CallStream(plan, random_id(self.random), outlet, rtp)

    def _offered(self) -> list[OfferedStream]:
        direction = Direction.INACTIVE if self.held else Direction.SENDONLY
        return [
            OfferedStream(s.plan.label, 0 if s.removed else s.outlet.port, s.plan.codec.format, direction)
            for s in self.streams
        ]

    def _session_body(self) -> tuple[tuple[tuple[str, str], ...], bytes]:
        self._version += 1
        self._said = self._offered()
        offer = (self.ends.host, self._session_id, self._version, self._said)
        return session_body(offer, self.metadata())

    async def _request(
        self,
        method: str,
        fields: tuple[tuple[str, str], ...],
        body: bytes,
        on_response: Callable[[Response], None] | None = None,
    ) -> Response:
        if self.dialog is None:
            raise PeerError(f"{method} in a call that is not up", 481)
        self.dialog, request = within_dialog(self.ends, self.dialog, method, fields, body)
        waiting = Deferred.fromCoroutine(self.signals.request(request, self.dialog, on_response))
        waiting.addTimeout(ANSWER_TIME, self.reactor, _not_final)
        response = await waiting
        _raise_for(response)
        return response

    def _acknowledge(self, response: Response) -> None:
        """
        A response to an INVITE: every 2xx gets its ACK, each time it comes (RFC 3261 s.13.2.2.4).
        """
        self.heard = True
        if not 200 <= response.status < 300:
            return
        if self.dialog is None:
            self.dialog = uac_dialog(self._as_asked(response), response)
        else:
            self.dialog = self.dialog.refreshed(response)
        number = parse_cseq(response.headers.get("CSeq") or "").number
        self.signals.acknowledge(self.dialog.ack(number), self.dialog)

    def _as_asked(self, response: Response) -> Request:
        # The response repeats what a dialog is made of: From, Call-ID and CSeq.
        return Request("INVITE", self.ends.target, response.headers)

    def _aim(self, places: Sequence[Destination | None]) -> None:
        """
        Send each stream where the recorder wants it; begin with those that were not being sent.
        """
        for stream, place in zip(self.streams, places, strict=True):
            if place is not None:
                self._send_to(stream, place)
            elif stream.accepted:
                stream.accepted = False
                self.pacer.remove(stream.rtp)
        if not any(stream.accepted for stream in self.streams):
            raise PeerError("the recorder takes none of the streams", 488)

    def _send_to(self, stream: CallStream, place: Destination) -> None:
        stream.outlet.aim(place.host, place.rtp_port, place.rtcp_port)
        if not stream.accepted:
            stream.accepted = True
            self.pacer.add(stream.rtp)

    def _arm_refresh(self, response: Response) -> None:
        """
        Refresh at half the interval where that is ours to do (RFC 4028 s.7.2).
        """
        interval = session_interval(response)
        if interval is not None and not self.over.called:
            self._refresh = self.reactor.callLater(interval / 2, self._refresh_now)

    def _refresh_now(self) -> None:
        self._refresh = None
        refreshing = Deferred.fromCoroutine(self.update())
        refreshing.addErrback(self._not_refreshed)

    def _not_refreshed(self, failure: Failure) -> None:
        self.log.failure("Could not refresh {call}", failure, call=self.call_id)

    def _stop_sending(self) -> None:
        for stream in self.streams:
            self.pacer.remove(stream.rtp)

    def _finish(self, how: str) -> None:
        self._stop_sending()
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None
        for stream in self.streams:
            stream.outlet.close()
        if not self.over.called:
            self.over.callback(how)


def _raise_for(response: Response) -> None:
    if response.status >= 300:
        warning = response.headers.get("Warning")
        why = "" if warning is None else f" ({warning})"
        raise PeerError(f"the recorder answered {response.status} {response.reason}{why}", response.status)


def _not_final(_: object, seconds: float) -> Response:
    raise PeerError(f"no final answer within {seconds:g} s", 408)
