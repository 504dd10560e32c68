"""
The reader of RFC 7865 recording metadata: octets in, one model and warnings out, whatever the dialect.

    octets -> xml_text -> xml_repair (if need be) -> xml_tree -> objects -> identity -> associations -> model

It raises nothing. What cannot be read at all gives no metadata and a warning that says why; the recording of
the call does not depend on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define, evolve, field, frozen

from siprec_tw.metadata import dialects
from siprec_tw.metadata.associations import (
    Objects,
    participant_sessions,
    participant_streams,
    session_recordings,
)
from siprec_tw.metadata.extensions import WRAPPER
from siprec_tw.metadata.identity import unique_objects, unique_parties
from siprec_tw.metadata.model import (
    Completeness,
    Extension,
    Group,
    Metadata,
    MetadataWarning,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.objects import ObjectReader, Party, is_object
from siprec_tw.metadata.times import read_time
from siprec_tw.metadata.warning_list import WarningList
from siprec_tw.metadata.xml_tree import Node, parse

MOST_OBJECTS = 500      # of each kind in a document


@frozen
class Reading:
    """
    What a document says, as far as it can be read.
    """

    metadata: Metadata | None
    warnings: tuple[MetadataWarning, ...] = ()


def read_metadata(document: bytes) -> Reading:
    """
    Read a body of type application/rs-metadata or application/rs-metadata+xml (RFC 7866, RFC 9806).

    Raises nothing. C{metadata} is None only where the document is no XML, has a DOCTYPE, exceeds a bound of
    L{siprec_tw.metadata.xml_tree}, or has nothing of recording metadata in it.
    """
    warnings = WarningList()
    tree = parse(document, warnings)
    root = _root(tree, warnings) if tree else None
    metadata = _Document(warnings).read(root) if root else None
    return Reading(metadata, warnings.all())


def _root(tree: Node, warnings: WarningList) -> Node | None:
    nodes = [Node(element) for element in tree.element.iter() if isinstance(element.tag, str)]
    root = next((node for node in nodes if node.key in dialects.ROOTS), None)
    if root is None and any(child.key in dialects.OBJECTS for child in tree.children()):
        root = tree
    if root is None:
        warnings.add("metadata-unknown-root", f"the root element is <{tree.name}>, wanted <recording>")
        return None
    if root is not nodes[0] or root.key not in dialects.ROOTS:
        warnings.add("metadata-unknown-root", f"the root element is <{tree.name}>: <{root.name}> is read")
    if root.namespace not in dialects.NAMESPACES:
        warnings.add("metadata-unknown-namespace", f"the namespace is {root.namespace!r}")
    return root


@define
class _Document:
    """
    A document being read, element after element.
    """

    warnings: WarningList
    reader: ObjectReader = field(init=False)
    groups: list[Group] = field(factory=list)
    sessions: list[Session] = field(factory=list)
    parties: list[Party] = field(factory=list)
    streams: list[Stream] = field(factory=list)
    session_recordings: list[SessionRecording] = field(factory=list)
    participant_sessions: list[ParticipantSession] = field(factory=list)
    participant_streams: list[ParticipantStream] = field(factory=list)
    extensions: list[Extension] = field(factory=list)
    # An extensiondata of the drafts names what it describes: <extensiondata parent="...">
    attached: dict[str, tuple[Extension, ...]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.reader = ObjectReader(self.warnings)

    def read(self, root: Node) -> Metadata:
        """
        The whole document.
        """
        mode = self._mode(root)
        counts: Counter[str] = Counter()
        for node in _elements(root):
            counts[node.key] += 1
            if node.key not in dialects.OBJECTS or counts[node.key] <= MOST_OBJECTS:
                self._take(node)
            else:
                self.warnings.once("too-many-objects", f"<{node.name}> number {MOST_OBJECTS + 1} is not read")
        return self._settled(mode, read_time(root.child_text("stoptime", "endtime"), self.warnings))

    def _mode(self, root: Node) -> Completeness:
        text = root.child_text(dialects.DATA_MODE) or root.attribute(dialects.DATA_MODE)
        if text.lower() == "partial":
            return Completeness.PARTIAL
        if not text:
            self.warnings.add("data-mode-missing", "there is no datamode: taken as complete")
        elif text.lower() != "complete":
            self.warnings.add("data-mode-unknown", f"datamode is {text!r}: taken as complete")
        return Completeness.COMPLETE

    def _take(self, node: Node) -> None:
        match node.key:
            case dialects.GROUP:
                self.groups.append(self.reader.group(node))
            case dialects.SESSION:
                self.sessions.append(self.reader.session(node))
            case dialects.PARTICIPANT:
                self.parties.append(self.reader.party(node))
            case dialects.STREAM:
                self.streams.append(self.reader.stream(node))
            case dialects.SESSION_RECORDING:
                self.session_recordings.append(self.reader.session_recording(node))
            case dialects.PARTICIPANT_SESSION:
                self.participant_sessions.append(self.reader.participant_session(node))
            case dialects.PARTICIPANT_STREAM:
                if (association := self.reader.participant_stream(node)) is not None:
                    self.participant_streams.append(association)
            case _:
                self._take_extension(node)

    def _take_extension(self, node: Node) -> None:
        parent = node.attribute("parent") if node.key == WRAPPER else ""
        if parent:
            self.attached[parent] = self.attached.get(parent, ()) + self.reader.extension(node)
        else:
            self.extensions += self.reader.extension(node)

    def _settled(self, mode: Completeness, end_time: float | None) -> Metadata:
        groups, _ = unique_objects(self.groups, "group", self.warnings)
        sessions, _ = unique_objects(self.sessions, "session", self.warnings)
        streams, stream_owners = unique_objects(self.streams, "stream", self.warnings, _label_name)
        parties, party_owners = unique_parties(self.parties, self.warnings)
        objects = Objects(mode, sessions, parties, streams, party_owners, stream_owners)
        for party in parties:
            if not any(name_id.aor for name_id in party.participant.name_ids):
                text = f"participant {party.participant.id!r} has no aor"
                self.warnings.add("participant-without-aor", text)
        streams_of = participant_streams(objects, self.participant_streams, self.warnings)
        return Metadata(
            data_mode=mode,
            participants=tuple(
                evolve(p.participant, extensions=self._extended(p.participant.id, p.participant.extensions))
                for p in parties
            ),
            streams=tuple(evolve(s, extensions=self._extended(s.id, s.extensions)) for s in streams),
            sessions=tuple(evolve(s, extensions=self._extended(s.id, s.extensions)) for s in sessions),
            groups=tuple(evolve(g, extensions=self._extended(g.id, g.extensions)) for g in groups),
            session_recordings=session_recordings(objects, self.session_recordings),
            participant_sessions=participant_sessions(objects, self.participant_sessions, self.warnings),
            participant_streams=streams_of,
            end_time=end_time,
            extensions=(*self.extensions, *(one for rest in self.attached.values() for one in rest)),
        )

    def _extended(self, id: str, own: tuple[Extension, ...]) -> tuple[Extension, ...]:
        return own + self.attached.pop(id, ())


def _elements(parent: Node) -> Iterator[Node]:
    """
    The elements of a document, those too that a draft or a missing end tag has put inside another.
    """
    for node in parent.children():
        if node.key in dialects.CONTAINERS and any(node.children(*dialects.OBJECTS)):
            yield from _elements(node)
        elif node.key in dialects.OBJECTS:
            yield node
            yield from _nested(node)
        elif node.key not in (dialects.DATA_MODE, "stoptime", "endtime"):
            yield node


def _nested(node: Node) -> Iterator[Node]:
    for child in node.children():
        if is_object(child):
            yield child
            yield from _nested(child)


def _label_name(stream: Stream) -> str:
    return f"label:{stream.label}" if stream.label else ""
