"""
Every route of the HTTP face: method, path, who may, and who answers. The first row that fits counts.
"""

from __future__ import annotations

from siprec_tw.admin.calls import CallRoutes
from siprec_tw.admin.faces import Faces
from siprec_tw.admin.front_page import FrontPage
from siprec_tw.admin.health import HealthRoutes
from siprec_tw.admin.metrics_page import MetricsRoutes
from siprec_tw.admin.recording_decoding import RecordingDecodingRoutes
from siprec_tw.admin.recording_files import RecordingFileRoutes
from siprec_tw.admin.recording_search import PARAMETERS, RecordingSearchRoutes
from siprec_tw.admin.router import Route
from siprec_tw.admin.style_sheet import PATH, style_sheet
from siprec_tw.admin.threads import InThread
from siprec_tw.config.model import Role

DOWNLOAD = frozenset({"download"})


def route_table(faces: Faces, in_thread: InThread, *, guarded: bool) -> tuple[Route, ...]:
    """
    The rows, wired to what they show. C{guarded} is whether tokens are needed: the front page says so.
    """
    health = HealthRoutes(faces.readiness, faces.version)
    metrics = MetricsRoutes(faces.metrics)
    calls = CallRoutes(faces.calls)
    search = RecordingSearchRoutes(faces.recordings)
    files = RecordingFileRoutes(faces.recordings, in_thread)
    decoding = RecordingDecodingRoutes(faces.late_decoder)
    front = FrontPage(faces.calls, faces.recordings, faces.version, guarded)
    recording = "/api/v1/recordings/{recording_id}"
    return (
        Route("GET", "/", None, front.show),
        Route("GET", PATH, None, style_sheet),
        Route("GET", "/health/live", None, health.live),
        Route("GET", "/health/ready", None, health.ready),
        Route("GET", "/metrics", Role.READER, metrics.metrics),
        Route("GET", "/api/v1/calls", Role.READER, calls.list_calls),
        Route("GET", "/api/v1/calls/{recording_id}", Role.READER, calls.show_call),
        Route("DELETE", "/api/v1/calls/{recording_id}", Role.OPERATOR, calls.end_call),
        Route("GET", "/api/v1/recordings", Role.READER, search.search, PARAMETERS),
        Route("GET", recording, Role.READER, files.manifest),
        Route("GET", recording + "/metadata", Role.READER, files.metadata),
        Route("GET", recording + "/audio", Role.READER, files.audio, DOWNLOAD),
        Route("GET", recording + "/files/{name}", Role.READER, files.file, DOWNLOAD),
        Route("POST", recording + "/decode", Role.OPERATOR, decoding.decode),
        Route("GET", recording + "/documents/{name}", Role.READER, files.document, DOWNLOAD),
    )
