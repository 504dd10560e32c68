"""
One recorder for a recordings directory.
"""

from __future__ import annotations

import os
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


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """
    The error names the key, the directory and the reason.
    """
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match=r"recording.directory: cannot write .*file/recordings: "):
        DirectoryLock(tmp_path / "file" / "recordings").take()
