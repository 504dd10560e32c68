"""
The ruler of long calls: chirps are found where they were sent, and nowhere else.
"""

from __future__ import annotations

import numpy as np
import pytest

from bench.markers import MarkedSound, found


@pytest.mark.parametrize("ppm", [-300.0, 0.0, 300.0])
@pytest.mark.parametrize("rate", [8000, 16_000])
def test_chirps_are_found(rate: int, ppm: float) -> None:
    """
    By a clock that is right, the chirps of one that is wrong lie where its samples are, to one sample.
    """
    sound = MarkedSound(rate, ppm)
    samples = np.concatenate([sound.samples(start, 1000) for start in range(0, 60 * rate, 1000)])
    assert sound.instants(60.0) == [2.0, 12.0, 22.0, 32.0, 42.0, 52.0]
    for instant in sound.instants(60.0):
        place = found(samples, rate, instant)
        assert place is not None
        assert abs(place - instant * (1 + ppm / 1e6)) <= 1 / rate


def test_nothing_is_found_where_there_is_nothing() -> None:
    """
    Silence, noise and the end of the sound have no chirp.
    """
    noise = np.random.default_rng(1).normal(0, 3000, 80_000).astype(np.int16)
    assert found(noise, 8000, 5.0) is None
    assert found(np.zeros(80_000, np.int16), 8000, 5.0) is None
    assert found(noise, 8000, 12.0) is None
