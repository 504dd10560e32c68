"""
The table of live transactions, and the way of their messages to the sockets.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.signaling.client_transaction import ClientTransaction
from siprec_tw.signaling.matching import Key, client_key, merge_key, server_key
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.server_transaction import ServerTransaction
from siprec_tw.signaling.sockets import Sockets
from siprec_tw.signaling.transaction_user import MessageCounts
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.response_route import response_target
from siprec_tw.sip.timers import TimerValues
from siprec_tw.sip.via import MAGIC_COOKIE, Via
from siprec_tw.sip.writer import write


class Transactions:
    """
    Every live transaction, found by key; a transaction leaves when it terminates.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        timers: TimerValues,
        sockets: Sockets,
        random_token: Callable[[], str],
        counts: MessageCounts,
    ) -> None:
        self._reactor = reactor
        self._timers = timers
        self._sockets = sockets
        self._random_token = random_token
        self._counts = counts
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[Key, ClientTransaction] = {}
        self._first_copies: dict[Key, Key] = {}     # merge key to server key

    @property
    def live(self) -> int:
        """
        How many there are.
        """
        return len(self._servers) + len(self._clients)

    @property
    def live_servers(self) -> int:
        """
        How many server transactions there are.
        """
        return len(self._servers)

    # --- server side --------------------------------------------------------------------------

    def server(self, key: Key) -> ServerTransaction | None:
        """
        The server transaction of this key.
        """
        return self._servers.get(key)

    def is_merged(self, request: Request) -> bool:
        """
        Whether a copy of this INVITE, come by another way, has a transaction (RFC 3261 s.8.2.2.2).

        Only of an INVITE: there are clients whose every OPTIONS has the same Call-ID and CSeq.
        """
        return request.method == "INVITE" and merge_key(request) in self._first_copies

    def begin_server(
        self, request: Request, flow: Flow, deliver_ack: Callable[[Request, Flow], None]
    ) -> ServerTransaction:
        """
        A new server transaction; its 100 has gone out where the request is an INVITE.
        """
        transaction = ServerTransaction(
            self._reactor, request, flow, server_key(request), self._timers, self._random_token(),
            send=self.send_response, deliver_ack=deliver_ack, ended=self._server_ended,
        )
        self._servers[transaction.key] = transaction
        merge = merge_key(request)
        if merge is not None:
            self._first_copies[merge] = transaction.key
        transaction.begin()
        return transaction

    def _server_ended(self, transaction: ServerTransaction) -> None:
        self._servers.pop(transaction.key, None)
        merge = merge_key(transaction.incoming.request)
        if merge is not None and self._first_copies.get(merge) == transaction.key:
            del self._first_copies[merge]

    def send_response(self, response: Response, flow: Flow, failed: Callable[[str], None]) -> None:
        """
        Put a response on its way back: the request's connection, or what its Via says (RFC 3261 s.18.2.2).
        """
        try:
            octets = write(response)
        except LocalError:
            self.log.failure("Could not write a response to {peer}", peer=flow.peer)
            failed("it cannot be written")
            return
        try:
            host, port, _ = response_target(response)
            destination = Peer(flow.peer.transport, host, port)
        except PeerError:
            destination = flow.peer
        self._counts.response_sent(response.status)
        self._sockets.send(octets, destination, failed, flow)

    # --- client side --------------------------------------------------------------------------

    def with_via(self, request: Request, destination: Peer, flow: Flow | None) -> Request:
        """
        The request with a Via of ours on top, with a new branch (RFC 3261 s.8.1.1.7, RFC 3581 s.3).
        """
        host, port = self._sockets.sent_by(destination, flow)
        branch = MAGIC_COOKIE + self._random_token()
        via = Via(
            "SIP/2.0", destination.transport.upper(), host, port, (("branch", branch), ("rport", None))
        )
        return request.with_headers(request.headers.prepend("Via", str(via)))

    def send_request(
        self,
        request: Request,
        destination: Peer,
        flow: Flow | None,
        on_response: Callable[[Response], None] | None,
        patience: float | None = None,
    ) -> Deferred[Response]:
        """
        A new client transaction: it adds the Via. Fires with a response always, a synthesized one at worst.

        Raises LocalError for a request that cannot be written.
        """
        request = self.with_via(request, destination, flow)
        write(request)
        return self._begin_client(request, destination, flow, on_response, patience)

    def _begin_client(
        self,
        request: Request,
        destination: Peer,
        flow: Flow | None,
        on_response: Callable[[Response], None] | None = None,
        patience: float | None = None,
    ) -> Deferred[Response]:
        def send(message: Request, failed: Callable[[str], None]) -> Peer:
            return self._sockets.send(write(message), destination, failed, flow)

        transaction = ClientTransaction(
            self._reactor, request, client_key(request), self._timers,
            reliable=destination.reliable, send=send, patience=patience, on_response=on_response,
            cancel=lambda cancel: self._begin_client(cancel, destination, flow), ended=self._client_ended,
        )
        self._clients[transaction.key] = transaction
        transaction.begin()
        return transaction.response

    def response_received(self, response: Response) -> bool:
        """
        Give a response to its transaction; False where there is none. Raises PeerError if it has no key.
        """
        transaction = self._clients.get(client_key(response))
        if transaction is None:
            return False
        transaction.received(response)
        return True

    def connection_lost(self, peer: Peer, reason: str) -> None:
        """
        A connection is gone: what waited for a response on it has failed (RFC 3261 s.18.4).
        """
        for transaction in tuple(self._clients.values()):
            if transaction.peer == peer:
                transaction.transport_failed(reason)

    def _client_ended(self, transaction: ClientTransaction) -> None:
        self._clients.pop(transaction.key, None)

    def stop(self) -> None:
        """
        Forget every transaction.
        """
        clients, self._clients = self._clients, {}
        servers, self._servers = self._servers, {}
        self._first_copies.clear()
        for server in servers.values():
            server.stop()
        for client in clients.values():
            client.stop()
