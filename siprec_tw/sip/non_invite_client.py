"""
The non-INVITE client transaction (RFC 3261 s.17.1.2).

::

           request: send, E (unreliable), F
                 |
                 v
        .-----------------.-- E: send again, the interval doubles until T2
        |     Trying      |
        '-----------------'-- F: timed out; transport failed ------.
           |           | 1xx: deliver                              |
           |           v                                           |
           |     .------------.-- E: send again, every T2          |
           |     | Proceeding |-- 1xx: deliver                     |
           |     '------------'-- F: timed out; transport failed ->|
           |           | 2xx-6xx: deliver, K                       |
           '---------->v                                           v
                 .-----------.   K (zero when reliable)    .------------.
                 | Completed |---------------------------->| Terminated |
                 '-----------'                             '------------'
"""

from __future__ import annotations

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from siprec_tw.sip.effects import (
    CancelTimer,
    DeliverResponse,
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


class NonInviteClient(Protocol):
    """
    What can happen to a non-INVITE client transaction.
    """

    def provisional(self, response: Response) -> None:
        """
        A 1xx came.
        """

    def final(self, response: Response) -> None:
        """
        A response from 200 to 699 came, for the first time or again.
        """

    def timer_e(self) -> None:
        """
        The request is due again.
        """

    def timer_f(self) -> None:
        """
        No final response came.
        """

    def timer_k(self) -> None:
        """
        No repeated response can come any more.
        """

    def transport_failed(self, reason: str) -> None:
        """
        The request could not be sent, or its connection is gone.
        """


@define
class _Core:
    request: Request
    reliable: bool
    timers: TimerValues
    effects: list[Effect]
    interval: float

    def retransmit(self, interval: float) -> None:
        self.interval = interval
        self.effects += [SendMessage(self.request), SetTimer(Timer.E, interval)]


_machine = TypeMachineBuilder(NonInviteClient, _Core)
_trying = _machine.state("Trying")
_proceeding = _machine.state("Proceeding")
_completed = _machine.state("Completed")
_terminated = _machine.state("Terminated")


@_trying.upon(NonInviteClient.timer_e).loop()
def _retransmit_slower(transaction: NonInviteClient, core: _Core) -> None:
    core.retransmit(core.timers.doubled(core.interval))


@_proceeding.upon(NonInviteClient.timer_e).loop()
def _retransmit_slowly(transaction: NonInviteClient, core: _Core) -> None:
    core.retransmit(core.timers.t2)


@_trying.upon(NonInviteClient.provisional).to(_proceeding)
@_proceeding.upon(NonInviteClient.provisional).loop()
def _deliver(transaction: NonInviteClient, core: _Core, response: Response) -> None:
    core.effects.append(DeliverResponse(response))


@_trying.upon(NonInviteClient.final).to(_completed)
@_proceeding.upon(NonInviteClient.final).to(_completed)
def _complete(transaction: NonInviteClient, core: _Core, response: Response) -> None:
    wait = 0.0 if core.reliable else core.timers.t4
    core.effects += [
        CancelTimer(Timer.E),
        CancelTimer(Timer.F),
        DeliverResponse(response),
        SetTimer(Timer.K, wait),
    ]


@_trying.upon(NonInviteClient.timer_f).to(_terminated)
@_proceeding.upon(NonInviteClient.timer_f).to(_terminated)
def _unanswered(transaction: NonInviteClient, core: _Core) -> None:
    core.effects += [TimedOut(), Terminated()]


@_trying.upon(NonInviteClient.transport_failed).to(_terminated)
@_proceeding.upon(NonInviteClient.transport_failed).to(_terminated)
def _fail(transaction: NonInviteClient, core: _Core, reason: str) -> None:
    core.effects += [TransportFailed(reason), Terminated()]


@_completed.upon(NonInviteClient.timer_k).to(_terminated)
def _end(transaction: NonInviteClient, core: _Core) -> None:
    core.effects.append(Terminated())


# What changes nothing: repeated responses, and timers that fired as they were being cancelled.
for _late in (_completed, _terminated):
    _late.upon(NonInviteClient.provisional).loop().returns(None)
    _late.upon(NonInviteClient.final).loop().returns(None)
    _late.upon(NonInviteClient.timer_e).loop().returns(None)
    _late.upon(NonInviteClient.timer_f).loop().returns(None)
    _late.upon(NonInviteClient.transport_failed).loop().returns(None)
for _idle in (_trying, _proceeding, _terminated):
    _idle.upon(NonInviteClient.timer_k).loop().returns(None)

MACHINE = _machine.build()


def non_invite_client(
    request: Request, *, reliable: bool, timers: TimerValues, effects: list[Effect]
) -> NonInviteClient:
    """
    A new transaction for any request but INVITE and ACK, which has its Via already: it sends it.
    """
    effects.append(SendMessage(request))
    if not reliable:
        effects.append(SetTimer(Timer.E, timers.t1))
    effects.append(SetTimer(Timer.F, timers.transaction_timeout))
    return MACHINE(_Core(request, reliable, timers, effects, timers.t1))
