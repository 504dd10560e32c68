"""
The one place that knows PyAV, the binding of FFmpeg's libraries. It is an extra: what it decodes is kept as
packets where it is not installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import AudioCodecContext, AudioFrame

LIBRARY = "PyAV is not installed (pip install 'siprec_tw[codecs]')"


@frozen
class Recipe:
    """
    How a decoder is opened.
    """

    names: tuple[str, ...]                          # FFmpeg's, the one that is preferred first
    rate: int                                       # samples a second
    options: tuple[tuple[str, str], ...] = ()       # of the codec context


@define
class AvDecoder:
    """
    One decoder of the library, for mono.
    """

    rate: int
    _context: AudioCodecContext

    def decode(self, octets: bytes) -> NDArray[np.int16] | None:
        """
        The samples of one frame, as many as the decoder gives; None when it refuses it.
        """
        import av

        try:
            found = self._context.decode(av.Packet(octets))
        except av.FFmpegError:
            return None
        return np.concatenate([_samples(frame) for frame in found]) if found else None


def open_av(recipe: Recipe) -> AvDecoder | str:
    """
    A new decoder, or the reason why there is none: L{LIBRARY} where the whole library is missing.
    """
    try:
        import_module("av")
    except ImportError:
        return LIBRARY
    from av import AudioCodecContext
    from av.codec.codec import UnknownCodecError

    for name in recipe.names:
        try:
            context = AudioCodecContext.create(name, "r")
        except UnknownCodecError:
            continue
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = recipe.rate
        context.layout = "mono"
        context.options = dict(recipe.options)
        return AvDecoder(recipe.rate, context)
    return f"this PyAV has no decoder {recipe.names[0]}"


def _samples(frame: AudioFrame) -> NDArray[np.int16]:
    """
    The first channel, of which there is one.
    """
    found = frame.to_ndarray()
    if found.dtype == np.int16:
        return np.asarray(found[0], np.int16)
    linear: NDArray[np.float32] = np.clip(np.rint(found[0] * 32768.0), -32768, 32767)
    return linear.astype(np.int16)
