"""
The tables of the recordings index, and the way from any older version to this one.

recordings    one row a recording, running or stored
participants  its AORs and names, folded, for searches by a part of them
texts         its words (FTS5); the row id is that of the recording
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from siprec_tw.errors import LocalError

BUSY_SECONDS = 5.0

MIGRATIONS = (
    """
    CREATE TABLE recordings (
        id INTEGER PRIMARY KEY,
        recording_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        verdict TEXT NOT NULL,
        call_id TEXT NOT NULL,
        started REAL NOT NULL,
        ended REAL,
        duration REAL NOT NULL,
        parties TEXT NOT NULL,
        tracks INTEGER NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL
    );
    CREATE INDEX recordings_by_start ON recordings (started DESC, recording_id DESC);
    CREATE TABLE participants (
        id INTEGER NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
        folded TEXT NOT NULL
    );
    CREATE INDEX participants_by_recording ON participants (id);
    CREATE VIRTUAL TABLE texts USING fts5 (words);
    """,
)
"""
The n-th leads from version n to version n + 1; what has been released is never changed.
"""


def connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    """
    Open the index; also tells whether it is new, and so has to be filled from the manifests.

    A file that is no database, or a broken one, is put aside: everything in it stands in the manifests.
    Raises sqlite3.OperationalError when it cannot be opened, LocalError when a later version has made it.
    """
    try:
        return _connect(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        _put_aside(path)
        return _connect(path)


def _connect(path: Path) -> tuple[sqlite3.Connection, bool]:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        _check(connection)
        _migrate(connection, version)
    except BaseException:
        connection.close()
        raise
    path.chmod(0o600)
    return connection, version == 0


def _check(connection: sqlite3.Connection) -> None:
    found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    if version > len(MIGRATIONS):
        raise LocalError(f"the recordings index has version {version}, wanted {len(MIGRATIONS)} or less")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT")


def _put_aside(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        broken = path.with_name(path.name + suffix)
        if broken.exists():
            broken.replace(path.with_name(path.name + ".broken" + suffix))
