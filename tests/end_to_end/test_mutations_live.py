"""
Spoiled messages at a real server: it answers or drops them, forgets them, and nobody else notices.

The long run is C{python -m bench.mutations}.
"""

from __future__ import annotations

from pathlib import Path

from mutation import mutated

from bench.mutation_corpus import TOKEN, corpus, leads_elsewhere
from bench.mutations import run

MESSAGES = 20_000
MOST_SECONDS = 40.0  # after which fewer must do, on a machine that is busy
LEAST = 2_000
HERE, OURS = "127.0.0.1:40000", {40000}


def test_mutations(tmp_path: Path) -> None:
    """
    20,000 spoiled messages over UDP and TCP, within dialogs and onto media ports: the log has no error, the call that
    runs meanwhile is recorded octet by octet, and afterwards no call, port, transaction, socket or file is left.
    """
    outcome = run(tmp_path, MESSAGES, seconds=MOST_SECONDS)
    assert outcome.faults == (), outcome.report
    assert outcome.sent >= LEAST, outcome.report
    assert {"2xx", "4xx", "5xx"} <= outcome.classes, outcome.report


def test_nothing_spoiled_leaves_the_machine() -> None:
    """
    Before it is spoiled the corpus leads nowhere but back, but for one message; spoiled, what does not is kept back.
    """
    messages = corpus(HERE, "UDP")
    elsewhere = [octets for octets in messages if leads_elsewhere(octets, OURS)]
    assert [octets.split(b" ")[1] for octets in elsewhere] == [b"sip:user@[2001:db8::10]"]
    kept_back = sum(leads_elsewhere(mutated(seed, messages).replace(TOKEN, b"12345678"), OURS) for seed in range(2_000))
    assert 0 < kept_back < 200


def test_what_leads_elsewhere() -> None:
    """
    Of an INVITE a foreign Contact, route, maddr or port of the Via is noticed; of an OPTIONS only the Via counts.
    """
    invite = next(octets for octets in corpus(HERE, "UDP") if octets.startswith(b"INVITE sip:srs"))
    assert not leads_elsewhere(invite, OURS)
    for ours, foreign in (
        (b"Contact: <sip:src@127.0.0.1:40000>", b"Contact: <sip:src@192.0.2.1:40000>"),
        (b"Contact: <sip:src@127.0.0.1:40000>", b"Contact: <sip:src@127.0.0.1>"),
        (b"Record-Route: <sip:127.0.0.1:40000;lr>", b"Record-Route: <sip:a.example;lr>"),
        (b"rport", b"maddr=192.0.2.1"),
        (b"UDP 127.0.0.1:40000", b"UDP 127.0.0.1"),
    ):
        assert ours in invite
        assert leads_elsewhere(invite.replace(ours, foreign), OURS), foreign
    options = invite.replace(b"INVITE", b"OPTIONS")
    assert not leads_elsewhere(options.replace(b"src@127.0.0.1:40000>;+sip.src", b"src@192.0.2.1>;+sip.src"), OURS)
    assert leads_elsewhere(options.replace(b"rport", b"maddr=192.0.2.1"), OURS)
