"""
Payloads cut into frames: how long each lasts, and the octets that a decoder takes.

All formats whose frames have one size (RFC 3551 s.4.5, RFC 3952) are rows of one table; AMR and Opus say
themselves how their frames lie (siprec_tw.codecs.amr, siprec_tw.codecs.opus).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import evolve

from siprec_tw.codecs.amr import NARROW, WIDE, AmrFraming, split_amr
from siprec_tw.codecs.frame import Frame
from siprec_tw.codecs.opus import split_opus
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import PeerError

Split = Callable[[bytes], list[Frame]]
"""
A payload to its frames in the order of time. Raises PeerError for what is none of the format.
"""

G729_FRAME, G729_SILENCE = 10, 2        # octets; the second is an SID frame of Annex B
G723_FRAMES = (24, 20, 4, 1)            # octets, by the two lowest bits of the first; then SID, nothing sent
ILBC_FRAMES = {38: 160, 50: 240}        # octets to ticks: modes 20 and 30
G726_BITS = {16: 2, 24: 3, 32: 4, 40: 5}

# The clock of timestamps, where it is not the usual one (RFC 3551, RFC 4867 s.8.2, RFC 7587 s.4.1).
CLOCK_RATES = {"AMR-WB": 16_000, "OPUS": 48_000}
USUAL_CLOCK_RATE = 8000

# Names by which some clients call what has another name in RFC 3551 and RFC 4856.
ALIASES = {"G729A": "G729", "G729B": "G729", "G729AB": "G729", "G723.1": "G723", "G7231": "G723"}


def encoding_of(form: PayloadFormat) -> str:
    """
    The name under which an encoding is known here, upper case.
    """
    name = form.encoding.upper()
    return ALIASES.get(name, name)


def split_of(form: PayloadFormat) -> Split | None:
    """
    How payloads of a format are cut, or None where that is not known: a strange codec, or a variant (several
    channels, AMR's interleaving) that is not taken apart here.
    """
    if encoding_of(form) == "L16":
        return partial(_linear, 2 * form.channels)
    split = _split_of(form)
    clock_rate = CLOCK_RATES.get(encoding_of(form), USUAL_CLOCK_RATE)
    if split is None or form.clock_rate == clock_rate:
        return split
    return partial(_scaled, split, form.clock_rate, clock_rate)


def g726_bits(form: PayloadFormat) -> int | None:
    """
    The bits a sample of G.726, or None of other codecs (RFC 3551 s.4.5.4).
    """
    head, _, rate = encoding_of(form).rpartition("-")
    return G726_BITS.get(int(rate)) if head in ("G726", "AAL2-G726") and rate.isdecimal() else None


def _split_of(form: PayloadFormat) -> Split | None:
    name = encoding_of(form)
    if name == "OPUS":
        return split_opus
    if form.channels != 1:
        return None
    if name in ("AMR", "AMR-WB"):
        framing = AmrFraming.of(form.parameters)
        return None if framing is None else partial(split_amr, WIDE if name == "AMR-WB" else NARROW, framing)
    if bits := g726_bits(form):
        return partial(_g726, bits)
    return _SPLITS.get(name)


def _scaled(split: Split, told: int, own: int, payload: bytes) -> list[Frame]:
    """
    For a client that runs another clock than the codec's own, such as 16000 for G722, and says so.
    """
    return [evolve(frame, ticks=frame.ticks * told // own) for frame in split(payload)]


def _linear(octets_a_tick: int, payload: bytes) -> list[Frame]:
    ticks = len(payload) // octets_a_tick
    return [Frame(ticks, payload[: ticks * octets_a_tick])]


def _g722(payload: bytes) -> list[Frame]:
    """
    One octet holds two samples and lasts one tick of a clock of 8000 (RFC 3551 s.4.5.2).
    """
    return [Frame(len(payload), payload)]


def _g726(bits: int, payload: bytes) -> list[Frame]:
    return [Frame(len(payload) * 8 // bits, payload)]


def _g729(payload: bytes) -> list[Frame]:
    """
    Frames of speech, and at the end at most one of comfort noise (RFC 3551 s.4.5.6).
    """
    whole, rest = divmod(len(payload), G729_FRAME)
    if rest not in (0, G729_SILENCE):
        raise PeerError(f"G729 payload has {len(payload)} octets, wanted a multiple of 10, or 2 more")
    frames = [Frame(80, payload[i * G729_FRAME : (i + 1) * G729_FRAME]) for i in range(whole)]
    return frames + ([Frame(80, b"")] if rest else [])


def _g723(payload: bytes) -> list[Frame]:
    """
    Each frame tells its own size (RFC 3551 s.4.5.3).
    """
    frames: list[Frame] = []
    offset = 0
    while offset < len(payload):
        size = G723_FRAMES[payload[offset] & 3]
        if offset + size > len(payload):
            raise PeerError(f"G723 frame has {len(payload) - offset} octets, wanted {size}")
        frames.append(Frame(240, payload[offset : offset + size] if size > 4 else b""))
        offset += size
    return frames


def _ilbc(payload: bytes) -> list[Frame]:
    """
    The size of a frame tells its mode, whatever fmtp says: 38 octets are 20 ms, 50 are 30 (RFC 3952 s.3).
    """
    for size in sorted(ILBC_FRAMES, reverse=True):
        if len(payload) % size == 0:
            return _equal(size, ILBC_FRAMES[size], "ILBC", payload)
    raise PeerError(f"ILBC payload has {len(payload)} octets, wanted a multiple of 38 or 50")


def _equal(size: int, ticks: int, name: str, payload: bytes) -> list[Frame]:
    if len(payload) % size:
        raise PeerError(f"{name} payload has {len(payload)} octets, wanted a multiple of {size}")
    return [Frame(ticks, payload[i : i + size]) for i in range(0, len(payload), size)]


_SPLITS: dict[str, Split] = {
    "G722": _g722,
    "G723": _g723,
    "G729": _g729,
    "GSM": partial(_equal, 33, 160, "GSM"),
    "ILBC": _ilbc,
}
