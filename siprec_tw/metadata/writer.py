"""
Recording metadata written as RFC 7865 has it, as our test client sends it.

What only dialects know is not written: a stream's mode and times, the end of the recording session, the
original form of an AOR.
"""

from __future__ import annotations

import re
from itertools import groupby

from lxml import etree

from siprec_tw.metadata.model import Extension, Group, Metadata, Participant, Session
from siprec_tw.metadata.times import write_time

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"

# Extensions are added when all else is indented, so that their own white space stays as it is.
_Pending = list[tuple[etree._Element, tuple[Extension, ...]]]

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_metadata(metadata: Metadata) -> bytes:
    """
    A document, UTF-8 with an XML declaration; characters that XML cannot carry are left out.

    An extension whose XML does not parse alone, or has a DOCTYPE, is left out.
    """
    pending: _Pending = []
    root = etree.fromstring(f'<recording xmlns="{NAMESPACE}"/>')
    _add(root, "datamode", metadata.data_mode.value)
    for group in metadata.groups:
        _add_group(root, group, pending)
    for session in metadata.sessions:
        _add_session(root, session, pending)
    for participant in metadata.participants:
        _add_participant(root, participant, pending)
    for stream in metadata.streams:
        element = _add(root, "stream", stream_id=stream.id, session_id=stream.session_id)
        _add_told(element, "label", stream.label)
        pending.append((element, stream.extensions))
    _add_associations(root, metadata)
    pending.append((root, metadata.extensions))
    etree.indent(root)
    _add_extensions(pending)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _add_group(root: etree._Element, group: Group, pending: _Pending) -> None:
    element = _add(root, "group", group_id=group.id)
    _add_times(element, group.associate_time, group.disassociate_time)
    pending.append((element, group.extensions))


def _add_session(root: etree._Element, session: Session, pending: _Pending) -> None:
    element = _add(root, "session", session_id=session.id)
    for sip_session_id in session.sip_session_ids:
        _add(element, "sipSessionID", sip_session_id)
    _add_told(element, "reason", session.reason)
    _add_told(element, "group-ref", session.group_ref)
    _add_time(element, "start-time", session.start_time)
    _add_time(element, "stop-time", session.end_time)
    pending.append((element, session.extensions))


def _add_participant(root: etree._Element, participant: Participant, pending: _Pending) -> None:
    element = _add(root, "participant", participant_id=participant.id)
    for aor, name_ids in groupby(participant.name_ids, lambda name_id: name_id.aor):
        name_id_element = _add(element, "nameID", aor=aor)
        for name_id in name_ids:
            if name_id.name:
                name = _add(name_id_element, "name", name_id.name)
                if name_id.language:
                    name.set(_LANGUAGE, _clean(name_id.language))
    pending.append((element, participant.extensions))


def _add_associations(root: etree._Element, metadata: Metadata) -> None:
    for recorded in metadata.session_recordings:
        element = _add(root, "sessionrecordingassoc", session_id=recorded.session_id)
        _add_times(element, recorded.associate_time, recorded.disassociate_time)
    for member in metadata.participant_sessions:
        element = _add(
            root, "participantsessionassoc",
            participant_id=member.participant_id, session_id=member.session_id,
        )
        _add_times(element, member.associate_time, member.disassociate_time)
        for name, value in member.parameters:
            _add(element, "param", pname=name, pvalue=value)
    for sender in metadata.participant_streams:
        element = _add(root, "participantstreamassoc", participant_id=sender.participant_id)
        for stream_id in sender.sends:
            _add(element, "send", stream_id)
        for stream_id in sender.receives:
            _add(element, "recv", stream_id)
        _add_times(element, sender.associate_time, sender.disassociate_time)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    for attribute, value in attributes.items():
        if value:
            element.set(attribute, _clean(value))
    if text:
        element.text = _clean(text)
    return element


def _add_told(parent: etree._Element, name: str, text: str) -> None:
    if text:
        _add(parent, name, text)


def _add_time(parent: etree._Element, name: str, instant: float | None) -> None:
    if instant is not None:
        _add(parent, name, write_time(instant))


def _add_times(parent: etree._Element, begin: float | None, end: float | None) -> None:
    _add_time(parent, "associate-time", begin)
    _add_time(parent, "disassociate-time", end)


def _add_extensions(pending: _Pending) -> None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    for parent, extensions in pending:
        for extension in extensions:
            if "<!doctype" in extension.xml.lower():
                continue
            try:
                parent.append(etree.fromstring(extension.xml, parser))
            except (etree.XMLSyntaxError, ValueError):
                continue


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)
