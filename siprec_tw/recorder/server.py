"""
The recorder as a SIP user agent server: which request goes where, and what is refused before it gets there.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import CallView, Condition
from siprec_tw.recorder import in_dialog
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

    # --- what signaling calls ------------------------------------------------------------------

    def request_received(self, incoming: IncomingRequest) -> None:
        """
        Any request but ACK and CANCEL.
        """
        Deferred.fromCoroutine(self._serve(incoming)).addErrback(self._failed, incoming)

    def ack_received(self, request: Request, peer: Peer) -> None:
        """
        An ACK to a 2xx, or to nothing that is known: that is dropped, as ACK is never answered.
        """
        call = self.registry.of_dialog(dialog_id(request))
        if call is not None:
            Deferred.fromCoroutine(in_dialog.acknowledged(call, request)).addErrback(self._bad_ack, peer)

    def cancelled(self, incoming: IncomingRequest) -> None:
        """
        CANCEL for an INVITE that is not answered. Where no call has come of it yet, or one that is a
        re-INVITE, it is answered as usual: a CANCEL has no effect on what is being done within milliseconds.
        """
        call = self.registry.of_invite(incoming)
        if call is not None:
            call.feed(call.session.cancelled)

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
            await set_up(self.surroundings, incoming, self.registry.add, self.registry.remove)

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
        else:
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
        running, most, free = len(self.registry), around.sip.max_calls, around.media.free_pairs()
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
        seconds at most.
        """
        self.draining = True
        calls = tuple(self.registry)
        for call in calls:
            call.end(EndReason.SHUTDOWN)
        finished = gatherResults([call.finished for call in calls])
        finished.addTimeout(patience, self.surroundings.reactor, onTimeoutCancel=self._out_of_patience)
        await finished

    def _out_of_patience(self, result: object, patience: float) -> None:
        left = len(self.registry)
        self.log.warn("{left} calls did not end in {patience} s", left=left, patience=patience)
