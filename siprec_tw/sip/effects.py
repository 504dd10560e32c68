"""
What a machine wants done: its outputs append these values to a list, and a shell performs them in order.

A machine touches no clock and no socket. The shell arms a timer when it finds L{SetTimer}, and when the
timer fires it calls the machine's input whose name is the timer's value: C{getattr(machine, timer.value)()}.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from siprec_tw.sip.message import Message, Request, Response


class Timer(Enum):
    """
    The timers, each named as the input that its firing is.
    """

    A = "timer_a"                           # INVITE request again (unreliable transports)
    B = "timer_b"                           # INVITE without any response
    C = "timer_c"                           # INVITE without final response; then its CANCEL without effect
    D = "timer_d"                           # repeated final responses to an INVITE
    E = "timer_e"                           # other request again
    F = "timer_f"                           # other request without final response
    G = "timer_g"                           # final response to INVITE again
    H = "timer_h"                           # final response to INVITE without ACK
    I = "timer_i"  # noqa: E741             # repeated ACKs
    J = "timer_j"                           # repeated requests
    K = "timer_k"                           # repeated responses
    L = "timer_l"                           # accepted INVITE repeated (RFC 6026)
    M = "timer_m"                           # repeated 2xx to an INVITE (RFC 6026)
    RETRANSMIT = "retransmission_due"       # the UAS core's 2xx, or a reliable provisional response
    GIVE_UP = "patience_over"               # neither ACK nor PRACK in 64*T1


@frozen
class SendMessage:
    """
    Put this message on the wire.
    """

    message: Message


@frozen
class SetTimer:
    """
    Arm a timer, replacing one of the same name. Zero seconds means: as soon as this turn is over.
    """

    timer: Timer
    seconds: float


@frozen
class CancelTimer:
    """
    Disarm a timer; one that is not armed is no error.
    """

    timer: Timer


@frozen
class SendCancel:
    """
    Send this CANCEL, in a transaction of its own.
    """

    request: Request


@frozen
class DeliverRequest:
    """
    Pass a request to the transaction user: a new one, or the ACK to a 2xx.
    """

    request: Request


@frozen
class DeliverResponse:
    """
    Pass a response to the transaction user.
    """

    response: Response


@frozen
class TimedOut:
    """
    The peer did not answer in time: a client treats it as 408 (RFC 3261 s.8.1.3.1).
    """


@frozen
class TransportFailed:
    """
    The message could not be sent: a client treats it as 503 (RFC 3261 s.8.1.3.1).
    """

    reason: str


@frozen
class GiveUp:
    """
    A response that wants an acknowledgement never got one: the caller ends the dialog with BYE
    (2xx, RFC 3261 s.13.3.1.4) or rejects the request with 5xx (provisional, RFC 3262 s.3).
    """


@frozen
class Terminated:
    """
    The transaction is over: forget it and all its timers.
    """


Effect = (
    SendMessage
    | SendCancel
    | SetTimer
    | CancelTimer
    | DeliverRequest
    | DeliverResponse
    | TimedOut
    | TransportFailed
    | GiveUp
    | Terminated
)
