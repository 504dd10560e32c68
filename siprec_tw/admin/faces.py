"""
What the HTTP face shows, as it is handed in.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.interfaces import LateDecoder, Readiness, RunningCalls, StoredRecordings
from siprec_tw.metrics import Metrics


@frozen
class Faces:
    """
    The other parts of the server, as far as HTTP knows them.
    """

    calls: RunningCalls
    recordings: StoredRecordings
    late_decoder: LateDecoder
    readiness: Readiness
    metrics: Metrics
    version: str
