"""
C{/api/v1/recordings/<id>/...}: what belongs to one recording.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from attrs import frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.json_reply import JSON_TYPE, Json, json_reply
from siprec_tw.admin.recording_search import recording_url, row_json
from siprec_tw.admin.reply import Answer, FileReply, Reply
from siprec_tw.admin.threads import InThread, T
from siprec_tw.errors import LocalError, PeerError
from siprec_tw.interfaces import RecordingRow, StoredRecordings
from siprec_tw.recording.layout import DOCUMENTS, MANIFEST, MIX

# What a peer sent must not run in a browser: no type but these is ever named.
CONTENT_TYPES = {
    ".wav": "audio/wav",
    ".json": JSON_TYPE,
    ".jsonl": "application/x-ndjson",
    ".xml": "application/xml",
    ".sdp": "application/sdp",
    ".txt": "text/plain; charset=utf-8",
}
ANY_TYPE = "application/octet-stream"


@frozen
class RecordingFileRoutes:
    """
    The manifest, the metadata, the sound and every file of a recording.
    """

    recordings: StoredRecordings
    in_thread: InThread

    async def manifest(self, ask: Ask) -> Answer:
        """
        The manifest octet for octet; while there is none yet, the row of the index.
        """
        row = await self._row(ask)
        path = self.recordings.file(row, MANIFEST)
        if path is None:
            return json_reply(row_json(row))
        return Reply(200, await self._read(row, Path(path).read_bytes), JSON_TYPE)

    async def metadata(self, ask: Ask) -> Answer:
        """
        The metadata documents as they came, each with its address, and what they say together.
        """
        row = await self._row(ask)
        path = Path(self._path(row, MANIFEST))
        manifest = await self._read(row, lambda: _object(path.read_bytes()))
        base = f"{recording_url(row.recording_id)}/documents/"
        documents: list[Json] = [
            {**document, "url": base + quote(str(document.get("name", "")), safe="")}
            for document in _objects(manifest.get("documents"))
            if document.get("kind") == "metadata"
        ]
        return json_reply({
            "recording_id": row.recording_id,
            "documents": documents,
            "metadata": manifest.get("metadata"),
        })

    async def audio(self, ask: Ask) -> Answer:
        """
        The sound: one channel a track.
        """
        row = await self._row(ask)
        path = self._path(row, MIX)
        return FileReply(path, CONTENT_TYPES[".wav"], f"{row.recording_id}.wav", _download(ask))

    async def file(self, ask: Ask) -> Answer:
        """
        A file of the recording's directory.
        """
        return await self._file(ask, ask.variables["name"])

    async def document(self, ask: Ask) -> Answer:
        """
        A document as it was received or sent.
        """
        return await self._file(ask, f"{DOCUMENTS}/{ask.variables['name']}")

    async def _file(self, ask: Ask, name: str) -> Answer:
        row = await self._row(ask)
        own_name = PurePosixPath(name).name
        content_type = CONTENT_TYPES.get(PurePosixPath(name).suffix.lower(), ANY_TYPE)
        return FileReply(self._path(row, name), content_type, own_name, _download(ask))

    async def _row(self, ask: Ask) -> RecordingRow:
        recording_id = ask.variables["recording_id"]
        row = await self.recordings.get(recording_id)
        if row is None:
            raise PeerError(f"There is no recording {recording_id!r}", 404)
        return row

    def _path(self, row: RecordingRow, name: str) -> str:
        path = self.recordings.file(row, name)
        if path is not None:
            return path
        if not row.path:
            raise PeerError(f"Recording {row.recording_id!r} is not stored yet: its call goes on", 404)
        raise PeerError(f"Recording {row.recording_id!r} has no file {name!r}", 404)

    async def _read(self, row: RecordingRow, read: Callable[[], T]) -> T:
        try:
            return await self.in_thread(read)
        except FileNotFoundError:
            raise PeerError(f"The files of recording {row.recording_id!r} are gone", 404) from None


def _download(ask: Ask) -> bool:
    text = ask.query.get("download", "0")
    if text not in ("0", "1"):
        raise PeerError(f"download is {text[:40]!r}, wanted 0 or 1")
    return text == "1"


def _object(text: bytes) -> Mapping[str, Json]:
    try:
        value: Json = json.loads(text)
    except ValueError as broken:
        raise LocalError(f"A manifest is no JSON: {broken}") from broken
    if not isinstance(value, Mapping):
        raise LocalError("A manifest is no JSON object")
    return value


def _objects(value: Json) -> list[Mapping[str, Json]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
