"""
C{siprec recordings decode}: recordings that were stored without a decoder, decoded after all.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable

import cattrs
from attrs import frozen

from siprec_tw.cli.api_client import ApiClient, recording_path
from siprec_tw.errors import NoServer, SiprecError
from siprec_tw.interfaces import LateDecoding

INTERVAL = 0.5              # seconds between two looks at how far it is

Ask = Callable[[str], LateDecoding]
"""
Begins to decode a recording, or tells how far it is. Raises SiprecError.
"""


@frozen
class ServerDecoding:
    """
    Asks a running server.
    """

    client: ApiClient

    def __call__(self, recording_id: str) -> LateDecoding:
        """
        One question.
        """
        try:
            answer = self.client.post(recording_path(recording_id, "decode"))
        except NoServer as error:
            raise NoServer(f"{error} Where none runs, give its --config") from None
        try:
            return cattrs.structure(json.loads(answer), LateDecoding)
        except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
            raise SiprecError(f"{self.client.url} answered with something else than a decoding") from error


def decode_all(ask: Ask, recording_ids: Iterable[str], sleep: Callable[[float], None] = time.sleep) -> bool:
    """
    Decode one after another, a line for each; whether all are decoded now. Raises NoServer.
    """
    good = True
    for recording_id in recording_ids:
        try:
            found = _decoded(ask, recording_id, sleep)
        except NoServer:
            raise
        except SiprecError as error:
            print(f"siprec: {error}", file=sys.stderr)
            good = False
            continue
        for reason in found.reasons:
            print(f"siprec: {recording_id}: {reason}", file=sys.stderr)
        print(f"{recording_id}  {found.state}")
        good = good and found.state == "decoded"
    return good


def _decoded(ask: Ask, recording_id: str, sleep: Callable[[float], None]) -> LateDecoding:
    while (found := ask(recording_id)).state == "decoding":
        sleep(INTERVAL)
    return found
