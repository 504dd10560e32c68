"""
Payloads cut into frames, and payloads that are none.
"""

from __future__ import annotations

import random

import pytest

from siprec_tw.codecs.amr import NARROW, WIDE, AmrFraming, split_amr
from siprec_tw.codecs.frame import Frame
from siprec_tw.codecs.frames import Split, split_of
from siprec_tw.codecs.opus import split_opus
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import PeerError

ALIGNED = AmrFraming(octet_aligned=True)


def split(encoding: str, parameters: str = "", channels: int = 1) -> Split:
    found = split_of(PayloadFormat(96, encoding, 8000, channels, parameters))
    assert found is not None
    return found


def lengths(encoding: str, payload: bytes) -> list[tuple[int, int]]:
    return [(frame.ticks, len(frame.octets)) for frame in split(encoding)(payload)]


def test_frames_of_one_size() -> None:
    """
    GSM, iLBC, G.722 and G.726 last as long as their octets say.
    """
    assert lengths("GSM", bytes(66)) == [(160, 33), (160, 33)]
    assert lengths("iLBC", bytes(76)) == [(160, 38), (160, 38)]
    assert lengths("ILBC", bytes(50)) == [(240, 50)]
    assert lengths("G722", bytes(160)) == [(160, 160)]
    assert lengths("G726-16", bytes(40)) == [(160, 40)]
    assert lengths("AAL2-G726-40", bytes(100)) == [(160, 100)]


def test_g729_ends_with_comfort_noise() -> None:
    """
    Two octets behind the frames of speech, or alone, are ten milliseconds of silence; names of annexes are one.
    """
    assert lengths("G729", bytes(22)) == [(80, 10), (80, 10), (80, 0)]
    assert lengths("G729A", b"\1\2") == [(80, 0)]
    assert lengths("G729", b"") == []
    with pytest.raises(PeerError, match="has 15 octets"):
        lengths("G729", bytes(15))


def test_g723_frames_tell_their_size() -> None:
    """
    The two lowest bits: speech of 24 or 20 octets, comfort noise of 4, one octet for nothing.
    """
    payload = bytes(24) + b"\1" + bytes(19) + b"\2" + bytes(3) + b"\3"
    assert lengths("G723", payload) == [(240, 24), (240, 20), (240, 0), (240, 0)]
    with pytest.raises(PeerError, match="wanted 24"):
        lengths("G723", bytes(23))


@pytest.mark.parametrize(
    ("toc", "milliseconds"),
    [(0x00, 10), (0x18, 60), (0x60, 10), (0x68, 20), (0x80, 2.5), (0xF8, 20), (0xF9, 40), (0xFA, 40), (0x48, 20)],
)
def test_opus_tells_its_length(toc: int, milliseconds: float) -> None:
    """
    Configuration and count of the TOC octet (RFC 6716 table 2).
    """
    assert [frame.ticks for frame in split_opus(bytes([toc, 1, 2]))] == [int(48 * milliseconds)]


def test_opus_of_many_frames() -> None:
    """
    Code 3 has a count; more than 120 ms, none at all, or no count are refused.
    """
    assert split_opus(b"\xfb\x06\0\0")[0].ticks == 6 * 960
    for payload in (b"\xfb\x07\0", b"\xfb\x00\0", b"\xfb", b""):
        with pytest.raises(PeerError):
            split_opus(payload)


def test_amr_octet_aligned() -> None:
    """
    Each frame is handed on behind an octet of its type; comfort noise, nothing and damaged frames are silence.
    """
    speech, noise = bytes(range(1, 32)), bytes(5)
    payload = bytes([0xF0, 0xBC, 0xC4, 0xFC, 0x38]) + speech + noise + bytes(31)
    assert split_amr(NARROW, ALIGNED, payload) == [
        Frame(160, b"\x3c" + speech), Frame(160, b""), Frame(160, b""), Frame(160, b""),
    ]


def test_amr_with_crc_and_sorted() -> None:
    """
    CRC octets stand behind the table of contents; sorted octets are put back (RFC 4867 s.4.4).
    """
    first, second = bytes([1, 3, 5] + [9] * 9), bytes([2, 4, 6] + [8] * 10)
    mixed = bytes([1, 2, 3, 4, 5, 6] + [9, 8] * 9 + [8])
    head = bytes([0xF0, 0x84, 0x0C])        # 4.75 and 5.15 kbit/s
    wanted = [Frame(160, b"\x04" + first), Frame(160, b"\x0c" + second)]
    assert split_amr(NARROW, AmrFraming(True, robust_sorting=True), head + mixed) == wanted
    assert split_amr(NARROW, AmrFraming(True, crc=True), head + b"\xaa\xbb" + first + second) == wanted


def test_amr_that_fits_no_framing() -> None:
    """
    The refusal is that of the framing that was agreed on.
    """
    with pytest.raises(PeerError, match="AMR-WB frames have 3 octets, wanted 32"):
        split_amr(WIDE, ALIGNED, b"\xf0\x14\1\2\3")
    with pytest.raises(PeerError, match="reserved"):
        split_amr(NARROW, ALIGNED, b"\xf0\x64\1\2\3")
    with pytest.raises(PeerError, match="no end"):
        split_amr(NARROW, ALIGNED, b"\xf0")


def test_amr_parameters() -> None:
    """
    What fmtp says of the framing, in any case and spacing; interleaving is not undone.
    """
    assert AmrFraming.of("") == AmrFraming()
    assert AmrFraming.of("Octet-Align = 1 ;mode-set=0,2") == AmrFraming(True)
    assert AmrFraming.of("crc=1") == AmrFraming(True, crc=True)
    assert AmrFraming.of("octet-align=1;robust-sorting=1") == AmrFraming(True, robust_sorting=True)
    assert AmrFraming.of("interleaving=30") is None


def test_what_is_not_taken_apart() -> None:
    """
    Strange codecs, two channels of what has one, a rate of G.726 that there is none of.
    """
    for encoding, channels in (("X-STRANGE", 1), ("G722", 2), ("AMR", 2), ("G726-48", 1), ("G726-x", 1)):
        assert split_of(PayloadFormat(96, encoding, 8000, channels)) is None


@pytest.mark.parametrize("encoding", ["AMR", "AMR-WB", "OPUS", "G723", "G729", "GSM", "ILBC", "L16", "G726-24"])
def test_any_octets_are_frames_or_refused(encoding: str) -> None:
    """
    Random payloads end in frames of a bounded length or in PeerError, in nothing else.
    """
    chance = random.Random(encoding)
    cut = split(encoding, chance.choice(["", "octet-align=1", "octet-align=1;crc=1"]))
    for _ in range(3000):
        payload = chance.randbytes(chance.randrange(70))
        try:
            frames = cut(payload)
        except PeerError:
            continue
        assert 0 <= sum(frame.ticks for frame in frames) <= 70 * 320
