"""
Calls that nobody ends: lost BYEs are found by silence, by the session timer or by asking (RFC 4028 s.10).

  sound is expected, and neither RTP nor SIP came for the silence time-out     ended: silence
  held or inactive for as long                                                asked by OPTIONS; 481 or nothing: ended
  the session expired, and no RTP came lately either                          ended: session-expired
  the client knew the dialog no more (481, 408), and no RTP came lately       ended: dialog-lost

Sound is the sign of life that counts: a call that is heard is never ended here, whatever was not refreshed.

Single tracks that are not heard are found here too (L{siprec_tw.recorder.hearing}), and only told.
"""

from __future__ import annotations

from collections.abc import Coroutine

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.recorder.call import Call
from siprec_tw.recorder.registry import Registry
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recording.journal import EndReason
from siprec_tw.sip.message import Response
from siprec_tw.sip.session_timer import SessionTimer

MOST_SECONDS_BETWEEN = 5.0
REFUSED = frozenset({404, 410, 481})                    # the client knows no such dialog
GONE = frozenset({408, 503})                            # it could not be asked
DIALOG_LOST = frozenset({408, 481})                     # RFC 4028 s.7.4: to a refresh, the session is over


@define(eq=False)
class Watch:
    """
    Looks at every call every few seconds.
    """

    log = Logger()

    _surroundings: Surroundings
    _registry: Registry
    _loop: LoopingCall = field(init=False)
    _asked: set[str] = field(factory=set)               # recording ids with a request of ours under way

    def __attrs_post_init__(self) -> None:
        self._loop = LoopingCall(self.look)
        self._loop.clock = self._surroundings.reactor

    def start(self) -> None:
        """
        Begin to look.
        """
        recording = self._surroundings.recording
        seconds = min(MOST_SECONDS_BETWEEN, recording.silence_timeout / 4, recording.silent_after / 2)
        self._loop.start(seconds, now=False).addErrback(lambda f: self.log.failure("The watch died", f))

    def stop(self) -> None:
        """
        Look no more.
        """
        if self._loop.running:
            self._loop.stop()

    def look(self) -> None:
        """
        Look at every call once.
        """
        for call in self._registry:
            if call.answered is not None and not call.is_over:
                try:
                    self._look_at_dialog(call)
                    self._look_at_session(call)
                    self._look_for_life(call)
                    self._listen(call)
                except Exception:
                    # One call that cannot be looked at must not leave the others unwatched.
                    self.log.failure("Could not look at a call", recording_id=call.recording_id)

    def _look_at_dialog(self, call: Call) -> None:
        if call.leg.lost and not call.is_heard:
            call.end(EndReason.DIALOG_LOST, call.leg.lost)

    def _look_at_session(self, call: Call) -> None:
        timer, now = call.timer, self._surroundings.reactor.seconds()
        if timer is None or call.is_over:
            return
        if timer.refresh_at is not None and now >= max(timer.refresh_at, call.refresh_after):
            self._ask(call, self._refresh(call, timer))
        if now >= timer.expires_at:
            if call.is_heard:
                call.warn("session-refresh-missing", f"no refresh came in {timer.interval} s, RTP goes on")
            else:
                call.end(EndReason.SESSION_EXPIRED, f"no refresh came in {timer.interval} s, nor RTP")

    def _look_for_life(self, call: Call) -> None:
        limit, now = self._surroundings.recording.silence_timeout, self._surroundings.now()
        if call.is_over or now < call.silent_at:
            return      # what was heard then is not too long ago yet; the media are not asked for nothing
        heard = max(call.leg.last_heard, call.tracks.last_arrival() or 0.0)
        call.silent_at = heard + limit
        if now < call.silent_at:
            return
        if call.tracks.expects_media():
            call.end(EndReason.SILENCE, f"neither RTP nor SIP for {limit:g} s")
        else:
            self._ask(call, self._probe(call))

    def _listen(self, call: Call) -> None:
        if call.answered is not None and not call.is_over:
            call.tracks.listen(call.answered, self._surroundings.recording.silent_after)

    def _quiet_for(self, call: Call, heard: float | None) -> float:
        return self._surroundings.now() - (call.begun.at if heard is None else heard)

    def _ask(self, call: Call, question: Coroutine[Deferred[object], object, None]) -> None:
        if call.recording_id in self._asked:
            question.close()
            return
        self._asked.add(call.recording_id)
        Deferred.fromCoroutine(question).addBoth(self._answered, call.recording_id)

    def _answered(self, result: Failure | None, recording_id: str) -> None:
        self._asked.discard(recording_id)
        if isinstance(result, Failure):
            self.log.failure("Could not ask the client", result, recording_id=recording_id)

    async def _probe(self, call: Call) -> None:
        asked = self._surroundings.now()
        response = await call.leg.request("OPTIONS")
        alive = max(call.leg.last_heard, call.tracks.last_arrival() or 0.0) > asked
        if response.status in REFUSED or (response.status in GONE and not alive):
            call.end(EndReason.SILENCE, f"held and silent; OPTIONS answered {response.status}")

    async def _refresh(self, call: Call, timer: SessionTimer) -> None:
        response = await call.leg.request("UPDATE", timer.request_fields())
        now = self._surroundings.reactor.seconds()
        if call.timer is not timer:
            return      # the client has refreshed meanwhile
        if response.status < 300:
            call.timer = timer.refresh_accepted(response, now)
        elif response.status == 422:
            call.timer = timer.refresh_too_small(response)
        elif response.status in DIALOG_LOST:
            self._lost(call, response)
        else:
            # It does not want UPDATE: try again, but ever less often.
            call.refresh_after = now + max(MOST_SECONDS_BETWEEN, abs(timer.expires_at - now) / 2)

    def _lost(self, call: Call, response: Response) -> None:
        if not call.is_heard:
            call.end(EndReason.SESSION_EXPIRED, f"our refresh was answered {response.status}")
