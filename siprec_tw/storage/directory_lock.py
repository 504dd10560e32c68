"""
One recorder for a recordings directory: a second would take the first one's spool for the remains of a dead one.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from attrs import define

from siprec_tw.errors import LocalError
from siprec_tw.storage.disk import FILE_MODE, Disk

LOCK = ".lock"


@define
class DirectoryLock:
    """
    A lock that ends with the process, however that ends.
    """

    directory: Path
    _fd: int = -1

    def take(self) -> None:
        """
        Make the directory if need be, and lock it. Raises LocalError, saying which directory and who has it.
        """
        path = self.directory / LOCK
        try:
            Disk(sync=False).make_directory(self.directory)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise LocalError(f"recording.directory: cannot write {self.directory}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            text = f"recording.directory: {self.directory.absolute()} is in use by another recorder, process {holder}"
            raise LocalError(text) from error
        os.truncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd

    def release(self) -> None:
        """
        Let others have it; harmless where it is not held.
        """
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
