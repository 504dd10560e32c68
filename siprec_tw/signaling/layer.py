"""
The signaling layer: sockets below, transactions in the middle, one transaction user above.

::

    recorder          TransactionUser          request()  send()
                             ^                     |        |
    dispatcher    checks, CANCEL, ACK, 4xx         |        |
                             ^                     v        |
    transactions      server machines       client machines |
                             ^   |                 |        |
    sockets                  |   v                 v        v
                        udp.py, tcp.py: octets, connections, the way back

Everything that the network can do to us ends here as a call of the transaction user, an answer, or a
count; nothing of it is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred

from siprec_tw.signaling.destination import resolve_destination
from siprec_tw.signaling.dispatcher import Dispatcher
from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.signaling.reactor import SignalingReactor
from siprec_tw.signaling.sockets import Sockets
from siprec_tw.signaling.transaction_user import (
    IncomingRequest,
    Limits,
    MessageCounts,
    NoCounts,
    TransactionUser,
)
from siprec_tw.signaling.transactions import Transactions
from siprec_tw.sip.message import Message, Request, Response
from siprec_tw.sip.timers import TimerValues
from siprec_tw.sip.uri import SipUri
from siprec_tw.sip.writer import write

__all__ = [
    "Flow", "IncomingRequest", "Limits", "MessageCounts", "NoCounts", "Peer", "Signaling", "TransactionUser",
]


class Signaling:
    """
    SIP on sockets, as a recorder sees it. Listens to nothing until L{listen} or L{start}.

    @param reactor: provides IReactorTime, IReactorTCP, IReactorUDP, and IReactorPluggableNameResolver where
        names are to be resolved.
    @param user: what gets the requests.
    @param random_token: a new unguessable token each time, letters and digits, 8 or more (branches and tags).
    @param allow: whether requests of this peer are taken; others get 403 and never reach the user.
    @param advertise: the host written into the Via of our own requests; by default the listening address,
        or, where that is a wildcard, the address that the system would send from.
    """

    def __init__(
        self,
        reactor: SignalingReactor,
        user: TransactionUser,
        *,
        random_token: Callable[[], str],
        allow: Callable[[Peer], bool],
        timers: TimerValues = TimerValues(),  # noqa: B008 (a value)
        metrics: MessageCounts | None = None,
        limits: Limits = Limits(),  # noqa: B008 (a value)
        advertise: str | None = None,
    ) -> None:
        counts = NoCounts() if metrics is None else metrics
        self._reactor = reactor
        self._sockets = Sockets(reactor, limits, advertise)
        self._transactions = Transactions(reactor, timers, self._sockets, random_token, counts)
        self._dispatcher = Dispatcher(
            user, self._transactions,
            random_token=random_token, allow=allow, counts=counts, limits=limits,
            seconds=reactor.seconds,
        )
        self._sockets.receiver = self._dispatcher

    @property
    def live_transactions(self) -> int:
        """
        How many transactions, server and client, are not over.
        """
        return self._transactions.live

    @property
    def connections(self) -> int:
        """
        How many TCP connections are up.
        """
        return self._sockets.connections

    async def start(self, listeners: Iterable[Peer]) -> tuple[Peer, ...]:
        """
        Listen to all of these, or to none: L{siprec_tw.errors.LocalError} where one cannot be had.
        """
        opened = []
        try:
            for wanted in listeners:
                opened.append(await self.listen(wanted.transport, wanted.host, wanted.port))
        except BaseException:
            await self._sockets.close()
            raise
        return tuple(opened)

    async def listen(self, transport: str, host: str, port: int) -> Peer:
        """
        Listen; port 0 takes any free one. The real address is returned.

        @param transport: "udp" or "tcp".
        @param host: a numeric address of this machine, or a wildcard.
        Raises L{siprec_tw.errors.LocalError} where the address cannot be had.
        """
        return self._sockets.listen(Peer(transport, host, port))

    async def request(
        self,
        request: Request,
        destination: Peer,
        *,
        flow: Flow | None = None,
        on_response: Callable[[Response], None] | None = None,
        patience: float | None = None,
    ) -> Response:
        """
        Send a request (any but ACK) without Via, and wait for its final response (RFC 3261 s.17.1).

        Always ends with a response: none in time is 408, a way that fails 503 (s.8.1.3.1), both made here.
        An INVITE that got a 1xx waits as long as the peer likes, or for C{patience} seconds in all: then it is
        cancelled (s.9.1), and that is 408 too.
        To cancel the wait stops only the wait: the transaction goes on and its response is dropped.

        @param flow: of the dialog's last request from there, if any: its TCP connection is used while it is
            up (else one to C{destination} is made), and its UDP socket.
        @param on_response: called for every response, also 1xx, and a 2xx to INVITE each time it comes: the
            caller sends an ACK each time, with L{send}.
        """
        waiting: Deferred[Response] = self._transactions.send_request(
            request, destination, flow, on_response, patience
        )
        return await waiting

    def send(self, message: Message, destination: Peer, *, flow: Flow | None = None) -> None:
        """
        Send without a transaction, for the ACK to a 2xx (RFC 3261 s.13.2.2.4); a request gets its Via here.

        Nothing tells whether it went.
        """
        if isinstance(message, Request):
            message = self._transactions.with_via(message, destination, flow)
        self._sockets.send(write(message), destination, _nobody_waits, flow)

    async def resolve(self, uri: SipUri, transport: str) -> Peer:
        """
        Where a URI is reached: L{siprec_tw.signaling.destination.resolve_destination}.
        """
        return await resolve_destination(self._reactor, uri, transport)

    async def stop(self) -> None:
        """
        Stop to listen, close connections, end every wait for a response with 503; bounded in time.
        """
        self._transactions.stop()
        await self._sockets.close()


def _nobody_waits(reason: str) -> None:
    """
    The message was stateless: that it failed concerns nobody.
    """
