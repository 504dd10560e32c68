"""
Who sits above the transactions (RFC 3261 s.5: the TU), what it is given, and what is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from siprec_tw.signaling.peer import Flow, Peer
from siprec_tw.sip.message import Request, Response


@define(eq=False)
class IncomingRequest:
    """
    A new request: checked, not a retransmission, not ACK and not CANCEL. An INVITE has got its 100 already.

    It must be answered by a final response some time: its server transaction lives until then.
    """

    request: Request        # its topmost Via has received and rport (RFC 3261 s.18.2.1, RFC 3581 s.4)
    peer: Peer              # where it came from
    local: Peer             # the listening address that it came to
    arrived: float          # seconds of the reactor's clock
    tag: str                # a new one for the To of its responses; the answer to a CANCEL bears it too
    _respond: Callable[[Response], None] = field(repr=False)

    @property
    def flow(self) -> Flow:
        """
        What C{Signaling.request} wants, for our own requests in the dialog to take the same way.
        """
        return Flow(self.peer, self.local)

    def respond(self, response: Response) -> None:
        """
        Answer, by any number of 1xx and then one final response; the way back is found from its Via.

        A 2xx to an INVITE may be given again until its ACK comes (RFC 3261 s.13.3.1.4; when to do so
        is told by L{siprec_tw.sip.invite_acceptance.InviteAcceptance}); any other response after the
        final one is passed over in silence. Nothing is raised where the peer cannot be reached.
        """
        self._respond(response)


class TransactionUser(Protocol):
    """
    What a recorder does with requests. Whatever it raises is logged, and the request answered 500.
    """

    def request_received(self, incoming: IncomingRequest) -> None:
        """
        A new request of any method but ACK and CANCEL, also of unknown ones (405 is the user's to answer).
        """

    def ack_received(self, request: Request, peer: Peer) -> None:
        """
        An ACK to a 2xx, and any ACK that matches no transaction; repeated ones too.
        """

    def cancelled(self, incoming: IncomingRequest) -> None:
        """
        The peer cancelled this INVITE before its final response (RFC 3261 s.9.2): answer it 487.

        The CANCEL itself is answered. This is the object that was given to L{request_received}.
        """


class MessageCounts(Protocol):
    """
    What is counted.
    """

    def request_seen(self, method: str) -> None:
        """
        A request came that could be parsed; retransmissions count too.
        """

    def response_sent(self, status: int) -> None:
        """
        A response was given to a socket; retransmissions count too.
        """

    def bad_message(self, reason: str) -> None:
        """
        A message could not be used. C{reason} is one of few: "unreadable", "invalid", "not allowed",
        "stray response", "no Via".
        """


class NoCounts:
    """
    Counts nothing.
    """

    def request_seen(self, method: str) -> None:
        """
        Nothing.
        """

    def response_sent(self, status: int) -> None:
        """
        Nothing.
        """

    def bad_message(self, reason: str) -> None:
        """
        Nothing.
        """


@frozen
class Limits:
    """
    Bounds, so that no peer can use up the server.
    """

    transactions: int = 20_000          # server transactions; above, new requests get 503 + Retry-After
    connections: int = 4_000            # TCP, in and out
    unsent: int = 2**20                 # octets that wait in one connection; above, it is closed
    first_message: float = 60.0         # seconds until a new connection has sent its first message
    idle: float = 7_200.0               # seconds without an octet in either direction
    connect: float = 10.0               # seconds for a connection to be made
    retry_after: int = 10               # what the 503 says
