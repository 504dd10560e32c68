"""
One recorder for a recordings directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from siprec_tw.errors import LocalError
from siprec_tw.storage.directory_lock import DirectoryLock


def test_second_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    """
    The refusal names the directory and the process; afterwards it is free.
    """
    first, second = DirectoryLock(tmp_path / "recordings"), DirectoryLock(tmp_path / "recordings")
    first.take()
    with pytest.raises(LocalError) as refusal:
        second.take()
    assert str(tmp_path / "recordings") in str(refusal.value)
    assert f"process {os.getpid()}" in str(refusal.value)
    first.release()
    second.take()
    second.release()
    second.release()


SERVER = """
import subprocess, sys
from pathlib import Path
from siprec_tw.storage.directory_lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
lock.take()
worker = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[lock.descriptor])
print(worker.pid, flush=True)
"""


def dead_server(directory: Path, seconds: float) -> tuple[int, int]:
    """
    A server that has ended, and a worker of it that lives for so long: their processes.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(directory), str(seconds)], stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as server:
        assert server.stdout is not None
        worker = int(server.stdout.readline())
        server.wait(10)
    return server.pid, worker


@pytest.mark.processes
def test_workers_of_a_dead_server_are_waited_for(tmp_path: Path) -> None:
    """
    They still write: the directory is free when the last of them has ended.
    """
    dead_server(tmp_path, 0.5)
    began = time.monotonic()
    lock = DirectoryLock(tmp_path)
    lock.take()
    assert 0.2 < time.monotonic() - began < 5.0
    lock.release()


@pytest.mark.processes
def test_worker_that_does_not_end(tmp_path: Path) -> None:
    """
    After a while the refusal says whose it is.
    """
    server, worker = dead_server(tmp_path, 30.0)
    try:
        with pytest.raises(LocalError, match=f"in use by what is left of another recorder, process {server}"):
            DirectoryLock(tmp_path, patience=0.3).take()
    finally:
        os.kill(worker, signal.SIGKILL)


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """
    The error names the key, the directory and the reason.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match=r"recording.directory: cannot write .*file/recordings: "):
        DirectoryLock(tmp_path / "file" / "recordings").take()
