"""
Resampling: places, levels and what must not be heard.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from siprec_tw.recording.resample import kernel


def tone(rate: int, frequency: float, seconds: float = 1.0) -> NDArray[np.int32]:
    t = np.arange(int(rate * seconds)) / rate
    return np.rint(12_000 * np.sin(2 * np.pi * frequency * t)).astype(np.int32)


@pytest.mark.parametrize(
    ("old", "new"),
    [(8000, 16_000), (8000, 48_000), (16_000, 48_000), (48_000, 16_000), (44_100, 48_000), (16_000, 8000)],
)
def test_tone_keeps_its_place(old: int, new: int) -> None:
    """
    A tone of 1 kHz comes out as itself, 60 dB above all that is wrong: no delay, no other level.
    """
    found = kernel(old, new).apply(tone(old, 1000), 0, 0, new)
    wrong = (found - tone(new, 1000))[100:-100]
    assert np.sqrt((wrong.astype(float) ** 2).mean()) < 12_000 / np.sqrt(2) / 1000


def test_what_is_too_high_is_taken_out() -> None:
    """
    Above the new Nyquist frequency nothing comes back as another tone.
    """
    found = kernel(48_000, 16_000).apply(tone(48_000, 9000), 0, 0, 16_000)
    assert np.abs(found[100:-100]).max() <= 12


def test_mirrors_are_taken_out() -> None:
    """
    A tone of 3 kHz has no image at 5 kHz when the rate is doubled.
    """
    found = kernel(8000, 16_000).apply(tone(8000, 3000), 0, 0, 16_000)[200:-200].astype(float)
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    hertz = np.fft.rfftfreq(len(found), 1 / 16_000)
    image = spectrum[(hertz > 4500) & (hertz < 5500)].max()
    assert image < spectrum.max() / 1000


def test_samples_survive_a_whole_factor() -> None:
    """
    When the rate rises by a whole factor, every sample that came is there.
    """
    sound = np.random.default_rng(1).integers(-32_768, 32_767, 4000).astype(np.int32)
    assert np.array_equal(kernel(8000, 48_000).apply(sound, 0, 0, 24_000)[::6], sound)


def test_any_cut_gives_the_same() -> None:
    """
    Blocks that are made on their own, each from the samples it needs, are the whole.
    """
    sound = np.random.default_rng(2).integers(-20_000, 20_000, 9000).astype(np.int32)
    resampling = kernel(44_100, 16_000)
    whole = resampling.apply(sound, 0, 0, 3000)
    parts = []
    for first, end in ((0, 1), (1, 700), (700, 701), (701, 3000)):
        low, high = resampling.needed(first, end)
        low, high = max(0, low), min(len(sound), high)
        parts.append(resampling.apply(sound[low:high], low, first, end))
    assert np.array_equal(np.concatenate(parts), whole)


def test_constant_stays_constant() -> None:
    """
    The sum of the taps is exact, and edges do not ring.
    """
    sound = np.full(500, 20_001, np.int32)
    assert set(kernel(8000, 44_100).apply(sound, 0, 0, 2700)) == {20_001}
    assert kernel(8000, 16_000).apply(sound[:0], 0, 5, 9).tolist() == [0, 0, 0, 0]
