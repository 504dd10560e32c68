"""
The first INVITE of a call: checked, begun in the spool, negotiated, answered (RFC 7866 s.6, RFC 3261 s.13.3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from siprec_tw.errors import PeerError
from siprec_tw.recorder.bodies import Bodies, read_bodies
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.kept_headers import kept_headers
from siprec_tw.recorder.leg import Leg
from siprec_tw.recorder.provisional import RepeatedProvisional
from siprec_tw.recorder.reoffer import PAUSE, PORTS_PATIENCE
from siprec_tw.recorder.replies import contact
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recording.journal import CallStarted, DocumentKind
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.dialog import uas_dialog
from siprec_tw.sip.lists import parse_tokens
from siprec_tw.sip.message import Request
from siprec_tw.sip.name_addr import parse_name_addr_list
from siprec_tw.sip.reliable_provisional import ReliableProvisional, wants_reliability
from siprec_tw.sip.reply import reply
from siprec_tw.sip.session_timer import IntervalTooSmall, SessionTimer, negotiate

# RFC 3262 s.3 wants a random number, so that a PRACK of an older transaction cannot match: ours never has one.
FIRST_RSEQ = 1

log = Logger()


async def set_up(
    surroundings: Surroundings,
    incoming: IncomingRequest,
    add: Callable[[Call], None],
    forget: Callable[[Call], None],
) -> None:
    """
    Answer an INVITE without To tag, and record what follows.

    Raises PeerError for what is to be refused; nothing of the call is left then.
    """
    request = incoming.request
    bodies = read_bodies(request)
    if surroundings.sip.strict_siprec and not shows_siprec(request, bodies):
        text = "INVITE has no sign of SIPREC: Require, +sip.src or recording metadata"
        raise PeerError(text, 421, (("Require", "siprec"),))
    timer = agreed_timer(surroundings, request)
    call = await begin(surroundings, incoming, timer, forget)
    add(call)
    try:
        await negotiate_first(call, bodies)
    except OSError as error:
        call.feed(call.session.refused)
        log.failure("Could not keep the documents of an INVITE", recording_id=call.recording_id)
        raise PeerError("the recording cannot be stored now", 503) from error
    except BaseException:
        call.feed(call.session.refused)
        raise
    if not call.is_over:
        call.feed(call.session.ready)


async def renew_answer(call: Call) -> None:
    """
    What was lost before the answer goes out is opened anew, and the answer says where.

    Raises PeerError(503) where no stream is left.
    """
    around, carrier = call.surroundings, carried_by(call.leg.invite.request)
    until = around.reactor.seconds() + PORTS_PATIENCE
    while call.tracks.is_unsettled and not call.is_over:
        if not await call.tracks.mend() and around.reactor.seconds() < until:
            await deferLater(around.reactor, PAUSE)
            continue
        if call.tracks.lost:
            await call.tracks.abandon(tuple(call.tracks.lost))
        if not call.tracks.open:
            raise PeerError("no media port is free", 503)
        call.answer = call.negotiation.renewed()
        kind = DocumentKind.OFFER if call.negotiation.awaits_answer else DocumentKind.ANSWER
        await call.documents.keep_ours(kind, call.answer, f"200 {carrier}")


async def begin(
    surroundings: Surroundings,
    incoming: IncomingRequest,
    timer: SessionTimer | None,
    forget: Callable[[Call], None],
) -> Call:
    """
    The call with the first line of its journal written. Raises PeerError(503) where the disk does not take it.
    """
    now = surroundings.now()
    started = call_started(surroundings, incoming, now)
    leg = Leg(surroundings, incoming, uas_dialog(incoming.request, incoming.tag), now, incoming.flow)
    try:
        spooled = await surroundings.archive.begin(started)
    except OSError as error:
        log.failure("Could not begin a recording", recording_id=started.recording_id)
        surroundings.metrics.write_failed()
        raise PeerError("the recording cannot be stored now", 503) from error
    surroundings.metrics.call_started()
    log.info(
        "Call began", recording_id=started.recording_id, call_id=started.call_id, source=started.source,
        caller=started.from_header, user_agent=started.user_agent,
    )
    return Call(surroundings, started, leg, spooled, forget, timer)


async def negotiate_first(call: Call, bodies: Bodies) -> None:
    """
    Keep the documents, open the streams, make the description of the 2xx; then wait until it may be sent.
    """
    around, invite = call.surroundings, call.leg.invite
    carrier = carried_by(invite.request)
    async with call.turn:
        if call.is_over:
            return
        await call.documents.take(bodies, carrier, DocumentKind.OFFER)
        if bodies.sdp is not None:
            call.answer, kind = await call.negotiation.answer(bodies.sdp.body), DocumentKind.ANSWER
        else:
            call.answer, kind = await call.negotiation.offer(), DocumentKind.OFFER
        await call.documents.keep_ours(kind, call.answer, f"200 {carrier}")
        # The index only shows what the journals say: the answer does not wait for it.
        Deferred.fromCoroutine(around.archive.answered(call.begun, call.documents.parties()))
    if call.timer is not None:
        call.answer_fields = call.timer.response_fields()
    if wants_reliability(invite.request) and not call.is_over:
        await await_prack(call)
    wait = invite.arrived + around.sip.answer_delay - around.reactor.seconds()
    if wait > 0:
        await deferLater(around.reactor, wait)
    if call.tracks.is_unsettled:
        async with call.turn:
            await renew_answer(call)


async def await_prack(call: Call) -> None:
    """
    Send a reliable 183 and wait for its PRACK. Raises PeerError(504) where none comes (RFC 3262 s.3).
    """
    around, invite = call.surroundings, call.leg.invite
    ringing = reply(invite.request, 183, to_tag=invite.tag, fields=(contact(around, invite.local),))
    provisional = ReliableProvisional(ringing, FIRST_RSEQ, around.timers)
    call.leg.provisional = RepeatedProvisional(around.reactor, invite, provisional)
    call.leg.provisional.begin()
    acknowledged = await call.leg.provisional.settled
    call.leg.provisional = None
    if not acknowledged and not call.is_over:
        raise PeerError("no PRACK came for the 183", 504)


def agreed_timer(surroundings: Surroundings, request: Request) -> SessionTimer | None:
    """
    The session timer of an INVITE or UPDATE. Raises PeerError(422) for an interval that is too small.
    """
    agreed = negotiate(
        request, now=surroundings.reactor.seconds(), preferred=round(surroundings.sip.session_expires),
        smallest=round(surroundings.sip.min_se),
    )
    if isinstance(agreed, IntervalTooSmall):
        raise PeerError(f"Session-Expires is below {agreed.min_se}", 422, agreed.fields())
    return agreed


def call_started(surroundings: Surroundings, incoming: IncomingRequest, now: float) -> CallStarted:
    """
    The first line of the journal.
    """
    request = incoming.request
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    return CallStarted(
        at=now,
        recording_id=f"{stamp}-{surroundings.random_token()[:12]}",
        node_id=surroundings.node_id,
        call_id=request.headers.get("Call-ID") or "",
        from_header=request.headers.get("From") or "",
        to_header=request.headers.get("To") or "",
        request_uri=request.uri,
        source=str(incoming.peer),
        user_agent=request.headers.get("User-Agent") or "",
        headers=kept_headers(request),
    )


def shows_siprec(request: Request, bodies: Bodies) -> bool:
    """
    Whether an INVITE is for a recorder: by Require or Supported, by its Contact, or by metadata (RFC 7866 s.6.1).
    """
    tags = (*parse_tokens(request.headers, "Require"), *parse_tokens(request.headers, "Supported"))
    if bodies.metadata or any(tag.lower() == "siprec" for tag in tags):
        return True
    contacts = parse_name_addr_list(request.headers, "Contact")
    return any(contact.has_feature("+sip.src") or contact.has_feature("src") for contact in contacts)


def carried_by(request: Request) -> str:
    """
    What carried a document: "INVITE 1".
    """
    number, _, method = (request.headers.get("CSeq") or "").partition(" ")
    return f"{method.strip()} {number}"
