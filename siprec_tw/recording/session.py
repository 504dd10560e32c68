"""
The recording session: what the server owes its client from INVITE to the end (RFC 7866 s.6, RFC 3261 s.13, s.15).

          ready            ack
  SETTING_UP ----> ANSWERED ----> CONFIRMED
      |               |  \\ ended      |
      | cancelled     |   v           | bye, ended
      | refused       |  LEAVING      |
      | bye, ended    |   | ack, no_ack, bye
      +---------------+---+-----------+----> ENDED

LEAVING is there because the callee must not send a BYE before the ACK has come or the wait for it is over
(RFC 3261 s.15). Every input is defined in every state; outputs call nobody, they append an effect.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field, frozen
from automat import TypeMachineBuilder

from siprec_tw.recording.journal import EndReason


@frozen
class SendAnswer:
    """
    Send the 2xx to the INVITE and repeat it until the ACK.
    """


@frozen
class StopAnswer:
    """
    The 2xx need not be repeated any more.
    """


@frozen
class RefuseInvite:
    """
    Answer the open INVITE with this status: 487 after a CANCEL, 503 at shutdown.
    """

    status: int


@frozen
class SendBye:
    """
    Send a BYE within the dialog.
    """


@frozen
class Finish:
    """
    Close the media and finalise the recording.
    """

    reason: EndReason


Effect = SendAnswer | StopAnswer | RefuseInvite | SendBye | Finish


@define
class Core:
    """
    The effects of the inputs so far, in order; the shell takes them after each input.
    """

    effects: list[Effect] = field(factory=list)

    def take(self) -> list[Effect]:
        """
        The effects since the last take.
        """
        taken, self.effects = self.effects, []
        return taken


class Session(Protocol):
    """
    The inputs: what happened.
    """

    def ready(self) -> None:
        """
        Media is open and the journal has its first line: the call may be acknowledged.
        """

    def ack(self) -> None:
        """
        The ACK to the 2xx arrived.
        """

    def no_ack(self) -> None:
        """
        64*T1 passed without it (RFC 3261 s.13.3.1.4).
        """

    def cancelled(self) -> None:
        """
        CANCEL for the INVITE.
        """

    def refused(self) -> None:
        """
        The set-up failed and the INVITE has been answered.
        """

    def bye(self) -> None:
        """
        The client's BYE.
        """

    def ended(self, reason: EndReason) -> None:
        """
        This side ends the call.
        """


_builder = TypeMachineBuilder(Session, Core)

setting_up = _builder.state("setting_up")
answered = _builder.state("answered")
confirmed = _builder.state("confirmed")
leaving = _builder.state("leaving")
over = _builder.state("over")


@setting_up.upon(Session.ready).to(answered)
def _answer(session: Session, core: Core) -> None:
    core.effects.append(SendAnswer())


@setting_up.upon(Session.cancelled).to(over)
def _cancel(session: Session, core: Core) -> None:
    core.effects += [RefuseInvite(487), Finish(EndReason.CANCELLED)]


@setting_up.upon(Session.refused).to(over)
def _give_up(session: Session, core: Core) -> None:
    core.effects.append(Finish(EndReason.REJECTED))


@setting_up.upon(Session.bye).to(over)
def _bye_before_answer(session: Session, core: Core) -> None:
    core.effects += [RefuseInvite(487), Finish(EndReason.BYE)]


@setting_up.upon(Session.ended).to(over)
def _end_before_answer(session: Session, core: Core, reason: EndReason) -> None:
    core.effects += [RefuseInvite(503), Finish(reason)]


@answered.upon(Session.ack).to(confirmed)
def _confirm(session: Session, core: Core) -> None:
    core.effects.append(StopAnswer())


@answered.upon(Session.no_ack).to(over)
def _never_acknowledged(session: Session, core: Core) -> None:
    core.effects += [StopAnswer(), SendBye(), Finish(EndReason.NO_ACK)]


@answered.upon(Session.bye).to(over)
def _bye_before_ack(session: Session, core: Core) -> None:
    core.effects += [StopAnswer(), Finish(EndReason.BYE)]


@answered.upon(Session.ended).to(leaving)
def _leave(session: Session, core: Core, reason: EndReason) -> None:
    core.effects.append(Finish(reason))


@leaving.upon(Session.ack).to(over)
def _left(session: Session, core: Core) -> None:
    core.effects += [StopAnswer(), SendBye()]


@leaving.upon(Session.no_ack).to(over)
def _left_without_ack(session: Session, core: Core) -> None:
    core.effects += [StopAnswer(), SendBye()]


@leaving.upon(Session.bye).to(over)
def _left_by_peer(session: Session, core: Core) -> None:
    core.effects.append(StopAnswer())


@confirmed.upon(Session.bye).to(over)
def _bye(session: Session, core: Core) -> None:
    # A re-INVITE's 2xx may still be on its way.
    core.effects += [StopAnswer(), Finish(EndReason.BYE)]


@confirmed.upon(Session.ended).to(over)
def _end(session: Session, core: Core, reason: EndReason) -> None:
    core.effects += [SendBye(), Finish(reason)]


# What the network or this side may bring at any time and changes nothing there.
setting_up.upon(Session.ack).loop().returns(None)
setting_up.upon(Session.no_ack).loop().returns(None)
for _late in (Session.ready, Session.cancelled, Session.refused):
    answered.upon(_late).loop().returns(None)
    confirmed.upon(_late).loop().returns(None)
    leaving.upon(_late).loop().returns(None)
confirmed.upon(Session.ack).loop().returns(None)
confirmed.upon(Session.no_ack).loop().returns(None)
leaving.upon(Session.ended).loop().returns(None)
for _any in (Session.ready, Session.ack, Session.no_ack, Session.cancelled, Session.refused, Session.bye):
    over.upon(_any).loop().returns(None)
over.upon(Session.ended).loop().returns(None)

new_session = _builder.build()
