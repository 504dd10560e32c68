"""
The INVITE server transaction (RFC 3261 s.17.2.1 with RFC 6026 s.7.1).

::

        INVITE: deliver, 100
              |
              v   1xx: send          2xx: send, L
        .------------.------------------------------> .----------.
        | Proceeding |                                | Accepted |---.  INVITE: nothing
        '------------'-- INVITE: last 1xx             '----------'<--'  2xx: send; ACK: deliver
              |                                            |
              | 3xx-6xx: send, G (unreliable), H           | L
              v                                            |
        .------------.-- INVITE, G: send again             |
        | Completed  |                                     |
        '------------'--- H: timed out ------------------->|
              | ACK: I (zero when reliable)                |
              v                                            v
        .------------.               I               .------------.
        | Confirmed  |------------------------------>| Terminated |
        '------------'                               '------------'

A 2xx is repeated by the UAS core (L{siprec_tw.sip.invite_acceptance}), never here: the Accepted state only
absorbs the repeated INVITE, so that it is not taken for a new call. A transport failure is reported and
changes no state, since the next retransmission may succeed (RFC 6026 s.8.8).
"""

from __future__ import annotations

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from siprec_tw.sip.effects import (
    CancelTimer,
    DeliverRequest,
    Effect,
    SendMessage,
    SetTimer,
    Terminated,
    TimedOut,
    Timer,
    TransportFailed,
)
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.timers import TimerValues


class InviteServer(Protocol):
    """
    What can happen to an INVITE server transaction.
    """

    def request(self, request: Request) -> None:
        """
        The INVITE came again.
        """

    def ack(self, request: Request) -> None:
        """
        An ACK matches this transaction.
        """

    def provisional(self, response: Response) -> None:
        """
        The transaction user answers 1xx.
        """

    def success(self, response: Response) -> None:
        """
        The transaction user answers 2xx, for the first time or again.
        """

    def failure(self, response: Response) -> None:
        """
        The transaction user answers 3xx to 6xx.
        """

    def timer_g(self) -> None:
        """
        The final response is due again.
        """

    def timer_h(self) -> None:
        """
        No ACK came.
        """

    def timer_i(self) -> None:
        """
        No repeated ACK can come any more.
        """

    def timer_l(self) -> None:
        """
        No repeated INVITE can come any more.
        """

    def transport_failed(self, reason: str) -> None:
        """
        A response could not be sent.
        """


@define
class _Core:
    reliable: bool
    timers: TimerValues
    effects: list[Effect]
    last: Response
    interval: float = 0.0

    def send(self, response: Response) -> None:
        self.last = response
        self.effects.append(SendMessage(response))


_machine = TypeMachineBuilder(InviteServer, _Core)
_proceeding = _machine.state("Proceeding")
_accepted = _machine.state("Accepted")
_completed = _machine.state("Completed")
_confirmed = _machine.state("Confirmed")
_terminated = _machine.state("Terminated")


@_proceeding.upon(InviteServer.request).loop()
@_completed.upon(InviteServer.request).loop()
def _send_again(transaction: InviteServer, core: _Core, request: Request) -> None:
    core.effects.append(SendMessage(core.last))


@_proceeding.upon(InviteServer.provisional).loop()
@_accepted.upon(InviteServer.success).loop()
def _send(transaction: InviteServer, core: _Core, response: Response) -> None:
    core.send(response)


@_proceeding.upon(InviteServer.success).to(_accepted)
def _accept(transaction: InviteServer, core: _Core, response: Response) -> None:
    core.send(response)
    core.effects.append(SetTimer(Timer.L, core.timers.transaction_timeout))


@_proceeding.upon(InviteServer.failure).to(_completed)
def _refuse(transaction: InviteServer, core: _Core, response: Response) -> None:
    core.send(response)
    if not core.reliable:
        core.interval = core.timers.t1
        core.effects.append(SetTimer(Timer.G, core.interval))
    core.effects.append(SetTimer(Timer.H, core.timers.transaction_timeout))


@_accepted.upon(InviteServer.ack).loop()
def _deliver_ack(transaction: InviteServer, core: _Core, request: Request) -> None:
    core.effects.append(DeliverRequest(request))


@_completed.upon(InviteServer.timer_g).loop()
def _retransmit(transaction: InviteServer, core: _Core) -> None:
    core.interval = core.timers.doubled(core.interval)
    core.effects += [SendMessage(core.last), SetTimer(Timer.G, core.interval)]


@_completed.upon(InviteServer.ack).to(_confirmed)
def _confirm(transaction: InviteServer, core: _Core, request: Request) -> None:
    wait = 0.0 if core.reliable else core.timers.t4
    core.effects += [CancelTimer(Timer.G), CancelTimer(Timer.H), SetTimer(Timer.I, wait)]


@_completed.upon(InviteServer.timer_h).to(_terminated)
def _not_acknowledged(transaction: InviteServer, core: _Core) -> None:
    core.effects += [TimedOut(), Terminated()]


@_confirmed.upon(InviteServer.timer_i).to(_terminated)
@_accepted.upon(InviteServer.timer_l).to(_terminated)
def _end(transaction: InviteServer, core: _Core) -> None:
    core.effects.append(Terminated())


@_proceeding.upon(InviteServer.transport_failed).loop()
@_accepted.upon(InviteServer.transport_failed).loop()
@_completed.upon(InviteServer.transport_failed).loop()
@_confirmed.upon(InviteServer.transport_failed).loop()
def _report(transaction: InviteServer, core: _Core, reason: str) -> None:
    core.effects.append(TransportFailed(reason))


# What changes nothing: late answers of the transaction user, repeated ACKs, timers that fired as they were
# being cancelled.
_proceeding.upon(InviteServer.ack).loop().returns(None)
_accepted.upon(InviteServer.request).loop().returns(None)
_accepted.upon(InviteServer.provisional).loop().returns(None)
_accepted.upon(InviteServer.failure).loop().returns(None)
_confirmed.upon(InviteServer.request).loop().returns(None)
_confirmed.upon(InviteServer.ack).loop().returns(None)
_terminated.upon(InviteServer.request).loop().returns(None)
_terminated.upon(InviteServer.ack).loop().returns(None)
_terminated.upon(InviteServer.transport_failed).loop().returns(None)
for _late in (_completed, _confirmed, _terminated):
    _late.upon(InviteServer.provisional).loop().returns(None)
    _late.upon(InviteServer.success).loop().returns(None)
    _late.upon(InviteServer.failure).loop().returns(None)
for _idle in (_proceeding, _accepted, _confirmed, _terminated):
    _idle.upon(InviteServer.timer_g).loop().returns(None)
    _idle.upon(InviteServer.timer_h).loop().returns(None)
for _idle in (_proceeding, _accepted, _completed, _terminated):
    _idle.upon(InviteServer.timer_i).loop().returns(None)
for _idle in (_proceeding, _completed, _confirmed, _terminated):
    _idle.upon(InviteServer.timer_l).loop().returns(None)

MACHINE = _machine.build()


def invite_server(
    request: Request, trying: Response, *, reliable: bool, timers: TimerValues, effects: list[Effect]
) -> InviteServer:
    """
    A new transaction for an INVITE: it sends C{trying}, the 100 response, and then delivers the request.
    """
    effects += [SendMessage(trying), DeliverRequest(request)]
    return MACHINE(_Core(reliable, timers, effects, trying))
