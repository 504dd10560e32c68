"""
What one filling of a pool holds, looked at as a whole: which streams go on in their stride, and what the times of
arrival tell of their clocks.

Here is nothing that L{siprec_tw.media.live_source} does not do packet by packet, and every figure is computed by
the same operations in the same order, so that the results are the same to the last bit. The packets of one stream
lie side by side; a stream of which any packet is not the one that must come next is left to that module.
"""

from __future__ import annotations

import numpy as np
from attrs import define
from numpy.typing import NDArray

from siprec_tw.media.batch_clock import YOUNG_SECONDS
from siprec_tw.media.batch_pool import SlotPool
from siprec_tw.media.batch_rows import Ints, Rows
from siprec_tw.media.batch_system import CONTROL_SIZE
from siprec_tw.rtp.clock import JUMP_SECONDS, MAX_DRIFT, WINDOW
from siprec_tw.rtp.packet import HEADER_SIZE

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_WITHOUT_MARKER = np.uint32(0xFF7F_FFFF)
_SEQUENCES = 1 << 16


@define
class Filling:
    """
    The slots of a pool by streams: of each stream the first slot, the last, and how many; at least one.
    """

    starts: Ints
    lasts: Ints
    counts: Ints


@define
class Times:
    """
    What arrivals tell, a figure for each stream.
    """

    least: Floats           # transit, seconds
    most: Floats
    last: Floats            # transit of the last packet, ticks
    now: Floats             # arrival of the last packet
    jitter: Floats          # after the last packet, ticks


def in_stride(pool: SlotPool, filling: Filling, rows: Rows, step: int, compared: int) -> Bools:
    """
    Which streams have nothing but the packets that must come next, from where they came before. C{compared} words
    of a socket address tell one from another.
    """
    used, starts = pool.used, filling.starts
    words = pool.words[:used, 0].astype(np.uint32)      # version octet, payload type, sequence number
    words &= _WITHOUT_MARKER
    timestamps = pool.words[:used, 1].astype(np.uint32)
    sources, names = pool.words[:used, 2], pool.names[:used]
    good = pool.lengths[:used] == HEADER_SIZE + pool.size
    good &= pool.control_sizes[:used] == CONTROL_SIZE
    follows = good[1:]
    follows &= words[1:] - words[:-1] == 1
    follows &= timestamps[1:] - timestamps[:-1] == step
    follows &= sources[1:] == sources[:-1]
    for word in range(compared):
        follows &= names[1:, word] == names[:-1, word]
    # The first of a stream follows nothing here: it is what its row says.
    first = pool.lengths[starts] == HEADER_SIZE + pool.size
    first &= pool.control_sizes[starts] == CONTROL_SIZE
    first &= words[starts] == rows["start"] + rows["sequence"]
    first &= timestamps[starts] == rows["head"].astype(np.uint32)
    first &= sources[starts] == rows["ssrc"]
    for word in range(compared):
        first &= names[starts, word] == rows["name"][:, word]
    # A number that wraps would be carried into the payload type.
    first &= rows["sequence"] + filling.counts <= _SEQUENCES
    good[starts] = first
    return np.logical_and.reduceat(good, starts)


def times_of(pool: SlotPool, filling: Filling, rows: Rows, step: int, rate: int) -> Times:
    """
    Transits and jitter, as if each stream were in its stride.
    """
    used, starts, lasts = pool.used, filling.starts, filling.lasts
    arrivals = np.multiply(pool.controls[:used, 3], 1e-9, dtype=np.float64)
    arrivals += pool.controls[:used, 2]
    transits = np.multiply(arrivals, rate, dtype=np.float64)
    # Whole numbers below 2**53, as timestamps are: their sums are exact.
    ticks = np.repeat((rows["head"] - starts * step).astype(np.float64), filling.counts)
    ticks += np.arange(0.0, used * step, step)
    transits -= ticks
    changes = np.empty(used)
    np.subtract(transits[1:], transits[:-1], out=changes[1:])
    changes[starts] = transits[starts] - rows["last_transit"]
    np.abs(changes, out=changes)
    return Times(
        np.minimum.reduceat(transits, starts) / rate,
        np.maximum.reduceat(transits, starts) / rate,
        transits.take(lasts),
        arrivals.take(lasts),
        jitter_after(rows["jitter"], changes, filling),
    )


def jitter_after(jitter: Floats, changes: Floats, filling: Filling) -> Floats:
    """
    RFC 3550 A.8 over the changes of each stream's transits: the recurrence itself, since no sum in another order
    comes to the same bits; but the n-th packets of all streams at once.
    """
    order = np.argsort(-filling.counts, kind="stable")      # the longest first
    counts = filling.counts[order]
    nth = np.arange(int(counts[0]))
    alive = np.searchsorted(-counts, -nth, side="left")     # how many streams have a first, a second ... packet
    places = filling.starts[order] + nth[:, np.newaxis]
    columns = changes.take(places, mode="clip")
    now, change = jitter[order], np.empty(len(order))
    for column, count in zip(columns, alive.tolist(), strict=True):
        some, by = now[:count], change[:count]
        np.subtract(column[:count], some, out=by)
        np.multiply(by, 1 / 16, out=by)
        np.add(some, by, out=some)
    after = np.empty_like(now)
    after[order] = now
    return after


def agrees(rows: Rows, times: Times) -> Bools:
    """
    TransitBaseline.agrees, and that following the clock would not find that it crept.
    """
    known = rows["known_least"]
    least = np.minimum(known, times.least)
    crept = MAX_DRIFT * np.maximum(0.0, times.now - rows["began"])
    good: Bools = known - JUMP_SECONDS <= times.least
    good &= times.most <= known + JUMP_SECONDS
    good &= least - np.minimum(rows["lowest"], least) <= JUMP_SECONDS + crept
    return good


def moves(rows: Rows, times: Times) -> Bools:
    """
    Whether the clock's window may move on: then it is for the clock itself to follow.
    """
    moved: Bools = times.now - rows["started"] >= YOUNG_SECONDS
    moved |= times.now - rows["oldest"] > WINDOW
    return moved


def advance(rows: Rows, filling: Filling, times: Times, step: int, size: int) -> None:
    """
    Count the packets of streams in their stride, all of which were written.
    """
    counts = filling.counts
    octets = counts * size
    rows["sequence"] = rows["sequence"] + counts & 0xFFFF
    rows["head"] += counts * step
    rows["offset"] += octets
    rows["packets"] += counts
    rows["octets"] += octets
    rows["strode"] += counts
    rows["strode_octets"] += octets
    for name in ("known_least", "newly_least", "least"):
        rows[name] = np.minimum(rows[name], times.least)
    rows["lowest"] = np.minimum(rows["lowest"], rows["known_least"])
    rows["last_arrival"] = times.now
    rows["last_transit"] = times.last
    rows["jitter"] = times.jitter
