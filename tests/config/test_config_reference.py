"""
The documentation says what the model says.
"""

from __future__ import annotations

from pathlib import Path

from siprec_tw.config.environment import names
from siprec_tw.config.loader import load_text
from siprec_tw.config.model import Configuration
from siprec_tw.config.reference import effective, rows, table

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_page_has_the_table_of_the_model() -> None:
    """
    docs/configuration.md ends with the reference as the model has it, key for key.
    """
    assert PAGE.read_text().endswith(f"## Every key\n\n{table()}")


def test_every_key_has_a_kind_and_a_meaning() -> None:
    """
    No key is without its kind, its meaning and, outside lists, its environment variable.
    """
    for row in rows():
        assert row.kind, row.path
        assert row.meaning.endswith((".", "`")), row.path
        assert bool(row.environment) is ("[]." not in row.path), row.path
    assert {name for row in rows() for name in row.environment} == names().keys()


def test_effective_values_read_back() -> None:
    """
    What is shown as effective is YAML which gives the same configuration.
    """
    text = "".join(f"{path.split('.')[0]}: {{{path.split('.')[1]}: {value}}}\n" for path, value in [
        ("sip.listen", '["udp://[::1]:5070"]'),
        ("recording.retention", "1d12h"),
        ("media.receive_buffer", "1MiB"),
    ])
    shown = dict(effective(load_text(text, {})))
    assert shown["sip.listen"] == '["udp://[::1]:5070"]'
    assert shown["recording.retention"] == "1d12h"
    assert shown["media.receive_buffer"] == "1MiB"
    sections: dict[str, list[str]] = {}
    for path, value in effective(Configuration()):
        section, key = path.split(".")
        sections.setdefault(section, []).append(f"  {key}: {value}\n")
    written = "".join(f"{section}:\n{''.join(keys)}" for section, keys in sections.items())
    assert load_text(written, {}) == Configuration()


def test_secrets_are_masked() -> None:
    """
    A token is shown with its name and role only.
    """
    config = load_text("admin: {tokens: [{name: a, token: 0123456789abcdef, role: reader}]}", {})
    assert dict(effective(config))["admin.tokens"] == "[{name: a, token: ********, role: reader}]"
