"""
A voice that everybody can make again, and how near a decoder came to it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
VECTORS = Path(__file__).parent / "vectors"
REFERENCES = Path(__file__).parent / "references"
EXCERPT = slice(4000, 6000)     # samples of a reference that are kept
FORMANTS = ((500, 200, 1.3, 90, 1.0), (1500, 500, 0.9, 130, 0.6), (2600, 0, 0.0, 200, 0.35))


def voice(rate: int, seconds: float = 2.0) -> Samples:
    """
    Harmonics under three moving formants, in syllables: what codecs of speech are made for.
    """
    n = int(rate * seconds)
    t = np.arange(n) / rate
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * t) + 10 * np.sin(2 * np.pi * 3.1 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros(n)
    for k in range(1, 34):
        gains = (
            gain / (1 + ((k * pitch - centre - swing * np.sin(2 * np.pi * beat * t)) / width) ** 2)
            for centre, swing, beat, width, gain in FORMANTS
        )
        sound += np.where(k * pitch < 3600, sum(gains), 0) * np.sin(k * phase + k * k * 0.37)
    sound *= np.clip(np.sin(2 * np.pi * 1.7 * t) * 3 + 1, 0.02, 1)
    return (sound / np.abs(sound).max() * 12_000).astype(np.int16)


def payloads(name: str) -> list[bytes]:
    """
    The payloads of a vector: each behind its length in two octets.
    """
    octets = (VECTORS / f"{name}.payloads").read_bytes()
    found, at = [], 0
    while at < len(octets):
        size = int.from_bytes(octets[at : at + 2], "big")
        found.append(octets[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def reference(name: str) -> Samples:
    """
    C{EXCERPT} of what another decoder makes of a vector.
    """
    return np.frombuffer((REFERENCES / f"{name}.pcm").read_bytes(), "<i2")


def delay_of(sent: NDArray[np.int16], heard: NDArray[np.int16]) -> int:
    """
    By how many samples what was heard lies behind what was sent, by correlation.
    """
    size = len(sent) + len(heard)
    spectrum = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(sent.astype(float), size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return at if at < len(heard) else at - size


def likeness(sent: NDArray[np.int16], heard: NDArray[np.int16], delay: int) -> tuple[float, float]:
    """
    Correlation, and signal to noise in dB, once the delay is taken away.
    """
    n = min(len(sent), len(heard) - delay)
    a, b = sent[:n].astype(float), heard[delay : delay + n].astype(float)
    correlation = float(np.corrcoef(a, b)[0, 1])
    return correlation, float(10 * np.log10((a**2).sum() / ((b - a) ** 2).sum()))
