"""
AMR and AMR-WB payloads (RFC 4867 s.4), in both framings.

  bandwidth-efficient   CMR (4) | F FT(4) Q, for each frame | bits of each frame, without a seam | padding
  octet-aligned         CMR (4) 0000 | F FT(4) Q 00, for each frame | [CRC, for each frame of speech] | frames,
                        each padded to whole octets; sorted octet by octet with robust-sorting

A frame is handed on as in a file of storage format (s.5.3): an octet 0 FT(4) Q 00, then its bits.
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.codecs.frame import Frame
from siprec_tw.errors import PeerError

NO_DATA = 15
MOST_FRAMES = 60        # in a packet: more than a second is no speech of today


@frozen
class AmrCodec:
    """
    What differs between the two codecs.
    """

    name: str
    ticks: int                      # a frame: 20 ms
    bits: tuple[int, ...]           # of speech, by frame type
    silence: tuple[int, ...]        # frame types of comfort noise
    silence_bits: tuple[int, ...]   # and their sizes

    def size(self, frame_type: int) -> int:
        """
        The bits of a frame; 0 of one without any. Raises PeerError for a type that is reserved.
        """
        if frame_type < len(self.bits):
            return self.bits[frame_type]
        if frame_type in self.silence:
            return self.silence_bits[self.silence.index(frame_type)]
        if frame_type in (14, NO_DATA):
            return 0
        raise PeerError(f"{self.name} frame type is {frame_type}, which is reserved")


# 3GPP TS 26.101 and TS 26.201. Types 9 to 11 of AMR are the comfort noise of other codecs.
NARROW = AmrCodec("AMR", 160, (95, 103, 118, 134, 148, 159, 204, 244), (8, 9, 10, 11), (39, 43, 38, 37))
WIDE = AmrCodec("AMR-WB", 320, (132, 177, 253, 285, 317, 365, 397, 461, 477), (9,), (40,))


@frozen
class AmrFraming:
    """
    How fmtp says that frames lie (RFC 4867 s.8.1).
    """

    octet_aligned: bool = False
    crc: bool = False
    robust_sorting: bool = False

    @classmethod
    def of(cls, parameters: str) -> AmrFraming | None:
        """
        Read fmtp; None where frames are interleaved over packets, which is not undone here.
        """
        pairs = (part.partition("=") for part in parameters.lower().split(";"))
        told = {name.strip(): value.strip() for name, _, value in pairs}
        if told.get("interleaving"):
            return None
        crc, robust = told.get("crc") == "1", told.get("robust-sorting") == "1"
        return cls(told.get("octet-align") == "1" or crc or robust, crc, robust)


def split_amr(codec: AmrCodec, framing: AmrFraming, payload: bytes) -> list[Frame]:
    """
    The frames of a payload. Where its size fits only the framing that was not agreed on, that one is
    taken: SDP and media of a client often come from different hands. Frames that arrived damaged (Q is 0)
    are silence, like comfort noise.
    """
    first, other = (_aligned, _efficient) if framing.octet_aligned else (_efficient, _aligned)
    try:
        return first(codec, framing, payload)
    except PeerError as refused:
        try:
            return other(codec, AmrFraming(), payload)
        except PeerError:
            raise refused from None


def _aligned(codec: AmrCodec, framing: AmrFraming, payload: bytes) -> list[Frame]:
    entries: list[int] = []
    offset = 1
    while True:
        if offset >= len(payload) or len(entries) > MOST_FRAMES:
            raise PeerError(f"{codec.name} table of contents has no end in {len(payload)} octets")
        entries.append(payload[offset] & 0x7C)
        if payload[offset] & 3:
            raise PeerError(f"{codec.name} table of contents has octet {payload[offset]:#04x}, wanted padding 0")
        offset += 1
        if not payload[offset - 1] & 0x80:
            break
    sizes = [-(-codec.size(entry >> 3) // 8) for entry in entries]
    if framing.crc:
        offset += sum(1 for size in sizes if size)
    if len(payload) - offset != sum(sizes):
        raise PeerError(f"{codec.name} frames have {len(payload) - offset} octets, wanted {sum(sizes)}")
    speech = payload[offset:]
    parts = _sorted_back(sizes, speech) if framing.robust_sorting else _following(sizes, speech)
    return [_frame(codec, entry, part) for entry, part in zip(entries, parts, strict=True)]


def _efficient(codec: AmrCodec, framing: AmrFraming, payload: bytes) -> list[Frame]:
    bits, left = int.from_bytes(payload, "big"), 8 * len(payload) - 4

    def take(count: int) -> int:
        nonlocal left
        if count > left:
            raise PeerError(f"{codec.name} payload has {len(payload)} octets, too few for its frames")
        left -= count
        return bits >> left & ((1 << count) - 1)

    entries: list[int] = []
    more = True
    while more:
        entry = take(6)
        more = bool(entry & 0x20)
        entries.append((entry & 0x1F) << 2)
    sizes = [codec.size(entry >> 3) for entry in entries]
    parts = [(take(size) << -size % 8).to_bytes(-(-size // 8), "big") for size in sizes]
    if left >= 8 or take(left):
        raise PeerError(f"{codec.name} payload has {len(payload)} octets, more than its frames")
    return [_frame(codec, entry, part) for entry, part in zip(entries, parts, strict=True)]


def _frame(codec: AmrCodec, entry: int, part: bytes) -> Frame:
    """
    C{entry} is 0 FT(4) Q 00.
    """
    speech = entry >> 3 < len(codec.bits) and entry & 4
    return Frame(codec.ticks, bytes([entry]) + part if speech else b"")


def _following(sizes: list[int], speech: bytes) -> list[bytes]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [speech[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _sorted_back(sizes: list[int], speech: bytes) -> list[bytes]:
    """
    Undo robust sorting: first octets of all frames, second octets of all that have one, ... (s.4.4).
    """
    parts = [bytearray() for _ in sizes]
    octets = iter(speech)
    for place in range(max(sizes, default=0)):
        for size, part in zip(sizes, parts, strict=True):
            if place < size:
                part.append(next(octets))
    return [bytes(part) for part in parts]
