"""
The index of this node's recordings: SQLite, in one thread of its own.

It is a convenience that can be lost: everything in it is in the manifests, from which it can be made anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field
from twisted.logger import Logger

from siprec_tw.errors import LocalError
from siprec_tw.interfaces import PartyView, RecordingPage, RecordingQuery, RecordingRow
from siprec_tw.recording.layout import UNFINISHED
from siprec_tw.recording.manifest import Manifest
from siprec_tw.storage.finalise import read_manifest
from siprec_tw.storage.index_entry import IndexEntry, entry_of, read_parties, started_entry, write_parties
from siprec_tw.storage.index_schema import connect
from siprec_tw.storage.index_search import encodable, folded, search_of, write_cursor
from siprec_tw.storage.threads import Threads

DAYS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"

_COLUMNS = (
    "recording_id", "state", "verdict", "call_id", "started", "ended", "duration", "parties", "tracks",
    "path", "size",
)
_UPSERT = (
    f"INSERT INTO recordings ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (recording_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
)


@define
class RecordingsIndex:
    """
    L{siprec_tw.interfaces.StoredRecordings}, and what the recorder and the finaliser tell it.
    """

    log = Logger()

    directory: Path
    database: Path
    _threads: Threads = field(alias="threads")      # one thread: all statements take turns
    _open: sqlite3.Connection | None = None

    async def open(self) -> None:
        """
        Open the database; a new one is filled from the manifests.

        Raises sqlite3.OperationalError, LocalError.
        """
        fresh = await self._threads.run(self._connect)
        if fresh:
            await self.reindex()

    async def close(self) -> None:
        """
        Close the database, after all that was given before.
        """
        await self._threads.run(self._disconnect)

    async def insert_started(self, row: RecordingRow) -> None:
        """
        A recording is under way.
        """
        await self._threads.run(self._put, [started_entry(row)])

    async def update_parties(self, recording_id: str, parties: Sequence[PartyView]) -> None:
        """
        The metadata tells other parties of a recording that is under way.
        """
        await self._threads.run(self._update_parties, recording_id, tuple(parties))

    async def store(self, manifest: Manifest, path: str) -> None:
        """
        A recording is finished and lies in C{path}, relative to the recordings directory.
        """
        await self._threads.run(self._put, [entry_of(manifest, path)])

    async def remove(self, recording_id: str) -> None:
        """
        A recording is gone.
        """
        await self._threads.run(self._remove, [recording_id])

    async def search(self, query: RecordingQuery) -> RecordingPage:
        """
        Rows that match, newest first. Raises PeerError(400) for a cursor that is not ours.
        """
        return await self._threads.run(self._search, query)

    async def get(self, recording_id: str) -> RecordingRow | None:
        """
        One row.
        """
        return await self._threads.run(self._get, recording_id)

    async def unfinished(self) -> list[RecordingRow]:
        """
        The rows of recordings that are under way, or were when a process was killed.
        """
        return await self._threads.run(self._rows, "WHERE state = 'recording'")

    async def finished_before(self, instant: float, most: int) -> list[RecordingRow]:
        """
        The oldest finished recordings that ended before an instant.
        """
        where = "WHERE state <> 'recording' AND coalesce(ended, started) < ? ORDER BY started LIMIT ?"
        return await self._threads.run(self._rows, where, instant, most)

    def file(self, row: RecordingRow, name: str) -> str | None:
        """
        The absolute path of a file of a stored recording, or None: never one outside its directory.
        """
        parts = name.split("/")
        if not row.path or "\0" in name or "\\" in name or name.endswith(UNFINISHED):
            return None
        if any(part in ("", ".", "..") for part in parts):
            return None
        directory = (self.directory / row.path).resolve()
        path = directory.joinpath(*parts)
        inside = directory.is_relative_to(self.directory.resolve())
        # A symbolic link anywhere on the way leads to another path than the one that was asked for.
        return str(path) if inside and path.resolve() == path and path.is_file() else None

    async def reindex(self) -> int:
        """
        Make the index what the manifests say. Returns how many recordings were found.
        """
        seen: set[str] = set()
        for day in await self._threads.run(self._days):
            seen.update(await self._threads.run(self._reindex_day, day))
        stored = await self._threads.run(self._rows, "WHERE state <> 'recording'")
        missing = [row for row in stored if row.recording_id not in seen]
        await self._threads.run(self._remove_missing, missing)
        self.log.info("Recordings index made anew: {found} recordings", found=len(seen))
        return len(seen)

    def _connect(self) -> bool:
        self._open, fresh = connect(self.database)
        self._open.row_factory = sqlite3.Row
        return fresh

    def _disconnect(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    @property
    def _database(self) -> sqlite3.Connection:
        if self._open is None:
            raise LocalError("the recordings index is not open")
        return self._open

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _put(self, entries: Sequence[IndexEntry]) -> None:
        with self._transaction() as database:
            for entry in entries:
                database.execute(_UPSERT, _values(entry.row))
                number = _number(database, entry.row.recording_id)
                assert number is not None
                _put_parties(database, number, entry.row.parties)
                database.execute("DELETE FROM texts WHERE rowid = ?", (number,))
                database.execute(
                    "INSERT INTO texts (rowid, words) VALUES (?, ?)", (number, encodable(entry.words))
                )

    def _update_parties(self, recording_id: str, parties: tuple[PartyView, ...]) -> None:
        words = "\n".join(text for party in parties for text in (party.participant_id, party.aor, party.name))
        with self._transaction() as database:
            number = _number(database, recording_id)
            if number is None:
                return
            column = write_parties(parties)
            database.execute("UPDATE recordings SET parties = ? WHERE id = ?", (column, number))
            _put_parties(database, number, parties)
            database.execute(
                "UPDATE texts SET words = words || char(10) || ? WHERE rowid = ?", (encodable(words), number)
            )

    def _remove(self, recording_ids: Sequence[str]) -> None:
        with self._transaction() as database:
            for recording_id in recording_ids:
                number = _number(database, recording_id)
                database.execute("DELETE FROM texts WHERE rowid = ?", (number,))
                database.execute("DELETE FROM recordings WHERE id = ?", (number,))

    def _remove_missing(self, rows: Sequence[RecordingRow]) -> None:
        self._remove([row.recording_id for row in rows if not (self.directory / row.path).is_dir()])

    def _search(self, query: RecordingQuery) -> RecordingPage:
        search = search_of(query)
        total: int = self._database.execute(search.count, search.count_values).fetchone()[0]
        found = [_row(row) for row in self._database.execute(search.page, search.page_values)]
        rows = tuple(found[: query.limit])
        more = len(found) > query.limit
        cursor = write_cursor(rows[-1].started, rows[-1].recording_id) if more else None
        return RecordingPage(rows, cursor, total)

    def _get(self, recording_id: str) -> RecordingRow | None:
        found = self._rows("WHERE recording_id = ?", encodable(recording_id))
        return found[0] if found else None

    def _rows(self, where: str, *values: str | float) -> list[RecordingRow]:
        return [_row(row) for row in self._database.execute(f"SELECT * FROM recordings {where}", values)]

    def _days(self) -> list[Path]:
        return sorted(self.directory.glob(DAYS))

    def _reindex_day(self, day: Path) -> list[str]:
        entries = []
        for directory in sorted(day.iterdir()):
            manifest = read_manifest(directory)
            if manifest is not None:
                entries.append(entry_of(manifest, directory.relative_to(self.directory).as_posix()))
        self._put(entries)
        return [entry.row.recording_id for entry in entries]


def _values(row: RecordingRow) -> tuple[str | float | int | None, ...]:
    return (
        encodable(row.recording_id), row.state, row.verdict, encodable(row.call_id), row.started, row.ended,
        row.duration, write_parties(row.parties), row.tracks, row.path, row.size,
    )


def _row(row: sqlite3.Row) -> RecordingRow:
    values = {name: row[name] for name in _COLUMNS}
    return RecordingRow(**{**values, "parties": read_parties(row["parties"])})


def _number(database: sqlite3.Connection, recording_id: str) -> int | None:
    found = database.execute("SELECT id FROM recordings WHERE recording_id = ?", (recording_id,)).fetchone()
    return None if found is None else int(found[0])


def _put_parties(database: sqlite3.Connection, number: int, parties: Sequence[PartyView]) -> None:
    database.execute("DELETE FROM participants WHERE id = ?", (number,))
    rows = [(number, folded(f"{party.aor}\n{party.name}")) for party in parties]
    database.executemany("INSERT INTO participants (id, folded) VALUES (?, ?)", rows)
