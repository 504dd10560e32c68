"""
RFC 7865 recording metadata as values: one model, whatever dialect the client writes.

Instants are POSIX seconds (UTC) of the client's clock, or None where the document does not tell.
Ids are opaque text. An empty string stands for "not told"; the warnings of a reading say what that hid.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen


class Completeness(StrEnum):
    """
    What a document's datamode element says it is.
    """

    COMPLETE = "complete"
    PARTIAL = "partial"


@frozen
class MetadataWarning:
    """
    Something missing, doubtful or repaired; the recording goes on.
    """

    code: str                                   # stable, kebab-case: "metadata-not-well-formed"
    text: str


@frozen
class Extension:
    """
    A vendor's own element: its XML as it came, and its leaves as key and value where it has any.

    Keys are local names joined by "/", C{callType/origCall/dialedDigits}; attributes follow an "@".
    """

    namespace: str
    name: str                                   # local name
    xml: str                                    # stands alone: declares the namespaces it uses
    fields: tuple[tuple[str, str], ...] = ()


@frozen
class NameId:
    """
    One identity of a participant: an address of record and perhaps a display name.
    """

    aor: str                                    # "sip:alice@example.com", "tel:+15551234", or ""
    name: str = ""
    language: str = ""                          # xml:lang of the name
    original: str = ""                          # the AOR as written, where that differs from C{aor}


@frozen
class Participant:
    """
    Somebody who took part.
    """

    id: str
    name_ids: tuple[NameId, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @property
    def is_placeholder(self) -> bool:
        """
        Whether this stands in for somebody not known yet, as Avaya's first document has it.
        """
        return all(
            not (n.aor or n.name) or n.aor.lower().startswith("sip:dummy") for n in self.name_ids
        )


@frozen
class Session:
    """
    A communication session (CS): a call, as its participants know it.
    """

    id: str
    sip_session_ids: tuple[str, ...] = ()       # RFC 7989, verbatim: "a;remote=b"
    group_ref: str = ""
    start_time: float | None = None
    end_time: float | None = None
    reason: str = ""
    extensions: tuple[Extension, ...] = ()


@frozen
class Group:
    """
    A communication session group: sessions that belong together.
    """

    id: str
    associate_time: float | None = None
    disassociate_time: float | None = None
    extensions: tuple[Extension, ...] = ()


@frozen
class Stream:
    """
    A media stream; C{label} is the a=label of its m-line (RFC 4574).
    """

    id: str
    label: str = ""
    session_id: str = ""
    mode: str = ""                              # of the drafts: "separate", "mixed"
    associate_time: float | None = None
    disassociate_time: float | None = None      # set when it is no longer sent
    extensions: tuple[Extension, ...] = ()


@frozen
class SessionRecording:
    """
    A session's time in this recording session (sessionrecordingassoc).
    """

    session_id: str
    associate_time: float | None = None
    disassociate_time: float | None = None


@frozen
class ParticipantSession:
    """
    A participant's time in a session (participantsessionassoc).
    """

    participant_id: str
    session_id: str
    associate_time: float | None = None
    disassociate_time: float | None = None
    parameters: tuple[tuple[str, str], ...] = ()


@frozen
class ParticipantStream:
    """
    The streams a participant sends and receives (participantstreamassoc); with none it is on hold.
    """

    participant_id: str
    sends: tuple[str, ...] = ()                 # stream ids
    receives: tuple[str, ...] = ()
    associate_time: float | None = None
    disassociate_time: float | None = None

    @property
    def is_hold(self) -> bool:
        """
        Whether it names no stream at all.
        """
        return not self.sends and not self.receives


@frozen
class Metadata:
    """
    One document, or the state that a sequence of documents has led to.
    """

    data_mode: Completeness = Completeness.COMPLETE
    groups: tuple[Group, ...] = ()
    sessions: tuple[Session, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[Stream, ...] = ()
    session_recordings: tuple[SessionRecording, ...] = ()
    participant_sessions: tuple[ParticipantSession, ...] = ()
    participant_streams: tuple[ParticipantStream, ...] = ()
    end_time: float | None = None               # of the recording session, where a document gives one
    extensions: tuple[Extension, ...] = field(default=())

    def has_left(self, participant_id: str) -> bool:
        """
        Whether a participant was in a session and every such association has ended.
        """
        found = [a for a in self.participant_sessions if a.participant_id == participant_id]
        return bool(found) and all(a.disassociate_time is not None for a in found)
