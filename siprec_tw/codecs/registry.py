"""
What is known of the codecs by the names that SDP gives them (RFC 3551 s.6, RFC 4856), and how each is stored.

A codec is *sample addressable* when a timestamp alone says where its octets belong: so many octets a tick,
whatever the packet. Its payload is written at its place in a file. All others are kept packet by packet.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.codecs import g711
from siprec_tw.codecs.payload_format import PayloadFormat

Decode = Callable[[bytes], NDArray[np.int16]]


@frozen
class Codec:
    """
    One encoding. Of those that are not sample addressable only the name and the clock are known here.
    """

    name: str                               # as in rtpmap, upper case
    sample_rate: int                        # samples a second; the clock rate where they differ only for G722
    octets_a_tick: int | None = None        # a channel; None: not sample addressable
    silence: int = 0                        # the octet that sounds like nothing
    wav_format_tag: int | None = None       # WAVE_FORMAT_* of the octets as they come
    decode: Decode | None = None            # octets to interleaved samples

    @property
    def sample_addressable(self) -> bool:
        """
        Whether a payload's place in a file follows from its timestamp.
        """
        return self.octets_a_tick is not None


PCMU = Codec("PCMU", 8000, 1, g711.MULAW_SILENCE, 7, g711.decode_mulaw)
PCMA = Codec("PCMA", 8000, 1, g711.ALAW_SILENCE, 6, g711.decode_alaw)

_CODECS = {codec.name: codec for codec in (PCMU, PCMA)}

# Not sound of the stream itself: kept beside it, and no change of its codec (RFC 4733, RFC 3389).
SIDE_ENCODINGS = frozenset({"TELEPHONE-EVENT", "TONE", "CN"})

# RFC 3551 s.6, tables 4 and 5: what payload types mean that no rtpmap explains.
STATIC_FORMATS = {
    known.payload_type: known
    for known in (
        PayloadFormat(0, "PCMU", 8000),
        PayloadFormat(3, "GSM", 8000),
        PayloadFormat(4, "G723", 8000),
        PayloadFormat(5, "DVI4", 8000),
        PayloadFormat(6, "DVI4", 16000),
        PayloadFormat(7, "LPC", 8000),
        PayloadFormat(8, "PCMA", 8000),
        PayloadFormat(9, "G722", 8000),
        PayloadFormat(10, "L16", 44100, 2),
        PayloadFormat(11, "L16", 44100),
        PayloadFormat(12, "QCELP", 8000),
        PayloadFormat(13, "CN", 8000),
        PayloadFormat(14, "MPA", 90000),
        PayloadFormat(15, "G728", 8000),
        PayloadFormat(16, "DVI4", 11025),
        PayloadFormat(17, "DVI4", 22050),
        PayloadFormat(18, "G729", 8000),
        PayloadFormat(25, "CELB", 90000),
        PayloadFormat(26, "JPEG", 90000),
        PayloadFormat(28, "NV", 90000),
        PayloadFormat(31, "H261", 90000),
        PayloadFormat(32, "MPV", 90000),
        PayloadFormat(33, "MP2T", 90000),
        PayloadFormat(34, "H263", 90000),
    )
}


def codec_of(form: PayloadFormat) -> Codec:
    """
    The codec of a payload format; one that is not known is a name with a clock.
    """
    return _CODECS.get(form.encoding.upper()) or Codec(form.encoding.upper(), form.clock_rate)


def is_side(form: PayloadFormat) -> bool:
    """
    Whether this comes between the packets of the sound without being a change of codec.
    """
    return form.encoding.upper() in SIDE_ENCODINGS
