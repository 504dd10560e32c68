"""
An rtpdump file that is read from its beginning to its end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from siprec_tw.recording.rtpdump import Read
from siprec_tw.storage.disk import READ_SIZE


@contextmanager
def reading(path: Path) -> Iterator[Read]:
    """
    What the file holds, fetched in large pieces. Where it cannot be read, it ends.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield _nothing
        return
    try:
        yield _windowed(descriptor)
    finally:
        os.close(descriptor)


def _windowed(descriptor: int) -> Read:
    window, start = b"", 0

    def read(offset: int, octets: int) -> bytes:
        nonlocal window, start
        if not start <= offset or offset + octets > start + len(window):
            try:
                window, start = os.pread(descriptor, max(octets, READ_SIZE), offset), offset
            except OSError:
                return b""
        return window[offset - start : offset - start + octets]

    return read


def _nothing(offset: int, octets: int) -> bytes:
    return b""
