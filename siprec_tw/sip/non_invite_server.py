"""
The non-INVITE server transaction (RFC 3261 s.17.2.2).

::

        request: deliver
              |
              v
        .------------.  1xx: send     .------------.-- request: last 1xx
        |   Trying   |--------------->| Proceeding |
        '------------'                '------------'-- 1xx: send
              |                            |
              | 2xx-6xx: send, J           | 2xx-6xx: send, J
              v                            |
        .------------.<--------------------'
        | Completed  |-- request: send again
        '------------'
              | J (zero when reliable)
              v
        .------------.
        | Terminated |
        '------------'

A transport failure is reported and changes no state (RFC 6026 s.8.8).
"""

from __future__ import annotations

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from siprec_tw.sip.effects import (
    DeliverRequest,
    Effect,
    SendMessage,
    SetTimer,
    Terminated,
    Timer,
    TransportFailed,
)
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.timers import TimerValues


class NonInviteServer(Protocol):
    """
    What can happen to a non-INVITE server transaction.
    """

    def request(self, request: Request) -> None:
        """
        The request came again.
        """

    def provisional(self, response: Response) -> None:
        """
        The transaction user answers 1xx.
        """

    def final(self, response: Response) -> None:
        """
        The transaction user answers 2xx to 6xx.
        """

    def timer_j(self) -> None:
        """
        No repeated request can come any more.
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
    last: Response | None = None


_machine = TypeMachineBuilder(NonInviteServer, _Core)
_trying = _machine.state("Trying")
_proceeding = _machine.state("Proceeding")
_completed = _machine.state("Completed")
_terminated = _machine.state("Terminated")


@_trying.upon(NonInviteServer.provisional).to(_proceeding)
@_proceeding.upon(NonInviteServer.provisional).loop()
def _send(transaction: NonInviteServer, core: _Core, response: Response) -> None:
    core.last = response
    core.effects.append(SendMessage(response))


@_proceeding.upon(NonInviteServer.request).loop()
@_completed.upon(NonInviteServer.request).loop()
def _send_again(transaction: NonInviteServer, core: _Core, request: Request) -> None:
    if core.last is not None:
        core.effects.append(SendMessage(core.last))


@_trying.upon(NonInviteServer.final).to(_completed)
@_proceeding.upon(NonInviteServer.final).to(_completed)
def _complete(transaction: NonInviteServer, core: _Core, response: Response) -> None:
    core.last = response
    wait = 0.0 if core.reliable else core.timers.transaction_timeout
    core.effects += [SendMessage(response), SetTimer(Timer.J, wait)]


@_completed.upon(NonInviteServer.timer_j).to(_terminated)
def _end(transaction: NonInviteServer, core: _Core) -> None:
    core.effects.append(Terminated())


@_trying.upon(NonInviteServer.transport_failed).loop()
@_proceeding.upon(NonInviteServer.transport_failed).loop()
@_completed.upon(NonInviteServer.transport_failed).loop()
def _report(transaction: NonInviteServer, core: _Core, reason: str) -> None:
    core.effects.append(TransportFailed(reason))


# What changes nothing: a repeated request before any answer, and late answers of the transaction user.
_trying.upon(NonInviteServer.request).loop().returns(None)
_terminated.upon(NonInviteServer.request).loop().returns(None)
_terminated.upon(NonInviteServer.transport_failed).loop().returns(None)
for _late in (_completed, _terminated):
    _late.upon(NonInviteServer.provisional).loop().returns(None)
    _late.upon(NonInviteServer.final).loop().returns(None)
for _idle in (_trying, _proceeding, _terminated):
    _idle.upon(NonInviteServer.timer_j).loop().returns(None)

MACHINE = _machine.build()


def non_invite_server(
    request: Request, *, reliable: bool, timers: TimerValues, effects: list[Effect]
) -> NonInviteServer:
    """
    A new transaction for any request but INVITE and ACK: it delivers the request.
    """
    effects.append(DeliverRequest(request))
    return MACHINE(_Core(reliable, timers, effects))
