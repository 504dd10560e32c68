"""
What the finaliser does to the disk: every change goes through here, so that a test can stop it anywhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from siprec_tw.recording.layout import UNFINISHED
from siprec_tw.recording.manifest import FileEntry
from siprec_tw.storage.exchange import CANNOT, exchange

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
READ_SIZE = 1 << 20
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


@frozen
class Disk:
    """
    Changes that are either there as a whole or not at all. Every method raises OSError.
    """

    sync: bool = True           # wait until the platter has it

    def write(self, path: Path, blocks: Iterable[bytes]) -> FileEntry:
        """
        Write a file beside its place and put it there when it is whole.
        """
        unfinished = path.with_name(path.name + UNFINISHED)
        digest, size = hashlib.sha256(), 0
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            for block in blocks:
                file.write(block)
                digest.update(block)
                size += len(block)
            file.flush()
            if self.sync:
                os.fsync(fd)
        unfinished.replace(path)
        return FileEntry(path.name, size, digest.hexdigest())

    def make_directory(self, path: Path) -> None:
        """
        Make a directory, and those above it.
        """
        for above in [*reversed(path.parents), path]:
            if not above.is_dir():
                above.mkdir(mode=DIRECTORY_MODE, exist_ok=True)

    def move(self, path: Path, target: Path) -> None:
        """
        Rename a directory into its place.
        """
        path.rename(target)
        self.sync_directory(target.parent)
        self.sync_directory(path.parent)

    def exchange(self, path: Path, other: Path) -> None:
        """
        Let two directories change places: at once, or where the file system cannot, one after the other.
        """
        try:
            exchange(path, other)
        except OSError as error:
            if error.errno not in CANNOT:
                raise
            aside = other.with_name(other.name + UNFINISHED)
            path.rename(aside)
            other.rename(path)
            aside.rename(other)
        self.sync_directory(path.parent)
        self.sync_directory(other.parent)

    def link(self, path: Path, target: Path) -> None:
        """
        The same file in a second place; a copy of it where the file system has no links.
        """
        try:
            target.hardlink_to(path)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            self.write(target, [path.read_bytes()])

    def remove(self, path: Path) -> None:
        """
        Remove a file; one that is gone already is no matter.
        """
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """
        Wait until the names in a directory are on the platter.
        """
        if not self.sync:
            return
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def digest_of(path: Path) -> str | None:
    """
    The SHA-256 of a file in hexadecimal, or None where it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(READ_SIZE):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
