"""
G.711: A-law and mu-law, to and from linear 16-bit samples (ITU-T G.711, tables 1a to 2b).

Each octet holds a sign, the number of a segment (3 bits) and a step in it (4 bits); the segments double in
width. mu-law codes 14 bits and sends all bits inverted, A-law 13 bits and sends every second bit inverted.
Both are aligned here to the top of 16 bits: mu-law values are the standard's times 4, A-law values times 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

MULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5

_MULAW_BIAS = 33        # in units of the 14-bit code
_ALAW_INVERTED = 0x55


def _mulaw_table() -> Samples:
    """
    The decoder's output for each octet: ((2 * step + 33) << segment) - 33, in 14 bits.
    """
    octets = np.arange(256, dtype=np.int32) ^ 0xFF
    segment, step = octets >> 4 & 7, octets & 15
    magnitude = ((2 * step + _MULAW_BIAS) << segment) - _MULAW_BIAS
    return (np.where(octets & 0x80, -magnitude, magnitude) * 4).astype(np.int16)


def _alaw_table() -> Samples:
    """
    The decoder's output for each octet: 2 * step + 1 in the lowest segment, (2 * step + 33) << (segment - 1)
    in the others, in 13 bits.
    """
    octets = np.arange(256, dtype=np.int32) ^ _ALAW_INVERTED
    segment, step = octets >> 4 & 7, octets & 15
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (np.where(octets & 0x80, magnitude, -magnitude) * 8).astype(np.int16)


MULAW_SAMPLES = _mulaw_table()
ALAW_SAMPLES = _alaw_table()


def decode_mulaw(octets: bytes) -> Samples:
    """
    One sample an octet, int16. Raises nothing: every octet is a sample.
    """
    return MULAW_SAMPLES[np.frombuffer(octets, np.uint8)]


def decode_alaw(octets: bytes) -> Samples:
    """
    One sample an octet, int16. Raises nothing: every octet is a sample.
    """
    return ALAW_SAMPLES[np.frombuffer(octets, np.uint8)]


def encode_mulaw(samples: Samples) -> bytes:
    """
    One octet a sample. The two lowest bits of a sample do not count; what is too loud is clipped.
    """
    linear = samples.astype(np.int32) >> 2
    negative = linear < 0
    # The standard's decision values are those of the magnitude; one's complement makes -1 the mirror of 0.
    magnitude = np.minimum(np.where(negative, ~linear, linear), 8158) + _MULAW_BIAS
    segment = _highest_bit(magnitude) - 5
    step = magnitude >> (segment + 1) & 15
    return _octets((segment << 4 | step | np.where(negative, 0x80, 0)) ^ 0xFF)


def encode_alaw(samples: Samples) -> bytes:
    """
    One octet a sample. The three lowest bits of a sample do not count.
    """
    linear = samples.astype(np.int32) >> 3
    negative = linear < 0
    magnitude = np.where(negative, ~linear, linear)
    segment = np.maximum(_highest_bit(magnitude) - 4, 0)
    step = magnitude >> np.maximum(segment, 1) & 15
    return _octets((segment << 4 | step | np.where(negative, 0, 0x80)) ^ _ALAW_INVERTED)


def _highest_bit(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """
    The number of the highest bit set, -1 where none is.
    """
    return np.frexp(values.astype(np.float64))[1].astype(np.int32) - 1


def _octets(values: NDArray[np.int32]) -> bytes:
    return values.astype(np.uint8).tobytes()
