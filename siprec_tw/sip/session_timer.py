"""
Session timers (RFC 4028): a session that nobody refreshes ends, so that a lost BYE leaves nothing behind.

Each INVITE and UPDATE, and its 2xx, agree anew on an interval and on who refreshes: "uac" and "uas" are the
ends of that one request, not of the dialog. Instants are C{now}, monotonic seconds, of the caller's clock.
"""

from __future__ import annotations

import re

from attrs import evolve, frozen

from siprec_tw.errors import PeerError
from siprec_tw.sip.lists import parse_tokens
from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.parameters import parameter, parse_parameters

OPTION_TAG = "timer"
SMALLEST_MIN_SE = 90                    # seconds (s.4, s.5)
RECOMMENDED_INTERVAL = 1800             # seconds (s.4)
LONGEST_INTERVAL = 2**31 - 1
# s.10: the BYE comes so much before the end, or a third of the interval, if that is less.
LONGEST_MARGIN = 32.0

_DELTA_SECONDS = re.compile(r"[0-9]{1,10}")


@frozen
class SessionExpires:
    """
    A Session-Expires value (s.4).
    """

    interval: int                       # seconds
    refresher: str | None = None        # "uac", "uas" or None

    def __str__(self) -> str:
        return f"{self.interval};refresher={self.refresher}" if self.refresher else str(self.interval)


def parse_session_expires(text: str) -> SessionExpires:
    """
    A Session-Expires value; an unknown refresher is none. Raises PeerError(400).
    """
    interval, _, parameters = text.partition(";")
    refresher = (parameter(parse_parameters(parameters), "refresher") or "").lower()
    known = refresher if refresher in ("uac", "uas") else None
    return SessionExpires(_seconds("Session-Expires", interval), known)


def parse_min_se(text: str) -> int:
    """
    A Min-SE value (s.5). Raises PeerError(400).
    """
    return _seconds("Min-SE", text.partition(";")[0])


def _seconds(name: str, text: str) -> int:
    digits = text.strip()
    if not _DELTA_SECONDS.fullmatch(digits) or int(digits) > LONGEST_INTERVAL:
        raise PeerError(f"{name} is {digits[:40]!r}, wanted seconds below 2**31")
    return int(digits)


@frozen
class IntervalTooSmall:
    """
    The request is answered 422 with this Min-SE (s.6, s.9).
    """

    min_se: int

    def fields(self) -> tuple[tuple[str, str], ...]:
        """
        The header fields of the 422.
        """
        return (("Min-SE", str(self.min_se)),)


@frozen
class SessionTimer:
    """
    What the last refresh agreed on.
    """

    interval: int                       # seconds
    we_refresh: bool
    peer_supports: bool                 # the peer knows session timers; else it is only we who refresh
    started: float                      # of the last refresh
    min_se: int = SMALLEST_MIN_SE       # seconds; the largest that a 422 told of

    @property
    def refresh_at(self) -> float | None:
        """
        When our next refresh is due, half the interval after the last (s.7.2, s.9); None if it is the peer's.
        """
        return self.started + self.interval / 2 if self.we_refresh else None

    @property
    def expires_at(self) -> float:
        """
        When we send BYE, if no refresh succeeded until then (s.10): a little before the session ends.
        """
        return self.started + self.interval - min(LONGEST_MARGIN, self.interval / 3)

    def response_fields(self) -> tuple[tuple[str, str], ...]:
        """
        The header fields of our 2xx to the peer's request (s.9).
        """
        refresher = "uas" if self.we_refresh else "uac"
        fields = [("Session-Expires", str(SessionExpires(self.interval, refresher)))]
        if self.peer_supports:
            fields.append(("Require", OPTION_TAG))
        return tuple(fields)

    def request_fields(self) -> tuple[tuple[str, str], ...]:
        """
        The header fields of our refreshing UPDATE or re-INVITE (s.7.4): the roles stay as they are.
        """
        refresher = "uac" if self.we_refresh else "uas"
        return (
            ("Supported", OPTION_TAG),
            ("Session-Expires", str(SessionExpires(self.interval, refresher))),
            ("Min-SE", str(self.min_se)),
        )

    def refresh_accepted(self, response: Response, now: float) -> SessionTimer:
        """
        The timer after a 2xx to our refresh (s.7.2). One without Session-Expires leaves it to us.
        """
        agreed = _session_expires(response.headers)
        if agreed is None:
            return evolve(self, we_refresh=True, started=now)
        return evolve(self, interval=agreed.interval, we_refresh=agreed.refresher != "uas", started=now)

    def refresh_too_small(self, response: Response) -> SessionTimer:
        """
        The timer to refresh with again after a 422 (s.7.3); the session ends no later than it would have.
        """
        min_se = max(self.min_se, _min_se(response.headers))
        return evolve(self, interval=max(self.interval, min_se), min_se=min_se)


def negotiate(
    request: Request,
    *,
    now: float,
    preferred: int = RECOMMENDED_INTERVAL,
    smallest: int = SMALLEST_MIN_SE,
) -> SessionTimer | IntervalTooSmall | None:
    """
    What we answer to an INVITE or UPDATE as its UAS (s.9); None is a session without timer.

    The peer's interval and refresher are taken; where it leaves the choice, it refreshes itself, and a peer
    that supports timers without asking for one gets one of C{preferred} seconds. A Session-Expires that
    cannot be read counts as none.
    """
    wanted = _session_expires(request.headers)
    peer_supports = _supports_timer(request.headers)
    if wanted is None:
        if not peer_supports:
            return None
        interval = max(preferred, smallest, _min_se(request.headers))
        return SessionTimer(interval, we_refresh=False, peer_supports=True, started=now)
    if peer_supports and wanted.interval < smallest:
        return IntervalTooSmall(smallest)
    # Without the peer's support a proxy asked, and it has to be us (s.9, table 2).
    we_refresh = wanted.refresher == "uas" or not peer_supports
    return SessionTimer(wanted.interval, we_refresh, peer_supports, now)


def _supports_timer(headers: Headers) -> bool:
    tags = (*parse_tokens(headers, "Supported"), *parse_tokens(headers, "Require"))
    return any(tag.lower() == OPTION_TAG for tag in tags)


def _session_expires(headers: Headers) -> SessionExpires | None:
    text = headers.get("Session-Expires")
    if text is None:
        return None
    try:
        expires = parse_session_expires(text)
    except PeerError:
        return None
    return expires if expires.interval > 0 else None


def _min_se(headers: Headers) -> int:
    text = headers.get("Min-SE")
    if text is None:
        return SMALLEST_MIN_SE
    try:
        return max(parse_min_se(text), SMALLEST_MIN_SE)
    except PeerError:
        return SMALLEST_MIN_SE
