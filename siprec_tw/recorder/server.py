"""
The recorder as a SIP user agent server: which request goes where, and what is refused before it gets there.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import CallView, Condition
from siprec_tw.log_limit import LogLimit
from siprec_tw.patience import settled
from siprec_tw.recorder import in_dialog
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.registry import Registry
from siprec_tw.recorder.replies import ACCEPT, SUPPORTED_TAGS, accepted, refused
from siprec_tw.recorder.set_up import set_up
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recorder.views import call_view
from siprec_tw.recording.journal import EndReason
from siprec_tw.signaling.peer import Peer
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.dialog import dialog_id
from siprec_tw.sip.lists import parse_tokens
from siprec_tw.sip.message import Request

# Seconds that the answers to our BYEs may take when the recorder is stopped.
FAREWELL_PATIENCE = 3.0
# Refusals that are logged, of one source in a minute; all of them are in the metrics.
REFUSALS_LOGGED = 10
IN_DIALOG = frozenset({"BYE", "UPDATE", "INFO", "PRACK"})
KNOWN = IN_DIALOG | {"INVITE", "OPTIONS"}


@define(eq=False)
class Server:
    """
    The transaction user of a recorder, and the face of its running calls.
    """

    log = Logger()

    surroundings: Surroundings = field(init=False)      # set by who introduces the rooms, before any request
    registry: Registry = field(factory=Registry)
    draining: bool = False
    _refusals: LogLimit = field(init=False)
    _beginning: dict[IncomingRequest, bool] = field(factory=dict)   # INVITEs without a call yet: whether cancelled
    _work: set[Deferred[None]] = field(factory=set)                 # requests that are being worked on

    def __attrs_post_init__(self) -> None:
        self._refusals = LogLimit(lambda: self.surroundings.reactor.seconds(), REFUSALS_LOGGED)

    # --- what signaling calls ------------------------------------------------------------------

    def request_received(self, incoming: IncomingRequest) -> None:
        """
        Any request but ACK and CANCEL.
        """
        work = Deferred.fromCoroutine(self._serve(incoming)).addErrback(self._failed, incoming)
        self._work.add(work)
        work.addCallback(lambda _: self._work.discard(work))

    def ack_received(self, request: Request, peer: Peer) -> None:
        """
        An ACK to a 2xx, or to nothing that is known: that is dropped, as ACK is never answered.
        """
        call = self.registry.of_dialog(dialog_id(request))
        if call is not None:
            Deferred.fromCoroutine(in_dialog.acknowledged(call, request)).addErrback(self._bad_ack, peer)

    def cancelled(self, incoming: IncomingRequest) -> None:
        """
        CANCEL for an INVITE that is not answered. A re-INVITE is answered as usual: a CANCEL has no effect on
        what is being done within milliseconds.
        """
        call = self.registry.of_invite(incoming)
        if call is not None:
            call.feed(call.session.cancelled)
        elif incoming in self._beginning:
            self._beginning[incoming] = True

    # --- requests ------------------------------------------------------------------------------

    async def _serve(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        if request.method not in KNOWN:
            raise PeerError(f"method is {request.method}, wanted one that Allow lists", 405)
        unsupported = [tag for tag in parse_tokens(request.headers, "Require") if tag.lower() not in SUPPORTED_TAGS]
        if unsupported:
            text = f"Require is {', '.join(unsupported)}, wanted none but {', '.join(sorted(SUPPORTED_TAGS))}"
            raise PeerError(text, 420, (("Unsupported", ", ".join(unsupported)),))
        dialog = dialog_id(request)
        call = self.registry.of_dialog(dialog)
        if call is not None:
            await in_dialog.serve(call, incoming)
        elif dialog is not None or request.method in IN_DIALOG:
            raise PeerError("the dialog is not known", 481)
        elif request.method == "OPTIONS":
            self._refuse_new()
            incoming.respond(accepted(self.surroundings, incoming, (ACCEPT,)))
        else:
            self._refuse_new()
            self._beginning[incoming] = False
            try:
                await set_up(self.surroundings, incoming, self._add, self.registry.remove)
            finally:
                self._beginning.pop(incoming, None)

    def _add(self, call: Call) -> None:
        """
        A call has its first line in the journal; what came for its INVITE meanwhile happens to it now.
        """
        self.registry.add(call)
        if self._beginning.pop(call.leg.invite, False):
            call.feed(call.session.cancelled)
        elif self.draining:
            call.end(EndReason.SHUTDOWN)

    def _refuse_new(self) -> None:
        """
        Raises PeerError(503) where this node takes no new calls.
        """
        unmet = next((condition for condition in self.conditions() if not condition.ready), None)
        if unmet is not None:
            raise PeerError(f"no new calls: {unmet.text}", 503)

    def _failed(self, failure: Failure, incoming: IncomingRequest) -> None:
        error = failure.value
        if not isinstance(error, PeerError):
            self.log.failure("Could not serve {method}", failure, method=incoming.request.method)
            error = PeerError("internal error", 500)
        elif self._refusals.allows(incoming.peer.host):
            self.log.info(
                "Refused {method} with {status}: {text}", method=incoming.request.method, status=error.status,
                text=error.text, peer=str(incoming.peer), call_id=incoming.request.headers.get("Call-ID"),
            )
        incoming.respond(refused(self.surroundings, incoming, error))

    def _bad_ack(self, failure: Failure, peer: Peer) -> None:
        if isinstance(failure.value, PeerError):
            self.log.info("ACK could not be used: {text}", text=failure.value.text, peer=str(peer))
        else:
            self.log.failure("Could not work on an ACK", failure, peer=str(peer))

    # --- the face of the running calls ----------------------------------------------------------

    def conditions(self) -> tuple[Condition, ...]:
        """
        What a new call needs of this room: that we are not leaving, a place among the calls, ports.
        """
        around = self.surroundings
        running, free = len(self.registry) + len(self._beginning), around.media.free_pairs()
        most = around.sip.max_calls
        return (
            Condition("draining", not self.draining, "draining" if self.draining else "taking calls"),
            Condition("calls", running < most, f"{running} of {most} calls"),
            Condition("media", free > 0, f"{free} port pairs free"),
            *around.conditions(),
        )

    def calls(self) -> tuple[CallView, ...]:
        """
        Every running call, oldest first.
        """
        return tuple(call_view(call) for call in self.registry)

    def call(self, recording_id: str) -> CallView | None:
        """
        One call.
        """
        call = self.registry.get(recording_id)
        return None if call is None else call_view(call)

    async def end_call(self, recording_id: str) -> bool:
        """
        End a call as an operator: BYE to the client; the recording is finalised after this returns.
        """
        call = self.registry.get(recording_id)
        if call is None:
            return False
        call.end(EndReason.OPERATOR, "ended over HTTP")
        return True

    async def drain(self, patience: float) -> None:
        """
        Take no new calls, end the running ones, and wait until their recordings are handed on, C{patience}
        seconds at most; then a little for the answers to our BYEs.
        """
        self.draining = True
        reactor, calls = self.surroundings.reactor, set(self.registry)
        for call in calls:
            call.end(EndReason.SHUTDOWN)
        await settled(reactor, self._work, patience)
        calls.update(self.registry)
        if not await settled(reactor, [call.finished for call in calls], patience):
            self.log.warn("{left} calls did not end in {patience} s", left=len(self.registry), patience=patience)
        for call in self.registry:
            call.feed(call.session.no_ack)
        await settled(reactor, [call.farewell for call in calls if call.farewell is not None], FAREWELL_PATIENCE)
