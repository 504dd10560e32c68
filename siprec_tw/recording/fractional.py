"""
Samples between samples: a windowed sinc at any position, in steps of 1/4096 of a sample.

For sound whose clock is corrected: the positions go on by nearly, but not quite, one sample each (or one half, where
the rate rises besides); never by much more, as nothing is filtered out above them. What comes of a position depends
on nothing but that position and the samples around it, in whole numbers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from siprec_tw.recording.resample import CHUNK, TAPS_A_SIDE, UNIT, kernel

PHASE_BITS = 12
_MASK = (1 << PHASE_BITS) - 1

Floats = NDArray[np.float64]


@lru_cache(maxsize=1)
def _taps() -> Floats:
    """
    Phases by taps; whole numbers.
    """
    return kernel(1, 1 << PHASE_BITS).taps.astype(np.float64)


def needed(positions: Floats) -> tuple[int, int]:
    """
    The samples [first, end) that those at rising positions, one at least, are made of.
    """
    return int(positions[0]) - TAPS_A_SIDE - 1, int(positions[-1]) + TAPS_A_SIDE + 2


def samples_at(samples: NDArray[np.int32], offset: int, positions: Floats) -> NDArray[np.int32]:
    """
    The sound at rising positions; C{samples} begin at sample C{offset}. Before and after them the first and the last
    are taken to go on.
    """
    if not len(samples):
        return np.zeros(len(positions), np.int32)
    steps = np.rint(positions * (1 << PHASE_BITS)).astype(np.int64) - (offset << PHASE_BITS)
    parts = [_chunk(samples, steps[start : start + CHUNK]) for start in range(0, len(steps), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _chunk(samples: NDArray[np.int32], steps: NDArray[np.int64]) -> NDArray[np.int32]:
    whole = steps >> PHASE_BITS
    low = int(whole[0]) - TAPS_A_SIDE + 1
    wanted = np.clip(np.arange(low, int(whole[-1]) + TAPS_A_SIDE + 1), 0, len(samples) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(samples[wanted].astype(np.float64), 2 * TAPS_A_SIDE)
    # Whole numbers far below 2**53: their sums are exact, in whatever order they are made.
    sums = np.einsum("ij,ij->i", windows[whole - whole[0]], _taps()[steps & _MASK])
    rounded = np.floor((sums + UNIT // 2) / UNIT)
    result: NDArray[np.int32] = np.clip(rounded, -32768, 32767).astype(np.int32)
    return result
