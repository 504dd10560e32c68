"""
C{/api/v1/recordings}: search and page through what was recorded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from attrs import frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.json_reply import Json, instant, json_reply, parties
from siprec_tw.admin.reply import Answer
from siprec_tw.errors import PeerError
from siprec_tw.interfaces import RecordingQuery, RecordingRow, StoredRecordings
from siprec_tw.recording.verdict import VerdictKind

# What a recording is, or what it is worth: one parameter asks for either.
STATES = ("recording", "stored", *(kind.value for kind in VerdictKind))
PARAMETERS = frozenset({"participant", "text", "since", "until", "state", "limit", "cursor"})
MOST_ROWS = 500
MOST_TEXT = 256                     # characters of a search text
MOST_CURSOR = 512
LAST_INSTANT = 253402300800.0       # the year 10000

_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")

T = TypeVar("T")


@frozen
class RecordingSearchRoutes:
    """
    Search.
    """

    recordings: StoredRecordings

    async def search(self, ask: Ask) -> Answer:
        """
        A page of rows, newest first, and the cursor of the next page (null on the last).
        """
        page = await self.recordings.search(read_query(ask.query))
        return json_reply({
            "recordings": [row_json(row) for row in page.rows],
            "next_cursor": page.next_cursor,
            "total": page.total,
        })


def row_json(row: RecordingRow) -> dict[str, Json]:
    """
    A recording as the index knows it, as JSON, with the addresses of what belongs to it.
    """
    base = recording_url(row.recording_id)
    return {
        "recording_id": row.recording_id,
        "state": row.state,
        "verdict": row.verdict,
        "call_id": row.call_id,
        "started": instant(row.started),
        "ended": instant(row.ended),
        "duration": row.duration,
        "parties": parties(row.parties),
        "tracks": row.tracks,
        "size": row.size,
        "path": row.path,
        "links": {"self": base, "metadata": base + "/metadata", "audio": base + "/audio"},
    }


def recording_url(recording_id: str) -> str:
    """
    The path of one recording.
    """
    return f"/api/v1/recordings/{quote(recording_id, safe='')}"


def read_query(query: Mapping[str, str]) -> RecordingQuery:
    """
    The search that the parameters ask for. Raises PeerError(400).
    """
    since = _read(query, "since", _instant)
    until = _read(query, "until", _instant)
    if since is not None and until is not None and since >= until:
        raise PeerError(f"since is {query['since']!r}, wanted an instant before until ({query['until']!r})")
    limit = _read(query, "limit", _limit)
    return RecordingQuery(
        participant=_read(query, "participant", _text),
        text=_read(query, "text", _text),
        since=since,
        until=until,
        state=_read(query, "state", _state),
        limit=RecordingQuery().limit if limit is None else limit,
        cursor=_read(query, "cursor", _cursor),
    )


def _read(query: Mapping[str, str], name: str, read: Callable[[str, str], T]) -> T | None:
    text = query.get(name)
    return None if text is None else read(name, text)


def _text(name: str, text: str) -> str:
    if not text.strip() or len(text) > MOST_TEXT:
        raise PeerError(f"{name} has {len(text.strip())} characters, wanted 1 to {MOST_TEXT}")
    return text.strip()


def _cursor(name: str, text: str) -> str:
    if not text or len(text) > MOST_CURSOR:
        raise PeerError(f"{name} has {len(text)} characters, wanted the next_cursor of a page before")
    return text


def _state(name: str, text: str) -> str:
    if text not in STATES:
        raise PeerError(f"{name} is {text[:40]!r}, wanted one of: {', '.join(STATES)}")
    return text


def _limit(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= MOST_ROWS:
        raise PeerError(f"{name} is {text[:40]!r}, wanted a number from 1 to {MOST_ROWS}")
    return int(text)


def _instant(name: str, text: str) -> float:
    """
    POSIX seconds, or ISO 8601; without a zone it is UTC. A zone's + may have come as a space: so do
    clients send it that do not escape it.
    """
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            read = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            seconds = (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            seconds = math.nan
    if not 0.0 <= seconds < LAST_INSTANT:
        wanted = "wanted ISO 8601 (2026-11-20T09:26:37Z) or seconds since 1970"
        raise PeerError(f"{name} is {text[:40]!r}, {wanted}")
    return seconds
