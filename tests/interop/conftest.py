"""
One real server for all calls of this folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "end_to_end"))

from running_server import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    A ready server on the defaults; its log must hold no error when all calls are over.
    """
    running = RunningServer(tmp_path_factory.mktemp("interop"))
    running.start()
    try:
        yield running
        assert not running.errors(), running.log()
    finally:
        running.kill()
