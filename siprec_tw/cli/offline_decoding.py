"""
Stored recordings decoded where no server runs: on the directory itself, which is locked meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from siprec_tw.config.loader import load
from siprec_tw.errors import LocalError, SiprecError
from siprec_tw.interfaces import LateDecoding
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.archive import INDEX
from siprec_tw.storage.directory_lock import DirectoryLock
from siprec_tw.storage.late_decoder import StoredDecoder
from siprec_tw.storage.recordings_index import RecordingsIndex
from siprec_tw.storage.threads import Here

T = TypeVar("T")


@contextmanager
def offline_decoder(config_file: str) -> Iterator[Callable[[str], LateDecoding]]:
    """
    What decodes in the recordings directory of a configuration, as its server would.

    Raises L{SiprecError} where the configuration cannot be used, the directory is missing, another user's or a server
    has it.
    """
    recording = load(config_file, os.environ).recording
    directory = Path(recording.directory)
    if not directory.is_dir():
        raise SiprecError(f"recording.directory: there is no {directory.absolute()}")
    _refuse_stranger(directory)
    lock = DirectoryLock(directory)
    try:
        lock.take()
    except LocalError as error:
        raise SiprecError(f"{error}. A running server decodes itself: leave out --config, give its --url") from error
    index = RecordingsIndex(directory, directory / INDEX, threads=Here())
    decoder = StoredDecoder(directory, index=index, threads=Here(), looking=Here(), tones=Tones(recording.tones))
    try:
        _result(index.open())
        _result(decoder.clear())
        yield lambda recording_id: _result(decoder.decode(recording_id))
    except (OSError, sqlite3.Error) as error:
        raise SiprecError(f"{directory.absolute()}: {error}") from error
    finally:
        _result(decoder.stop())
        _result(index.close())
        lock.release()


def _refuse_stranger(directory: Path) -> None:
    """
    Raises SiprecError where the recordings are another user's: what is made here, its server could not read or remove.
    """
    index = directory / INDEX
    owner = (index if index.exists() else directory).stat().st_uid
    if owner != os.geteuid():
        raise SiprecError(f"recordings in {directory.absolute()} are of user {owner}: run this as that user")


def _result(work: Coroutine[Deferred[object], object, T]) -> T:
    """
    What a coroutine comes to that waits for nothing.
    """
    found: list[T | Failure] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    (result,) = found
    if isinstance(result, Failure):
        result.raiseException()
    return result
