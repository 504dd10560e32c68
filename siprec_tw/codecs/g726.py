"""
G.726 at 40 kbit/s, decoded here: FFmpeg's decoder lets the zeros of the predictor leak at the pace of the lower
rates (2**-8), which is 2**-9 at this one, and so loses some 15 dB.

The names are those of the Recommendation (ITU-T G.726). A code of five bits is a sign and the logarithm
of a difference, relative to a scale factor y that follows the signal; the difference is added to what a
predictor of two poles (a1, a2) and six zeros (b) expects. Slow, a sample at a time, and rarely needed.
"""

from __future__ import annotations

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

# By the magnitude of a code; negative codes are its complement.
DQLN = (-2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566)
W = (14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529, 696)
F = (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6)

BITS = 5
ZERO = (False, 0, 32)       # sign, exponent, mantissa

Float = tuple[bool, int, int]


@define
class G726At40:
    """
    The state of one decoder.
    """

    rate = 8000

    least_bits_first: bool      # RFC 3551 s.4.5.4; the other way about in ATM (I.366.2 annex E)
    yu: int = 544
    yl: int = 34_816
    dms: int = 0
    dml: int = 0
    ap: int = 0
    a1: int = 0
    a2: int = 0
    b: list[int] = field(factory=lambda: [0] * 6)
    dq: list[Float] = field(factory=lambda: [ZERO] * 6)     # the latest first
    sr1: Float = ZERO
    sr2: Float = ZERO
    pk1: bool = False
    pk2: bool = False
    td: bool = False

    def decode(self, octets: bytes) -> NDArray[np.int16]:
        """
        Eight samples for five octets; bits that are left over are no sample. Raises nothing.
        """
        count = len(octets) * 8 // BITS
        bits = int.from_bytes(octets, "little" if self.least_bits_first else "big")
        if self.least_bits_first:
            codes = [bits >> BITS * i & 31 for i in range(count)]
        else:
            spare = len(octets) * 8 - BITS * count
            codes = [bits >> spare + BITS * (count - 1 - i) & 31 for i in range(count)]
        return np.array([self._sample(code) for code in codes], np.int16)

    def _sample(self, code: int) -> int:
        negative = code >= 16
        magnitude = 31 - code if negative else code
        zeros = sum(_fmult(b >> 2, dq) for b, dq in zip(self.b, self.dq, strict=True))
        sez = zeros >> 1
        se = (zeros + _fmult(self.a1 >> 2, self.sr1) + _fmult(self.a2 >> 2, self.sr2)) >> 1
        y = self._scale()
        dql = DQLN[magnitude] + (y >> 2)
        size = 0 if dql < 0 else ((128 + (dql & 127)) << 7) >> (14 - (dql >> 7 & 15))
        dq = -size if negative else size
        sr = se + dq
        self._adapt(y, magnitude, size, negative, dq + sez)
        self.sr1, self.sr2 = _float(sr < 0, abs(sr)), self.sr1
        return max(-32_768, min(32_767, sr * 4))

    def _scale(self) -> int:
        """
        The scale factor y: between a fast one and a slow one, as the speed ap says (MIX).
        """
        al = min(self.ap >> 2, 64)
        slow = self.yl >> 6
        product = (self.yu - slow) * al
        return slow + (product >> 6 if product >= 0 else -(-product >> 6))

    def _adapt(self, y: int, magnitude: int, size: int, negative: bool, dqsez: int) -> None:
        transition = self.td and size > self._threshold()
        self.yu = max(544, min(5120, y + ((W[magnitude] * 32 - y) >> 5)))
        self.yl += self.yu + (-self.yl >> 6)
        pk0 = dqsez < 0
        if transition:
            self.a1 = self.a2 = 0
            self.b = [0] * 6
        else:
            self._adapt_poles(pk0, dqsez)
            self._adapt_zeros(size, negative)
        self.dq = [_float(negative, size), *self.dq[:5]]
        self.pk1, self.pk2 = pk0, self.pk1
        self.td = not transition and self.a2 < -11_776
        self._adapt_speed(y, F[magnitude], transition)

    def _threshold(self) -> int:
        """
        The size of a difference that ends a tone (TRANS).
        """
        whole, part = self.yl >> 15, self.yl >> 10 & 31
        threshold = 31 << 10 if whole > 9 else (32 + part) << whole
        return (threshold + (threshold >> 1)) >> 1

    def _adapt_poles(self, pk0: bool, dqsez: int) -> None:
        same = pk0 == self.pk1
        a2 = self.a2 - (self.a2 >> 7)
        if dqsez:
            fa1 = max(-8191, min(8191, self.a1)) * 4
            a2 += ((16_384 if pk0 == self.pk2 else -16_384) + (-fa1 if same else fa1)) >> 7
        self.a2 = max(-12_288, min(12_288, a2))
        a1 = self.a1 - (self.a1 >> 8)
        if dqsez:
            a1 += 192 if same else -192
        limit = 15_360 - self.a2
        self.a1 = max(-limit, min(limit, a1))

    def _adapt_zeros(self, size: int, negative: bool) -> None:
        for i, (sign, _, _) in enumerate(self.dq):
            self.b[i] -= self.b[i] >> 9
            if size:
                self.b[i] += 128 if sign == negative else -128

    def _adapt_speed(self, y: int, rate: int, transition: bool) -> None:
        self.dms += (rate * 512 - self.dms) >> 5
        self.dml += (rate * 2048 - self.dml) >> 7
        if transition:
            self.ap = 256
            return
        changing = y < 1536 or self.td or abs(4 * self.dms - self.dml) >= self.dml >> 3
        self.ap += ((512 if changing else 0) - self.ap) >> 4


def _float(negative: bool, size: int) -> Float:
    """
    A number of sixteen bits as sign, exponent of four and mantissa of six (FLOATA, FLOATB).
    """
    exponent = size.bit_length()
    return negative, exponent, (size << 6) >> exponent if size else 32


def _fmult(factor: int, value: Float) -> int:
    """
    The product of a coefficient and a number of the past (FMULT).
    """
    size = abs(factor) & 0x1FFF
    _, exponent, mantissa = _float(False, size)
    negative, other, other_mantissa = value
    product = (mantissa * other_mantissa + 48) >> 4
    shift = exponent + other - 26
    result = product << 7 << shift if shift >= 0 else product << 7 >> -shift
    return -(result & 0x7FFF) if (factor < 0) != negative else result & 0x7FFF
