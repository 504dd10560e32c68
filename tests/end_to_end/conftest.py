"""
What the end-to-end tests share: a server a test, stopped and checked for errors afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import RunningServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Everything in this folder starts processes.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.processes)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """
    A ready server on the defaults; the log must hold no error when the test is done.
    """
    running = RunningServer(tmp_path)
    running.start()
    try:
        yield running
    finally:
        running.kill()
    assert not running.errors(), running.log()
