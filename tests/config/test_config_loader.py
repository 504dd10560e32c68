"""
From file and environment to a configuration, or to every problem at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from siprec_tw.config.addresses import HostPort, Listener, PortRange, Transport
from siprec_tw.config.loader import load, load_text
from siprec_tw.config.model import Admin, Configuration, Media, Role, Sip
from siprec_tw.errors import ConfigurationError, Problem

SECRET = "0123456789abcdef"


def problems(text: str, environ: Mapping[str, str] = {}) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as raised:
        load_text(text, environ, "f")
    return [(problem.where, problem.path, problem.text) for problem in raised.value.problems]


def test_without_a_file_the_defaults_hold() -> None:
    """
    No file and an empty environment give the model's defaults, wholly on loopback, without a warning.
    """
    config = load(None, {})
    assert config == Configuration()
    assert config.warnings == ()
    assert all(listener.is_loopback for listener in config.sip.listen)
    assert config.admin.listen.is_loopback


def test_example_file_equals_the_defaults() -> None:
    """
    etc/siprec.yaml shows every key with its default.
    """
    path = Path(__file__).parents[2] / "etc" / "siprec.yaml"
    assert load(str(path), {}) == Configuration()


def test_a_file_of_everything() -> None:
    """
    Every kind of value is read into its own type.
    """
    config = load_text(f"""
sip:
  listen: ["udp://0.0.0.0:5060", "tcp://[::1]:5070"]
  allow: [192.0.2.0/24, "2001:db8::/32"]
  t1: 250ms
  strict_siprec: true
media: {{address: 192.0.2.1, advertise: 198.51.100.1, ports: 20000-29999, receive_buffer: 1MiB, workers: 0}}
recording: {{directory: /tmp, retention: 30d}}
admin:
  listen: 192.0.2.1:80
  tokens: [{{name: ops, token: {SECRET}, role: operator}}]
logging: {{format: json, level: warn}}
node: {{id: rec-1}}
cluster:
""", {})
    assert config.sip.listen == (
        Listener(Transport.UDP, "0.0.0.0", 5060), Listener(Transport.TCP, "::1", 5070),
    )
    assert config.sip.allow == (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert (config.sip.t1, config.sip.strict_siprec) == (0.25, True)
    assert config.media == Media(
        address="192.0.2.1", advertise="198.51.100.1", ports=PortRange(20000, 29999), receive_buffer=1 << 20
    )
    assert (config.recording.directory, config.recording.retention) == ("/tmp", 2592000.0)
    assert config.admin.tokens[0].role is Role.OPERATOR
    assert config.admin.tokens[0].token.get_secret_value() == SECRET
    assert (config.logging.format, config.logging.level, config.node.id) == ("json", "warn", "rec-1")
    assert config.media.advertised == "198.51.100.1"


def test_every_problem_at_once() -> None:
    """
    All problems of a file are told together, each with its line, in the order of the file.
    """
    assert problems("""sip:
  listen: ["udp://0.0.0.0:5060", "tls://192.0.2.1:5061"]
  alow: []
  t1: 5
  t1: 1s
  max_calls: "7"
  strict_siprec: no
media:
  ports: 16384
  workers: 257
