"""
Participants told by header fields of the INVITE, for calls without a metadata document.

Cisco's network-based recording (NBR) writes one field for each participant, C{X-Cisco-Recording-Participant:
sip:4001@192.0.2.1;media-index="0"}: an address, and which of the m-lines it is heard on, counted from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from siprec_tw.metadata.model import Metadata, NameId, Participant, ParticipantStream, Stream
from siprec_tw.metadata.name_id import read_name_id
from siprec_tw.metadata.warning_list import WarningList

FIELD = "x-cisco-recording-participant"
MOST_PARTICIPANTS = 32

_INDEX = re.compile(r';\s*media-index\s*=\s*"?([0-9]{1,2}(?:\s*,\s*[0-9]{1,2})*)"?', re.IGNORECASE)


def metadata_of_headers(headers: Sequence[tuple[str, str]]) -> Metadata | None:
    """
    What these header fields (name, value) say of participants; None where they say nothing.

    Labels of its streams are C{media-index 0}, C{media-index 1}: no m-line has them, so m-lines without
    label take them in their order. Raises nothing.
    """
    found = tuple(_participants(headers))[:MOST_PARTICIPANTS]
    if not found:
        return None
    indices = sorted({index for _, sent in found for index in sent})
    return Metadata(
        participants=tuple(participant for participant, _ in found),
        streams=tuple(Stream(_stream_id(index), label=_stream_id(index)) for index in indices),
        participant_streams=tuple(
            ParticipantStream(participant.id, sends=tuple(_stream_id(index) for index in sent))
            for participant, sent in found
        ),
    )


def _participants(headers: Sequence[tuple[str, str]]) -> Iterator[tuple[Participant, tuple[int, ...]]]:
    for name, value in headers:
        if name.lower() == FIELD and value.strip():
            match = _INDEX.search(value)
            sent = tuple(int(index) for index in match[1].split(",")) if match else ()
            name_id: NameId = read_name_id(_INDEX.sub("", value), "", "", WarningList())
            yield Participant(name_id.aor, (name_id,)), sent


def _stream_id(index: int) -> str:
    return f"media-index {index}"
