"""
From octets to the transaction user: what is checked, answered and dropped on the way (RFC 3261 s.8.2).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.log_limit import LogLimit
from siprec_tw.signaling.matching import server_key
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.server_transaction import ServerTransaction
from siprec_tw.signaling.transaction_user import IncomingRequest, Limits, MessageCounts, TransactionUser
from siprec_tw.signaling.transactions import Transactions
from siprec_tw.sip.framing import MAX_STREAM_MESSAGE
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.name_addr import parse_name_addr
from siprec_tw.sip.parser import BadMessage, parse_message
from siprec_tw.sip.reply import is_answerable, reply
from siprec_tw.sip.response_route import with_received
from siprec_tw.sip.validation import validate_request, validate_response


class Dispatcher:
    """
    Gets every message of every socket. Raises nothing to them, whatever the message or the user does.
    """

    log = Logger()

    def __init__(
        self,
        user: TransactionUser,
        transactions: Transactions,
        *,
        random_token: Callable[[], str],
        allow: Callable[[Peer], bool],
        counts: MessageCounts,
        limits: Limits,
        seconds: Callable[[], float],
    ) -> None:
        self._user = user
        self._transactions = transactions
        self._random_token = random_token
        self._allow = allow
        self._counts = counts
        self._limits = limits
        self._secret = random_token()
        self._strangers = LogLimit(seconds, 1)

    # --- what the sockets call ----------------------------------------------------------------

    def message_received(self, octets: bytes, flow: Flow) -> None:
        """
        A datagram, or a message cut out of a stream.
        """
        try:
            message = parse_message(octets, MAX_STREAM_MESSAGE)
            if isinstance(message, Request):
                self._request(message, flow)
            else:
                self._response(message, flow)
        except BadMessage as error:
            self.message_refused(error, flow)
        except Exception:
            # The last line: one message may cost itself, never the socket that all the others come on.
            self.log.failure("Could not work on a message from {peer}", peer=flow.peer)

    def message_refused(self, error: PeerError, flow: Flow) -> None:
        """
        A message that could not be read, or a stream that could not be cut: answer it where that is possible.
        """
        request = error.request if isinstance(error, BadMessage) else None
        if request is not None:
            self._counts.request_seen(request.method)
            request = self._located(request, flow)
        self._refuse(request, error, "unreadable", flow)

    def connection_lost(self, peer: Peer, reason: str) -> None:
        """
        A connection is gone.
        """
        self._transactions.connection_lost(peer, reason)

    # --- responses ----------------------------------------------------------------------------

    def _response(self, response: Response, flow: Flow) -> None:
        self.log.debug("Received {status} from {peer}", status=response.status, peer=flow.peer)
        try:
            validate_response(response)
            matched = self._transactions.response_received(response)
        except PeerError as error:
            self._drop("invalid", error.text, flow)
            return
        if not matched:
            self._drop("stray response", "it belongs to no transaction", flow)

    # --- requests -----------------------------------------------------------------------------

    def _request(self, request: Request, flow: Flow) -> None:
        self.log.debug("Received {method} from {peer}", method=request.method, peer=flow.peer)
        self._counts.request_seen(request.method)
        located = self._located(request, flow)
        if located is None:
            self._drop("no Via", "its topmost Via cannot be read", flow)
        elif not self._allow(flow.peer):
            if self._strangers.allows(flow.peer.host):
                self.log.warn(
                    "Refused {method} of {peer}: it is in no network of sip.allow",
                    method=request.method, peer=str(flow.peer),
                )
            error = PeerError(f"requests from {flow.peer.host} are not allowed", 403)
            self._refuse(located, error, "not allowed", flow)
        else:
            self._admitted(located, flow)

    def _admitted(self, request: Request, flow: Flow) -> None:
        try:
            validate_request(request)
        except PeerError as error:
            self._refuse(request, error, "invalid", flow)
            return
        transaction = self._transactions.server(server_key(request))
        if request.method == "ACK":
            self._acknowledgement(request, transaction, flow)
        elif transaction is not None:
            transaction.repeated(request)
        elif request.method == "CANCEL":
            self._cancel(request, flow)
        else:
            self._new_request(request, flow)

    def _acknowledgement(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        if transaction is not None:
            transaction.acknowledged(request)
        else:
            self._deliver_ack(request, flow)

    def _deliver_ack(self, request: Request, flow: Flow) -> None:
        try:
            self._user.ack_received(request, flow.peer)
        except Exception:
            self.log.failure("Could not work on an ACK from {peer}", peer=flow.peer)

    def _new_request(self, request: Request, flow: Flow) -> None:
        if self._overloaded(request):
            self._answer(request, flow, 503, ("Retry-After", str(self._limits.retry_after)))
        elif self._transactions.is_merged(request):
            self._answer(request, flow, 482)
        else:
            transaction = self._transactions.begin_server(request, flow, self._deliver_ack)
            self._tell_user(self._user.request_received, transaction.incoming)

    def _overloaded(self, request: Request) -> bool:
        # Requests within a dialog mostly end something: they may go above the bound, but not without one.
        in_dialog = parse_name_addr(request.headers.get("To") or "").tag is not None
        bound = self._limits.transactions * (2 if in_dialog else 1)
        return self._transactions.live_servers >= bound

    def _cancel(self, request: Request, flow: Flow) -> None:
        invite = self._transactions.server(server_key(request, "INVITE"))
        cancel = self._transactions.begin_server(request, flow, self._deliver_ack)
        if invite is None:
            cancel.incoming.respond(reply(request, 481, to_tag=cancel.incoming.tag))
            return
        cancel.incoming.respond(reply(request, 200, to_tag=invite.incoming.tag))
        if invite.answered is None:
            self._tell_user(self._user.cancelled, invite.incoming)

    def _tell_user(self, event: Callable[[IncomingRequest], None], incoming: IncomingRequest) -> None:
        try:
            event(incoming)
        except Exception:
            self.log.failure("Could not work on {method} from {peer}", method=incoming.request.method,
                             peer=incoming.peer)
            incoming.respond(reply(incoming.request, 500, to_tag=incoming.tag))

    # --- stateless answers --------------------------------------------------------------------

    def _located(self, request: Request, flow: Flow) -> Request | None:
        try:
            return with_received(request, flow.peer.host, flow.peer.port)
        except PeerError:
            return None

    def _refuse(self, request: Request | None, error: PeerError, reason: str, flow: Flow) -> None:
        self._drop(reason, error.text, flow)
        if request is not None and is_answerable(request):
            self._answer(request, flow, error.status)

    def _drop(self, reason: str, text: str, flow: Flow) -> None:
        self._counts.bad_message(reason)
        self.log.debug("Refused a message from {peer}: {text}", peer=flow.peer, text=text)

    def _answer(self, request: Request, flow: Flow, status: int, *fields: tuple[str, str]) -> None:
        if not is_answerable(request):
            return
        response = reply(request, status, to_tag=self._tag(request), fields=fields)
        self._transactions.send_response(response, flow, self._not_sent)

    def _not_sent(self, reason: str) -> None:
        self.log.debug("Could not send a stateless response: {reason}", reason=reason)

    def _tag(self, request: Request) -> str:
        # The same for every copy of a request, without keeping any (RFC 3261 s.8.2.7).
        names = ("Call-ID", "From", "CSeq")
        text = "\n".join([self._secret, *(request.headers.get(name) or "" for name in names)])
        return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
