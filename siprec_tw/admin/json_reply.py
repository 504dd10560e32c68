"""
JSON answers, and the one shape that every error has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from siprec_tw.admin.reply import HeaderFields, Reply
from siprec_tw.interfaces import PartyView
from siprec_tw.recording.manifest import iso

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

JSON_TYPE = "application/json"

ERROR_CODES = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "content-too-large",
    416: "range-not-satisfiable",
    500: "internal-error",
    503: "unavailable",
}


def json_reply(value: Json, status: int = 200, headers: HeaderFields = ()) -> Reply:
    """
    A value as JSON in UTF-8, one line with a line feed at its end.
    """
    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"
    return Reply(status, body, JSON_TYPE, headers)


def error_reply(status: int, text: str, headers: HeaderFields = ()) -> Reply:
    """
    An error: C{{"error": {"status": 404, "code": "not-found", "message": "..."}}}.
    """
    code = ERROR_CODES.get(status, "error")
    return json_reply({"error": {"status": status, "code": code, "message": text}}, status, headers)


def instant(seconds: float | None) -> str | None:
    """
    POSIX seconds as the manifest writes them: C{2026-11-20T09:26:37.250Z}.
    """
    return None if seconds is None else iso(seconds)


def parties(views: tuple[PartyView, ...]) -> list[Json]:
    """
    Participants as JSON.
    """
    return [{"participant_id": view.participant_id, "aor": view.aor, "name": view.name} for view in views]
