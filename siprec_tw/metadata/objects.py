"""
The objects of a document, one element each: group, session, participant, stream and their associations.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen

from siprec_tw.metadata import dialects
from siprec_tw.metadata.extensions import ExtensionReader
from siprec_tw.metadata.model import (
    Extension,
    Group,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.name_id import read_name_id
from siprec_tw.metadata.times import read_time
from siprec_tw.metadata.warning_list import WarningList
from siprec_tw.metadata.xml_tree import Node

_TIMES = (*dialects.BEGINNINGS, *dialects.ENDINGS)
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


@frozen
class Party:
    """
    A participant element with what the drafts put into it: its session and the streams it sends.
    """

    participant: Participant
    in_session: ParticipantSession | None = None
    on_streams: ParticipantStream | None = None


@define
class ObjectReader:
    """
    Reads single elements; ids are as written, "" where there is none.
    """

    warnings: WarningList
    _extensions: ExtensionReader = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._extensions = ExtensionReader(self.warnings)

    def group(self, node: Node) -> Group:
        """
        A group element.
        """
        known = dialects.id_names("group")
        return Group(_own_id(node, "group"), *self._times(node), self.extensions_of(node, *known, *_TIMES))

    def session(self, node: Node) -> Session:
        """
        A session element.
        """
        known = (*dialects.id_names("session"), *dialects.GROUP_REFERENCES, *_TIMES, "sipsessionid", "reason")
        start, end = self._times(node)
        return Session(
            id=_own_id(node, "session"),
            sip_session_ids=tuple(text for child in node.children("sipsessionid") if (text := child.text)),
            group_ref=_reference(node, dialects.GROUP_REFERENCES),
            start_time=start,
            end_time=end,
            reason="; ".join(text for child in node.children("reason") if (text := child.text)),
            extensions=self.extensions_of(node, *known),
        )

    def stream(self, node: Node) -> Stream:
        """
        A stream element.
        """
        known = (
            *dialects.id_names("stream"), *dialects.SESSION_REFERENCES, *_TIMES, "label", dialects.MODE,
        )
        start, end = self._times(node)
        return Stream(
            id=_own_id(node, "stream"),
            label=node.child_text("label") or node.attribute("label"),
            session_id=_reference(node, dialects.SESSION_REFERENCES),
            mode=node.child_text(dialects.MODE) or node.attribute(dialects.MODE),
            associate_time=start,
            disassociate_time=end,
            extensions=self.extensions_of(node, *known),
        )

    def party(self, node: Node) -> Party:
        """
        A participant element.
        """
        known = (
            *dialects.id_names("participant"), *dialects.SESSION_REFERENCES, *_TIMES, *dialects.SENDS,
            *dialects.RECEIVES, "nameid", "aor", "name",
        )
        own = _own_id(node, "participant")
        participant = Participant(own, tuple(self._name_ids(node)), self.extensions_of(node, *known))
        session_id = _reference(node, dialects.SESSION_REFERENCES)
        start, end = self._times(node)
        in_session = None
        if session_id or start is not None or end is not None:
            in_session = ParticipantSession(own, session_id, start, end)
        on_streams = None
        if any(node.children(*dialects.SENDS, *dialects.RECEIVES)):
            on_streams = self._on_streams(node, own, (None, None))
        return Party(participant, in_session, on_streams)

    def session_recording(self, node: Node) -> SessionRecording:
        """
        A sessionrecordingassoc element.
        """
        return SessionRecording(_reference(node, dialects.SESSION_REFERENCES), *self._times(node))

    def participant_session(self, node: Node) -> ParticipantSession:
        """
        A participantsessionassoc element.
        """
        parameters = tuple(
            (param.attribute("pname", "name"), param.attribute("pvalue", "value") or param.text)
            for param in node.children("param", "parameter")
        )
        session_id = _reference(node, dialects.SESSION_REFERENCES)
        return ParticipantSession(_own_id(node, "participant"), session_id, *self._times(node), parameters)

    def participant_stream(self, node: Node) -> ParticipantStream | None:
        """
        A participantstreamassoc element, or None where it names streams without saying which.
        """
        return self._on_streams(node, _own_id(node, "participant"), self._times(node))

    def extension(self, node: Node) -> tuple[Extension, ...]:
        """
        An element that is none of the above.
        """
        return self._extensions.read(node)

    def extensions_of(self, node: Node, *known: str) -> tuple[Extension, ...]:
        """
        The children of an object that are not of the names C{known}, nor objects themselves.
        """
        return tuple(
            extension
            for child in node.children()
            if child.key not in known and not is_object(child)
            for extension in self.extension(child)
        )

    def _times(self, node: Node) -> tuple[float | None, float | None]:
        return (
            read_time(node.child_text(*dialects.BEGINNINGS), self.warnings),
            read_time(node.child_text(*dialects.ENDINGS), self.warnings),
        )

    def _name_ids(self, node: Node) -> Iterator[NameId]:
        for name_id in node.children("nameid"):
            aor = name_id.attribute("aor", "uri") or name_id.child_text("aor")
            yield from self._identities(aor, name_id)
        if aor := node.child_text("aor"):
            yield from self._identities(aor, node)

    def _identities(self, aor: str, node: Node) -> Iterator[NameId]:
        named = False
        for name in node.children("name"):
            if name.text:
                named = True
                yield read_name_id(aor, name.text, str(name.element.get(_LANGUAGE, "")), self.warnings)
        if not named:
            yield read_name_id(aor, node.attribute("name"), "", self.warnings)

    def _on_streams(
        self, node: Node, participant_id: str, times: tuple[float | None, float | None]
    ) -> ParticipantStream | None:
        sends = [_stream_id(child) for child in node.children(*dialects.SENDS)]
        receives = [_stream_id(child) for child in node.children(*dialects.RECEIVES)]
        if (sends or receives) and not any((*sends, *receives)):
            self.warnings.once("association-without-stream-id", "a send or recv element is empty")
            return None
        return ParticipantStream(participant_id, _told(sends), _told(receives), *times)


def is_object(node: Node) -> bool:
    """
    Whether this element is an object of the model, and not a mere reference to one.
    """
    kind = node.key.removesuffix("sessionassoc").removesuffix("streamassoc")
    return node.key in dialects.OBJECTS and bool(node.attribute(*dialects.id_names(kind), "sessionid"))


def _own_id(node: Node, kind: str) -> str:
    return node.attribute(*dialects.id_names(kind)) or node.child_text(*dialects.id_names(kind))


def _reference(node: Node, names: tuple[str, ...]) -> str:
    if found := node.attribute(*names):
        return found
    return next((child.text for child in node.children(*names) if not any(child.children())), "")


def _stream_id(node: Node) -> str:
    return node.child_text("id", "streamid") or node.attribute("streamid", "id") or node.text


def _told(ids: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id for id in ids if id))
