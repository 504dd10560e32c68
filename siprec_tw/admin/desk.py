"""
Where a request is judged and an answer found: target, host, route, token, parameters, and then the route.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.admin.ask import Ask, Target, parse_target
from siprec_tw.admin.auth import Access
from siprec_tw.admin.json_reply import ERROR_CODES, error_reply
from siprec_tw.admin.reply import Answer, Reply
from siprec_tw.admin.router import Route, WrongMethod, find_route
from siprec_tw.errors import PeerError

ANSWER_SECONDS = 30.0       # a route that took longer is given up
MOST_BODY = 1 << 16         # octets of a request's body
NO_ROUTE = "none"           # the name, for the metrics, of all paths that no route has


@frozen
class Head:
    """
    A request less its body, in text.
    """

    method: str
    uri: bytes
    version: str                # "HTTP/1.1"
    hosts: tuple[str, ...]      # every Host header
    authorization: str
    accept: str
    body_size: int


@frozen
class Finding:
    """
    An answer and the pattern of the route that gave it.
    """

    route: str
    answer: Answer


class Desk:
    """
    The routes behind their guards.
    """

    log = Logger()

    def __init__(self, routes: tuple[Route, ...], access: Access, reactor: IReactorTime) -> None:
        self._routes = routes
        self._access = access
        self._reactor = reactor

    async def answer(self, head: Head) -> Finding:
        """
        The answer to a request; raises nothing.
        """
        try:
            target = parse_target(head.uri)
        except PeerError as error:
            return Finding(NO_ROUTE, self._fault(error))
        refusal = self._access.host_refusal(head.version, head.hosts)
        if refusal is not None:
            return Finding(NO_ROUTE, refusal)
        match = find_route(self._routes, head.method, target.segments)
        if match is None:
            return Finding(NO_ROUTE, error_reply(404, f"There is nothing at /{'/'.join(target.segments)}"))
        if isinstance(match, WrongMethod):
            return Finding(NO_ROUTE, _wrong_method(head.method, match))
        refusal = self._access.refusal(match.route.role, head.authorization)
        refusal = refusal or _unwanted(head, match.route, target)
        if refusal is not None:
            return Finding(match.route.pattern, refusal)
        ask = Ask(match.variables, target.query, head.accept)
        return Finding(match.route.pattern, await self._ask(match.route, ask))

    def _ask(self, route: Route, ask: Ask) -> Deferred[Answer]:
        answered = Deferred.fromCoroutine(route.answer(ask)).addTimeout(ANSWER_SECONDS, self._reactor)
        return answered.addErrback(self._explained, route)

    def _explained(self, failure: Failure, route: Route) -> Answer:
        if isinstance(failure.value, PeerError):
            return self._fault(failure.value)
        if isinstance(failure.value, TimeoutError):
            self.log.warn("{method} {route} took too long", method=route.method, route=route.pattern)
            return error_reply(503, f"There was no answer within {ANSWER_SECONDS:.0f} s")
        self.log.failure("{method} {route} failed", failure, method=route.method, route=route.pattern)
        return error_reply(500, "The server failed; its log says how")

    def _fault(self, error: PeerError) -> Reply:
        return error_reply(error.status if error.status in ERROR_CODES else 400, error.text)


def _wrong_method(method: str, match: WrongMethod) -> Reply:
    allowed = ", ".join(match.allowed)
    return error_reply(405, f"The method is {method[:20]!r}, wanted {allowed}", (("Allow", allowed),))


def _unwanted(head: Head, route: Route, target: Target) -> Reply | None:
    """
    The refusal of a body that is too large or of a parameter that the route does not know.
    """
    if head.body_size > MOST_BODY:
        return error_reply(413, f"The body has more than {MOST_BODY} octets")
    unknown = sorted(set(target.query) - route.parameters)
    if unknown:
        known = ", ".join(sorted(route.parameters)) or "none"
        return error_reply(400, f"Query parameter {unknown[0][:40]!r} is not known here, wanted: {known}")
    return None
