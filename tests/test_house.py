"""
The rule of the house, kept by a machine: imports run only down, and the ground floors are dry.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import siprec_tw

ROOT = Path(siprec_tw.__file__).parent

FLOORS = {
    "errors": 0, "metrics": 1, "patience": 1, "log_lines": 1, "log_limit": 1, "own_program": 1, "steady_time": 1,
    "garbage": 1, "codecs": 1,
    "sip": 2, "sdp": 2, "metadata": 2, "rtp": 2, "cluster": 2, "tracing": 2, "interfaces": 2,
    "signaling": 3, "recording": 3, "srtp": 3, "config": 3,
    "media": 4, "storage": 4, "redisdb": 4,
    "recorder": 5, "node": 5, "admin": 5, "cli": 5,
    "service": 6,
    "tap": 7,
}
PURE = {"sip", "sdp", "metadata", "rtp", "cluster", "tracing", "recording"}
WET = {
    "twisted", "socket", "asyncio", "redis", "txredisapi", "time", "random", "secrets", "logging", "os", "io",
    "pathlib", "threading", "subprocess", "tempfile", "shutil", "select", "ssl",
}
WET_CALLS = {"open", "input", "print"}
BANNED_WORDS = {"manager", "handler", "helper", "util", "utils", "engine", "process", "data", "info", "misc"}
# What Twisted, zope or a protocol named, not we.
GIVEN_NAMES = {"ProcessProtocol", "dataReceived", "process_exited", "processEnded"}
MOST_LINES = 400
MOST_FUNCTION_LINES = 50


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def words_of(name: str) -> set[str]:
    spaced = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return set(spaced.split("_"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_only_down(path: Path) -> None:
    """
    A module imports its own folder and lower floors; a pure one nothing that touches the world.
    """
    room = room_of(path)
    if room == "__init__":
        return
    floor = FLOORS[room]
    for name in imported(ast.parse(path.read_text())):
        top = name.split(".")[0]
        if top == "siprec_tw":
            other = name.split(".")[1] if "." in name else "__init__"
            if other in FLOORS and other != room:
                assert FLOORS[other] < floor, f"{path.name} ({room}, floor {floor}) imports {name}"
        elif room in PURE:
            assert top not in WET, f"{path.name} is pure and imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_modules_call_nothing_wet(path: Path) -> None:
    """
    A pure module opens no file and prints nothing.
    """
    if room_of(path) in PURE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in WET_CALLS, f"{path.name}:{node.lineno} calls {node.func.id}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_names_say_what_things_are(path: Path) -> None:
    """
    No module, class or function bears one of the words that say nothing.
    """
    names = [path.stem]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
    for name in names:
        if name not in GIVEN_NAMES:
            assert not words_of(name) & BANNED_WORDS, f"{path.name}: {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    """
    A file has one concept and 400 lines at most, a function 50; __init__ holds a docstring only.
    """
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES, path.name
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{path.name}:{node.lineno} {node.name}: {length} lines"
    if path.name == "__init__.py" and path.parent != ROOT:
        assert len(tree.body) == 1
