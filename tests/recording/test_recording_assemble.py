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
from siprec_tw.recording.assemble import BLOCK, Piece, interleaved, octets, overlapping, pcm, without
from siprec_tw.recording.resample import kernel

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
    A track of half the rate keeps its samples, and what is put between them does not depend on the blocks.
    """
    sound = random.Random(6).randbytes(BLOCK)
    piece = Piece(10, 2 * BLOCK, 0, 0, BLOCK, PCMU)
    blocks = list(pcm([piece], 2 * BLOCK + 10, 16_000, lambda _, offset, size: sound[offset : offset + size]))
    found = np.concatenate(blocks)[10:]
    exact = decode_mulaw(sound).astype(np.float64)
    assert np.array_equal(found[::2], exact)
    between = kernel(8000, 16_000).apply(exact.astype(np.int32), 0, 0, 2 * BLOCK)[1::2]
    assert np.array_equal(found[1::2], between)


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


def test_spans_are_taken_out_of_pieces() -> None:
    """
    What is left of two pieces is at its old place, with its old sound; a piece that is covered is gone.
    """
    pieces = [Piece(100, 400, 0, 50, 400, PCMU), Piece(600, 100, 1, 0, 100, PCMU)]
    left = without(pieces, [(0, 150), (200, 250), (590, 700)], 8000)
    assert left == [Piece(150, 50, 0, 100, 50, PCMU), Piece(250, 250, 0, 200, 250, PCMU)]
    assert without(pieces, [], 8000) == pieces


def test_spans_are_taken_out_at_another_rate() -> None:
    """
    Of a piece that is placed at twice its rate, half as many ticks are skipped.
    """
    left = without([Piece(0, 800, 0, 10, 400, PCMU)], [(200, 300)], 16_000)
    assert left == [Piece(0, 200, 0, 10, 100, PCMU), Piece(300, 500, 0, 160, 250, PCMU)]
