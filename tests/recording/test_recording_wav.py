"""
WAV headers, also of files beyond four gigabytes.
"""

from __future__ import annotations

import io
import struct
import wave

import pytest

from siprec_tw.recording.wav import header_g711, header_pcm16, padding


def chunks(header: bytes) -> list[tuple[bytes, int, bytes]]:
    """
    The chunks of a header whose last one is the head of C{data}.
    """
    found, offset = [], 12
    while offset < len(header):
        name, size = struct.unpack_from("<4sI", header, offset)
        found.append((name, size, header[offset + 8 : offset + 8 + size]))
        offset += 8 + (0 if name == b"data" else size)
    return found


def test_pcm_is_read_by_the_standard_library() -> None:
    """
    Channels, rate and frames come back as they went in.
    """
    with wave.open(io.BytesIO(header_pcm16(8000, 2, 400) + bytes(400))) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 100)


def test_g711_header() -> None:
    """
    The header has 58 octets: fmt of 18, fact with the samples, data.
    """
    header = header_g711(7, 8000, 1, 161)
    assert len(header) == 58 and header[:4] == b"RIFF" and header[8:12] == b"WAVE"
    assert struct.unpack_from("<I", header, 4)[0] == 50 + 161 + len(padding(161))
    form = struct.pack("<HHIIHHH", 7, 1, 8000, 8000, 1, 8, 0)
    assert chunks(header) == [(b"fmt ", 18, form), (b"fact", 4, struct.pack("<I", 161)), (b"data", 161, b"")]


@pytest.mark.parametrize("tag", [0, 1, 5, 8])
def test_other_format_tags_are_refused(tag: int) -> None:
    """
    Only A-law and mu-law have this header.
    """
    with pytest.raises(ValueError, match="wanted 6 or 7"):
        header_g711(tag, 8000, 1, 0)


def test_beyond_four_gigabytes_it_is_rf64() -> None:
    """
    Sizes that 32 bits cannot hold stand in the ds64 chunk, and the short fields say so (EBU Tech 3306).
    """
    size = 5 * 2**30
    header = header_pcm16(8000, 2, size)
    assert header[:12] == b"RF64\xff\xff\xff\xffWAVE" and len(header) == 80
    found = chunks(header)
    sizes = {name: length for name, length, _ in found}
    assert sizes == {b"ds64": 28, b"fmt ": 16, b"data": 0xFFFFFFFF}
    assert struct.unpack("<QQQI", found[0][2]) == (80 - 8 + size, size, size // 4, 0)
    assert chunks(header_g711(6, 8000, 1, size))[2] == (b"fact", 4, b"\xff\xff\xff\xff")


@pytest.mark.parametrize("header, own", [(header_pcm16, 36), (lambda *a: header_g711(7, *a), 50)])
def test_the_last_size_that_fits(header, own: int) -> None:  # type: ignore[no-untyped-def]
    """
    No size wraps: the largest RIFF is below 0xFFFFFFFF, and the next larger file is RF64.
    """
    largest = 0xFFFFFFFE - own
    assert header(8000, 1, largest)[:8] == b"RIFF\xfe\xff\xff\xff"
    assert header(8000, 1, largest + 1)[:4] == b"RF64"
