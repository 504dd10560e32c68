"""
How long an Opus packet lasts (RFC 6716 s.3.1, s.3.2; RFC 7587 s.4.1: the clock is 48000, whatever the sound).

   0 1 2 3 4 5 6 7
  | config  |s| c |   config: mode, bandwidth, duration; s: stereo; c: how many frames
"""

from __future__ import annotations

from siprec_tw.codecs.frame import Frame
from siprec_tw.errors import PeerError

LONGEST = 5760          # ticks: 120 ms, the most that a packet may last
_COUNT_MASK = 0x3F      # of the octet that follows the TOC octet where c is 3

# RFC 6716 table 2, in ticks of 48000.
_SILK = (480, 960, 1920, 2880)      # configurations 0..11
_HYBRID = (480, 960)                # 12..15
_CELT = (120, 240, 480, 960)        # 16..31


def split_opus(payload: bytes) -> list[Frame]:
    """
    A packet is one frame for the decoder, which knows its parts. A packet of a TOC octet alone is silence
    (discontinuous transmission). Raises PeerError for a duration that cannot be.
    """
    if not payload:
        raise PeerError("Opus packet is empty, wanted at least one octet")
    toc = payload[0]
    ticks = _frame_ticks(toc >> 3) * _frames(payload)
    if not 0 < ticks <= LONGEST:
        raise PeerError(f"Opus packet lasts {ticks / 48:g} ms, wanted 2.5 to 120")
    return [Frame(ticks, payload if len(payload) > 1 else b"")]


def _frame_ticks(config: int) -> int:
    if config < 12:
        return _SILK[config % 4]
    return _HYBRID[config % 2] if config < 16 else _CELT[config % 4]


def _frames(payload: bytes) -> int:
    code = payload[0] & 3
    if code < 3:
        return 1 if code == 0 else 2
    if len(payload) < 2:
        raise PeerError("Opus packet of code 3 has one octet, wanted a count of frames")
    return payload[1] & _COUNT_MASK
