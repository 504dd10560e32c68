"""
Whatever the wire, the user or a timer does is defined in every state of the transaction machines.
"""

from __future__ import annotations

from inspect import getmembers, isfunction

import pytest

from siprec_tw.sip import invite_client, invite_server, non_invite_client, non_invite_server
from siprec_tw.sip.effects import Timer

INVITE_STATES = {"Calling", "Proceeding", "Cancelled", "Accepted", "Completed"}
MACHINES = [
    (invite_client.MACHINE, invite_client.InviteClient, INVITE_STATES),
    (invite_server.MACHINE, invite_server.InviteServer, {"Proceeding", "Accepted", "Completed", "Confirmed"}),
    (non_invite_client.MACHINE, non_invite_client.NonInviteClient, {"Trying", "Proceeding", "Completed"}),
    (non_invite_server.MACHINE, non_invite_server.NonInviteServer, {"Trying", "Proceeding", "Completed"}),
]

each_machine = pytest.mark.parametrize(
    ("machine", "protocol", "states"), MACHINES, ids=[protocol.__name__ for _, protocol, _ in MACHINES]
)


def input_names(protocol: type) -> set[str]:
    return {name for name, _ in getmembers(protocol, isfunction) if not name.startswith("_")}


@each_machine
def test_no_pair_of_state_and_input_is_missing(machine, protocol, states) -> None:
    """
    Every input has a transition in every state, the terminated one included.
    """
    transitions = machine.__automat_automaton__.allTransitions()
    defined = {(old.name, symbol) for old, symbol, _, _ in transitions}
    wanted = {(state, name) for state in states | {"Terminated"} for name in input_names(protocol)}
    assert wanted - defined == set()
    assert {old.name for old, _, _, _ in transitions} == states | {"Terminated"}


@each_machine
def test_terminated_does_nothing(machine, protocol, states) -> None:
    """
    Nothing leads out of the terminated state.
    """
    for old, _, new, _ in machine.__automat_automaton__.allTransitions():
        if old.name == "Terminated":
            assert new.name == "Terminated"


def test_every_timer_is_an_input() -> None:
    """
    The timers of s.17 are named as the inputs that their firing is.
    """
    names = set().union(*(input_names(protocol) for _, protocol, _ in MACHINES))
    timers = {timer.value for timer in Timer if timer not in (Timer.RETRANSMIT, Timer.GIVE_UP)}
    assert timers == {name for name in names if name.startswith("timer_")}
