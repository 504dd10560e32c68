"""
A written call read without a server: each message through parser, bodies, SDP and metadata, as a call would.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, evolve, field
from client_cases import ScriptedMessage

from siprec_tw.errors import PeerError
from siprec_tw.metadata.model import Metadata
from siprec_tw.metadata.participant_headers import metadata_of_headers
from siprec_tw.metadata.reader import read_metadata
from siprec_tw.metadata.update import apply
from siprec_tw.recorder.bodies import Bodies, read_bodies
from siprec_tw.recorder.keying import Keying
from siprec_tw.recorder.negotiation import RECORDED
from siprec_tw.recorder.tracks import direction
from siprec_tw.recording.journal import Direction
from siprec_tw.recording.people import MetadataDocument, People, people_of
from siprec_tw.sdp.answer import LocalMedia, PlannedMedia, answer, is_acceptable, plan, plan_warnings
from siprec_tw.sdp.description import Origin, SessionDescription
from siprec_tw.sdp.offer import offer, plan_from_answer
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp
from siprec_tw.sip.message import Request
from siprec_tw.sip.parser import parse_message
from siprec_tw.sip.validation import validate_request

ORIGIN = Origin("-", "7", "1", "IN", "IP4", "192.0.2.9")
LOCAL = {index: LocalMedia("192.0.2.9", 16384 + 2 * index, 16385 + 2 * index) for index in range(8)}
VALUES = {
    "server": "192.0.2.9:5060", "host": "203.0.113.7", "port": "5060", "branch": "z9hG4bK1", "call_id": "c1",
    "from_tag": "f1", "to_tag": "t1", "target": "sip:192.0.2.9:5060",
    **{f"rtp_port_{line}": str(40000 + 2 * line) for line in range(4)},
    **{f"rtcp_port_{line}": str(40001 + 2 * line) for line in range(4)},
}


@define
class Answered:
    """
    What came of one message.
    """

    status: int
    description: bytes = b""                            # our answer, or our offer
    warnings: list[str] = field(factory=list)           # codes


@define
class CallReading:
    """
    One dialog, message by message.
    """

    planned: tuple[PlannedMedia, ...] = ()
    labels: dict[int, str] = field(factory=dict)        # by m-line, the last one
    documents: list[MetadataDocument] = field(factory=list)
    states: list[tuple[str, dict[str, bool]]] = field(factory=list)    # after each message: label, held
    key_warnings: list[str] = field(factory=list)
    keying: Keying = field(init=False)
    told: tuple[float, Metadata] | None = None         # by header fields of the INVITE
    _metadata: Metadata | None = None
    _offered: SessionDescription | None = None

    def __attrs_post_init__(self) -> None:
        self.keying = Keying(bytes, lambda code, text: self.key_warnings.append(code))

    def read(self, message: ScriptedMessage, at: float) -> Answered:
        """
        Take a message as the server would; C{at} is the instant of its arrival.
        """
        request = parse_message(message.octets(VALUES))
        assert isinstance(request, Request)
        validate_request(request)
        bodies = read_bodies(request)
        by_headers = metadata_of_headers(tuple(request.headers))
        self.told = self.told or (None if by_headers is None else (at, by_headers))
        answered = Answered(200, warnings=[code for code, _ in bodies.warnings])
        try:
            answered.description = self._negotiated(request, bodies, answered)
        except PeerError as error:
            answered.status = error.status
            return answered
        for part in bodies.metadata:
            self._take(part.body, request, at, answered)
        self.states.append((message.name, self._held()))
        return answered

    def people(self) -> People:
        """
        What the metadata comes to.
        """
        return people_of(self.documents, [self.labels[line] for line in sorted(self.labels)], None, told=self.told)

    def holds(self) -> dict[str, list[dict[str, str]]]:
        """
        By label, from which message until which.
        """
        found: dict[str, list[dict[str, str]]] = {}
        for name, held in self.states:
            for label, is_held in held.items():
                periods = found.setdefault(label, [])
                is_open = bool(periods) and "until" not in periods[-1]
                if is_held and not is_open:
                    periods.append({"from": name})
                elif is_open and not is_held:
                    periods[-1]["until"] = name
        return {label: periods for label, periods in found.items() if periods}

    def _negotiated(self, request: Request, bodies: Bodies, answered: Answered) -> bytes:
        if bodies.sdp is None:
            return self._our_offer() if request.method == "INVITE" else b""
        reading = parse_sdp(bodies.sdp.body)
        if request.method == "ACK":
            assert self._offered is not None
            planned = plan_from_answer(self._offered, reading.description)
        else:
            planned = plan(reading.description, self.planned, RECORDED)
            planned = self.keying.agree(planned)
        found = (*reading.warnings, *plan_warnings(planned, self.planned))
        answered.warnings += [code for code, _ in found]
        answered.warnings += self.key_warnings
        self.key_warnings.clear()
        if not is_acceptable(planned):
            raise PeerError("nothing to record", 488)
        self._follow(planned)
        if request.method == "ACK":
            return b""
        local = {index: evolve(LOCAL[index], crypto=self.keying.answer(media)) for index, media in enumerate(planned)}
        return write_sdp(answer(reading.description, planned, local, ORIGIN))

    def _our_offer(self) -> bytes:
        # Nothing is planned yet: what the client sends, its answer says.
        self._offered = offer([LOCAL[0], LOCAL[1]], ORIGIN)
        return write_sdp(self._offered)

    def _follow(self, planned: tuple[PlannedMedia, ...]) -> None:
        self.planned = planned
        self.labels.update((media.index, media.label) for media in planned)

    def _held(self) -> dict[str, bool]:
        return {m.label: direction(m) is Direction.INACTIVE for m in self.planned if m.accepted}

    def _take(self, document: bytes, request: Request, at: float, answered: Answered) -> None:
        reading = read_metadata(document)
        answered.warnings += [warning.code for warning in reading.warnings]
        self.documents.append(MetadataDocument(at, f"{request.method} 1", document))
        if reading.metadata is not None:
            final = request.method == "BYE"
            updated = apply(self._metadata, reading.metadata, final=final, at=at)
            answered.warnings += [warning.code for warning in updated.warnings]
            self._metadata = updated.metadata


def extension_fields(metadata: object, place: str) -> Iterator[str]:
    """
    "key=value" of each leaf of the vendors' extensions at the root, or else of the sessions.
    """
    assert isinstance(metadata, dict)
    for owner in [metadata] if place == "root" else metadata["sessions"]:
        for extension in owner["extensions"]:
            yield from (f"{key}={value}" for key, value in extension["fields"])
