"""
YAML by the rules of 1.2, with the line of everything.
"""

from __future__ import annotations

import pytest

from siprec_tw.config.yaml_lines import MOST_DEPTH, Value, dotted, read_yaml


@pytest.mark.parametrize(("text", "value"), [
    ("no", "no"), ("off", "off"), ("yes", "yes"), ("on", "on"), ("true", True), ("False", False),
    ("010", 10), ("0o10", 8), ("0x10", 16), ("-7", -7), ("1_000", "1_000"), ("12:30:45", "12:30:45"),
    ("1.5", 1.5), ("1e3", 1000.0), ("null", None), ("~", None), ("", None), ("2026-11-20", "2026-11-20"),
    ("'true'", "true"), ('"7"', "7"), ("16384-32767", "16384-32767"), (".", "."), ("=", "="),
])
def test_scalars(text: str, value: Value) -> None:
    """
    Scalars are what YAML 1.2 says, not what 1.1 said.
    """
    document = read_yaml(f"key: {text}\n", "f")
    assert document.problems == []
    found = document.values["key"]
    assert found == value
    assert type(found) is type(value)


def test_lines() -> None:
    """
    Keys, values and entries of lists are remembered with their lines; unknown paths have their parent's.
    """
    document = read_yaml("# c\na:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "f.yaml")
    assert document.values == {"a": {"b": 1, "c": ["x", {"d": 2}]}}
    assert document.where(("a",)) == "f.yaml:2"
    assert document.where(("a", "b")) == "f.yaml:3"
    assert document.where(("a", "c", 1, "d")) == "f.yaml:6"
    assert document.where(("a", "missing")) == "f.yaml:2"
    assert document.where(("missing",)) == "f.yaml:1"


@pytest.mark.parametrize(("text", "where", "complaint"), [
    ("a: 1\nb: 2\na: 3\n", "f:3", "given twice, first on line 1"),
    ("a:\n  b: 1\n  'b': 1\n", "f:3", "given twice, first on line 2"),
    ("- a\n", "f:1", "wanted a mapping"),
    ("text\n", "f:1", "wanted a mapping"),
    ("a: 1\n---\nb: 2\n", "f:2", "not YAML: but found another document"),
    ("a: [1,\nb: 2\n", "f:3", "not YAML"),
    ("a: \tb\n\tc: 1\n", "f:1", "not YAML"),
    ("a: *b\n", "f:1", "not YAML: found undefined alias"),
    ("a: !!python/name:os.system x\n", "f:1", "wanted none"),
    ("? [a, b]\n: 1\n", "f:1", "wanted a plain key"),
    ("a: &a {b: 1}\nc:\n  <<: *a\n", "f:3", "wanted a plain key"),
    ("a: \x01\n", "f:1", "not YAML"),
])
def test_problems(text: str, where: str, complaint: str) -> None:
    """
    What is wrong is a problem with its line, never an exception.
    """
    problems = read_yaml(text, "f").problems
    assert [problem.where for problem in problems] == [where]
    assert complaint in problems[0].text


def test_recursion_ends() -> None:
    """
    A value that contains itself is a problem, not an endless loop.
    """
    problems = read_yaml("a: &a [*a]\n", "f").problems
    assert [problem.text for problem in problems] == [f"nested deeper than {MOST_DEPTH}"]


def test_empty_file() -> None:
    """
    A file with nothing in it, or only comments, is no problem.
    """
    for text in ("", "# nothing\n", "---\n"):
        document = read_yaml(text, "f")
        assert (document.values, document.problems) == ({}, [])


def test_dotted() -> None:
    """
    A path is written with dots between keys and brackets around indexes.
    """
    assert dotted(("admin", "tokens", 0, "name")) == "admin.tokens[0].name"
