"""
The recording session's machine: every input in every state, and the whole list of effects.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from siprec_tw.recording.journal import EndReason
from siprec_tw.recording.session import (
    Core,
    Effect,
    Finish,
    RefuseInvite,
    SendAnswer,
    SendBye,
    Session,
    StopAnswer,
    new_session,
)

INPUTS: dict[str, Callable[[Session], None]] = {
    "ready": lambda s: s.ready(),
    "ack": lambda s: s.ack(),
    "no_ack": lambda s: s.no_ack(),
    "cancelled": lambda s: s.cancelled(),
    "refused": lambda s: s.refused(),
    "bye": lambda s: s.bye(),
    "shutdown": lambda s: s.ended(EndReason.SHUTDOWN),
}
BYE, SHUTDOWN = Finish(EndReason.BYE), Finish(EndReason.SHUTDOWN)


def effects_of(*inputs: str) -> list[Effect]:
    core = Core()
    session = new_session(core)
    for name in inputs:
        core.take()
        INPUTS[name](session)
    return core.take()


@pytest.mark.parametrize(
    ("inputs", "effects"),
    [
        (("ready",), [SendAnswer()]),
        (("cancelled",), [RefuseInvite(487), Finish(EndReason.CANCELLED)]),
        (("refused",), [Finish(EndReason.REJECTED)]),
        (("bye",), [RefuseInvite(487), BYE]),
        (("shutdown",), [RefuseInvite(503), SHUTDOWN]),
        (("ready", "ack"), [StopAnswer()]),
        (("ready", "no_ack"), [StopAnswer(), SendBye(), Finish(EndReason.NO_ACK)]),
        (("ready", "bye"), [StopAnswer(), BYE]),
        (("ready", "shutdown"), [SHUTDOWN]),
        (("ready", "shutdown", "ack"), [StopAnswer(), SendBye()]),
        (("ready", "shutdown", "no_ack"), [StopAnswer(), SendBye()]),
        (("ready", "shutdown", "bye"), [StopAnswer()]),
        (("ready", "ack", "bye"), [StopAnswer(), BYE]),
        (("ready", "ack", "shutdown"), [SendBye(), SHUTDOWN]),
    ],
)
def test_input_has_these_effects(inputs: tuple[str, ...], effects: list[Effect]) -> None:
    """
    The last input brings exactly these effects.
    """
    assert effects_of(*inputs) == effects


@pytest.mark.parametrize(
    "path",
    [(), ("ready",), ("ready", "ack"), ("ready", "shutdown"), ("bye",)],
    ids=["setting_up", "answered", "confirmed", "leaving", "over"],
)
@pytest.mark.parametrize("last", INPUTS)
def test_machine_is_total_and_finishes_once(path: tuple[str, ...], last: str) -> None:
    """
    No input raises in any state, and however many follow, the recording is finished once at most.
    """
    core = Core()
    session = new_session(core)
    for name in (*path, last, "bye", "shutdown", last):
        INPUTS[name](session)
    assert sum(isinstance(e, Finish) for e in core.take()) == 1
