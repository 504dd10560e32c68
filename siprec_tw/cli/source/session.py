"""
From a plan to outcomes: the reactor, the client and the campaign put together for one command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore, IReactorTime
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from siprec_tw.cli.source.campaign import Campaign, CampaignPlan, Outcome
from siprec_tw.cli.source.client import RecordingClient
from siprec_tw.cli.source.impairment import Impairment
from siprec_tw.cli.source.parties import CallStory, Party, random_id
from siprec_tw.cli.source.progress import Progress
from siprec_tw.cli.source.source_call import SourceCall
from siprec_tw.log_lines import text_observer
from siprec_tw.signaling.destination import resolve_destination
from siprec_tw.sip.uri import parse_uri


@frozen
class Outset:
    """
    Who calls whom, and over what a network.
    """

    target: str                             # the recorder's URI
    transport: str | None                   # None: what the URI says, else "udp"
    parties: tuple[tuple[str, str], ...]    # AOR and name
    impairment: Impairment
    random: Random
    wall: Callable[[], float]               # POSIX time
    patience: float | None = None           # seconds for any response to an INVITE; None: the transaction's

    def story(self) -> CallStory:
        """
        The story of a call that begins now.
        """
        parties = tuple(Party(random_id(self.random), aor, name) for aor, name in self.parties)
        return CallStory(random_id(self.random), parties, self.wall())


def run_campaign(plan: CampaignPlan, outset: Outset, *, verbose: bool) -> Sequence[Outcome]:
    """
    Run the reactor until all calls are over; Ctrl-C ends them and begins no more.

    Raises SiprecError where the recorder's name has no address, or nothing can be listened to.
    """
    from twisted.internet import reactor

    observer = text_observer(sys.stderr, "debug" if verbose else "warn")
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    session = _Session(IReactorTime(reactor), plan, outset)
    core = IReactorCore(reactor)
    core.callWhenRunning(session.begin)
    core.addSystemEventTrigger("before", "shutdown", session.interrupted)
    core.run()
    if session.failure is not None:
        session.failure.raiseException()
    return session.outcomes


@define(eq=False)
class _Session:
    reactor: IReactorTime
    plan: CampaignPlan
    outset: Outset
    outcomes: Sequence[Outcome] = ()
    failure: Failure | None = None
    _campaign: Campaign | None = None
    _stopping: bool = False
    _over: Deferred[None] = field(factory=Deferred)

    def begin(self) -> None:
        Deferred.fromCoroutine(self._run()).addErrback(self._failed).addBoth(self._end)

    def interrupted(self) -> Deferred[None]:
        """
        The reactor stops, by us or by Ctrl-C: not before all calls have ended.
        """
        self._stopping = True
        if self._campaign is not None:
            self._campaign.stop()
        return self._over

    async def _run(self) -> None:
        uri = parse_uri(self.outset.target)
        transport = self.outset.transport or uri.transport or "udp"
        recorder = await resolve_destination(self.reactor, uri, transport)
        client = RecordingClient(
            self.reactor, self.outset.target, recorder,
            random=self.outset.random, wall=self.outset.wall, patience=self.outset.patience,
        )
        if self._stopping:
            return
        await client.open()

        def new_call() -> SourceCall:
            return client.call(self.outset.story(), self.outset.impairment)

        self._campaign = Campaign(self.reactor, self.plan, new_call)
        progress = Progress(self.reactor, sys.stderr, self._campaign)
        progress.start()
        try:
            self.outcomes = await self._campaign.run()
        finally:
            progress.stop()
            await client.close()

    def _failed(self, failure: Failure) -> None:
        self.failure = failure

    def _end(self, _: None) -> None:
        self._over.callback(None)
        try:
            IReactorCore(self.reactor).stop()
        except ReactorNotRunning:
            return          # Ctrl-C has stopped it already
