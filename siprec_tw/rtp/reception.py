"""
What arrived of one source: losses (RFC 3550 A.3), interarrival jitter (A.8), duplicates and reordering.

Sequence numbers that were passed over are remembered; one of them that comes later is a late packet, and
any other that is not ahead has come before. Nothing is to be looked up for packets that come in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Self

from attrs import define, field

from siprec_tw.rtp.loss_runs import NO_LOSSES, LossFigures
from siprec_tw.rtp.missing_numbers import MissingNumbers

MAX_DROPOUT = 3000      # RFC 3550 A.1: a larger step ahead is a restart rather than a loss
MAX_LATE = 500          # packets; an old number further behind is a restart rather than a duplicate


class Place(Enum):
    """
    How a packet's sequence number stands to those before it.
    """

    AHEAD = "ahead"         # higher than any
    LATE = "late"           # one that was missing
    SEEN = "seen"           # not missing and not far behind: a duplicate, if its timestamp agrees
    STRANGE = "strange"     # too far away to belong to the same count


@define
class Reception:
    """
    The statistics of one source since its (re)start. Sequence numbers are extended.
    """

    base: int                           # the lowest
    highest: int
    received: int = 0                   # duplicates included, as A.3 has it
    duplicates: int = 0
    reordered: int = 0
    jitter: float = 0.0                 # ticks
    losses_before: LossFigures = NO_LOSSES      # of the same source before it was restarted
    _missing: MissingNumbers = field(init=False)
    _last_transit: float | None = None  # ticks
    _expected_prior: int = 0            # when C{since_reported} was asked last
    _received_prior: int = 0

    def __attrs_post_init__(self) -> None:
        self._missing = MissingNumbers(self.base)

    @classmethod
    def starting_at(cls, sequence: int, losses_before: LossFigures = NO_LOSSES) -> Self:
        """
        The statistics before the packet C{sequence}, which is to be received next.
        """
        return cls(base=sequence, highest=sequence - 1, losses_before=losses_before)

    @property
    def kept(self) -> int:
        """
        Packets received, each once.
        """
        return self.received - self.duplicates

    @property
    def cumulative_lost(self) -> int:
        """
        As a receiver report has it (RFC 3550 A.3): duplicates make up for losses, so it may be negative.
        """
        return self.highest - self.base + 1 - self.received

    @property
    def lost(self) -> int:
        """
        Packets that have not arrived.
        """
        return self.highest - self.base + 1 - self.kept

    @property
    def losses(self) -> LossFigures:
        """
        What is missing now, in its bursts, since the source was first heard.
        """
        return self.losses_before.plus(self._missing.losses(self.highest))

    def since_reported(self, ahead: int = 0) -> tuple[int, int]:
        """
        Packets expected and packets received since this was asked last (RFC 3550 A.3); C{ahead} more than are known
        here came in order.
        """
        expected, received = self.highest - self.base + 1 + ahead, self.received + ahead
        since = expected - self._expected_prior, received - self._received_prior
        self._expected_prior, self._received_prior = expected, received
        return since

    def place_of(self, sequence: int) -> Place:
        """
        Where a packet stands, before it is received.
        """
        ahead = sequence - self.highest
        if ahead > 0:
            return Place.AHEAD if ahead <= MAX_DROPOUT else Place.STRANGE
        if sequence in self._missing:
            return Place.LATE
        if ahead <= -MAX_LATE:
            return Place.STRANGE
        return Place.LATE if sequence < self.base else Place.SEEN

    def receive_next(self, count: int) -> None:
        """
        So many packets arrived in order, without a gap, the first right after the highest.
        """
        self.highest += count
        self.received += count

    def receive(self, sequence: int, place: Place) -> None:
        """
        One packet arrived, placed by C{place_of}.
        """
        self.received += 1
        match place:
            case Place.AHEAD | Place.STRANGE:
                self.skip_to(sequence)
                self.highest = sequence
            case Place.LATE:
                self.reordered += 1
                self._fill(sequence)
            case Place.SEEN:
                self.duplicates += 1

    def skip_to(self, sequence: int) -> None:
        """
        All before this one are missing: a step ahead that was too large to be believed at once.
        """
        self._missing.pass_over(self.highest + 1, sequence)
        self.highest = sequence - 1

    def missing_between(self, before: int, after: int) -> int:
        """
        How many packets between these two have not arrived (the last MAX_DROPOUT numbers are known).
        """
        return self._missing.between(before, after)

    def interarrival(self, transits: Iterable[float]) -> None:
        """
        Follow the jitter over transit times in ticks (arrival minus timestamp), in order of arrival (A.8).
        """
        jitter, last = self.jitter, self._last_transit
        for transit in transits:
            if last is not None:
                jitter += (abs(transit - last) - jitter) / 16.0
            last = transit
        self.jitter, self._last_transit = jitter, last

    def new_clock(self) -> None:
        """
        The next transit time is not to be compared with the last: the source's clock jumped.
        """
        self._last_transit = None

    def _fill(self, sequence: int) -> None:
        if sequence < self.base:
            self._missing.begin_earlier(sequence)
            self.base = sequence
        else:
            self._missing.came(sequence)
