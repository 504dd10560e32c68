"""
Dialogs as values: what both ends remember of each other, and what follows from it (RFC 3261 s.12).

::

    uas_dialog() .-------.  confirmed()  .-----------.
    ------------>| early |-------------->| confirmed |
    uac_dialog() '-------'               '-----------'
                     |    terminated()         |
                     '-----------.-------------'
                                 v
                          .------------.
                          | terminated |
                          '------------'

A dialog is frozen: each step gives a new one, and L{Dialog.as_stored} a plain dictionary from which
another node can go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import evolve, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.cseq import CSEQ_LIMIT, CSeq, parse_cseq
from siprec_tw.sip.message import Headers, Message, Request, Response
from siprec_tw.sip.name_addr import NameAddr, parse_name_addr, parse_name_addr_list
from siprec_tw.sip.parameters import without_parameter
from siprec_tw.sip.uri import SipUri, parse_uri

MAX_FORWARDS = "70"
FIRST_CSEQ = 1


class DialogState(Enum):
    """
    How far a dialog has come.
    """

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


@frozen
class DialogId:
    """
    What a dialog is found by (s.12): its Call-ID and the tags, seen from our side.
    """

    call_id: str
    local_tag: str
    remote_tag: str         # "" of a peer that gives none (RFC 2543)

    def __str__(self) -> str:
        return f"{self.call_id};local-tag={self.local_tag};remote-tag={self.remote_tag}"


def dialog_id(message: Message) -> DialogId | None:
    """
    The dialog that an incoming request, or a response to our request, belongs to; None where our tag, or
    the response's To tag, is missing. Raises PeerError(400) for a From or To that cannot be read.
    """
    to_tag, from_tag = _address(message, "To").tag, _address(message, "From").tag
    if to_tag is None:
        return None
    call_id = message.headers.get("Call-ID") or ""
    if isinstance(message, Request):
        return DialogId(call_id, to_tag, from_tag or "")
    return DialogId(call_id, from_tag or "", to_tag)


@frozen
class Dialog:
    """
    One end's view of a dialog.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local_uri: str
    remote_uri: str
    remote_target: str              # the URI of the peer's last Contact
    route_set: tuple[str, ...]      # values for Route, in their order
    local_cseq: int | None          # of our last request
    remote_cseq: int | None         # of the peer's last request
    state: DialogState

    @property
    def dialog_id(self) -> DialogId:
        """
        What it is found by.
        """
        return DialogId(self.call_id, self.local_tag, self.remote_tag)

    # --- what happens ---------------------------------------------------------------------------

    def received(self, request: Request) -> Dialog:
        """
        The dialog after a request of the peer. Raises PeerError(500) for one that is older than the last
        (s.12.2.2), which is answered and else ignored. ACK and CANCEL bear an old number rightly.
        """
        if request.method in ("ACK", "CANCEL"):
            return self
        number = parse_cseq(request.headers.get("CSeq") or "").number
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise PeerError(f"CSeq is {number}, wanted at least {self.remote_cseq}", 500)
        return evolve(self, remote_cseq=number)

    def refreshed(self, message: Message) -> Dialog:
        """
        The dialog with the Contact of a target refresh as its target (s.12.2): of an INVITE or UPDATE that is
        being accepted, or of a 2xx to one of ours. A Contact that is missing or unreadable changes nothing.
        """
        target = _contact(message)
        return self if target is None else evolve(self, remote_target=target)

    def confirmed(self, response: Response | None = None) -> Dialog:
        """
        The dialog after the 2xx. A UAC gives the response: route set and target are taken from it anew
        (s.13.2.2.4).
        """
        if response is None:
            return evolve(self, state=DialogState.CONFIRMED)
        routes = tuple(reversed(_record_routes(response)))
        return evolve(self.refreshed(response), route_set=routes, state=DialogState.CONFIRMED)

    def terminated(self) -> Dialog:
        """
        The dialog after BYE, or after a final response that is no 2xx.
        """
        return evolve(self, state=DialogState.TERMINATED)

    # --- our requests ---------------------------------------------------------------------------

    def request(
        self,
        method: str,
        *,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> tuple[Dialog, Request]:
        """
        The next request in the dialog (s.12.2.1.1), without Via, and the dialog after it.

        Not for ACK and CANCEL.
        """
        number = FIRST_CSEQ if self.local_cseq is None else (self.local_cseq + 1) % CSEQ_LIMIT
        request = self._request(CSeq(number, method), fields, body, content_type)
        return evolve(self, local_cseq=number), request

    def ack(
        self,
        number: int,
        *,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """
        The ACK to a 2xx (s.13.2.2.4), without Via; C{number} is the INVITE's CSeq number.
        """
        return self._request(CSeq(number, "ACK"), fields, body, content_type)

    def next_hop(self) -> SipUri:
        """
        Where its requests are sent: the first route, else the target. Raises PeerError for a URI that
        cannot be read.
        """
        if self.route_set:
            return parse_name_addr(self.route_set[0]).sip_uri()
        return parse_uri(self.remote_target)

    def _request(
        self, cseq: CSeq, fields: Iterable[tuple[str, str]], body: bytes, content_type: str | None
    ) -> Request:
        uri, routes = self._way()
        own = [("Route", route) for route in routes]
        own += [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", _tagged(self.local_uri, self.local_tag)),
            ("To", _tagged(self.remote_uri, self.remote_tag)),
            ("Call-ID", self.call_id),
            ("CSeq", str(cseq)),
            *fields,
        ]
        if content_type is not None:
            own.append(("Content-Type", content_type))
        return Request(cseq.method, uri, Headers(tuple(own)), body)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """
        Request-URI and Route values. A strict router, without lr, wants itself in the Request-URI and the
        target at the end of the route.
        """
        if not self.route_set:
            return self.remote_target, ()
        try:
            first = parse_name_addr(self.route_set[0]).sip_uri()
        except PeerError:
            return self.remote_target, self.route_set
        if first.lr:
            return self.remote_target, self.route_set
        uri = evolve(first, parameters=without_parameter(first.parameters, "method"), headers=())
        return str(uri), (*self.route_set[1:], f"<{self.remote_target}>")

    # --- storage --------------------------------------------------------------------------------

    def as_stored(self) -> dict[str, object]:
        """
        The dialog in plain values, fit for JSON.
        """
        return {
            "call_id": self.call_id,
            "local_tag": self.local_tag,
            "remote_tag": self.remote_tag,
            "local_uri": self.local_uri,
            "remote_uri": self.remote_uri,
            "remote_target": self.remote_target,
            "route_set": list(self.route_set),
            "local_cseq": self.local_cseq,
            "remote_cseq": self.remote_cseq,
            "state": self.state.value,
        }


def dialog_from_stored(stored: dict[str, object]) -> Dialog:
    """
    The dialog that L{Dialog.as_stored} wrote. Raises KeyError or ValueError for anything else.
    """
    routes = stored["route_set"]
    if not isinstance(routes, list):
        raise ValueError(f"route_set is {routes!r}, wanted a list")
    return Dialog(
        call_id=str(stored["call_id"]),
        local_tag=str(stored["local_tag"]),
        remote_tag=str(stored["remote_tag"]),
        local_uri=str(stored["local_uri"]),
        remote_uri=str(stored["remote_uri"]),
        remote_target=str(stored["remote_target"]),
        route_set=tuple(str(route) for route in routes),
        local_cseq=_number(stored["local_cseq"]),
        remote_cseq=_number(stored["remote_cseq"]),
        state=DialogState(stored["state"]),
    )


def uas_dialog(request: Request, local_tag: str, state: DialogState = DialogState.EARLY) -> Dialog:
    """
    The dialog of an incoming request and a response with this To tag (s.12.1.1).

    Without a usable Contact its From is the target. Raises PeerError(400) for fields that cannot be read.
    """
    local, remote = _address(request, "To"), _address(request, "From")
    return Dialog(
        call_id=request.headers.get("Call-ID") or "",
        local_tag=local_tag,
        remote_tag=remote.tag or "",
        local_uri=local.uri,
        remote_uri=remote.uri,
        remote_target=_contact(request) or remote.uri,
        route_set=_record_routes(request),
        local_cseq=None,
        remote_cseq=parse_cseq(request.headers.get("CSeq") or "").number,
        state=state,
    )


def uac_dialog(request: Request, response: Response) -> Dialog:
    """
    The dialog of a request of ours and a 101 to 299 response to it (s.12.1.2).

    Raises PeerError(400) for fields that cannot be read.
    """
    local, remote = _address(request, "From"), _address(response, "To")
    return Dialog(
        call_id=request.headers.get("Call-ID") or "",
        local_tag=local.tag or "",
        remote_tag=remote.tag or "",
        local_uri=local.uri,
        remote_uri=remote.uri,
        remote_target=_contact(response) or request.uri,
        route_set=tuple(reversed(_record_routes(response))),
        local_cseq=parse_cseq(request.headers.get("CSeq") or "").number,
        remote_cseq=None,
        state=DialogState.EARLY if response.status < 200 else DialogState.CONFIRMED,
    )


def _address(message: Message, name: str) -> NameAddr:
    return parse_name_addr(message.headers.get(name) or "")


def _contact(message: Message) -> str | None:
    try:
        contacts = parse_name_addr_list(message.headers, "Contact")
    except PeerError:
        return None
    return next((contact.uri for contact in contacts if contact.uri not in ("", "*")), None)


def _record_routes(message: Message) -> tuple[str, ...]:
    return tuple(str(route) for route in parse_name_addr_list(message.headers, "Record-Route"))


def _tagged(uri: str, tag: str) -> str:
    return f"<{uri}>;tag={tag}" if tag else f"<{uri}>"


def _number(value: object) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise ValueError(f"CSeq is {value!r}, wanted a number")
