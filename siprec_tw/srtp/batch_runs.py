"""
The rows of a batch sorted into runs: packets of one source under one key, in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.srtp.batch_heads import Flags, Numbers
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_state import KeyState
from siprec_tw.srtp.replay_window import ReplayWindow

Kind = TypeVar("Kind", bound=np.generic)


# Whose packets a run has.
Member = tuple[KeyState, ReplayWindow]


@frozen(eq=False)
class Runs:
    """
    Rows, run behind run.
    """

    rows: Numbers               # which rows they are
    run_of: Numbers             # of each of these rows: 0, 0, 0, 1, 1, 2 ...
    members: list[Member]

    def starts(self) -> Numbers:
        """
        Where each run begins, counted in C{rows}.
        """
        return np.flatnonzero(np.diff(self.run_of, prepend=-1))

    def only(self, kept: Flags) -> Runs:
        """
        The runs without some of their rows; one that has none left is no run.
        """
        run_of = self.run_of[kept]
        first = np.diff(run_of, prepend=-1) != 0
        members = [self.members[run] for run in run_of[first].tolist()]
        return Runs(self.rows[kept], np.cumsum(first) - 1, members)

    def before_first(self, flagged: Flags) -> Flags:
        """
        The rows that stand before the first flagged one of their run.
        """
        count: Numbers = np.cumsum(flagged)
        starts = self.starts()
        before: Numbers = count[starts] - flagged[starts]
        standing: Flags = count == before[self.run_of]
        return standing

    def parts(self, most: int) -> Iterator[Runs]:
        """
        The same rows in pieces of C{most}, to be worked on one after the other; a run may go on in the next piece.
        """
        for begin in range(0, len(self.rows), most):
            run_of = self.run_of[begin : begin + most]
            first, last = int(run_of[0]), int(run_of[-1])
            yield Runs(self.rows[begin : begin + most], run_of - first, self.members[first : last + 1])


def runs_of(
    owners: Numbers, ssrcs: Numbers, wanted: Flags, contexts: Sequence[SrtpContext]
) -> tuple[Runs, Numbers]:
    """
    The runs that may be opened at once, and the rows which may not: of sources that are not known yet, and of
    contexts with several keys. Rows that are not wanted are in neither.
    """
    names = owners << 32 | ssrcs
    if (np.diff(names) >= 0).all():
        rows = np.flatnonzero(wanted)
    else:
        rows = np.argsort(names, kind="stable")
        rows = rows[wanted[rows]]
    names = at(names, rows)
    first = np.diff(names, prepend=-1) != 0
    run_of = np.cumsum(first) - 1
    found = [member_of(contexts[name >> 32], name & 0xFFFFFFFF) for name in names[first].tolist()]
    members = [member for member in found if member is not None]
    if len(members) == len(found):
        return Runs(rows, run_of, members), rows[:0]
    suited = np.fromiter((member is not None for member in found), np.bool_, len(found))
    renumbered = np.cumsum(suited) - 1
    kept = suited[run_of]
    return Runs(rows[kept], renumbered[run_of[kept]], members), rows[~kept]


def at(values: NDArray[Kind], places: Numbers) -> NDArray[Kind]:
    """
    The values at these places; without a copy where they are all there, in order.
    """
    return values if len(places) == len(values) and bool((np.diff(places) == 1).all()) else values[places]


def member_of(context: SrtpContext, ssrc: int) -> Member | None:
    """
    Whose packets they are, where they may be opened at once: of a source that has proven itself under the only key.
    """
    key = context.only_key()
    window = key.windows.get(ssrc) if key else None
    return (key, window) if key and window else None
