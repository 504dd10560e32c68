"""
The SIP side of a call: its dialog with the recording client, the 2xx on their way, and our own requests.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.recorder.bodies import SDP_TYPE
from siprec_tw.recorder.provisional import RepeatedProvisional
from siprec_tw.recorder.replies import Fields, contact
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.signaling.acceptance import RepeatedAnswer, repeat_answer
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.cseq import parse_cseq
from siprec_tw.sip.dialog import Dialog
from siprec_tw.sip.message import Request, Response

# RFC 3261 s.12.2, RFC 3311 s.5.1: the 2xx of no other method moves the remote target.
TARGET_REFRESHES = frozenset({"INVITE", "UPDATE"})


@define(eq=False)
class Leg:
    """
    One dialog, from the INVITE to the BYE.
    """

    log = Logger()

    _surroundings: Surroundings
    invite: IncomingRequest                             # the first one
    dialog: Dialog
    last_heard: float                                   # POSIX seconds of the client's last message
    _flow: Flow
    provisional: RepeatedProvisional | None = None      # a 183 that awaits its PRACK
    refreshes: list[str] = field(factory=list)          # methods being worked on: "INVITE", "UPDATE"
    inviting: bool = False                              # a re-INVITE of ours has no final response yet
    quiet_until: float = 0.0                            # reactor's seconds: the client wants no INVITE before
    lost: str = ""                                      # why the client seems not to know the dialog any more
    _answers: dict[int, RepeatedAnswer] = field(factory=dict)   # by the INVITE's CSeq number

    def heard(self, incoming: IncomingRequest) -> None:
        """
        A request came. Raises PeerError(500) for one older than the last (RFC 3261 s.12.2.2).
        """
        self.dialog = self.dialog.received(incoming.request)
        self.last_heard, self.lost = self._surroundings.now(), ""
        self._flow = incoming.flow

    def accept(self, incoming: IncomingRequest, response: Response, gave_up: Callable[[], None]) -> None:
        """
        Send a 2xx to an INVITE, repeat it until its ACK, and say so where none comes.
        """
        number = cseq_number(incoming.request)

        def given_up() -> None:
            self._answers.pop(number, None)
            gave_up()

        self._answers[number] = repeat_answer(
            self._surroundings.reactor, incoming, response, self._surroundings.timers, given_up
        )

    def acknowledged(self, ack: Request) -> bool:
        """
        An ACK came: whether it is the first one for a 2xx of ours. Raises PeerError for an unreadable CSeq.
        """
        answer = self._answers.pop(cseq_number(ack), None)
        if answer is None:
            return False
        answer.stop()
        self.last_heard = self._surroundings.now()
        return True

    @property
    def awaits_ack(self) -> bool:
        """
        Whether a 2xx is still being repeated.
        """
        return bool(self._answers)

    def stop_answers(self) -> None:
        """
        Nobody waits for a 2xx, or a reliable 183, any more.
        """
        for answer in self._answers.values():
            answer.stop()
        self._answers.clear()
        if self.provisional is not None:
            self.provisional.stop()

    async def request(self, method: str, fields: Fields = (), sdp: bytes | None = None) -> Response:
        """
        Send a request in the dialog; its final response, where need be one made here (408, 503).

        Each 2xx to an INVITE gets its ACK, also one that comes again (RFC 3261 s.13.2.2.4).
        """
        own = (contact(self._surroundings, self._flow.local), ("User-Agent", self._surroundings.sip.user_agent))
        self.dialog, request = self.dialog.request(
            method, fields=(*own, *fields), body=sdp or b"", content_type=None if sdp is None else SDP_TYPE
        )
        number = cseq_number(request)
        hear = (lambda response: self._acknowledge(number, response)) if method == "INVITE" else None
        response = await self._surroundings.signaling.request(
            request, await self._destination(), flow=self._flow, on_response=hear,
            patience=self._surroundings.timers.transaction_timeout,
        )
        if response.status not in (408, 503):
            self.last_heard = self._surroundings.now()
        if response.status < 300:
            self.lost = ""
        if response.status < 300 and method in TARGET_REFRESHES:
            self.dialog = self.dialog.refreshed(response)
        return response

    def _acknowledge(self, number: int, response: Response) -> None:
        if 200 <= response.status < 300:
            self.lost = ""
            self.dialog = self.dialog.refreshed(response)
            Deferred.fromCoroutine(self._send_ack(number)).addErrback(
                lambda failure: self.log.failure("Could not send an ACK", failure)
            )

    async def _send_ack(self, number: int) -> None:
        ack = self.dialog.ack(number, fields=(("User-Agent", self._surroundings.sip.user_agent),))
        self._surroundings.signaling.send(ack, await self._destination(), flow=self._flow)

    async def _destination(self) -> Peer:
        # Where the Contact leads nowhere, the way that the client's last request came is better than none.
        try:
            return await self._surroundings.signaling.resolve(self.dialog.next_hop(), self._flow.peer.transport)
        except PeerError:
            return self._flow.peer


def cseq_number(request: Request) -> int:
    """
    The number of a request's CSeq. Raises PeerError.
    """
    return parse_cseq(request.headers.get("CSeq") or "").number
