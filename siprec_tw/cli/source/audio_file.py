"""
WAV files as what a stream sends: 16-bit mono, brought to 8000 samples a second.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from siprec_tw.cli.source.voice import RATE
from siprec_tw.codecs.g711 import Samples
from siprec_tw.errors import SiprecError

MOST_SECONDS = 24 * 3600


def read_audio(path: Path) -> Samples:
    """
    A file's samples at 8000 a second. Raises SiprecError for what is no 16-bit mono PCM.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2:
                found = f"{file.getnchannels()} channels of {8 * file.getsampwidth()} bits"
                raise SiprecError(f"{path} has {found}, wanted one of 16")
            rate = file.getframerate()
            octets = file.readframes(MOST_SECONDS * rate)
    except OSError as error:
        raise SiprecError(f"{path} cannot be read: {error.strerror}") from error
    except (wave.Error, EOFError) as error:
        raise SiprecError(f"{path} is no WAV file of 16-bit PCM: {error or 'it ends too soon'}") from error
    return resampled(np.frombuffer(octets[:len(octets) & ~1], "<i2").astype(np.int16), rate)


def resampled(samples: Samples, rate: int) -> Samples:
    """
    Samples at another rate brought to 8000 a second: smoothed where that leaves some out, then interpolated.
    """
    if rate == RATE or not len(samples):
        return samples
    sound = samples.astype(np.float64)
    if rate > RATE:
        # A Hann window two output periods wide keeps most of what would alias out of the band.
        window = np.hanning(2 * round(rate / RATE) + 3)[1:-1]
        sound = np.convolve(sound, window / window.sum(), "same")
    count = len(samples) * RATE // rate
    at = np.arange(count) * (rate / RATE)
    found: Samples = np.rint(np.interp(at, np.arange(len(sound)), sound)).astype(np.int16)
    return found
