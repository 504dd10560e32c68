"""
A line on the terminal that says how far a campaign has come.
"""

from __future__ import annotations

from typing import TextIO

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from siprec_tw.cli.source.campaign import Campaign
from siprec_tw.cli.tables import length_text

WIDTH = 28
INTERVAL = 0.2              # seconds


def bar(fraction: float, width: int = WIDTH) -> str:
    """
    A bar that is full at 1: C{[#####-----]}.
    """
    full = round(min(max(fraction, 0.0), 1.0) * width)
    return f"[{'#' * full}{'-' * (width - full)}]"


class Progress:
    """
    Draws over itself while it runs; on what is no terminal it draws nothing.
    """

    log = Logger()

    def __init__(self, reactor: IReactorTime, file: TextIO, campaign: Campaign) -> None:
        self._reactor = reactor
        self._file = file
        self._campaign = campaign
        self._started = 0.0
        self._loop = LoopingCall(self._draw)
        self._loop.clock = reactor

    def start(self) -> None:
        """
        Begin.
        """
        self._started = self._reactor.seconds()
        if self._file.isatty():
            self._loop.start(INTERVAL).addErrback(self._failed)

    def stop(self) -> None:
        """
        Wipe the line.
        """
        if self._loop.running:
            self._loop.stop()
            self._file.write("\r\x1b[K")
            self._file.flush()

    def line(self) -> str:
        """
        What is drawn.
        """
        passed = self._reactor.seconds() - self._started
        plan, outcomes = self._campaign.plan, self._campaign.outcomes
        failed = sum(1 for outcome in outcomes if outcome.error)
        packets = sum(stream.rtp.packets for call in self._campaign.up for stream in call.streams)
        packets += sum(outcome.packets for outcome in outcomes)
        text = f"{bar(passed / plan.length)} {length_text(passed)}/{length_text(plan.length)}"
        if plan.calls > 1:
            text += f"  {len(self._campaign.up)} up, {len(outcomes)} of {plan.calls} over"
        return f"{text}{f', {failed} failed' if failed else ''}  {packets} packets"

    def _draw(self) -> None:
        self._file.write(f"\r{self.line()}\x1b[K")
        self._file.flush()

    def _failed(self, failure: Failure) -> None:
        self.log.failure("The progress is not shown any more", failure)
