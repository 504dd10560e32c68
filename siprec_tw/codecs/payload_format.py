"""
A payload format: what one RTP payload type of one stream stands for (RFC 8866 s.6.6, RFC 3551 s.6).
"""

from attrs import field, frozen


@frozen
class PayloadFormat:
    """
    One payload type of a stream, as rtpmap and fmtp give it or as RFC 3551 assigns it.
    """

    payload_type: int                       # 0..127
    encoding: str                           # as in rtpmap, upper case: "PCMU", "TELEPHONE-EVENT"
    clock_rate: int                         # RTP timestamp ticks a second (8000 for G722, RFC 3551 s.4.5.2)
    channels: int = 1
    parameters: str = field(default="")     # the fmtp value, verbatim
