"""
Requests that cross or overlap in a dialog: what they are answered (RFC 3261 s.14.2, RFC 3311 s.5.2), and when
one is sent again (RFC 3261 s.14.1).
"""

from __future__ import annotations

from attrs import frozen

# RFC 3261 s.14.1, seconds: who chose the Call-ID waits longer, so that one of two that crossed is the first.
OWNER_DELAY = (2.1, 4.0)
OTHER_DELAY = (0.0, 2.0)


@frozen
class UnderWay:
    """
    What of a dialog is not finished when a request comes.
    """

    invite_received: bool = False       # a (re-)INVITE of the peer, without final response from us
    invite_sent: bool = False           # ours, without final response from the peer
    update_received: bool = False       # an UPDATE of the peer, without final response from us
    offer_received: bool = False        # in whatever method, without our answer
    offer_sent: bool = False            # in whatever method, without the peer's answer


@frozen
class Refusal:
    """
    A request that comes at the wrong time: 491, or 500 with a random Retry-After of 0 to 10 seconds.
    """

    status: int

    @property
    def retry_after(self) -> bool:
        """
        Whether the response has a Retry-After.
        """
        return self.status == 500


def overlap(method: str, has_offer: bool, under_way: UnderWay) -> Refusal | None:
    """
    Whether a re-INVITE or an UPDATE comes at the wrong time; other methods never do.

    The peer's own second request gets 500, one that crossed ours 491.
    """
    if method == "INVITE":
        if under_way.invite_received:
            return Refusal(500)
        if under_way.invite_sent:
            return Refusal(491)
    elif method == "UPDATE":
        if under_way.update_received:
            return Refusal(500)
    else:
        return None
    if has_offer and under_way.offer_sent:
        return Refusal(491)
    if has_offer and under_way.offer_received:
        return Refusal(500)
    return None


def retry_delay(*, owns_call_id: bool, fraction: float) -> float:
    """
    Seconds after which a re-INVITE that got 491 may be sent again, in steps of 10 ms (RFC 3261 s.14.1).

    C{fraction} is random, 0 <= fraction < 1.
    """
    least, most = OWNER_DELAY if owns_call_id else OTHER_DELAY
    return round(least + fraction * (most - least), 2)
