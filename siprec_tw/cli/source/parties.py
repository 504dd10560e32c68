"""
Who speaks in a test call, as recording metadata (RFC 7865).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from random import Random

from attrs import frozen

from siprec_tw.metadata.model import (
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)

_NAMED = re.compile(r'\s*"?([^"<]*?)"?\s*<([^<>\s]+)>\s*')
_BARE = re.compile(r"[a-z]+:[^\s<>]+")


@frozen
class Party:
    """
    A participant.
    """

    participant_id: str
    aor: str
    name: str = ""


@frozen
class CallStory:
    """
    What the metadata of a call tells; the stream at index n is sent by the party n modulo their number.
    """

    session_id: str
    parties: tuple[Party, ...]
    started: float                          # POSIX seconds

    def metadata(
        self, streams: Sequence[tuple[str, str]], *, held: bool = False, ended: float | None = None
    ) -> Metadata:
        """
        The complete document for streams of these ids and labels; on hold nobody sends, at the end
        everybody has left.
        """
        stream_ids = [stream_id for stream_id, _ in streams]
        session_id, began = self.session_id, self.started
        return Metadata(
            sessions=(Session(session_id, start_time=began, end_time=ended),),
            participants=tuple(Participant(p.participant_id, (NameId(p.aor, p.name),)) for p in self.parties),
            streams=tuple(Stream(stream_id, label, session_id) for stream_id, label in streams),
            session_recordings=(SessionRecording(session_id, began, ended),),
            participant_sessions=tuple(
                ParticipantSession(p.participant_id, session_id, began, ended) for p in self.parties
            ),
            participant_streams=tuple(
                ParticipantStream(
                    party.participant_id,
                    () if held else tuple(self._sent_by(index, stream_ids)),
                    () if held else tuple(s for s in stream_ids if s not in self._sent_by(index, stream_ids)),
                    began, ended,
                )
                for index, party in enumerate(self.parties)
            ),
        )

    def _sent_by(self, index: int, stream_ids: Sequence[str]) -> Sequence[str]:
        return stream_ids[index::len(self.parties)]


def random_id(random: Random) -> str:
    """
    An identifier: 128 random bits in Base64, as RFC 7865 has it.
    """
    return b64encode(random.randbytes(16)).decode()


def parse_party(text: str) -> tuple[str, str]:
    """
    AOR and name of C{sip:alice@example.com} or C{"Alice" <sip:alice@example.com>}. Raises ValueError.
    """
    named = _NAMED.fullmatch(text)
    if named is not None and _BARE.fullmatch(named[2]):
        return named[2], named[1].strip()
    if _BARE.fullmatch(text):
        return text, ""
    raise ValueError(f'found {text!r}, wanted sip:alice@example.com or "Alice <sip:alice@example.com>"')
