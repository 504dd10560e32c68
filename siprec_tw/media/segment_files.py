"""
The files of one stream's segments: created, written at an offset, read by nobody here.

Every call is a plain system call, without a buffer of ours: what was written survives the process. Nothing is
synced here: an fsync takes longer than a sweep and is done once, when the recording is finalised.
"""

from __future__ import annotations

import os

_CREATE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o640


class SegmentFiles:
    """
    The files in one directory. Everything raises OSError.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def open(self, name: str) -> int:
        """
        A descriptor of a file, which is created where it is not there yet.
        """
        return os.open(f"{self._directory}/{name}", _CREATE, _MODE)

    def write(self, descriptor: int, octets: bytes, offset: int) -> None:
        """
        All of these octets at this offset; a disk that is nearly full takes some of them and then raises.
        """
        written = os.pwrite(descriptor, octets, offset)
        while written < len(octets):
            written += os.pwrite(descriptor, octets[written:], offset + written)

    def write_once(self, name: str, octets: bytes, offset: int) -> None:
        """
        The same with a file that is opened for this only: descriptors are scarcer than time.
        """
        descriptor = self.open(name)
        try:
            self.write(descriptor, octets, offset)
        finally:
            self.close(descriptor)

    def close(self, descriptor: int) -> None:
        """
        Give the descriptor back.
        """
        os.close(descriptor)
