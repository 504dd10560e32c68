"""
Routes as rows, and the row that a request means.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from attrs import frozen
from twisted.internet.defer import Deferred

from siprec_tw.admin.ask import Ask
from siprec_tw.admin.reply import Answer
from siprec_tw.config.model import Role

RouteAnswer = Callable[[Ask], Coroutine[Deferred[object], object, Answer]]


@frozen
class Route:
    """
    What is answered to one method on one pattern of path: C{/api/v1/calls/{recording_id}}.
    """

    method: str                         # "GET" answers HEAD too
    pattern: str
    role: Role | None                   # None: open to everybody
    answer: RouteAnswer
    parameters: frozenset[str] = frozenset()    # of the query; any other is refused


@frozen
class Match:
    """
    A route and what its pattern left open.
    """

    route: Route
    variables: dict[str, str]


@frozen
class WrongMethod:
    """
    The path exists, but not for this method.
    """

    allowed: tuple[str, ...]


def find_route(
    routes: tuple[Route, ...], method: str, segments: tuple[str, ...]
) -> Match | WrongMethod | None:
    """
    The first row that fits, or the methods there are, or None where no pattern fits the path.
    """
    allowed: set[str] = set()
    for route in routes:
        variables = _variables(route.pattern, segments)
        if variables is None:
            continue
        methods = {"GET", "HEAD"} if route.method == "GET" else {route.method}
        if method in methods:
            return Match(route, variables)
        allowed |= methods
    return WrongMethod(tuple(sorted(allowed))) if allowed else None


def _variables(pattern: str, segments: tuple[str, ...]) -> dict[str, str] | None:
    wanted = pattern[1:].split("/")
    if len(wanted) != len(segments):
        return None
    variables: dict[str, str] = {}
    for want, found in zip(wanted, segments, strict=True):
        if want.startswith("{") and found:
            variables[want[1:-1]] = found
        elif want != found:
            return None
    return variables
