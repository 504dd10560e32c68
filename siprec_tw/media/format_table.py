"""
What each payload type of a stream is and how it is kept, as offers and RFC 3551 tell it.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve, frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.codecs.registry import STATIC_FORMATS, Codec, codec_of, is_side
from siprec_tw.media.arrival import Warn

UNKNOWN_ENCODING = "UNKNOWN"
# Silence is written for as long as the clock says: what no telephone has must not fill the memory.
HIGHEST_RATE = 48_000
MOST_CHANNELS = 2
DEFAULT_CLOCK_RATE = 8000


@frozen(eq=False)
class Lane:
    """
    One payload type of one stream. Lanes of one C{sound} follow one another without a new segment.
    """

    format: PayloadFormat
    codec: Codec
    side: bool              # kept beside the sound: events, comfort noise, payload types nobody explained
    sound: PayloadFormat    # the format, whatever number it has

    @property
    def octets_a_tick(self) -> int:
        """
        Octets of all channels; 0 where the codec is not sample addressable.
        """
        return (self.codec.octets_a_tick or 0) * self.format.channels


def lane_of(form: PayloadFormat) -> Lane:
    """
    The lane of a payload format; a clock rate or a number of channels that cannot be is taken as usual.
    """
    if form.clock_rate <= 0 or form.channels <= 0:
        form = evolve(form, clock_rate=max(form.clock_rate, 0) or DEFAULT_CLOCK_RATE, channels=1)
    codec = codec_of(form)
    if codec.sample_addressable and (form.clock_rate > HIGHEST_RATE or form.channels > MOST_CHANNELS):
        form = evolve(form, clock_rate=DEFAULT_CLOCK_RATE, channels=1)
    side = is_side(form) or form.encoding == UNKNOWN_ENCODING
    return Lane(form, codec, side, evolve(form, payload_type=0, encoding=form.encoding.upper()))


class FormatTable:
    """
    The lanes of a stream by payload type. What an earlier offer said holds until a later one says otherwise:
    packets of the old codec are still on their way when the new offer is answered.
    """

    def __init__(self, formats: Iterable[PayloadFormat], warn: Warn) -> None:
        self._warn = warn
        self._lanes: dict[int, Lane] = {}
        self._clock_rate = DEFAULT_CLOCK_RATE
        self.update(formats)

    def update(self, formats: Iterable[PayloadFormat]) -> None:
        """
        The formats of a new offer.
        """
        new = {form.payload_type: lane_of(form) for form in formats}
        explained = {number: lane for number, lane in self._lanes.items() if not _is_unknown(lane)}
        explained.update(new)
        self._lanes = explained
        rates = (lane.format.clock_rate for lane in new.values() if not lane.side)
        self._clock_rate = next(rates, self._clock_rate)

    def lane(self, payload_type: int) -> Lane:
        """
        The lane of a payload type; one that was never offered is what RFC 3551 says it is, or unknown.
        """
        lane = self._lanes.get(payload_type)
        return lane if lane is not None else self._unoffered(payload_type)

    def knows(self, payload_type: int) -> bool:
        """
        Whether the payload type was offered or is a static one.
        """
        known = self._lanes.get(payload_type)
        if known is not None:
            return not _is_unknown(known)
        return payload_type in STATIC_FORMATS

    def _unoffered(self, payload_type: int) -> Lane:
        static = STATIC_FORMATS.get(payload_type)
        if static is not None:
            self._warn(
                "payload-type-not-offered",
                f"payload type {payload_type} was not offered; taken as {static.encoding} (RFC 3551)",
            )
        else:
            self._warn(
                "payload-type-unknown", f"payload type {payload_type} was not offered; its packets are kept"
            )
        form = static or PayloadFormat(payload_type, UNKNOWN_ENCODING, self._clock_rate)
        self._lanes[payload_type] = lane_of(form)
        return self._lanes[payload_type]


def _is_unknown(lane: Lane) -> bool:
    return lane.format.encoding == UNKNOWN_ENCODING
