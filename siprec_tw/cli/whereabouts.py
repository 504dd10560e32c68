"""
Which recording a call has become.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from siprec_tw.cli.api_client import ApiClient, FoundRecording
from siprec_tw.errors import SiprecError

LISTED = 3.0                # seconds that a recorder may take to list what has just ended
STORED = 5.0                # ... and to store it
INTERVAL = 0.25


def find_recording(
    client: ApiClient,
    call_id: str,
    *,
    seconds: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> FoundRecording | None:
    """
    The recording of a call that ended just now, waited for until it is stored; None where none is found,
    or where nobody answers who knows of recordings.
    """
    begun = seconds()
    found = None
    while seconds() - begun < (LISTED if found is None else STORED):
        try:
            rows = client.search({"text": call_id, "limit": "100"}).recordings
        except SiprecError:
            return found
        found = next((row for row in rows if row.call_id == call_id), found)
        if found is not None and found.state != "recording":
            break
        sleep(INTERVAL)
    return found
