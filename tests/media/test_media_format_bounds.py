"""
Numbers of an offer that no codec has do not become sizes of buffers.
"""

from __future__ import annotations

import pytest

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.media.format_table import lane_of
from siprec_tw.sdp.parser import parse_sdp


@pytest.mark.parametrize(
    ("rtpmap", "rate", "channels"),
    [
        ("0 PCMU/8000", 8000, 1),
        ("0 PCMU/9999999999", 8000, 1),
        ("0 PCMU/8000/999999", 8000, 1),
        ("0 PCMU/16000/2", 16000, 2),
    ],
)
def test_clock_rate_and_channels_are_bounded(rtpmap: str, rate: int, channels: int) -> None:
    """
    A rate or a number of channels beyond every registered format counts as not told.
    """
    offer = f"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:{rtpmap}\r\n"
    form, = parse_sdp(offer.encode()).description.media[0].payload_formats()
    assert (form.clock_rate, form.channels) == (rate, channels)


def test_lane_of_sound_is_bounded_again() -> None:
    """
    Whoever opens a stream: a sample addressable codec has at most 48000 ticks a second and two channels.
    """
    for form in (PayloadFormat(0, "PCMU", 4_294_967_295), PayloadFormat(8, "PCMA", 8000, 200)):
        assert (lane_of(form).format.clock_rate, lane_of(form).octets_a_tick) == (8000, 1)
    assert lane_of(PayloadFormat(96, "PCMU", 16000, 2)).octets_a_tick == 2
