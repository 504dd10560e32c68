"""
Sounds that tell when they were made: short chirps at known instants, sampled by a clock that is wrong.

A clock that is C{ppm} millionths fast takes C{1 + ppm / 1e6} times as many samples a second as it says. Seconds count
from the stream's first sample, in true time.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

LENGTH = 0.05               # seconds
LOW, HIGH = 400.0, 3000.0   # hertz
AMPLITUDE = 12_000.0
CLEAR = 6.0                 # times the noise of the correlation: what is less is no chirp

Instants = NDArray[np.float64]


def chirp(seconds: Instants) -> Instants:
    """
    The chirp that begins at 0, at these instants.
    """
    inside = (seconds >= 0) & (seconds < LENGTH)
    phase = 2 * np.pi * (LOW * seconds + (HIGH - LOW) / (2 * LENGTH) * seconds**2)
    window = np.sin(np.pi * seconds / LENGTH) ** 2
    wave: Instants = np.where(inside, AMPLITUDE * window * np.sin(phase), 0.0)
    return wave


@frozen
class MarkedSound:
    """
    Silence with a chirp every so many seconds.
    """

    rate: int               # samples a second, as the clock says
    ppm: float = 0.0        # that the clock is fast
    first: float = 2.0      # seconds
    every: float = 10.0     # seconds

    @property
    def true_rate(self) -> float:
        """
        Samples a second of true time.
        """
        return self.rate * (1 + self.ppm / 1e6)

    def samples(self, start: int, count: int) -> NDArray[np.int16]:
        """
        So many samples from sample C{start} on.
        """
        instants = np.arange(start, start + count) / self.true_rate
        after = instants - self.first
        wave = chirp(after - np.maximum(0.0, np.floor(after / self.every)) * self.every)
        return np.rint(wave).astype(np.int16)

    def instants(self, seconds: float) -> list[float]:
        """
        When the chirps begin that are over after so long.
        """
        count = int(max(0.0, seconds - LENGTH - self.first) / self.every) + 1
        return [self.first + number * self.every for number in range(count)]


def found(sound: NDArray[np.int16], rate: int, expected: float, within: float = 1.0) -> float | None:
    """
    When the chirp begins that should begin at C{expected}, give or take C{within}; seconds. None where there is none.
    """
    template = chirp(np.arange(round(LENGTH * rate)) / rate)
    begin = max(0, round((expected - within) * rate))
    piece = sound[begin : round((expected + within + LENGTH) * rate)].astype(np.float64)
    if len(piece) < len(template):
        return None
    likeness = np.correlate(piece, template)
    best = int(likeness.argmax())
    if likeness[best] < CLEAR * max(1.0, float(np.sqrt(np.mean(likeness**2)))):
        return None
    return (begin + best) / rate
