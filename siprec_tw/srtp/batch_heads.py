"""
What many packets say in their headers, and which indices they have, by arrays: the reading part of a batch.

Rows are packets, one behind the other, C{width} octets each, of which C{lengths} are used. Packets of one source
under one key are a run: their rows stand together, in the order in which they came.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.rtp.packet import HEADER_SIZE, VERSION
from siprec_tw.srtp.packet_index import CYCLE, HALF, INDEX_END

Octets = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_EXTENSION_BIT = 0x10
_COUNT_MASK = 0x0F
_EXTENSION_HEADER = 4
# Indices of a run, taken from where it began, are less than this; so runs do not meet when each is lifted by it.
_LIFT = 1 << 20


@frozen(eq=False)
class Heads:
    """
    Header fields, one a row. Of a row that is not well formed nothing else is worth anything.
    """

    well_formed: Flags
    sizes: Numbers          # of the header: fixed part, contributing sources, extension
    sequences: Numbers
    ssrcs: Numbers


def read_heads(rows: Octets, lengths: Numbers, trailer: int) -> Heads:
    """
    Read them. C{trailer} is the least number of octets behind the payload.
    """
    width = rows.shape[1]
    first = rows[:, 0]
    sizes = HEADER_SIZE + 4 * (first & _COUNT_MASK).astype(np.int64)
    fits = lengths <= width
    extended = np.flatnonzero(first & _EXTENSION_BIT)
    if extended.size:
        at = sizes[extended]
        there = (lengths[extended] >= at + _EXTENSION_HEADER) & fits[extended]
        at = np.where(there, at, 0)
        words = rows[extended, at + 2].astype(np.int64) << 8 | rows[extended, at + 3]
        fits[extended[~there]] = False
        sizes[extended] += _EXTENSION_HEADER + 4 * words
    return Heads(
        well_formed=fits & (first >> 6 == VERSION) & (lengths >= sizes + trailer),
        sizes=sizes,
        sequences=rows[:, 2:4].view(">u2").ravel().astype(np.int64),
        ssrcs=rows[:, 8:HEADER_SIZE].view(">u4").ravel().astype(np.int64),
    )


@frozen(eq=False)
class Estimate:
    """
    The indices of rows, and how they compare with what the runs had before them.
    """

    indices: Numbers
    late: Flags             # not above everything before it: reordered, or a replay
    doubtful: Flags         # one by one it might get another index: from the first such row on, a run is to be cut

    def only(self, kept: Flags) -> Estimate:
        """
        Of some of the rows.
        """
        return Estimate(self.indices[kept], self.late[kept], self.doubtful[kept])


def estimate_indices(sequences: Numbers, highest: Numbers, run_of: Numbers, starts: Numbers) -> Estimate:
    """
    The index of each row by RFC 3711 s.3.3.1, as if every packet of its run were authentic.

    C{highest} is each run's highest authentic index, C{run_of} the run of each row, C{starts} each run's first row.
    An index is computed from where the run stood at its beginning. That is what a receiver that goes packet by
    packet computes too, unless the run has meanwhile moved on by half a cycle: this is where rows are doubtful.
    """
    base = highest[run_of]
    indices = _nearest(sequences, base)
    lift = run_of * _LIFT
    ahead = np.maximum(indices - base, 0) + lift
    reached = np.empty_like(ahead)
    reached[1:] = np.maximum.accumulate(ahead)[:-1]
    reached[starts] = lift[starts]
    reached += base - lift
    late = indices <= reached
    doubtful = np.zeros(len(late), np.bool_)
    if late.any():
        doubtful = _nearest(sequences, reached) != indices
    doubtful |= indices >= INDEX_END
    return Estimate(indices, late, doubtful)


def _nearest(sequences: Numbers, highest: Numbers) -> Numbers:
    """
    As packet_index.nearest_index, by arrays.
    """
    ahead = (sequences - highest) & (CYCLE - 1)
    indices = highest + ahead - np.where(ahead >= HALF, CYCLE, 0)
    indices[indices < 0] += CYCLE
    return indices
