"""
The streams of a call offered anew: a re-INVITE of ours that says where they are received now (RFC 3261 s.14.1).

::

            .------------------ PAUSE, or what the glare rule says ----------------.
            v                                                                      |
    is it the time? --no: not answered, no ACK yet, a refresh under way, no port --'
            | yes                                                                  |
            v                                                                      |
    new streams, re-INVITE --2xx----> AGREED                                       |
            |               |-491, 422, 503, Retry-After, lost again ----------------------'
            |               |-481, 408--> over: DIALOG_LOST; while the call is heard it goes on: UNTOLD
            |               '-else------> REFUSED: the streams stay closed, without any the call is over
            '-- the client's own re-INVITE was answered with the new ports meanwhile: NOTHING_LEFT

The turn of the call is not held while an answer is awaited: a BYE of the client must not wait for it.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.patience import settled
from siprec_tw.recorder.bodies import read_bodies
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.replies import ALLOW, Fields
from siprec_tw.recording.journal import DocumentKind, EndReason
from siprec_tw.recording.manifest import iso
from siprec_tw.sip.glare import retry_delay
from siprec_tw.sip.message import Response

# Seconds after which is looked again whether it is the time.
PAUSE = 0.25
# Seconds in which ports are awaited, as what takes the place of a lost media worker needs a while to begin: for all of
# the streams, where some have them already, and for the first. To wait costs nothing, to end a call what follows of it.
PORTS_PATIENCE = 5.0
WORKER_PATIENCE = 60.0
# How often a client may answer that it cannot do it now, before that is a refusal.
MOST_RETRIES = 10
NOT_NOW = frozenset({422, 491, 503})
OVERLOAD_PAUSE = 2.0                    # seconds after a 503 that tells none, or that was made here as no way led there
LONGEST_PAUSE = 32.0                    # seconds; a Retry-After may want more
DIALOG_LOST = frozenset({408, 481})     # RFC 3261 s.12.2.1.2: the dialog is to be ended
WARNING = "media-worker-lost"


class Outcome(Enum):
    """
    What became of it.
    """

    AGREED = "agreed"
    NOTHING_LEFT = "nothing-left"       # the client knew already
    REFUSED = "refused"
    UNTOLD = "untold"                   # the client cannot be told, and the call goes on, as it is heard
    OVER = "over"                       # the call has ended


@define(eq=False)
class Reoffer:
    """
    One call whose streams are not where the client sends to, until it knows, or cannot be told.

    A second one for the same call waits, and finds that nothing is left to do, or what was lost meanwhile.
    """

    log = Logger()

    _call: Call
    _retries: int = 0
    _carrier: str = ""                  # of our offer, as the documents call it
    _since: float = field(init=False)   # reactor's seconds: ports are awaited

    def __attrs_post_init__(self) -> None:
        self._await_ports()

    async def run(self) -> Outcome:
        """
        Offer, and again where that is of use; bounded in time as long as the client's own requests are.
        """
        while True:
            step = await self._step()
            if isinstance(step, Outcome):
                return step
            await deferLater(self._call.surroundings.reactor, step)

    async def _step(self) -> Outcome | float:
        """
        The outcome, or the seconds after which to try again.
        """
        call = self._call
        async with call.turn:
            if call.is_over or not call.tracks.is_unsettled:
                return Outcome.OVER if call.is_over else Outcome.NOTHING_LEFT
            if self._must_wait():
                return PAUSE
            if not await call.tracks.mend():
                waited = call.surroundings.reactor.seconds() - self._since
                if waited < (PORTS_PATIENCE if call.tracks.untold else WORKER_PATIENCE):
                    return max(PAUSE, waited / 8)
                await self._give_up(tuple(call.tracks.lost), "no media port is free")
            if call.is_over or not call.tracks.untold:
                return Outcome.OVER if call.is_over else Outcome.REFUSED
            if self._must_wait():
                return PAUSE
            sdp = call.negotiation.offer_anew()
            call.leg.inviting = True
        try:
            response = await self._ask(sdp)
        finally:
            call.leg.inviting = False
        async with call.turn:
            return await self._conclude(response)

    def _await_ports(self) -> None:
        self._since = self._call.surroundings.reactor.seconds()

    def _must_wait(self) -> bool:
        # RFC 3261 s.14.1, RFC 3264 s.4: one INVITE, and one offer, at a time; a 2xx must have its ACK first.
        leg = self._call.leg
        if self._call.surroundings.reactor.seconds() < leg.quiet_until:
            return True
        under_way = leg.awaits_ack or leg.refreshes or self._call.negotiation.awaits_answer
        return self._call.answered is None or bool(under_way)

    async def _ask(self, sdp: bytes) -> Response | None:
        """
        Send the re-INVITE; its final response, or None where the client never gave one.
        """
        call = self._call
        fields: Fields = (ALLOW,) if call.timer is None else (ALLOW, *call.timer.request_fields())
        responses: list[Response] = []
        asking = Deferred.fromCoroutine(call.leg.request("INVITE", fields, sdp)).addCallbacks(
            responses.append, lambda failure: self.log.failure("Could not offer the streams anew", failure)
        )
        self._carrier = f"our INVITE {call.leg.dialog.local_cseq}"
        await call.documents.keep_ours(DocumentKind.OFFER, sdp, self._carrier)
        await settled(call.surroundings.reactor, [asking], call.surroundings.timers.transaction_timeout)
        return responses[0] if responses else None

    async def _conclude(self, response: Response | None) -> Outcome | float:
        call, status = self._call, 408 if response is None else response.status
        if response is not None and status < 300 and not call.is_over:
            return await self._agree(response)
        call.negotiation.refused()
        if call.is_over:
            return Outcome.OVER
        if response is not None and self._retries < MOST_RETRIES and is_passing(response):
            self._retries += 1
            pause = self._again(response)
            call.leg.quiet_until = call.surroundings.reactor.seconds() + pause
            return pause
        if status in DIALOG_LOST:
            return self._unknown(f"our re-INVITE was answered {status}")
        await self._give_up(tuple(call.tracks.lost | call.tracks.untold), f"our re-INVITE was answered {status}")
        return Outcome.REFUSED

    def _again(self, response: Response) -> float:
        """
        The seconds after which a re-INVITE that came at the wrong time, or with too short a session, is sent again.
        """
        call = self._call
        told = retry_after(response)
        if told is not None or response.status == 503:
            return OVERLOAD_PAUSE if told is None else min(told, LONGEST_PAUSE)
        if response.status == 422:
            call.timer = None if call.timer is None else call.timer.refresh_too_small(response)
            return 0.0
        octets = call.surroundings.random_octets(2)
        return retry_delay(owns_call_id=False, fraction=int.from_bytes(octets) / 65536)

    async def _agree(self, response: Response) -> Outcome | float:
        call, told = self._call, tuple(self._call.tracks.untold)
        if call.timer is not None:
            call.timer = call.timer.refresh_accepted(response, call.surroundings.reactor.seconds())
        try:
            bodies = read_bodies(response)
            await call.documents.take(bodies, f"200 {self._carrier}", DocumentKind.ANSWER)
            await call.negotiation.answered(bodies.sdp.body if bodies.sdp else None)
        except PeerError as error:
            call.warn("answer-not-usable", f"the answer to our re-INVITE: {error.text}")
            call.negotiation.not_answered()
        if call.is_over:
            return Outcome.OVER
        if call.tracks.is_unsettled:
            self._await_ports()
            return PAUSE
        if not call.tracks.open:
            self._end("the client refuses every stream")
            return Outcome.REFUSED
        call.warn(WARNING, f"{lines(told)} opened anew, as the client knows since {iso(call.surroundings.now())}")
        return Outcome.AGREED

    def _unknown(self, why: str) -> Outcome:
        """
        The client knows no such dialog, or cannot be asked: the end, unless the call is heard (then the watch ends it
        after the sound). The new streams stay open: the client may have got our offer, or ask for them itself.
        """
        call = self._call
        if not call.is_heard:
            call.end(EndReason.DIALOG_LOST, why)
            return Outcome.OVER
        call.leg.lost = why
        untold = tuple(call.tracks.untold)
        call.warn(WARNING, f"{lines(untold)} opened anew, and the client could not be told: {why}; the call is heard")
        return Outcome.UNTOLD

    async def _give_up(self, gone: tuple[int, ...], why: str) -> None:
        call = self._call
        await call.tracks.abandon(gone)
        call.warn(WARNING, f"{lines(gone)} stay closed: {why}")
        if not call.tracks.open:
            self._end(why)

    def _end(self, why: str) -> None:
        self._call.end(EndReason.MEDIA_LOST, f"the media worker was lost; {why}")


def is_passing(response: Response) -> bool:
    """
    Whether a request that was refused so may be accepted later: a Retry-After says so too (RFC 3261 s.20.33).
    """
    return response.status in NOT_NOW or (response.status >= 400 and retry_after(response) is not None)


def retry_after(response: Response) -> float | None:
    """
    The seconds of a Retry-After; None without one that can be read.
    """
    found = re.match(r"[0-9]{1,9}", (response.headers.get("Retry-After") or "").strip())
    return None if found is None else float(found.group())


def lines(indexes: tuple[int, ...]) -> str:
    """
    m-lines for a warning's text.
    """
    return f"m-line{'s' * (len(indexes) > 1)} {', '.join(map(str, sorted(indexes)))}"
