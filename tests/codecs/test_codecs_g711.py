"""
Tests for siprec_tw.codecs.g711.
"""

import warnings

import numpy as np
import pytest

from siprec_tw.codecs import g711

EVERY_OCTET = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)

# ITU-T G.711 table 2a: decoder output values of the first step of each segment, positive, in 14 bits.
MULAW_FIRST_STEPS = {0xFF: 0, 0xEF: 33, 0xDF: 99, 0xCF: 231, 0xBF: 495, 0xAF: 1023, 0x9F: 2079, 0x8F: 4191}
MULAW_WIDTHS = (2, 4, 8, 16, 32, 64, 128, 256)

# ITU-T G.711 table 1a: the same of A-law; the standard's values doubled, so that all are whole.
ALAW_FIRST_STEPS = {0xD5: 1, 0xC5: 33, 0xF5: 66, 0xE5: 132, 0x95: 264, 0x85: 528, 0xB5: 1056, 0xA5: 2112}
ALAW_WIDTHS = (2, 2, 4, 8, 16, 32, 64, 128)

KNOWN_MULAW = {
    0x00: -32124, 0x01: -31100, 0x0F: -16764, 0x10: -15996, 0x2A: -5372, 0x55: -716, 0x7E: -8, 0x7F: 0,
    0x80: 32124, 0x8F: 16764, 0x90: 15996, 0xD5: 716, 0xFE: 8, 0xFF: 0,
}
KNOWN_ALAW = {
    0x00: -5504, 0x15: -2112, 0x2A: -32256, 0x54: -24, 0x55: -8, 0x7F: -848, 0x80: 5504, 0x95: 2112,
    0xAA: 32256, 0xD4: 24, 0xD5: 8, 0xFF: 848,
}


def test_every_mulaw_octet_by_the_tables() -> None:
    """
    In each segment the sixteen values go up from the standard's first by the segment's width.
    """
    expected = np.zeros(256, dtype=np.int32)
    for (first_octet, first), width in zip(MULAW_FIRST_STEPS.items(), MULAW_WIDTHS, strict=True):
        for step in range(16):
            expected[first_octet - step] = 4 * (first + step * width)
            expected[first_octet - step - 0x80] = -4 * (first + step * width)
    assert g711.decode_mulaw(EVERY_OCTET).tolist() == expected.tolist()


def test_every_alaw_octet_by_the_tables() -> None:
    """
    In each segment the sixteen values go up from the standard's first by its width; 0x55 inverts the octets.
    """
    expected = np.zeros(256, dtype=np.int32)
    for (first_octet, first), width in zip(ALAW_FIRST_STEPS.items(), ALAW_WIDTHS, strict=True):
        for step in range(16):
            octet = (first_octet ^ 0x55) + step ^ 0x55
            expected[octet] = 8 * (first + step * width)
            expected[octet ^ 0x80] = -8 * (first + step * width)
    assert g711.decode_alaw(EVERY_OCTET).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("decode", "known"), [(g711.decode_mulaw, KNOWN_MULAW), (g711.decode_alaw, KNOWN_ALAW)]
)
def test_known_values(decode, known) -> None:  # type: ignore[no-untyped-def]
    """
    Values that are well known come out.
    """
    assert {octet: int(decode(bytes([octet]))[0]) for octet in known} == known


def test_against_the_library() -> None:
    """
    Where Python still has audioop (up to 3.12), it agrees on every octet, and on A-law for every sample.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    assert g711.decode_mulaw(EVERY_OCTET).astype("<i2").tobytes() == audioop.ulaw2lin(EVERY_OCTET, 2)
    assert g711.decode_alaw(EVERY_OCTET).astype("<i2").tobytes() == audioop.alaw2lin(EVERY_OCTET, 2)
    assert g711.encode_alaw(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE.astype("<i2").tobytes(), 2)


@pytest.mark.parametrize(
    ("encode", "decode", "coarsest"),
    [(g711.encode_mulaw, g711.decode_mulaw, 512), (g711.encode_alaw, g711.decode_alaw, 512)],
)
def test_encoding_is_nearest(encode, decode, coarsest) -> None:  # type: ignore[no-untyped-def]
    """
    No sample is further from its decoded value than half a step of its segment; order and sign are kept.
    """
    decoded = decode(encode(EVERY_SAMPLE)).astype(np.int32)
    samples = EVERY_SAMPLE.astype(np.int32)
    assert (np.diff(decoded) >= 0).all()
    assert (decoded * samples >= 0).all()
    loud = np.abs(samples) > 32124
    bound = np.maximum(np.abs(samples) // 16, 8)
    assert (np.abs(decoded - samples)[~loud] <= bound[~loud]).all()
    assert np.abs(decoded - samples).max() <= 2 * coarsest


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_octets_survive(encode, decode) -> None:  # type: ignore[no-untyped-def]
    """
    What was decoded encodes to the octet that it came from; mu-law's negative zero becomes zero.
    """
    back = encode(decode(EVERY_OCTET))
    changed = {octet: again for octet, again in enumerate(back) if octet != again}
    assert changed in ({}, {0x7F: 0xFF})


def test_silence() -> None:
    """
    The silence of each law is its quietest value.
    """
    assert g711.decode_mulaw(bytes([g711.MULAW_SILENCE]))[0] == 0
    assert g711.decode_alaw(bytes([g711.ALAW_SILENCE]))[0] == 8
