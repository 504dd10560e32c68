"""
C{/api/v1/calls}: the calls that are up.
"""

from __future__ import annotations

from urllib.parse import quote

from attrs import asdict, frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.json_reply import Json, instant, json_reply, parties
from siprec_tw.admin.reply import Answer
from siprec_tw.errors import PeerError
from siprec_tw.interfaces import CallView, RunningCalls, StreamReport, TrackView


@frozen
class CallRoutes:
    """
    See the running calls, and end one.
    """

    running: RunningCalls

    async def list_calls(self, ask: Ask) -> Answer:
        """
        All of them, oldest first.
        """
        calls = self.running.calls()
        return json_reply({"calls": [call_json(call) for call in calls], "total": len(calls)})

    async def show_call(self, ask: Ask) -> Answer:
        """
        One of them; 404 when it is over.
        """
        recording_id = ask.variables["recording_id"]
        call = self.running.call(recording_id)
        if call is None:
            raise no_call(recording_id)
        return json_reply(call_json(call))

    async def end_call(self, ask: Ask) -> Answer:
        """
        End it as an operator: 202, the recording is finalised afterwards.
        """
        recording_id = ask.variables["recording_id"]
        if not await self.running.end_call(recording_id):
            raise no_call(recording_id)
        return json_reply({"recording_id": recording_id, "state": "ending"}, 202)


def no_call(recording_id: str) -> PeerError:
    """
    The 404 for a call that is not up.
    """
    return PeerError(f"There is no running call {recording_id!r}", 404)


def call_url(recording_id: str) -> str:
    """
    The path of one running call.
    """
    return f"/api/v1/calls/{quote(recording_id, safe='')}"


def call_json(call: CallView) -> dict[str, Json]:
    """
    A running call as JSON; instants in RFC 3339.
    """
    return {
        "recording_id": call.recording_id,
        "call_id": call.call_id,
        "node_id": call.node_id,
        "state": call.state,
        "started": instant(call.started),
        "answered": instant(call.answered),
        "from_uri": call.from_uri,
        "to_uri": call.to_uri,
        "source": call.source,
        "user_agent": call.user_agent,
        "parties": parties(call.parties),
        "tracks": [track_json(track) for track in call.tracks],
        "warnings": warnings_json(call.warnings),
    }


def track_json(track: TrackView) -> dict[str, Json]:
    """
    A track of a running call as JSON.
    """
    return {
        "index": track.index,
        "label": track.label,
        "media": track.media,
        "direction": track.direction,
        "encodings": list(track.encodings),
        "address": track.address,
        "parties": parties(track.parties),
        "reception": None if track.report is None else reception_json(track.report),
        "silent_since": instant(track.silent_since),
        "one_way": track.one_way,
    }


def reception_json(report: StreamReport) -> dict[str, Json]:
    """
    What arrived of a stream as JSON; jitter in seconds.
    """
    return {
        "packets": report.packets,
        "octets": report.octets,
        "lost": report.lost,
        "duplicates": report.duplicates,
        "reordered": report.reordered,
        "rejected": report.rejected,
        "jitter": report.jitter,
        "first_arrival": instant(report.first_arrival),
        "last_arrival": instant(report.last_arrival),
        "encoding": report.encoding,
        "ssrc": report.ssrc,
        "source": report.source,
        "warnings": warnings_json(report.warnings),
        "quality": None if report.quality is None else asdict(report.quality),
    }


def warnings_json(warnings: tuple[tuple[str, str], ...]) -> list[Json]:
    """
    Warnings as JSON: a stable code and a text.
    """
    return [{"code": code, "text": text} for code, text in warnings]
