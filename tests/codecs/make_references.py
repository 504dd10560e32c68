"""
Makes tests/codecs/references anew: a quarter of a second of what decoders that are none of ours make of the vectors,
and prints the digests of what they make of the whole.

    python tests/codecs/make_references.py

wants, of Debian, libspandsp2 libbcg729-0 libgsm1 and ffmpeg, whose own decoders of AMR are others than PyAV's.
Tests only read the files.
"""

from __future__ import annotations

import ctypes as c
import subprocess
from collections.abc import Callable
from hashlib import sha256

import numpy as np
from codec_signals import EXCERPT, REFERENCES, Samples, payloads

from siprec_tw.codecs.amr import NARROW, WIDE, AmrCodec, AmrFraming, split_amr


def pointer(block: Samples) -> c.c_void_p:
    return block.ctypes.data_as(c.c_void_p)


def spandsp_g722(vector: list[bytes]) -> Samples:
    library = c.CDLL("libspandsp.so.2")
    library.g722_decode_init.restype = c.c_void_p
    state = c.c_void_p(library.g722_decode_init(None, 64_000, 0))
    block = np.zeros(2 * max(map(len, vector)), np.int16)
    parts = []
    for payload in vector:
        count = library.g722_decode(state, pointer(block), payload, len(payload))
        parts.append(block[:count].copy())
    return np.concatenate(parts)


def spandsp_g726(vector: list[bytes], bits: int) -> Samples:
    library = c.CDLL("libspandsp.so.2")
    library.g726_init.restype = c.c_void_p
    state = c.c_void_p(library.g726_init(None, bits * 8000, 0, 2))
    block = np.zeros(8 * max(map(len, vector)), np.int16)
    parts = []
    for payload in vector:
        count = library.g726_decode(state, pointer(block), payload, len(payload))
        parts.append(block[:count].copy())
    return np.concatenate(parts)


def by_frames(vector: list[bytes], size: int, samples: int, decode: Callable[[bytes, Samples], None]) -> Samples:
    octets = b"".join(vector)
    found = np.zeros((len(octets) // size, samples), np.int16)
    for at, block in enumerate(found):
        decode(octets[at * size : at * size + size], block)
    return found.reshape(-1)


def bcg729(vector: list[bytes]) -> Samples:
    library = c.CDLL("libbcg729.so.0")
    library.initBcg729DecoderChannel.restype = c.c_void_p
    state = c.c_void_p(library.initBcg729DecoderChannel())

    def decode(frame: bytes, block: Samples) -> None:
        none = c.c_uint8(0)
        library.bcg729Decoder(state, frame, c.c_uint8(len(frame)), none, none, none, pointer(block))

    return by_frames(vector, 10, 80, decode)


def libgsm(vector: list[bytes]) -> Samples:
    library = c.CDLL("libgsm.so.1")
    library.gsm_create.restype = c.c_void_p
    state = c.c_void_p(library.gsm_create())
    return by_frames(vector, 33, 160, lambda frame, block: library.gsm_decode(state, frame, pointer(block)))


def ffmpeg_amr(vector: list[bytes], codec: AmrCodec) -> Samples:
    frames = [frame.octets for one in vector for frame in split_amr(codec, AmrFraming(octet_aligned=True), one)]
    name, magic = ("amrnb", b"#!AMR\n") if codec is NARROW else ("amrwb", b"#!AMR-WB\n")
    command = ["ffmpeg", "-loglevel", "error", "-c:a", name, "-f", "amr", "-i", "-", "-f", "s16le", "-"]
    decoded = subprocess.run(command, input=magic + b"".join(frames), capture_output=True, check=True)
    return np.frombuffer(decoded.stdout, "<i2")


def main() -> None:
    found = {
        "g722": spandsp_g722(payloads("g722")),
        "gsm": libgsm(payloads("gsm")),
        "g729": bcg729(payloads("g729")),
        "amr-octets": ffmpeg_amr(payloads("amr-octets"), NARROW),
        "amr-wb-octets": ffmpeg_amr(payloads("amr-wb-octets"), WIDE),
        **{f"g726-{rate}": spandsp_g726(payloads(f"g726-{rate}"), bits)
           for rate, bits in ((16, 2), (24, 3), (32, 4), (40, 5))},
    }
    for name, samples in found.items():
        print(name, len(samples), sha256(samples.astype("<i2").tobytes()).hexdigest())
        if name not in ("g722", "gsm", "g726-40"):      # of those the digest is enough
            (REFERENCES / f"{name}.pcm").write_bytes(samples[EXCERPT].astype("<i2").tobytes())


if __name__ == "__main__":
    main()
