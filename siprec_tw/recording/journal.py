"""
The journal of one recording: everything that happened to its call, one JSON line an event.

A recording is a function of its journal, its documents and its segments: the finaliser reads these
and nothing else, so that a call which ended well and one whose process was killed take the same way.
Instants are UTC seconds since 1970 (POSIX time).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import Enum

import cattrs
from attrs import frozen
from cattrs.strategies import configure_tagged_union

from siprec_tw.codecs.payload_format import PayloadFormat


class EndReason(Enum):
    """
    Why a recording ended.
    """

    BYE = "bye"                         # the client ended it
    CANCELLED = "cancelled"             # CANCEL, before the 2xx
    NO_ACK = "no-ack"                   # RFC 3261 s.13.3.1.4: 64*T1 without an ACK
    SESSION_EXPIRED = "session-expired" # RFC 4028 s.10
    SILENCE = "silence"                 # neither RTP nor SIP for the configured time
    SHUTDOWN = "shutdown"               # this server was stopped
    REJECTED = "rejected"               # the call could not be set up after all
    OPERATOR = "operator"               # ended over HTTP
    MEDIA_LOST = "media-lost"           # what received its streams died, and none could be opened anew
    DIALOG_LOST = "dialog-lost"         # 481 or no answer to a re-INVITE of ours, and nothing was heard any more
    TRUNCATED = "truncated"             # the process died: found at the next start


class Direction(Enum):
    """
    The direction of a media description as the answer states it (RFC 8866 s.6.7).
    """

    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class DocumentKind(Enum):
    """
    What a kept document is.
    """

    OFFER = "offer"
    ANSWER = "answer"
    METADATA = "metadata"
    OTHER = "other"


@frozen
class CallStarted:
    """
    The INVITE was accepted for recording; always the first line of a journal.
    """

    at: float
    recording_id: str
    node_id: str
    call_id: str
    from_header: str
    to_header: str
    request_uri: str
    source: str                     # "udp:192.0.2.1:5060"
    user_agent: str = ""
    headers: tuple[tuple[str, str], ...] = ()   # further identifying headers, e.g. Session-ID, Cisco-Guid


@frozen
class CallAnswered:
    """
    The 2xx to the INVITE was sent for the first time.
    """

    at: float


@frozen
class DocumentKept:
    """
    A body, or a part of one, stored as it came in C{documents/<name>}.
    """

    at: float
    kind: DocumentKind
    name: str
    content_type: str
    carried_by: str                 # "INVITE 1", "UPDATE 3", "200 INVITE 1"


@frozen
class TrackOpened:
    """
    A media description is received from now on; C{track} is its index among the m-lines.
    """

    at: float
    track: int
    stream_id: str                  # file-name stem of its segments
    label: str                      # "" where the offer had none
    media: str                      # "audio", "video"
    direction: Direction
    formats: tuple[PayloadFormat, ...]
    address: str = ""               # where we receive, "192.0.2.9:16384"
    remote: str = ""                # what the offer said, "192.0.2.1:40000"


@frozen
class TrackChanged:
    """
    A later offer changed direction, formats, label or address of a track.
    """

    at: float
    track: int
    label: str
    direction: Direction
    formats: tuple[PayloadFormat, ...]
    remote: str = ""


@frozen
class TrackClosed:
    """
    The track's media description was set to port 0, or the call ended, or what received it was lost.
    """

    at: float
    track: int
    lost: bool = False              # packets that are sent to it are not recorded any more


@frozen
class Warned:
    """
    Something was wrong and the recording went on.
    """

    at: float
    code: str                       # stable, kebab-case: "metadata-not-well-formed"
    text: str


@frozen
class CallEnded:
    """
    The call is over; absent when the process was killed.
    """

    at: float
    reason: EndReason
    detail: str = ""                # e.g. the BYE's Reason header


JournalEvent = (
    CallStarted | CallAnswered | DocumentKept | TrackOpened | TrackChanged | TrackClosed | Warned | CallEnded
)

END_OF_TIME = 253_402_300_800.0      # the year 10000: what a calendar cannot name is not an instant
UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, cattrs.BaseValidationError)

_converter = cattrs.Converter()
configure_tagged_union(JournalEvent, _converter, tag_name="event")


def to_line(event: JournalEvent) -> bytes:
    """
    One event as one line of JSON, line feed included. Surrogates (octets that were not UTF-8) are escaped.
    """
    unstructured = _converter.unstructure(event, unstructure_as=JournalEvent)
    text = json.dumps(unstructured, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def from_lines(lines: Iterable[bytes]) -> Iterator[JournalEvent]:
    """
    The events of a journal, in order. A torn or unreadable line is passed over: a killed process leaves one.
    """
    for line in lines:
        try:
            event: JournalEvent = _converter.structure(json.loads(line), JournalEvent)  # type: ignore[arg-type]
        except UNREADABLE:
            continue
        if 0 <= event.at < END_OF_TIME:
            yield event
