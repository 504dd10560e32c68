"""
Assembly over the seams of its blocks.
"""

from __future__ import annotations

import random
import tracemalloc

import numpy as np

from siprec_tw.codecs.g711 import decode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording import assemble
from siprec_tw.recording.assemble import BLOCK, Piece, interleaved, octets, overlapping, pcm

PCMU = PayloadFormat(0, "PCMU", 8000)


def test_blocks_leave_no_seam() -> None:
    """
    Pieces of every length, over many blocks, are where they belong in octets and in samples.
    """
    chance = random.Random(5)
    length = 3 * BLOCK + 77
    sound = chance.randbytes(length)
    expected = bytearray(b"\xff" * length)
    pieces, start = [], 0
    while start < length:
        samples = min(chance.choice([1, 160, 5000, 70_000]), length - start)
        pieces.append(Piece(start, samples, 0, start, samples, PCMU))
        expected[start : start + samples] = sound[start : start + samples]
        start += samples + chance.choice([0, 1, 160, 9000])

    def read(source: int, offset: int, size: int) -> bytes:
        return sound[offset : offset + size]

    assert not overlapping(pieces)
    assert b"".join(octets(pieces, length, 0xFF, read)) == bytes(expected)
    samples = np.concatenate(list(pcm(pieces, length, 8000, read)))
    assert np.array_equal(samples, decode_mulaw(bytes(expected)))


def test_interpolation_over_blocks() -> None:
    """
    A track of half the rate gives the same samples however it is cut into blocks.
    """
    sound = random.Random(6).randbytes(BLOCK)
    piece = Piece(10, 2 * BLOCK, 0, 0, BLOCK, PCMU)
    blocks = list(pcm([piece], 2 * BLOCK + 10, 16_000, lambda _, offset, size: sound[offset : offset + size]))
    found = np.concatenate(blocks)[10:]
    exact = decode_mulaw(sound).astype(np.float64)
    assert np.array_equal(found[::2], exact)
    assert np.array_equal(found[1:-2:2], np.rint((exact[:-1] + exact[1:]) / 2)[: len(found[1:-2:2])])


def test_ten_hours_need_little_memory() -> None:
    """
    Two channels of ten hours are made block by block: memory stays below a few megabytes.
    """
    length = 36_000 * 8000
    piece = Piece(0, length, 0, 0, length, PCMU)
    tracks = [pcm([piece], length, 8000, lambda _, offset, size: bytes(size)) for _ in range(2)]
    blocks = interleaved(tracks)
    tracemalloc.start()
    for _ in range(8):
        assert len(next(blocks)) == 4 * BLOCK
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()
    assert assemble.BLOCK == 65_536
