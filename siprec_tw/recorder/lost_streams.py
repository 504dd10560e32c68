"""
Streams whose media worker ended: their calls are found, and they are offered anew to their clients, not all at once.
"""

from __future__ import annotations

from collections import Counter

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.patience import settled
from siprec_tw.recorder.call import Call
from siprec_tw.recorder.registry import Registry
from siprec_tw.recorder.reoffer import WARNING, Outcome, Reoffer, lines
from siprec_tw.recorder.surroundings import Surroundings
from siprec_tw.recording.manifest import iso

# How many calls are offered their streams anew at once; one that takes longer makes room for the next.
AT_ONCE = 50
LONGEST_TURN = 1.0      # seconds


@define(eq=False)
class LostStreams:
    """
    What L{siprec_tw.interfaces.MediaPlane.when_lost} tells.
    """

    log = Logger()

    _surroundings: Surroundings
    _registry: Registry
    _places: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(AT_ONCE))

    def tell(self, stream_ids: tuple[str, ...]) -> None:
        """
        These streams are not received any more.
        """
        wanted, found = frozenset(stream_ids), []
        since = iso(self._surroundings.now())
        lost = 0
        for call in self._registry:
            indexes = call.tracks.lose(wanted)
            if indexes:
                lost += len(indexes)
                found.append(call)
                call.warn(WARNING, f"{lines(indexes)} not received since {since}")
        self._surroundings.metrics.streams_lost(lost)
        if found:
            self.log.warn("{streams} lost streams of {calls} calls are opened anew", streams=lost, calls=len(found))
            Deferred.fromCoroutine(self._offer_anew(found)).addErrback(
                lambda failure: self.log.failure("Could not offer lost streams anew", failure)
            )

    async def _offer_anew(self, calls: list[Call]) -> None:
        reactor, outcomes, under_way = self._surroundings.reactor, Counter[Outcome](), list[Deferred[None]]()
        begun = reactor.seconds()

        def take_place(call: Call) -> Deferred[bool]:
            work = Deferred.fromCoroutine(self._offer(call, outcomes)).addErrback(self._failed, call)
            under_way.append(work)
            return Deferred.fromCoroutine(settled(reactor, [work], LONGEST_TURN))

        await gatherResults([self._places.run(take_place, call) for call in calls])
        await gatherResults(under_way)
        self.log.info(
            "Streams offered anew: {agreed} calls agreed, {refused} refused, {untold} not told, {over} ended, in "
            "{seconds:.1f} s",
            agreed=outcomes[Outcome.AGREED] + outcomes[Outcome.NOTHING_LEFT], refused=outcomes[Outcome.REFUSED],
            untold=outcomes[Outcome.UNTOLD], over=outcomes[Outcome.OVER], seconds=reactor.seconds() - begun,
        )

    async def _offer(self, call: Call, outcomes: Counter[Outcome]) -> None:
        outcomes[await Reoffer(call).run()] += 1

    def _failed(self, failure: Failure, call: Call) -> None:
        self.log.failure("Could not offer lost streams anew", failure, recording_id=call.recording_id)
