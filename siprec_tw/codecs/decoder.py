"""
From frames to samples: which decoder a payload format has, or why it has none.

A decoder lives as long as a segment and keeps its state over losses and pauses, as the encoder at the other
end does. Silence that was not sent (comfort noise frames, discontinuous transmission, frames that no decoder
takes) is zeros of its true length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from siprec_tw.codecs.av_decoder import LIBRARY, AvDecoder, Recipe, open_av
from siprec_tw.codecs.frame import Frame
from siprec_tw.codecs.frames import encoding_of, g726_bits, split_of
from siprec_tw.codecs.g726 import BITS as G726_AT_40_BITS
from siprec_tw.codecs.g726 import G726At40
from siprec_tw.codecs.payload_format import PayloadFormat

Samples = NDArray[np.int16]

# Codes of warnings. After the first two a later attempt may do better.
DECODER_MISSING = "decoder-missing"
DECODER_DIED = "decoder-died"
CODEC_NOT_DECODED = "codec-not-decoded"

OPUS_RATE = 48_000
VOICE_RATE = 16_000     # what is kept of Opus


class Decoder(Protocol):
    """
    One stream's way to PCM.
    """

    @property
    def rate(self) -> int:
        """
        Samples a second of what it gives.
        """

    @property
    def failed(self) -> int:
        """
        Frames so far that could not be decoded.
        """

    def decode(self, frames: Sequence[Frame]) -> Samples:
        """
        The frames of one payload as mono samples, exactly as many as they last.
        """


@frozen
class Undecodable:
    """
    Why there is no decoder.
    """

    code: str
    text: str


RECIPES = {
    "G722": Recipe(("g722",), 16_000),
    "G723": Recipe(("g723_1",), 8000),
    "G729": Recipe(("g729",), 8000),
    "GSM": Recipe(("gsm",), 8000),
    "AMR": Recipe(("libopencore_amrnb", "amrnb"), 8000),
    "AMR-WB": Recipe(("libopencore_amrwb", "amrwb"), 16_000),
    "OPUS": Recipe(("libopus", "opus"), OPUS_RATE),
}


def decoder_of(form: PayloadFormat) -> Decoder | Undecodable:
    """
    A new decoder for one stream of this format.
    """
    name = encoding_of(form)
    if split_of(form) is None:
        return Undecodable(CODEC_NOT_DECODED, f"{name} is not decoded")
    if name == "L16":
        return LinearDecoder(form.clock_rate, form.channels)
    if name == "ILBC":
        return _opened({38: _ilbc(38), 50: _ilbc(50)}, form)
    bits = g726_bits(form)
    if bits == G726_AT_40_BITS:
        return FrameDecoder(form.clock_rate, {0: G726At40(least_bits_first=not name.startswith("AAL2"))})
    if bits:
        packing = "g726" if name.startswith("AAL2") else "g726le"
        return _opened({0: Recipe((packing,), 8000, (("bits_per_coded_sample", str(bits)),))}, form)
    return _opened({0: RECIPES[name]}, form)


def kept_rate(form: PayloadFormat, decoder: Decoder) -> int:
    """
    The rate at which decoded samples are kept: that of the decoder, but of Opus, whose decoder gives 48000
    whatever was encoded, what voice has.
    """
    return VOICE_RATE if encoding_of(form) == "OPUS" else decoder.rate


@define
class LinearDecoder:
    """
    L16: signed samples of 16 bits, big-endian, channels interleaved (RFC 3551 s.4.5.11).
    """

    rate: int
    channels: int
    failed: int = 0

    def decode(self, frames: Sequence[Frame]) -> Samples:
        """
        The mean of the channels.
        """
        octets = b"".join(frame.octets for frame in frames)
        ticks = np.frombuffer(octets, ">i2").reshape(-1, self.channels).astype(np.int32)
        mono: NDArray[np.int32] = ticks.sum(axis=1) // self.channels
        return mono.astype(np.int16)


@define
class FrameDecoder:
    """
    Codecs of frames: one decoder, or one for each size of a frame.
    """

    clock_rate: int
    _decoders: Mapping[int, AvDecoder | G726At40] = field(alias="decoders")
    rate: int = field(init=False)
    failed: int = 0

    def __attrs_post_init__(self) -> None:
        self.rate = next(iter(self._decoders.values())).rate

    def decode(self, frames: Sequence[Frame]) -> Samples:
        """
        Frame by frame; one that is refused is silence.
        """
        parts = [self._decode(frame, frame.ticks * self.rate // self.clock_rate) for frame in frames]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _decode(self, frame: Frame, wanted: int) -> Samples:
        if not frame.octets:
            return np.zeros(wanted, np.int16)
        decoder = self._decoders.get(len(frame.octets)) or self._decoders[0]
        samples = decoder.decode(frame.octets)
        if samples is None:
            self.failed += 1
            return np.zeros(wanted, np.int16)
        if len(samples) < wanted:
            return np.concatenate([samples, np.zeros(wanted - len(samples), np.int16)])
        return samples[:wanted]


def _ilbc(size: int) -> Recipe:
    return Recipe(("ilbc",), 8000, (("block_align", str(size)),))


def _opened(recipes: dict[int, Recipe], form: PayloadFormat) -> Decoder | Undecodable:
    decoders: dict[int, AvDecoder] = {}
    for size, recipe in recipes.items():
        decoder = open_av(recipe)
        if isinstance(decoder, str):
            code = DECODER_MISSING if decoder == LIBRARY else CODEC_NOT_DECODED
            return Undecodable(code, f"{encoding_of(form)} is not decoded: {decoder}")
        decoders[size] = decoder
    return FrameDecoder(form.clock_rate, decoders)
