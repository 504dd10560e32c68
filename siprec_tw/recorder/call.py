"""
A call being recorded: its SIP side, its tracks, its documents, its journal, and what its session machine wants.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.interfaces import StreamReport
from siprec_tw.metadata.participant_headers import metadata_of_headers
from siprec_tw.recorder.documents import Documents
from siprec_tw.recorder.keying import Keying
from siprec_tw.recorder.leg import Leg
from siprec_tw.recorder.negotiation import Negotiation
from siprec_tw.recorder.replies import Fields, accepted, refused
from siprec_tw.recorder.rtcp_peer import CNAME_OCTETS
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recorder.tracks import Tracks
from siprec_tw.recording.journal import CallAnswered, CallEnded, CallStarted, EndReason, JournalEvent, Warned
from siprec_tw.recording.session import (
    Core,
    Effect,
    Finish,
    RefuseInvite,
    SendAnswer,
    SendBye,
    Session,
    StopAnswer,
    new_session,
)
from siprec_tw.sdp.origin_sequence import OriginSequence
from siprec_tw.sip.session_timer import SessionTimer
from siprec_tw.storage.spool import SpooledRecording

MOST_WARNINGS = 500
# Seconds: sound that is not older keeps a call alive whose client does not answer; the margin of RFC 4028 s.10.
LIVELY = 32.0
# What befalls a thousand calls at once: the log has one line for all of them.
SAID_FOR_ALL = frozenset({"media-worker-lost"})


@define(eq=False)
class Call:
    """
    One recording session. Requests within it are worked on one at a time, whoever holds C{turn}.
    """

    log = Logger()

    surroundings: Surroundings
    begun: CallStarted
    leg: Leg
    spooled: SpooledRecording
    _forget: Callable[[Call], None]
    timer: SessionTimer | None = None
    answered: float | None = None                       # POSIX seconds
    state: str = "early"                                # "early", "confirmed", "ending"
    answer: bytes = b""                                 # the description in the 2xx to the INVITE
    answer_fields: Fields = ()                          # and its further header fields
    detail: str = ""                                    # why it ended, in words
    turn: DeferredLock = field(factory=DeferredLock)
    finished: Deferred[None] = field(factory=Deferred)  # fires when the recording has been handed on
    farewell: Deferred[None] | None = None              # fires when our BYE has been answered
    refresh_after: float = 0.0                          # reactor's seconds, before which no refresh is tried again
    silent_at: float = 0.0                              # POSIX seconds, before which it is not silent for too long
    session: Session = field(init=False)
    tracks: Tracks = field(init=False)
    documents: Documents = field(init=False)
    negotiation: Negotiation = field(init=False)
    _core: Core = field(factory=Core)
    _warnings: dict[tuple[str, str], None] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        around = self.surroundings
        self.session = new_session(self._core)
        keying = Keying(around.random_octets, self.warn, around.opportunistic_srtp)
        self.tracks = Tracks(
            around.media, self.append, around.now, self.recording_id, self.spooled.directory, self.warn,
            keying.keys, keying.dtls, self._stream_closed,
            around.random_octets(CNAME_OCTETS).hex() if around.reports_sent else "",
        )
        told = metadata_of_headers(self.begun.headers)
        self.documents = Documents(
            self.spooled, around.now, self.warn, self.note, told=() if told is None else ((self.begun.at, told),)
        )
        self.negotiation = Negotiation(
            self.tracks, OriginSequence(around.origin_id(), around.contact_host), self.warn, keying,
            around.metrics.streams_reopened,
        )

    @property
    def recording_id(self) -> str:
        """
        The id of the recording that is being made.
        """
        return self.begun.recording_id

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """
        What was wrong so far: (code, text), each once.
        """
        return tuple(self._warnings)

    @property
    def is_over(self) -> bool:
        """
        Whether the end has begun.
        """
        return self.state == "ending"

    @property
    def is_heard(self) -> bool:
        """
        Whether sound came lately, on any track.
        """
        last = self.tracks.last_arrival()
        return last is not None and self.surroundings.now() - last <= LIVELY

    def note(self, code: str, text: str) -> bool:
        """
        Remember what is wrong with a document, for those who watch the call: the finaliser reads it again.

        Whether it is new.
        """
        if len(self._warnings) >= MOST_WARNINGS or (code, text) in self._warnings:
            return False
        self._warnings[code, text] = None
        self.surroundings.metrics.metadata_warning(code)
        if code not in SAID_FOR_ALL:
            self.log.info("Warning: {text}", text=text, code=code, recording_id=self.recording_id)
        return True

    def warn(self, code: str, text: str) -> None:
        """
        Remember what was wrong, and write it into the journal.
        """
        if self.note(code, text) and not self.finished.called:
            Deferred.fromCoroutine(self.append(Warned(self.surroundings.now(), code, text)))

    async def append(self, event: JournalEvent) -> None:
        """
        Write an event into the journal. A disk that fails costs the line, not the call.
        """
        try:
            await self.spooled.append(event)
        except OSError:
            self.surroundings.metrics.write_failed()
            self.log.failure("Could not write the journal", recording_id=self.recording_id)

    def feed(self, event: Callable[[], None]) -> None:
        """
        Tell the session machine what happened, and do what it wants.
        """
        event()
        for effect in self._core.take():
            self._perform(effect)
        self._leave()

    def end(self, reason: EndReason, detail: str = "") -> None:
        """
        End the call from this side.
        """
        self.detail = self.detail or detail
        self.feed(lambda: self.session.ended(reason))

    # --- what the machine wants ----------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case SendAnswer():
                self._send_answer()
            case StopAnswer():
                self.leg.stop_answers()
                self.state = "confirmed" if self.state == "early" else self.state
            case RefuseInvite(status):
                # In this order: what waits for a PRACK goes on at once, and must see that the call is over.
                self.state = "ending"
                error = PeerError("the call ended before it was answered", status)
                self.leg.invite.respond(refused(self.surroundings, self.leg.invite, error))
                self.leg.stop_answers()
            case SendBye():
                self.leg.stop_answers()
                self.farewell = self._launch(self._send_bye())
            case Finish(reason):
                self.state = "ending"
                self._launch(self._finish(reason))

    def _send_answer(self) -> None:
        around, invite = self.surroundings, self.leg.invite
        self.leg.dialog = self.leg.dialog.confirmed()
        self.leg.accept(invite, accepted(around, invite, self.answer_fields, self.answer), self._not_acknowledged)
        self.answered = around.now()
        self.documents.vital = False
        around.metrics.answer_took(around.reactor.seconds() - invite.arrived)
        self.log.info(
            "Call answered: {tracks} tracks", tracks=len(self.tracks.open), recording_id=self.recording_id,
            call_id=self.begun.call_id, source=self.begun.source,
        )
        self._launch(self.append(CallAnswered(self.answered)))

    def _not_acknowledged(self) -> None:
        self.negotiation.not_answered()
        self.feed(self.session.no_ack)

    async def _send_bye(self) -> None:
        response = await self.leg.request("BYE")
        self.log.info("BYE answered {status}", status=response.status, recording_id=self.recording_id)

    async def _finish(self, reason: EndReason) -> None:
        around = self.surroundings
        try:
            async with self.turn:
                await self.tracks.close()
                await self.append(CallEnded(around.now(), reason, self.detail))
            self.log.info(
                "Call ended: {reason}", reason=reason.value, detail=self.detail, recording_id=self.recording_id,
                call_id=self.begun.call_id, seconds=round(around.now() - self.begun.at, 3),
            )
            around.metrics.call_ended(reason.value)
        finally:
            await (around.archive.discard if self.answered is None else around.archive.finish)(self.spooled)
            self.finished.callback(None)
            self._leave()

    def _leave(self) -> None:
        # An ACK that is still awaited must find its call.
        if self.finished.called and not self.leg.awaits_ack:
            self._forget(self)

    def _stream_closed(self, report: StreamReport) -> None:
        if report.quality is not None:
            self.surroundings.metrics.stream_closed(report.quality.loss_rate, report.quality.mos)

    def _launch(self, work: Coroutine[Deferred[object], object, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work).addErrback(
            lambda failure: self.log.failure("Call failed", failure, recording_id=self.recording_id)
        )
