"""
Waiting that has an end and disturbs nothing: who waits gives up, what is awaited goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime


async def settled(reactor: IReactorTime, awaited: Iterable[Deferred[None]], seconds: float) -> bool:
    """
    Wait until all have fired, well or badly, or the time is over; whether all have. Nothing is cancelled.
    """
    outcome: Deferred[bool] = Deferred()
    timer = reactor.callLater(seconds, outcome.callback, False)

    def all_fired(_: object) -> None:
        if timer.active():
            timer.cancel()
            outcome.callback(True)

    DeferredList(list(awaited)).addCallback(all_fired)
    return await outcome
