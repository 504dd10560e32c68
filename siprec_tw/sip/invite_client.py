"""
The INVITE client transaction (RFC 3261 s.17.1.1 with RFC 6026 s.7.2).

::

           INVITE: send, A (unreliable), B
                 |
                 v
        .-----------------.-- A: send again
        |     Calling     |
        '-----------------'-- B: timed out; transport failed -----------.
           |    |      | 1xx: deliver                                   |
           |    |      v                                                |
           |    |  .------------.-- 1xx: deliver                        |
           |    |  | Proceeding |-- C: CANCEL, timed out, Cancelled     |
           |    |  '------------'-- transport failed ------------------>|
           |    |      |     | 2xx: deliver, M                          |
           |    '------|-----|-----------------> .----------.  M        |
           |           |     '-----------------> | Accepted |---------->|
           |           |                         '----------'           |
           |           |                           2xx: deliver         |
           |           | 3xx-6xx: ACK, deliver, D                       |
           '---------->v                                                v
                 .-----------.     D (zero when reliable)       .------------.
                 | Completed |--------------------------------->| Terminated |
                 '-----------'-- 3xx-6xx: ACK again             '------------'

C is the patience of who asks, if any: without it, a 1xx keeps the INVITE as long as the peer likes. Cancelled is
Proceeding without anybody who waits: it ends as that does, or by C, which is armed once more with 64*T1 (s.9.1).

The ACK to a 2xx is the UAC core's, not ours (RFC 3261 s.13.2.2.4): every 2xx is delivered, also repeated.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from siprec_tw.sip.effects import (
    CancelTimer,
    DeliverResponse,
    Effect,
    SendCancel,
    SendMessage,
    SetTimer,
    Terminated,
    TimedOut,
    Timer,
    TransportFailed,
)
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.timers import TimerValues


class InviteClient(Protocol):
    """
    What can happen to an INVITE client transaction.
    """

    def provisional(self, response: Response) -> None:
        """
        A 1xx came.
        """

    def success(self, response: Response) -> None:
        """
        A 2xx came, for the first time or again.
        """

    def failure(self, response: Response) -> None:
        """
        A response from 300 to 699 came, for the first time or again.
        """

    def timer_a(self) -> None:
        """
        The INVITE is due again.
        """

    def timer_b(self) -> None:
        """
        No response at all came.
        """

    def timer_c(self) -> None:
        """
        No final response came in time, or none to a cancelled INVITE.
        """

    def timer_d(self) -> None:
        """
        No repeated final response can come any more.
        """

    def timer_m(self) -> None:
        """
        No repeated 2xx can come any more.
        """

    def transport_failed(self, reason: str) -> None:
        """
        The INVITE or the ACK could not be sent, or its connection is gone.
        """


@define
class _Core:
    request: Request
    reliable: bool
    timers: TimerValues
    effects: list[Effect]
    interval: float

    def disarm(self) -> None:
        self.effects += [CancelTimer(Timer.A), CancelTimer(Timer.B)]


_machine = TypeMachineBuilder(InviteClient, _Core)
_calling = _machine.state("Calling")
_proceeding = _machine.state("Proceeding")
_cancelled = _machine.state("Cancelled")
_accepted = _machine.state("Accepted")
_completed = _machine.state("Completed")
_terminated = _machine.state("Terminated")


@_calling.upon(InviteClient.timer_a).loop()
def _retransmit(transaction: InviteClient, core: _Core) -> None:
    core.interval *= 2                      # timer A doubles without bound (s.17.1.1.2)
    core.effects += [SendMessage(core.request), SetTimer(Timer.A, core.interval)]


@_calling.upon(InviteClient.timer_b).to(_terminated)
@_calling.upon(InviteClient.timer_c).to(_terminated)
def _unanswered(transaction: InviteClient, core: _Core) -> None:
    core.effects += [TimedOut(), Terminated()]


@_calling.upon(InviteClient.provisional).to(_proceeding)
def _ringing(transaction: InviteClient, core: _Core, response: Response) -> None:
    core.disarm()
    core.effects.append(DeliverResponse(response))


@_proceeding.upon(InviteClient.provisional).loop()
@_accepted.upon(InviteClient.success).loop()
def _deliver(transaction: InviteClient, core: _Core, response: Response) -> None:
    core.effects.append(DeliverResponse(response))


@_proceeding.upon(InviteClient.timer_c).to(_cancelled)
def _cancel(transaction: InviteClient, core: _Core) -> None:
    again = SetTimer(Timer.C, core.timers.transaction_timeout)
    core.effects += [SendCancel(cancellation(core.request)), TimedOut(), again]


@_calling.upon(InviteClient.success).to(_accepted)
@_cancelled.upon(InviteClient.success).to(_accepted)
@_proceeding.upon(InviteClient.success).to(_accepted)
def _accept(transaction: InviteClient, core: _Core, response: Response) -> None:
    core.disarm()
    core.effects += [DeliverResponse(response), SetTimer(Timer.M, core.timers.transaction_timeout)]


@_calling.upon(InviteClient.failure).to(_completed)
@_cancelled.upon(InviteClient.failure).to(_completed)
@_proceeding.upon(InviteClient.failure).to(_completed)
def _complete(transaction: InviteClient, core: _Core, response: Response) -> None:
    core.disarm()
    wait = 0.0 if core.reliable else core.timers.timer_d
    acknowledgement = failure_acknowledgement(core.request, response)
    core.effects += [SendMessage(acknowledgement), DeliverResponse(response), SetTimer(Timer.D, wait)]


@_completed.upon(InviteClient.failure).loop()
def _acknowledge_again(transaction: InviteClient, core: _Core, response: Response) -> None:
    core.effects.append(SendMessage(failure_acknowledgement(core.request, response)))


@_calling.upon(InviteClient.transport_failed).to(_terminated)
@_proceeding.upon(InviteClient.transport_failed).to(_terminated)
@_cancelled.upon(InviteClient.transport_failed).to(_terminated)
@_completed.upon(InviteClient.transport_failed).to(_terminated)
def _fail(transaction: InviteClient, core: _Core, reason: str) -> None:
    core.effects += [TransportFailed(reason), Terminated()]


@_cancelled.upon(InviteClient.timer_c).to(_terminated)
@_completed.upon(InviteClient.timer_d).to(_terminated)
@_accepted.upon(InviteClient.timer_m).to(_terminated)
def _end(transaction: InviteClient, core: _Core) -> None:
    core.effects.append(Terminated())


# What changes nothing: responses that come too late, and timers that fired as they were being cancelled.
_cancelled.upon(InviteClient.provisional).loop().returns(None)
_accepted.upon(InviteClient.provisional).loop().returns(None)
_accepted.upon(InviteClient.failure).loop().returns(None)
_accepted.upon(InviteClient.transport_failed).loop().returns(None)
_completed.upon(InviteClient.provisional).loop().returns(None)
_completed.upon(InviteClient.success).loop().returns(None)
_terminated.upon(InviteClient.provisional).loop().returns(None)
_terminated.upon(InviteClient.success).loop().returns(None)
_terminated.upon(InviteClient.failure).loop().returns(None)
_terminated.upon(InviteClient.transport_failed).loop().returns(None)
for _idle in (_proceeding, _cancelled, _accepted, _completed, _terminated):
    _idle.upon(InviteClient.timer_a).loop().returns(None)
    _idle.upon(InviteClient.timer_b).loop().returns(None)
for _idle in (_accepted, _completed, _terminated):
    _idle.upon(InviteClient.timer_c).loop().returns(None)
for _idle in (_calling, _proceeding, _cancelled, _accepted, _terminated):
    _idle.upon(InviteClient.timer_d).loop().returns(None)
for _idle in (_calling, _proceeding, _cancelled, _completed, _terminated):
    _idle.upon(InviteClient.timer_m).loop().returns(None)

MACHINE = _machine.build()


def invite_client(
    request: Request, *, reliable: bool, timers: TimerValues, effects: list[Effect], patience: float | None = None
) -> InviteClient:
    """
    A new transaction for an INVITE, which has its Via already: it sends it.

    C{patience} are the seconds after which it is cancelled, where no more than a 1xx has come.
    """
    effects.append(SendMessage(request))
    if not reliable:
        effects.append(SetTimer(Timer.A, timers.t1))
    effects.append(SetTimer(Timer.B, timers.transaction_timeout))
    if patience is not None:
        effects.append(SetTimer(Timer.C, patience))
    return MACHINE(_Core(request, reliable, timers, effects, timers.t1))


def failure_acknowledgement(invite: Request, response: Response) -> Request:
    """
    The ACK to a final response that is no 2xx (RFC 3261 s.17.1.1.3): To is the response's, the single Via
    is the INVITE's own, and so are the routes.
    """
    return _along(invite, "ACK", response.headers.get("To") or "")


def cancellation(invite: Request) -> Request:
    """
    The CANCEL of an INVITE that was sent (RFC 3261 s.9.1): all that it has is the INVITE's own.
    """
    return _along(invite, "CANCEL", invite.headers.get("To") or "")


def _along(invite: Request, method: str, to: str) -> Request:
    number = (invite.headers.get("CSeq") or "").split(" ")[0]
    fields = [("Via", invite.headers.get("Via") or "")]
    fields += [("Route", route) for route in invite.headers.get_all("Route")]
    fields += [
        ("Max-Forwards", "70"),
        ("From", invite.headers.get("From") or ""),
        ("To", to),
        ("Call-ID", invite.headers.get("Call-ID") or ""),
        ("CSeq", f"{number} {method}"),
        ("Content-Length", "0"),
    ]
    return Request(method, invite.uri, Headers(tuple(fields)))
