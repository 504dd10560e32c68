"""
The words of the dialects: what elements and attributes are called, as C{name_key} has them.

RFC 7865 speaks of C{session_id}, C{associate-time} and assoc elements. Its drafts, which Oracle, AudioCodes,
Avaya, BroadWorks and Metaswitch froze in various years, have C{id} and C{session} attributes, C{start-time},
C{send} within the participant, C{aor} as an element, another root and other namespaces.
"""

from __future__ import annotations

ROOTS = ("recording", "recordingmetadata")
NAMESPACES = (
    "urn:ietf:params:xml:ns:recording:1",
    "urn:ietf:params:xml:ns:recording",
    "urn:ietf:params:xml:ns:siprec",
    "",
)

GROUP = "group"
SESSION = "session"
PARTICIPANT = "participant"
STREAM = "stream"
SESSION_RECORDING = "sessionrecordingassoc"
PARTICIPANT_SESSION = "participantsessionassoc"
PARTICIPANT_STREAM = "participantstreamassoc"
OBJECTS = (GROUP, SESSION, PARTICIPANT, STREAM, SESSION_RECORDING, PARTICIPANT_SESSION, PARTICIPANT_STREAM)
# Elements that only hold others together in the earliest drafts.
CONTAINERS = ("groups", "sessions", "participants", "streams", "recording")

DATA_MODE = "datamode"
BEGINNINGS = ("associatetime", "starttime")
ENDINGS = ("disassociatetime", "dissociatetime", "stoptime", "endtime")
SESSION_REFERENCES = ("sessionid", "session")
GROUP_REFERENCES = ("groupref", "groupid", "group")
SENDS = ("send",)
RECEIVES = ("recv", "receive")
MODE = "mode"


def id_names(kind: str) -> tuple[str, str]:
    """
    The names of an object's own id: C{participant_id}, else C{id}.
    """
    return f"{kind}id", "id"
