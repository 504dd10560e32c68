"""
Any number of calls, begun at a rate, each of a length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.source_call import ENDED, SourceCall
from siprec_tw.errors import PeerError, SiprecError


@frozen
class CampaignPlan:
    """
    How many, how fast, how long.
    """

    calls: int
    rate: float                 # calls begun in a second
    duration: float             # seconds from the answer to the BYE
    streams: tuple[StreamPlan, ...]

    @property
    def length(self) -> float:
        """
        Seconds that all of it should take.
        """
        return (self.calls - 1) / self.rate + self.duration


@frozen
class Outcome:
    """
    What became of a call.
    """

    call_id: str
    packets: int
    error: str                  # "" where all went well
    heard: bool = True          # whether the recorder answered the INVITE with anything


@define(eq=False)
class Campaign:
    """
    Runs once.
    """

    log = Logger()

    reactor: IReactorTime
    plan: CampaignPlan
    new_call: Callable[[], SourceCall]
    outcomes: list[Outcome] = field(factory=list)
    up: dict[SourceCall, None] = field(factory=dict)        # a set that keeps its order
    _waiting: list[Deferred[None]] = field(factory=list)

    async def run(self) -> Sequence[Outcome]:
        """
        Place all calls and wait for their ends; their outcomes, in the order of the ends.
        """
        running = []
        for number in range(self.plan.calls):
            wait: Deferred[None] = deferLater(self.reactor, number / self.plan.rate)
            self._waiting.append(wait)
            running.append(Deferred.fromCoroutine(self._one(wait)))
        await gatherResults(running)
        return self.outcomes

    def stop(self) -> None:
        """
        Begin no more calls and end those that are up; L{run} returns when they have ended.
        """
        for wait in self._waiting:
            wait.cancel()
        for call in tuple(self.up):
            self._end(call)

    async def _one(self, wait: Deferred[None]) -> None:
        try:
            await wait
        except CancelledError:
            return
        call = self.new_call()
        self.up[call] = None
        ending = None
        try:
            await call.start(self.plan.streams)
            ending = self.reactor.callLater(self.plan.duration, self._end, call)
            how = await call.over
            error = "" if how == ENDED else how
        except SiprecError as problem:
            error = str(problem)
        finally:
            del self.up[call]
            if ending is not None and ending.active():
                ending.cancel()
        packets = sum(stream.rtp.packets for stream in call.streams)
        self.outcomes.append(Outcome(call.call_id, packets, error, call.heard))

    def _end(self, call: SourceCall) -> None:
        Deferred.fromCoroutine(call.end()).addErrback(self._not_ended)

    def _not_ended(self, failure: Failure) -> None:
        if not isinstance(failure.value, PeerError):        # which the outcome tells of
            self.log.failure("Could not end a call", failure)
