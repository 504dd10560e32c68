"""
Tests for siprec_tw.codecs.registry.
"""

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.codecs.registry import PCMA, PCMU, STATIC_FORMATS, codec_of, is_side


def test_g711_is_sample_addressable() -> None:
    """
    Of G.711 a timestamp tells the place; names compare without case.
    """
    assert codec_of(PayloadFormat(0, "pcmu", 8000)) is PCMU
    assert codec_of(PayloadFormat(8, "PCMA", 8000)) is PCMA
    assert PCMU.sample_addressable
    assert (PCMU.silence, PCMU.wav_format_tag) == (0xFF, 7)
    assert (PCMA.silence, PCMA.wav_format_tag) == (0xD5, 6)
    assert PCMU.decode is not None
    assert PCMU.decode(b"\xff\x00").tolist() == [0, -32124]


def test_other_codecs_are_kept_as_packets() -> None:
    """
    What is not known is a name with a clock, and its packets are kept whole.
    """
    codec = codec_of(PayloadFormat(96, "opus", 48_000, 2))
    assert (codec.name, codec.sample_rate, codec.decode) == ("OPUS", 48_000, None)
    assert not codec.sample_addressable


def test_side_encodings() -> None:
    """
    Events and comfort noise come between the sound, they do not replace it.
    """
    assert is_side(PayloadFormat(101, "telephone-event", 8000))
    assert is_side(STATIC_FORMATS[13])
    assert not is_side(STATIC_FORMATS[0])
    assert not is_side(STATIC_FORMATS[18])
