"""
One recorder for a recordings directory: a second would take the first one's spool for the remains of a dead one.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from attrs import define

from siprec_tw.errors import LocalError
from siprec_tw.storage.disk import FILE_MODE, Disk

LOCK = ".lock"
DYING_SECONDS = 10.0        # for the media workers of a recorder that is gone
LOOK_SECONDS = 0.1


@define
class DirectoryLock:
    """
    A lock that ends with the process, however that ends, and with all to whom it left the lock's descriptor.
    C{patience} is how long those are waited for when the process itself is gone.
    """

    directory: Path
    patience: float = DYING_SECONDS
    _fd: int = -1

    @property
    def descriptor(self) -> int:
        """
        What a program must inherit that writes into the directory; below 0 where the lock is not held.
        """
        return self._fd

    def take(self) -> None:
        """
        Make the directory if need be, and lock it; blocks. Raises LocalError, saying which directory and who has it.
        """
        path = self.directory / LOCK
        try:
            Disk(sync=False).make_directory(self.directory)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise LocalError(f"recording.directory: cannot write {self.directory}: {error.strerror}") from error
        ends = time.monotonic() + self.patience
        while not _locked(fd):
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            gone = holder.isdigit() and not _lives(int(holder))
            if not gone or time.monotonic() >= ends:
                os.close(fd)
                used = f"recording.directory: {self.directory.absolute()} is in use by "
                used += "what is left of another recorder" if gone else "another recorder"
                raise LocalError(f"{used}, process {holder or 'unknown'}")
            time.sleep(LOOK_SECONDS)
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


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lives(process_id: int) -> bool:
    """
    Whether there is such a process; one that has ended and was not waited for is none.
    """
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        status = Path(f"/proc/{process_id}/stat").read_bytes()
    except OSError:
        return True
    return status.rpartition(b")")[2].split()[:1] != [b"Z"]
