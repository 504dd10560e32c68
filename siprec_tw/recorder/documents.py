"""
The documents of a call: every body kept as it came, and what the metadata among them adds up to so far.

The warnings here are for those who watch the running call; the finaliser reads the kept documents again.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from siprec_tw.interfaces import PartyView
from siprec_tw.metadata.attribution import attributions, parties
from siprec_tw.metadata.model import Metadata, Participant
from siprec_tw.metadata.reader import read_metadata
from siprec_tw.metadata.update import apply
from siprec_tw.recorder.bodies import Bodies, essence
from siprec_tw.recording.journal import DocumentKind
from siprec_tw.sip.multipart import Part
from siprec_tw.storage.spool import SpooledRecording

MOST_DOCUMENTS = 2000           # of one call; a client that sends more is not believed to mean it


@define(eq=False)
class Documents:
    """
    Keeps bodies in the spool and the metadata up to date.
    """

    _spooled: SpooledRecording
    _now: Callable[[], float]
    _warn: Callable[[str, str], object]         # of what only the message tells
    _note: Callable[[str, str], object]         # of what the finaliser finds in the kept documents by itself
    vital: bool = True          # whether the call may still be refused for want of a document
    told: tuple[tuple[float, Metadata], ...] = ()       # by header fields; counts until a document comes
    history: list[tuple[float, Metadata]] = field(factory=list)
    _kept: int = 0

    async def take(self, bodies: Bodies, carried_by: str, sdp_kind: DocumentKind, *, final: bool = False) -> None:
        """
        Keep the parts of one request and apply its metadata; C{final} for those of a BYE.

        Raises OSError as long as the call may still be refused; later a disk that fails costs the document alone.
        """
        for code, text in bodies.warnings:
            self._warn(code, text)
        if bodies.sdp is not None:
            await self._keep(sdp_kind, bodies.sdp, carried_by)
        for part in bodies.metadata:
            await self._keep(DocumentKind.METADATA, part, carried_by)
            self._apply(part, final)
        for part in bodies.others:
            await self._keep(DocumentKind.OTHER, part, carried_by)

    async def keep_ours(self, kind: DocumentKind, body: bytes, carried_by: str) -> None:
        """
        Keep a description that we sent.
        """
        await self._store(kind, "application/sdp", carried_by, body)

    @property
    def metadata(self) -> Metadata | None:
        """
        What the documents add up to; None before the first that could be read.
        """
        return self.history[-1][1] if self.history else None

    def parties(self) -> tuple[PartyView, ...]:
        """
        Everybody that the metadata has named.
        """
        return tuple(party_view(participant) for participant in parties(self.history or self.told))

    def senders(self) -> dict[str, tuple[PartyView, ...]]:
        """
        Who sends which label now.
        """
        views = {view.participant_id: view for view in self.parties()}
        found: dict[str, tuple[PartyView, ...]] = {}
        for each in attributions(self.history or self.told):
            if each.until_time is None and each.participant_id in views:
                found[each.label] = (*found.get(each.label, ()), views[each.participant_id])
        return found

    async def _keep(self, kind: DocumentKind, part: Part, carried_by: str) -> None:
        self._kept += 1
        if self._kept > MOST_DOCUMENTS:
            self._warn("too-many-documents", f"found more than {MOST_DOCUMENTS}, the rest are not kept")
            return
        await self._store(kind, essence(part), carried_by, part.body)

    async def _store(self, kind: DocumentKind, content_type: str, carried_by: str, body: bytes) -> None:
        try:
            await self._spooled.keep_document(kind, content_type, carried_by, self._now(), body)
        except OSError as error:
            if self.vital:
                raise
            self._warn("document-not-kept", f"{kind.value} of {carried_by}: {error.strerror}")

    def _apply(self, part: Part, final: bool) -> None:
        reading = read_metadata(part.body)
        for warning in reading.warnings:
            self._note(warning.code, warning.text)
        if reading.metadata is None or self._kept > MOST_DOCUMENTS:
            return
        now = self._now()
        updated = apply(self.metadata, reading.metadata, final=final, at=now)
        for warning in updated.warnings:
            self._note(warning.code, warning.text)
        self.history.append((now, updated.metadata))


def party_view(participant: Participant) -> PartyView:
    """
    A participant under its last name.
    """
    aor = next((n.aor for n in reversed(participant.name_ids) if n.aor), "")
    name = next((n.name for n in reversed(participant.name_ids) if n.name), "")
    return PartyView(participant.id, aor, name)
