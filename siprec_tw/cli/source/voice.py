"""
Two people talking: sound that is recognised as speech by ear, and the same for every run of one seed.

A syllable is a hum of harmonics, shaped by the formants of a vowel, after a short hiss for its consonant.
Syllables make words, words make a turn; the two take turns, so that a recording with a channel for each is
heard at once to be right or wrong.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.codecs.g711 import Samples

RATE = 8000
TOP = 3400.0                # Hz, the end of the telephone band
FORMANT_WIDTH = 90.0        # Hz
NOISE = 6.0                 # of 32768: a room is never quite silent
LOUDNESS = 9000.0

# First and second formant of a, e, i, o, u.
VOWELS = ((730.0, 1090.0), (530.0, 1840.0), (270.0, 2290.0), (570.0, 840.0), (300.0, 870.0))

Sound = NDArray[np.float64]


@frozen
class Voice:
    """
    A speaker.
    """

    pitch: float            # Hz
    stretch: float          # of the formants: a shorter throat has higher ones
    haste: float            # 1 is usual


LOW = Voice(112.0, 1.0, 1.0)
HIGH = Voice(205.0, 1.16, 1.12)


def conversation(seconds: float, seed: int) -> tuple[Samples, Samples]:
    """
    What a low and a high voice say to each other; both so long, 8000 samples a second.
    """
    random = np.random.default_rng(seed)
    length = round(seconds * RATE)
    channels = [random.normal(0.0, NOISE, length) for _ in range(2)]
    at = round(0.3 * RATE)
    speaker = 0
    while at < length:
        turn = _turn((LOW, HIGH)[speaker], random)
        part = turn[:length - at]
        channels[speaker][at:at + len(part)] += part
        at += len(turn) + round(random.uniform(0.25, 0.7) * RATE)
        speaker = 1 - speaker
    low, high = (np.clip(channel, -32768, 32767).astype(np.int16) for channel in channels)
    return low, high


def _turn(voice: Voice, random: np.random.Generator) -> Sound:
    parts = []
    words = int(random.integers(3, 8))
    for word in range(words):
        fall = 1.08 - 0.2 * word / words        # a sentence ends lower than it began
        for _ in range(int(random.integers(1, 4))):
            parts.append(_syllable(voice, voice.pitch * fall * random.uniform(0.96, 1.06), random))
        parts.append(np.zeros(round(random.uniform(0.05, 0.13) * RATE)))
    return np.concatenate(parts)


def _syllable(voice: Voice, pitch: float, random: np.random.Generator) -> Sound:
    length = round(random.uniform(0.12, 0.26) / voice.haste * RATE)
    vowel = VOWELS[int(random.integers(len(VOWELS)))]
    formants = [formant * voice.stretch for formant in (*vowel, 2500.0)]
    bend = pitch * (1 + 0.06 * np.sin(np.linspace(0.0, np.pi, length)))
    phase = 2 * np.pi * np.cumsum(bend) / RATE
    hum = np.zeros(length)
    for harmonic in range(1, int(TOP / pitch / 1.06)):
        frequency = harmonic * pitch
        gain = sum(
            FORMANT_WIDTH**2 / ((frequency - formant)**2 + FORMANT_WIDTH**2) / (order + 1)
            for order, formant in enumerate(formants)
        )
        hum += gain * np.sin(harmonic * phase)
    hum *= np.sin(np.linspace(0.0, np.pi, length)) ** 0.6 * LOUDNESS / max(1.0, float(np.abs(hum).max()))
    return np.concatenate([_hiss(random), hum])


def _hiss(random: np.random.Generator) -> Sound:
    length = round(random.uniform(0.02, 0.05) * RATE)
    noise = random.normal(0.0, 1.0, length + 1)
    return np.asarray(np.diff(noise) * np.hanning(length) * LOUDNESS * 0.08)
