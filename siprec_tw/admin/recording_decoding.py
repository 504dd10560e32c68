"""
C{/api/v1/recordings/<id>/decode}: packets that were kept undecoded, decoded after all.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.json_reply import json_reply
from siprec_tw.admin.reply import Answer
from siprec_tw.interfaces import LateDecoder


@frozen
class RecordingDecodingRoutes:
    """
    Decode one recording.
    """

    decoder: LateDecoder

    async def decode(self, ask: Ask) -> Answer:
        """
        Begin, or tell how far it is: 202 as long as it goes on, 200 when it is over.
        """
        recording_id = ask.variables["recording_id"]
        found = await self.decoder.decode(recording_id)
        answer = {"recording_id": recording_id, "state": found.state, "reasons": list(found.reasons)}
        return json_reply(answer, 202 if found.state == "decoding" else 200)
