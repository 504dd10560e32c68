"""
What a stream sends: the payload of its n-th packet.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from siprec_tw.codecs.g711 import ALAW_SILENCE, MULAW_SILENCE, Samples, encode_alaw, encode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat

PACKET_TIME = 0.02          # seconds of sound in a packet
SAMPLES_A_PACKET = 160

# The payload of packet n, counted from 0; None where the stream is silent and sends nothing (DTX).
PacketSource = Callable[[int], bytes | None]


@frozen
class Codec:
    """
    A codec that can be sent.
    """

    format: PayloadFormat
    encode: Callable[[Samples], bytes]
    silence: int            # an octet


# RFC 3551 s.6: the static payload types.
CODECS = {
    "pcma": Codec(PayloadFormat(8, "PCMA", 8000), encode_alaw, ALAW_SILENCE),
    "pcmu": Codec(PayloadFormat(0, "PCMU", 8000), encode_mulaw, MULAW_SILENCE),
}


@frozen
class EncodedSound:
    """
    Encoded octets cut into packets, over again when they are over, or silence from then on.
    """

    octets: bytes
    silence: int
    again: bool

    def __call__(self, number: int) -> bytes:
        """
        160 octets.
        """
        start = number * SAMPLES_A_PACKET
        if self.again:
            start %= len(self.octets)
        payload = self.octets[start:start + SAMPLES_A_PACKET]
        missing = SAMPLES_A_PACKET - len(payload)
        if not missing:
            return payload
        return payload + (self.octets[:missing] if self.again else bytes([self.silence]) * missing)


def sound_source(samples: Samples, codec: Codec, *, again: bool) -> PacketSource:
    """
    Samples (8000 a second, one packet's worth at least) as packets of a codec.
    """
    return EncodedSound(codec.encode(samples), codec.silence, again)
