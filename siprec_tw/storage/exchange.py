"""
Two directories change places in one step: Linux's renameat2 with RENAME_EXCHANGE, which Python does not have.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

# What is raised where the system or the file system has no such step.
CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def exchange(path: Path, other: Path) -> None:
    """
    Let them change places. Raises OSError, of C{CANNOT} where there is no way to do it at once.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    rename.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if rename(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path), None, str(other))
