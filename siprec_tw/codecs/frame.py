"""
A frame: the least that a decoder takes at a time.
"""

from attrs import frozen


@frozen
class Frame:
    """
    One frame of a payload.
    """

    ticks: int          # how long it lasts, in the clock of the payload format
    octets: bytes       # as the decoder takes it; none where the source sent silence