recording: 5
logging: {level: loud}
loging:
""") == [
        ("f:2", "sip.listen[1]", "found 'tls://192.0.2.1:5061', tls is not in this version: udp or tcp"),
        ("f:3", "sip.alow", "unknown key: is 'allow' meant?"),
        ("f:4", "sip.t1", 'found 5 without a unit, wanted for instance "5s"'),
        ("f:5", "sip.t1", "given twice, first on line 4"),
        ("f:6", "sip.max_calls", "found '7', wanted a whole number"),
        ("f:7", "sip.strict_siprec", "found 'no', wanted true or false"),
        ("f:9", "media.ports", "found '16384', wanted first-last such as \"16384-32767\""),
        ("f:10", "media.workers", "found 257, wanted auto or 0 to 256"),
        ("f:11", "recording", "found 5, wanted a section with keys"),
        ("f:12", "logging.level", "found 'loud', wanted 'debug', 'info', 'warn' or 'error'"),
        ("f:13", "loging", "unknown key: is 'logging' meant?"),
    ]


@pytest.mark.parametrize(("text", "path", "complaint"), [
    ("sip: {max_calls: 0}", "sip.max_calls", "found 0, wanted 1 to 1000000"),
    ("sip: {answer_delay: 2s}", "sip.answer_delay", "found 2s, wanted 0s to 1s"),
    ("sip: {min_se: 30s}", "sip.min_se", "found 30s, wanted 1m30s to 1d"),
    ('sip: {user_agent: "a\\r\\nVia: x"}', "sip.user_agent", "wanted printable ASCII"),
    ("sip: {user_agent: 5}", "sip.user_agent", "found 5, wanted text: put it in quotes"),
    ("sip: {listen: 'udp://127.0.0.1'}", "sip.listen", "wanted a list: [a, b]"),
    ("sip: {listen: null}", "sip.listen", "found nothing, wanted a list"),
    ("sip: {t1: null}", "sip.t1", "found nothing, wanted text"),
    ("media: {sweep_interval: 600ms}", "media.sweep_interval", "found 600ms, wanted 50ms to 500ms"),
    ("media: {receive_buffer: 262144}", "media.receive_buffer", 'found 262144 without a unit'),
    ("media: {workers: many}", "media.workers", "found 'many', wanted a whole number"),
    ("media: {workers: -1}", "media.workers", "found -1, wanted auto or 0 to 256"),
    ("media: {address: sbc.example.com}", "media.address", "wanted an IP address"),
    ("recording: {directory: ''}", "recording.directory", "found '', wanted text that is not empty"),
    ("recording: {retention: 5m}", "recording.retention", "found 5m, wanted 1h to"),
    ("node: {id: a/b}", "node.id", "wanted 1 to 64 letters"),
    ("cluster: {enabled: true}", "cluster.enabled", "the cluster is not in this version"),
    ("cluster: {node_id: x}", "cluster.node_id", "the cluster is not in this version"),
    ("listen: x", "listen", "unknown key: is sip.listen or admin.listen meant?"),
    ("admin: {tokens: [{name: a, role: reader}]}", "admin.tokens[0].token", "not given"),
    (
        "admin: {tokens: [{nam: a, token: 0123456789abcdef, role: reader, name: b}]}",
        "admin.tokens[0].nam", "is 'name' meant?",
    ),
])
def test_wrong_value(text: str, path: str, complaint: str) -> None:
    """
    A wrong value is told with its dotted path, what was found and what is wanted.
    """
    found = problems(text)
    assert [problem[:2] for problem in found] == [("f:1", path)]
    assert complaint in found[0][2]


@pytest.mark.parametrize("text", [
    "admin: {tokens: hunter2hunter2hunter2}",
    "admin: {tokens: [hunter2hunter2hunter2]}",
    "admin: {tokens: [{name: a, role: reader, token: hunter2}]}",
    "admin: {tokens: [{name: a, role: reader, token: [hunter2]}]}",
    "admin: {tokens: [{name: a, role: reader, token: hunter2hunter2hunter2},"
    " {name: b, role: reader, token: hunter2hunter2hunter2}]}",
])
def test_secrets_are_not_shown(text: str) -> None:
    """
    A problem with a token does not show it.
    """
    assert "hunter2" not in str(problems(text))


def test_secret_is_masked_in_repr() -> None:
    """
    The repr of a configuration, and errors of the model itself, show no token.
    """
    config = load_text(f"admin: {{tokens: [{{name: a, role: reader, token: {SECRET}}}]}}", {})
    assert SECRET not in repr(config)
    with pytest.raises(ValidationError) as raised:
        Admin.model_validate({"tokens": SECRET})
    assert SECRET not in str(raised.value)


def test_environment_wins() -> None:
    """
    A variable of the environment replaces what the file says; lists are written with commas.
    """
    config = load_text("sip: {max_calls: 5, t1: 1s}\nmedia: {advertise: 192.0.2.1}", {
        "SIPREC_SIP_MAX_CALLS": "7",
        "SIPREC_SIP_LISTEN": "udp://127.0.0.1:5070, tcp://127.0.0.1:5071",
        "SIPREC_MEDIA_ADVERTISE": "",
        "SIPREC_ADMIN_TOKENS": f"ops:operator:{SECRET},ui:reader:{SECRET}2:x",
        "SIPREC_SIP_STRICT_SIPREC": "True",
        "CLUSTER_ENABLED": "false",
        "CLUSTER_NODE_ID": "rec-7",
    })
    assert (config.sip.max_calls, config.sip.t1, config.sip.strict_siprec) == (7, 1.0, True)
    assert [str(listener) for listener in config.sip.listen] == ["udp://127.0.0.1:5070", "tcp://127.0.0.1:5071"]
    assert config.media.advertise is None
    assert config.node.id == "rec-7"
    assert [(t.name, t.role, t.token.get_secret_value()) for t in config.admin.tokens] == [
        ("ops", Role.OPERATOR, SECRET), ("ui", Role.READER, f"{SECRET}2:x"),
    ]
    assert config.warnings == ()


def test_environment_problems_name_the_variable() -> None:
    """
    A wrong variable is told by its name, after the problems of the file.
    """
    found = problems("sip: {t1: x}", {
        "SIPREC_SIP_MAX_CALLS": "many", "SIPREC_SIP_ALLOW": "10.0.0.1/8",
        "SIPREC_NODE_ID": "a", "CLUSTER_NODE_ID": "b", "SIPREC_ADMIN_TOKENS": "no-colons",
    })
    assert [problem[:2] for problem in found] == [
        ("f:1", "sip.t1"),
        ("environment CLUSTER_NODE_ID", "node.id"),
        ("environment SIPREC_SIP_ALLOW", "sip.allow[0]"),
        ("environment SIPREC_SIP_MAX_CALLS", "sip.max_calls"),
        ("environment SIPREC_ADMIN_TOKENS", "admin.tokens"),
    ]


def test_unknown_variables_are_warnings() -> None:
    """
    A variable with one of our prefixes that sets nothing is a warning; those of the command line are not.
    """
    config = load(None, {
        "SIPREC_SIP_MAXCALLS": "7", "REDIS_MODE": "sentinel", "HOME": "/",
        "SIPREC_TOKEN": "x", "SIPREC_URL": "x",
    })
    assert config.warnings == (
        Problem("environment REDIS_MODE", "", "sets nothing"),
        Problem("environment SIPREC_SIP_MAXCALLS", "", "sets nothing: is SIPREC_SIP_MAX_CALLS meant?"),
    )


def test_substitution() -> None:
    """
    References in values become what the environment says, read as the key wants it.
    """
    config = load_text("""
