"""
From one sample rate to another: a windowed sinc in as many phases as the ratio of the rates has.

Output sample n stands at n * from / to of the input, exactly: no delay, and no drift however long. It is the
sum of TAPS_A_SIDE input samples on either side (more when the rate falls), in whole numbers, so that the
result is the same however a track is cut into blocks. When the rate rises by a whole factor, the
input's own samples come out unchanged.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

TAPS_A_SIDE = 16
UNIT = 1 << 15          # of the taps
PASS = 0.94             # of the lower Nyquist frequency, when the rate falls
KAISER = 7.0
CHUNK = 8192            # output samples at a time: bounds the memory


@frozen
class Kernel:
    """
    The taps for one pair of rates.
    """

    up: int
    down: int
    reach: int                          # input samples that are needed before and after a position
    taps: NDArray[np.int64]             # phases x 2 * reach

    def needed(self, first: int, end: int) -> tuple[int, int]:
        """
        The input samples [first, end) that output samples [first, end) are made of.
        """
        return first * self.down // self.up - self.reach + 1, (end - 1) * self.down // self.up + self.reach + 1

    def apply(self, samples: NDArray[np.int32], offset: int, first: int, end: int) -> NDArray[np.int32]:
        """
        Output samples [first, end); C{samples} begin at input sample C{offset}. Before and after them the
        first and the last are taken to go on, so that an edge rings the least.
        """
        if not len(samples):
            return np.zeros(max(0, end - first), np.int32)
        parts = [
            self._chunk(samples, offset, start, min(start + CHUNK, end)) for start in range(first, end, CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int32)

    def _chunk(self, samples: NDArray[np.int32], offset: int, first: int, end: int) -> NDArray[np.int32]:
        low, high = self.needed(first, end)
        wanted = np.clip(np.arange(low - offset, high - offset), 0, len(samples) - 1)
        padded = samples[wanted].astype(np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * self.reach)
        sums = np.empty(end - first, np.int64)
        for place in range(min(self.up, end - first)):      # positions of one phase lie at equal distances
            position = (first + place) * self.down
            rows = windows[position // self.up - self.reach + 1 - low :: self.down]
            wanted = sums[place :: self.up]
            np.einsum("ij,j->i", rows[: len(wanted)], self.taps[position % self.up], out=wanted)
        rounded: NDArray[np.int64] = np.clip((sums + UNIT // 2) // UNIT, -32768, 32767)
        return rounded.astype(np.int32)


@lru_cache(maxsize=16)
def kernel(from_rate: int, to_rate: int) -> Kernel:
    """
    The kernel between two rates, samples a second.
    """
    common = gcd(from_rate, to_rate)
    up, down = to_rate // common, from_rate // common
    cutoff = 1.0 if up >= down else PASS * up / down    # of the input's Nyquist frequency
    reach = TAPS_A_SIDE if up >= down else -(-TAPS_A_SIDE * down // up)
    phases = np.arange(up)[:, None] / up
    distance = np.arange(-reach + 1, reach + 1)[None, :] - phases
    window = np.i0(KAISER * np.sqrt(np.maximum(0.0, 1 - (distance / reach) ** 2))) / np.i0(KAISER)
    exact = cutoff * np.sinc(cutoff * distance) * window
    exact *= UNIT / exact.sum(axis=1, keepdims=True)
    taps = np.rint(exact).astype(np.int64)
    taps[np.arange(up), np.abs(distance).argmin(axis=1)] += UNIT - taps.sum(axis=1)
    return Kernel(up, down, reach, taps)
