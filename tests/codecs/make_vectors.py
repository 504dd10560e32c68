"""
Makes tests/codecs/vectors anew: a known voice through encoders that are none of ours, as RTP payloads.

    python tests/codecs/make_vectors.py

wants PyAV and, of Debian, libspandsp2 libbcg729-0 libvo-amrwbenc0 libgsm1 libopus0. Tests only read the files.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Iterator, Mapping

import av
import numpy as np
from codec_signals import VECTORS, Samples, voice

Encode = Callable[[Samples], Iterator[bytes]]

# opus_defines.h.
VOIP = 2048
SET_BITRATE, SET_FEC, SET_LOSS, SET_DTX = 4002, 4012, 4014, 4016

# Bits of a frame by its type (3GPP TS 26.101, TS 26.201): speech, comfort noise, nothing.
NARROW_BITS = {**dict(enumerate((95, 103, 118, 134, 148, 159, 204, 244))), 8: 39, 15: 0}
WIDE_BITS = {**dict(enumerate((132, 177, 253, 285, 317, 365, 397, 461, 477))), 9: 40, 15: 0}


def blocks(sound: Samples, size: int) -> Iterator[Samples]:
    for at in range(0, len(sound) - size + 1, size):
        yield np.ascontiguousarray(sound[at : at + size])


def pointer(block: Samples) -> c.c_void_p:
    return block.ctypes.data_as(c.c_void_p)


def by_av(name: str, sound: Samples, rate: int, size: int, bit_rate: int, **options: str) -> Iterator[bytes]:
    context = av.AudioCodecContext.create(name, "w")
    channels = "stereo" if sound.ndim == 2 else "mono"
    context.sample_rate, context.layout, context.format = rate, channels, "s16"
    context.bit_rate, context.options = bit_rate, options
    for at in range(0, len(sound) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(sound[at : at + size].reshape(1, -1), format="s16", layout=channels)
        frame.sample_rate, frame.pts = rate, at
        yield from (bytes(packet) for packet in context.encode(frame))


def g729(sound: Samples, *, pauses: bool) -> Iterator[bytes]:
    library = c.CDLL("libbcg729.so.0")
    library.initBcg729EncoderChannel.restype = c.c_void_p
    state = c.c_void_p(library.initBcg729EncoderChannel(c.c_uint8(pauses)))
    for block in blocks(sound, 80):
        octets, size = c.create_string_buffer(10), c.c_uint8(0)
        library.bcg729Encoder(state, pointer(block), octets, c.byref(size))
        yield octets.raw[: size.value]


def amr_wb(sound: Samples, mode: int, *, pauses: bool = False) -> Iterator[bytes]:
    library = c.CDLL("libvo-amrwbenc.so.0")
    library.E_IF_init.restype = c.c_void_p
    state = c.c_void_p(library.E_IF_init())
    for block in blocks(sound, 320):
        octets = c.create_string_buffer(100)
        size = library.E_IF_encode(state, mode, pointer(block), octets, int(pauses))
        yield octets.raw[:size]


def libopus(sound: Samples, wishes: Mapping[int, int]) -> Iterator[bytes]:
    library = c.CDLL("libopus.so.0")
    library.opus_encoder_create.restype = c.c_void_p
    state = c.c_void_p(library.opus_encoder_create(48_000, 1, VOIP, c.byref(c.c_int())))
    for wish, value in {SET_BITRATE: 20_000, **wishes}.items():
        assert library.opus_encoder_ctl(state, c.c_int(wish), c.c_int(value)) == 0
    for block in blocks(sound, 960):
        octets = c.create_string_buffer(1500)
        size = library.opus_encode(state, pointer(block), 960, octets, len(octets))
        yield octets.raw[:size]


def gsm(sound: Samples) -> Iterator[bytes]:
    library = c.CDLL("libgsm.so.1")
    library.gsm_create.restype = c.c_void_p
    state = c.c_void_p(library.gsm_create())
    for block in blocks(sound, 160):
        octets = c.create_string_buffer(33)
        library.gsm_encode(state, pointer(block), octets)
        yield octets.raw


def spandsp_g722(sound: Samples) -> Iterator[bytes]:
    library = c.CDLL("libspandsp.so.2")
    library.g722_encode_init.restype = c.c_void_p
    state = c.c_void_p(library.g722_encode_init(None, 64_000, 0))
    for block in blocks(sound, 320):
        octets = c.create_string_buffer(400)
        size = library.g722_encode(state, octets, pointer(block), 320)
        yield octets.raw[:size]


def spandsp_g726(sound: Samples, bits: int, packing: int) -> Iterator[bytes]:
    library = c.CDLL("libspandsp.so.2")
    library.g726_init.restype = c.c_void_p
    state = c.c_void_p(library.g726_init(None, bits * 8000, 0, packing))
    for block in blocks(sound, 160):
        octets = c.create_string_buffer(400)
        size = library.g726_encode(state, octets, pointer(block), 160)
        yield octets.raw[:size]


def octet_aligned(frames: list[bytes], request: int = 15) -> bytes:
    """
    Frames of storage format as RFC 4867 s.4.4 has them, with a mode request (15: none).
    """
    heads = [frame[0] | (0x80 if at + 1 < len(frames) else 0) for at, frame in enumerate(frames)]
    return bytes([request << 4, *heads]) + b"".join(frame[1:] for frame in frames)


def bandwidth_efficient(frames: list[bytes], sizes: Mapping[int, int], request: int = 15) -> bytes:
    """
    The same as s.4.3 has them, put together as text of zeros and ones.
    """
    bits = f"{request:04b}"
    for at, frame in enumerate(frames):
        bits += ("1" if at + 1 < len(frames) else "0") + f"{frame[0] >> 2 & 31:05b}"
    for frame in frames:
        bits += "".join(f"{octet:08b}" for octet in frame[1:])[: sizes[frame[0] >> 3 & 15]]
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def grouped(frames: Iterator[bytes], count: int) -> list[list[bytes]]:
    every = list(frames)
    return [every[at : at + count] for at in range(0, len(every), count)]


def write(name: str, payloads: Iterator[bytes] | list[bytes]) -> None:
    octets = b"".join(len(one).to_bytes(2, "big") + one for one in payloads)
    (VECTORS / f"{name}.payloads").write_bytes(octets)


def write_pauses(narrow: Samples) -> None:
    """
    Speech with a pause, for which the encoders send comfort noise and then nothing.
    """
    frames = list(by_av("libopencore_amrnb", narrow, 8000, 160, 7400, dtx="1"))
    write("amr-pause-octets", [octet_aligned(pair, 7) for pair in grouped(iter(frames), 2)])
    write("amr-pause-bits", [bandwidth_efficient(group, NARROW_BITS, 0) for group in grouped(iter(frames), 4)])
    wide = voice(16_000)
    wide[12_800:22_400] = 0
    frames = list(amr_wb(wide, 0, pauses=True))
    write("amr-wb-pause-bits", [bandwidth_efficient(group, WIDE_BITS, 8) for group in grouped(iter(frames), 3)])
    write("amr-wb-pause-octets", [octet_aligned(group, 0) for group in grouped(iter(frames), 3)])
    full = voice(48_000)
    full[38_400:76_800] = 0
    write("opus-pause", libopus(full, {SET_DTX: 1}))
    write("opus-fec", libopus(voice(48_000), {SET_FEC: 1, SET_LOSS: 30}))



def main() -> None:
    narrow, wide, full = voice(8000), voice(16_000), voice(48_000)
    pausing = narrow.copy()
    pausing[6400:11_200] = 0
    write("g722", spandsp_g722(wide))
    write("g729", [b"".join(pair) for pair in grouped(g729(narrow, pauses=False), 2)])
    write("g729b", g729(pausing, pauses=True))
    write("g723", by_av("g723_1", narrow, 8000, 240, 6300))
    write("gsm", gsm(narrow))
    short = narrow[:8000]
    for rate, bits in ((16, 2), (24, 3), (32, 4), (40, 5)):
        write(f"g726-{rate}", spandsp_g726(short, bits, 2))
        write(f"aal2-g726-{rate}", spandsp_g726(short, bits, 1))
    frames = list(by_av("libopencore_amrnb", narrow, 8000, 160, 12_200))
    write("amr-octets", [octet_aligned(pair) for pair in grouped(iter(frames), 2)])
    write("amr-bits", [bandwidth_efficient(pair, NARROW_BITS) for pair in grouped(iter(frames), 3)])
    frames = list(amr_wb(wide, 2))
    write("amr-wb-octets", [octet_aligned([frame]) for frame in frames])
    write("amr-wb-bits", [bandwidth_efficient([frame], WIDE_BITS) for frame in frames])
    write_pauses(pausing)
    write("opus", by_av("libopus", full, 48_000, 960, 24_000, application="voip"))
    stereo = np.stack([full, np.zeros_like(full)], axis=1)
    write("opus-stereo", by_av("libopus", stereo, 48_000, 2880, 32_000, application="audio", frame_duration="60"))


if __name__ == "__main__":
    main()
