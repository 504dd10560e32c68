"""
Which recording a call has become.
"""

from __future__ import annotations

import time

from siprec_tw.cli.api_client import ApiClient, FoundRecording
from siprec_tw.errors import SiprecError

PATIENCE = 5.0              # seconds that a recorder may take to store what has just ended
INTERVAL = 0.25


def find_recording(client: ApiClient, call_id: str) -> FoundRecording | None:
    """
    The recording of a call that ended just now, waited for until it is stored; None where none is found,
    or where nobody answers who knows of recordings.
    """
    deadline = time.monotonic() + PATIENCE
    found = None
    try:
        while time.monotonic() < deadline:
            rows = client.search({"limit": "100"}).recordings
            found = next((row for row in rows if row.call_id == call_id), None)
            if found is not None and found.state != "recording":
                break
            time.sleep(INTERVAL)
    except SiprecError:
        return None
    return found
