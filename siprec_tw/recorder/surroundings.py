"""
What every call works with: the sockets, the disk, the clock, the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from siprec_tw.config.model import Recording, Sip
from siprec_tw.interfaces import Condition, MediaPlane, PartyView
from siprec_tw.metrics import Metrics
from siprec_tw.recording.journal import CallStarted
from siprec_tw.signaling.layer import Signaling
from siprec_tw.sip.timers import TimerValues
from siprec_tw.storage.spool import SpooledRecording


class Archive(Protocol):
    """
    Where recordings go, as the recorder needs it.
    """

    async def begin(self, started: CallStarted) -> SpooledRecording:
        """
        Make room for a recording. Raises OSError.
        """

    async def answered(self, started: CallStarted, parties: tuple[PartyView, ...]) -> None:
        """
        The call is about to be acknowledged: it is to be found from now on. Raises nothing.
        """

    async def told(self, recording_id: str, parties: tuple[PartyView, ...]) -> None:
        """
        The metadata of a call that is under way names these parties now. Raises nothing.
        """

    async def finish(self, spooled: SpooledRecording) -> None:
        """
        The journal has its last line: make the recording of it. Raises nothing.
        """

    async def discard(self, spooled: SpooledRecording) -> None:
        """
        The call was never acknowledged: keep nothing of it. Raises nothing.
        """


@frozen(eq=False)
class Surroundings:
    """
    Shared by all calls of a recorder.
    """

    reactor: IReactorTime
    signaling: Signaling
    media: MediaPlane
    archive: Archive
    metrics: Metrics
    sip: Sip
    recording: Recording
    timers: TimerValues
    node_id: str
    contact_host: str                           # for listeners on a wildcard address
    now: Callable[[], float]                    # POSIX seconds
    random_token: Callable[[], str]             # letters and digits, 16 or more
    random_octets: Callable[[int], bytes]       # so many, unguessable: keys are made of them
    origin_id: Callable[[], int]                # for o= lines
    conditions: Callable[[], tuple[Condition, ...]]     # of other rooms, that a new call needs
    reports_sent: bool = True                   # RTCP of ours
    opportunistic_srtp: bool = True             # keys are taken on lines in clear too (RFC 8643)