sip: {max_calls: "${CALLS}", listen: "${LISTEN}", user_agent: "$${x} ${A:-b}${EMPTY:-c}", t1: "${T1:-250ms}"}
media: {advertise: "${NOWHERE:-}"}
""", {"CALLS": "12", "LISTEN": "udp://127.0.0.1:5070,tcp://127.0.0.1:5070", "EMPTY": ""})
    assert config.sip.max_calls == 12
    assert config.sip.listen[1].transport is Transport.TCP
    assert config.sip.user_agent == "${x} bc"
    assert config.sip.t1 == 0.25
    assert config.media.advertise is None


def test_missing_variable_is_named_once() -> None:
    """
    A reference to a variable that is not set, or one that is not well formed, is one problem with its line.
    """
    assert problems("sip:\n  t1: ${T1}\nmedia:\n  address: ${1x}\n  ports: '${OPEN'\n") == [
        ("f:2", "sip.t1", "the environment variable T1 is not set"),
        ("f:4", "media.address", "found '${1x}', wanted ${NAME} or ${NAME:-default}"),
        ("f:5", "media.ports", "found '${OPEN', wanted ${NAME} or ${NAME:-default}"),
    ]


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """
    A file that is missing, or not UTF-8, is a problem like others; a byte order mark is none.
    """
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(str(tmp_path / "missing.yaml"), {})
    with pytest.raises(ConfigurationError) as missing:
        load("nope.yaml", {})
    assert str(missing.value) == "nope.yaml: cannot be read: No such file or directory"
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"sip: {user_agent: \xe9}\n")
    with pytest.raises(ConfigurationError, match="not UTF-8: octet 18"):
        load(str(latin), {})
    marked = tmp_path / "marked.yaml"
    marked.write_bytes(b"\xef\xbb\xbfsip: {t1: 1s}\n")
    assert load(str(marked), {}).sip.t1 == 1.0


def test_workers() -> None:
    """
    None unless they are wanted; auto is one for each core, and never more than there are pairs of ports.
    """
    cores = len(os.sched_getaffinity(0))
    assert load_text("", {}).media.worker_count == 0
    assert load_text("media: {workers: 3}", {}).media.worker_count == 3
    assert load_text("", {"SIPREC_MEDIA_WORKERS": "2"}).media.worker_count == 2
    assert load_text("media: {workers: auto}", {}).media.worker_count == cores
    few = "sip: {max_calls: 1}\nmedia: {workers: auto, ports: 20000-20001}"
    assert load_text(few, {}).media.worker_count == 1


def test_python_values_need_no_units() -> None:
    """
    Who embeds the server builds sections with Python's own types, under the same bounds.
    """
    sip = Sip(t1=0.25, listen=(Listener(Transport.UDP, "127.0.0.1", 0),), allow=(ip_network("192.0.2.0/24"),))
    assert Configuration(sip=sip, admin=Admin(listen=HostPort("127.0.0.1", 0))).sip.t1 == 0.25
    with pytest.raises(ValidationError):
        Sip(t1=99.0)
    with pytest.raises(ValidationError):
        sip.t1 = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(("host", "allowed"), [
    ("192.0.2.9", True), ("::ffff:192.0.2.9", True), ("127.0.0.1", False), ("2001:db8::1", False),
])
def test_allows(host: str, allowed: bool) -> None:
    """
    Only the networks may send calls, an IPv4 client on an IPv6 socket among them; without any, loopback may.
    """
    assert Sip(allow=(ip_network("192.0.2.0/24"),)).allows(host) is allowed
    assert Sip().allows(host) is (host == "127.0.0.1")
