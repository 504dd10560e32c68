"""
Rules between keys, and what is doubtful without being wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from siprec_tw.config.loader import load_text
from siprec_tw.errors import ConfigurationError, Problem

TOKEN = "{name: a, token: 0123456789abcdef, role: reader}"


def complaints(text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as raised:
        load_text(text, {}, "f")
    return [(problem.where, problem.path) for problem in raised.value.problems]


@pytest.mark.parametrize(("text", "where", "path"), [
    ("sip:\n  listen: ['udp://0.0.0.0']", "f:1", "sip.allow"),
    ("sip:\n  listen: ['udp://127.0.0.1', 'tcp://[::]:5060']\n  allow: []", "f:3", "sip.allow"),
    ("sip:\n  listen: []", "f:2", "sip.listen"),
    ("admin:\n  listen: 0.0.0.0:8080", "f:1", "admin.tokens"),
    (f"admin:\n  tokens:\n  - {TOKEN}\n  - {TOKEN.replace('f,', 'g,')}", "f:4", "admin.tokens[1].name"),
    (f"admin:\n  tokens:\n  - {TOKEN}\n  - {TOKEN.replace('a,', 'b,')}", "f:4", "admin.tokens[1].token"),
    ("sip:\n  listen:\n  - udp://127.0.0.1:5060\n  - udp://127.0.0.1:5060", "f:4", "sip.listen[1]"),
    ("sip:\n  listen: ['tcp://127.0.0.1:8080']", "f:2", "sip.listen[0]"),
    ("sip:\n  listen: ['udp://127.0.0.1:16390']", "f:2", "sip.listen[0]"),
    ("sip:\n  min_se: 1h", "f:2", "sip.min_se"),
    ("media:\n  ports: 20000-20003\n  workers: 3", "f:3", "media.workers"),
    ("media:\n  address: 0.0.0.0", "f:2", "media.address"),
    ("media:\n  address: 0.0.0.0\n  advertise: '::'", "f:3", "media.advertise"),
])
def test_rule(text: str, where: str, path: str) -> None:
    """
    A broken rule is told at the key that has to change, with its line or its section's.
    """
    assert complaints(text) == [(where, path)]


@pytest.mark.parametrize("text", [
    "sip: {listen: ['udp://192.0.2.1'], allow: ['0.0.0.0/0']}\nmedia: {address: 192.0.2.1}",
    f"admin: {{listen: '0.0.0.0:8080', tokens: [{TOKEN}]}}",
    "sip: {listen: ['udp://127.0.0.1:0', 'udp://127.0.0.1:0']}",
    "sip: {listen: ['udp://127.0.0.1:8080', 'tcp://127.0.0.1:16390', 'udp://127.0.0.2:16390']}",
    "media: {address: 0.0.0.0, advertise: 127.0.0.1}",
    "sip: {max_calls: 1}\nmedia: {ports: 20000-20003, workers: 2}",
])
def test_kept_rule(text: str) -> None:
    """
    What only looks like a collision is none: another transport, another address, any free port.
    """
    assert load_text(text, {}).warnings == ()


def test_rules_wait_for_their_keys() -> None:
    """
    A rule whose key is itself wrong is passed over; the others are told along with the wrong key.
    """
    assert complaints("sip:\n  listen: ['udp://x']\nadmin:\n  listen: 0.0.0.0:80\n") == [
        ("f:2", "sip.listen[0]"), ("f:3", "admin.tokens"),
    ]


def test_directory_that_is_a_file(tmp_path: Path) -> None:
    """
    A recording directory that is a file, or lies below one, is refused; a new one is not.
    """
    (tmp_path / "file").write_text("")
    for name in ("file", "file/below/it"):
        text = f"recording: {{directory: '{tmp_path / name}'}}"
        assert complaints(text) == [("f:1", "recording.directory")]
    load_text(f"recording: {{directory: '{tmp_path / 'new' / 'one'}'}}", {})


def test_doubts_are_warnings() -> None:
    """
    A loopback address in the SDP for clients elsewhere, and too few ports, are warnings with their lines.
    """
    text = "sip: {listen: ['udp://0.0.0.0'], allow: [192.0.2.1], max_calls: 10}\nmedia:\n  ports: 20000-20019"
    config = load_text(text, {}, "f")
    assert config.warnings == (
        Problem("f:2", "media.address", (
            "the SDP will say 127.0.0.1: clients on other machines will send their RTP to themselves"
        )),
        Problem("f:3", "media.ports", "20000-20019 has room for 5 calls of two streams, sip.max_calls is 10"),
    )
