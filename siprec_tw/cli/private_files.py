"""
Files and directories of recordings that nobody but their owner can read, whatever the umask is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


def private_directory(path: Path) -> None:
    """
    Make a directory, and those above that are missing. One that is there already is made private itself,
    those above it are left as they are. Raises OSError.
    """
    missing = [each for each in path.parents if not each.exists()]
    for each in (*reversed(missing), path):
        each.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        each.chmod(DIRECTORY_MODE)


def private_file(path: Path) -> BinaryIO:
    """
    A file opened to be written anew. Raises OSError.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "wb")
