"""
What a request within a dialog means to its call: re-INVITE, UPDATE, INFO, OPTIONS, PRACK, BYE.
"""

from __future__ import annotations

from siprec_tw.errors import PeerError
from siprec_tw.recorder.bodies import Bodies, read_bodies
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.replies import ACCEPT, Fields, accepted
from siprec_tw.recorder.set_up import agreed_timer, carried_by
from siprec_tw.recording.journal import DocumentKind
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.dialog import DialogState
from siprec_tw.sip.glare import UnderWay, overlap
from siprec_tw.sip.message import Request


async def serve(call: Call, incoming: IncomingRequest) -> None:
    """
    Answer one request in the dialog of C{call}. Raises PeerError for what is to be refused.
    """
    call.leg.heard(incoming)
    # A BYE that crosses ours is answered as if it had come first; nothing else is, once the end has begun.
    crossing = incoming.request.method == "BYE" and call.leg.dialog.state is not DialogState.TERMINATED
    if call.is_over and not crossing:
        raise PeerError("the call has ended", 481)
    match incoming.request.method:
        case "INVITE" | "UPDATE":
            await refresh(call, incoming)
        case "BYE":
            await bye(call, incoming)
        case "INFO":
            await inform(call, incoming)
        case "OPTIONS":
            incoming.respond(accepted(call.surroundings, incoming, (ACCEPT,)))
        case "PRACK":
            acknowledge_provisional(call, incoming)


async def refresh(call: Call, incoming: IncomingRequest) -> None:
    """
    A re-INVITE or UPDATE, with a description, metadata, both or neither (RFC 3261 s.14.2, RFC 3311 s.5.2).
    """
    request = incoming.request
    bodies = read_bodies(request)
    refuse_overlap(call, request.method, bodies)
    if call.answered is None and request.method == "INVITE":
        raise PeerError("the first INVITE is not answered yet", 500, (("Retry-After", "1"),))
    call.leg.refreshes.append(request.method)
    async with call.turn:
        # Within the turn: who has the next one must not find this request still under way.
        try:
            await answer_refresh(call, incoming, bodies)
        finally:
            call.leg.refreshes.remove(request.method)


async def answer_refresh(call: Call, incoming: IncomingRequest, bodies: Bodies) -> None:
    """
    Do what a re-INVITE or UPDATE wants, and send the 200; in the turn of the call.
    """
    request = incoming.request
    if call.is_over:
        raise PeerError("the call has ended", 481)
    timer = agreed_timer(call.surroundings, request)
    sdp = await changed(call, request, bodies)
    if call.is_over:
        raise PeerError("the call has ended", 481)
    call.timer = timer
    call.leg.dialog = call.leg.dialog.refreshed(request)
    fields: Fields = () if timer is None else timer.response_fields()
    response = accepted(call.surroundings, incoming, fields, sdp)
    if request.method == "INVITE":
        call.leg.accept(incoming, response, lambda: not_acknowledged(call))
    else:
        incoming.respond(response)


async def changed(call: Call, request: Request, bodies: Bodies) -> bytes | None:
    """
    Do what the bodies say; the description for our answer, None where an UPDATE had none.
    """
    carrier = carried_by(request)
    await call.documents.take(bodies, carrier, DocumentKind.OFFER)
    if bodies.metadata:
        await call.surroundings.archive.told(call.recording_id, call.documents.parties())
    if bodies.sdp is not None:
        sdp, kind = await call.negotiation.answer(bodies.sdp.body), DocumentKind.ANSWER
    elif request.method == "INVITE":
        sdp, kind = await call.negotiation.offer(), DocumentKind.OFFER
    else:
        return None
    await call.documents.keep_ours(kind, sdp, f"200 {carrier}")
    return sdp


def not_acknowledged(call: Call) -> None:
    """
    A re-INVITE's 2xx got no ACK in 64*T1. The call goes on: as long as there is sound, it is recorded.
    """
    call.negotiation.not_answered()
    call.warn("ack-missing", "a re-INVITE's 2xx got no ACK")


def refuse_overlap(call: Call, method: str, bodies: Bodies) -> None:
    """
    Raises PeerError for a refresh that comes before the last one is done: 491 or 500 with Retry-After.
    """
    under_way = UnderWay(
        invite_received="INVITE" in call.leg.refreshes,
        invite_sent=call.leg.inviting,
        update_received="UPDATE" in call.leg.refreshes,
        offer_sent=call.negotiation.awaits_answer,
        offer_received=call.answered is None,
    )
    refusal = overlap(method, bodies.sdp is not None, under_way)
    if refusal is not None:
        fields = (("Retry-After", "1"),) if refusal.retry_after else ()
        raise PeerError(f"{method} came before the last one was done", refusal.status, fields)


async def bye(call: Call, incoming: IncomingRequest) -> None:
    """
    The end; a document in it is the last word on who left when, and removes nothing.
    """
    request = incoming.request
    call.detail = call.detail or (request.headers.get("Reason") or "")
    async with call.turn:
        # Within the turn: what waits for it must find the call ended.
        try:
            if not call.is_over:
                await call.documents.take(read_bodies(request), carried_by(request), DocumentKind.OTHER, final=True)
        finally:
            incoming.respond(accepted(call.surroundings, incoming))
            call.leg.dialog = call.leg.dialog.terminated()
            call.feed(call.session.bye)


async def inform(call: Call, incoming: IncomingRequest) -> None:
    """
    INFO: its bodies are kept. A package that was never agreed on gets 469 (RFC 6086 s.4.2.2).
    """
    request = incoming.request
    async with call.turn:
        if call.is_over:
            raise PeerError("the call has ended", 481)
        await call.documents.take(read_bodies(request), carried_by(request), DocumentKind.OTHER)
    package = request.headers.get("Info-Package")
    if package is not None:
        raise PeerError(f"Info-Package is {package}, wanted none", 469, (("Recv-Info", ""),))
    incoming.respond(accepted(call.surroundings, incoming))


def acknowledge_provisional(call: Call, incoming: IncomingRequest) -> None:
    """
    PRACK (RFC 3262 s.3).
    """
    if call.leg.provisional is None:
        raise PeerError("PRACK came, wanted none: no response awaits one", 481)
    call.leg.provisional.check(incoming.request)
    incoming.respond(accepted(call.surroundings, incoming))
    call.leg.provisional.acknowledged()


async def acknowledged(call: Call, ack: Request) -> None:
    """
    An ACK to a 2xx; an SDP in it answers our offer. Raises PeerError for one that cannot be read.
    """
    if not call.leg.acknowledged(ack):
        return
    call.feed(call.session.ack)
    async with call.turn:
        if call.is_over:
            return
        bodies = read_bodies(ack)
        await call.documents.take(bodies, carried_by(ack), DocumentKind.ANSWER)
        await call.negotiation.answered(bodies.sdp.body if bodies.sdp else None)
