"""
The headers of WAV files: G.711 as it came (format tags 6 and 7) and PCM of 16 bits.

A file whose sizes do not fit into 32 bits becomes RF64 (EBU Tech 3306): the same chunks after a C{ds64}
chunk which holds the sizes in 64 bits, the 32-bit fields saying 0xFFFFFFFF.

   RIFF size WAVE | fmt 16 or 18 | fact 4 (G.711 only) | data octets        44 or 58 octets
   RF64 ffff WAVE | ds64 28 | fmt ... | fact ... | data ffff                80 or 94 octets

A chunk of an odd number of octets is followed by a pad octet, which the size of the data does not count.
"""

from __future__ import annotations

import struct

WAVE_FORMAT_PCM = 1
WAVE_FORMAT_ALAW = 6
WAVE_FORMAT_MULAW = 7

G711_HEADER_SIZE = 58
PCM16_HEADER_SIZE = 44
DS64_SIZE = 36

UNKNOWN = 0xFFFFFFFF


def header_g711(format_tag: int, rate: int, channels: int, data_octets: int) -> bytes:
    """
    The header of a G.711 file: 58 octets, or 94 as RF64 when C{data_octets} needs it.

    Raises ValueError for a tag that is neither 6 (A-law) nor 7 (mu-law).
    """
    if format_tag not in (WAVE_FORMAT_ALAW, WAVE_FORMAT_MULAW):
        raise ValueError(f"format tag is {format_tag}, wanted 6 or 7")
    form = struct.pack("<HHIIHHH", format_tag, channels, rate, rate * channels, channels, 8, 0)
    return _header(form, data_octets // channels, data_octets, with_fact=True)


def header_pcm16(rate: int, channels: int, data_octets: int) -> bytes:
    """
    The header of a signed 16-bit PCM file: 44 octets, or 80 as RF64 when C{data_octets} needs it.
    """
    block = 2 * channels
    form = struct.pack("<HHIIHH", WAVE_FORMAT_PCM, channels, rate, rate * block, block, 16)
    return _header(form, data_octets // block, data_octets, with_fact=False)


def padding(data_octets: int) -> bytes:
    """
    What follows the sound so that the chunk ends on an even octet.
    """
    return b"\0" * (data_octets & 1)


def _header(form: bytes, frames: int, data_octets: int, *, with_fact: bool) -> bytes:
    chunks = 4 + 8 + len(form) + 12 * with_fact + 8
    riff_size = chunks + data_octets + (data_octets & 1)
    long = riff_size >= UNKNOWN
    parts = [b"RF64" if long else b"RIFF", _size(UNKNOWN if long else riff_size), b"WAVE"]
    if long:
        ds64 = struct.pack("<QQQI", riff_size + DS64_SIZE, data_octets, frames, 0)
        parts += [b"ds64", _size(len(ds64)), ds64]
    parts += [b"fmt ", _size(len(form)), form]
    if with_fact:
        parts += [b"fact", _size(4), _size(min(frames, UNKNOWN) if not long else UNKNOWN)]
    parts += [b"data", _size(UNKNOWN if long else data_octets)]
    return b"".join(parts)


def _size(octets: int) -> bytes:
    return struct.pack("<I", octets)
