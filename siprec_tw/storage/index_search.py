"""
A search of the index as SQL: conditions, and the cursor that leads from page to page.

Pages are cut by key, newest first: a cursor holds the start and the id of the last row that was given, so
that recordings which come or go meanwhile neither repeat a row nor hide one.
"""

from __future__ import annotations

import base64
import json
import math
import re

from attrs import frozen

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import RecordingQuery

MOST_ROWS = 500

_WORD = re.compile(r"\w")


@frozen
class Search:
    """
    Two statements with the values of their question marks.
    """

    page: str               # LIMIT is one row above what was asked, which tells whether there are more
    page_values: tuple[str | float | int, ...]
    count: str
    count_values: tuple[str | float | int, ...]


def search_of(query: RecordingQuery) -> Search:
    """
    A query as SQL. Raises PeerError(400) for a limit out of bounds and for a cursor that is not ours.
    """
    if not 1 <= query.limit <= MOST_ROWS:
        raise PeerError(f"limit is {query.limit}, wanted 1 to {MOST_ROWS}")
    conditions = _conditions(query)
    where = " AND ".join(["1", *(text for text, _ in conditions)])
    values = tuple(value for _, own in conditions for value in own)
    after = " AND (started, recording_id) < (?, ?)" if query.cursor is not None else ""
    after_values = read_cursor(query.cursor) if query.cursor is not None else ()
    page = f"SELECT * FROM recordings WHERE {where}{after} ORDER BY started DESC, recording_id DESC LIMIT ?"
    count = f"SELECT count(*) FROM recordings WHERE {where}"
    return Search(page, (*values, *after_values, query.limit + 1), count, values)


def write_cursor(started: float, recording_id: str) -> str:
    """
    The cursor behind a row.
    """
    return base64.urlsafe_b64encode(json.dumps([started, recording_id]).encode()).decode()


def read_cursor(cursor: str) -> tuple[float, str]:
    """
    The row that a cursor stands behind. Raises PeerError(400).
    """
    try:
        started, recording_id = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        started, recording_id = None, None
    if isinstance(started, int | float) and math.isfinite(started) and isinstance(recording_id, str):
        return float(started), encodable(recording_id)
    raise PeerError("the cursor is not one of ours, wanted the next_cursor of an earlier page")


def folded(text: str) -> str:
    """
    A text without its case, for comparison.
    """
    return encodable(text).casefold()


def encodable(text: str) -> str:
    """
    A text that SQLite takes: what came from octets that were no UTF-8 becomes a question mark.
    """
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _conditions(query: RecordingQuery) -> list[tuple[str, tuple[str | float, ...]]]:
    found: list[tuple[str, tuple[str | float, ...]]] = []
    if query.participant:
        like = "id IN (SELECT id FROM participants WHERE folded LIKE ? ESCAPE '\\')"
        found.append((like, (f"%{_escaped(folded(query.participant))}%",)))
    words = _words(query.text or "")
    if words:
        found.append(("id IN (SELECT rowid FROM texts WHERE texts MATCH ?)", (words,)))
    if query.since is not None:
        found.append(("started >= ?", (query.since,)))
    if query.until is not None:
        found.append(("started < ?", (query.until,)))
    if query.state:
        found.append(("? IN (state, verdict)", (encodable(query.state),)))
    return found


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _words(text: str) -> str:
    """
    Every word as a phrase of FTS5 of which the last part may go on, so that none of its operators is heard.
    """
    words = [word.replace('"', '""') for word in encodable(text).split() if _WORD.search(word)]
    return " ".join(f'"{word}" *' for word in words)
