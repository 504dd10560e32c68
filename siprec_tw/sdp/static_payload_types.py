"""
The payload types that need no rtpmap (RFC 3551 s.6, tables 4 and 5), and what stands in for a missing one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from siprec_tw.codecs.payload_format import PayloadFormat

AUDIO_CLOCK_RATE = 8000
VIDEO_CLOCK_RATE = 90000
UNKNOWN_PREFIX = "UNKNOWN-"

_ROWS = (
    (0, "PCMU", 8000, 1),
    (2, "G726-32", 8000, 1),    # reserved since RFC 3551, because of two packings; still sent by old gateways
    (3, "GSM", 8000, 1),
    (4, "G723", 8000, 1),
    (5, "DVI4", 8000, 1),
    (6, "DVI4", 16000, 1),
    (7, "LPC", 8000, 1),
    (8, "PCMA", 8000, 1),
    (9, "G722", 8000, 1),       # samples at 16000, ticks at 8000: RFC 3551 s.4.5.2
    (10, "L16", 44100, 2),
    (11, "L16", 44100, 1),
    (12, "QCELP", 8000, 1),
    (13, "CN", 8000, 1),
    (14, "MPA", 90000, 1),
    (15, "G728", 8000, 1),
    (16, "DVI4", 11025, 1),
    (17, "DVI4", 22050, 1),
    (18, "G729", 8000, 1),
    (19, "CN", 8000, 1),        # reserved since RFC 3551; Cisco still offers comfort noise under it
    (25, "CELB", 90000, 1),
    (26, "JPEG", 90000, 1),
    (28, "NV", 90000, 1),
    (31, "H261", 90000, 1),
    (32, "MPV", 90000, 1),
    (33, "MP2T", 90000, 1),
    (34, "H263", 90000, 1),
)

STATIC_PAYLOAD_TYPES: Mapping[int, PayloadFormat] = MappingProxyType(
    {row[0]: PayloadFormat(*row) for row in _ROWS}
)

# What an rtpmap without a clock rate can only have meant.
_USUAL_CLOCK_RATES = {row[1]: row[2] for row in reversed(_ROWS)} | {"OPUS": 48000, "TELEPHONE-EVENT": 8000}


def usual_clock_rate(encoding: str, media: str) -> int:
    """
    The clock rate, ticks a second, of an encoding (upper case) whose rtpmap does not say it.
    """
    return _USUAL_CLOCK_RATES.get(encoding, _rate_of_media(media))


def unmapped_format(payload_type: int, media: str) -> PayloadFormat:
    """
    The format of a payload type without rtpmap: the static one, or C{UNKNOWN-<pt>}: its packets are kept.
    """
    known = STATIC_PAYLOAD_TYPES.get(payload_type)
    return known or PayloadFormat(payload_type, f"{UNKNOWN_PREFIX}{payload_type}", _rate_of_media(media))


def _rate_of_media(media: str) -> int:
    return VIDEO_CLOCK_RATE if media.lower() == "video" else AUDIO_CLOCK_RATE
