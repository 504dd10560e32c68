"""
The segments that are open for one source, and which of them a packet belongs to.

  primary    the sound; a new one when the codec changes, the gap is too long, or a new epoch begins
  retired    the primary before, which waits a second for its late packets
  sides      what comes between the sound (telephone-event, comfort noise, unknown), one segment a kind
"""

from __future__ import annotations

from attrs import frozen

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.media.arrival import Address, Extended, text_of
from siprec_tw.media.format_table import Lane
from siprec_tw.media.segment_opener import SegmentOpener
from siprec_tw.media.segment_writer import MissingBetween, OpenSegment, SampleSegment

MAX_FILL = 60.0             # seconds of silence written into a segment; a longer gap begins a new one
RETIRED_SECONDS = 1.0       # how long late packets of the segment before are waited for


@frozen
class Retired:
    """
    A segment that gets late packets only.
    """

    segment: OpenSegment
    reason: str
    until: float                # instant of arrival
    transit: float | None       # seconds, of its clock; None where the clock is still the same


class SourceSegments:
    """
    One for each source.
    """

    def __init__(self, ssrc: int, address: Address, opener: SegmentOpener, missing: MissingBetween) -> None:
        self.primary: OpenSegment | None = None
        self.address = address
        self._ssrc = ssrc
        self._opener = opener
        self._missing = missing
        self._epoch = opener.new_epoch()
        self._from = 0                          # sequence number with which the primary began
        self._retired: Retired | None = None
        self._sides: dict[PayloadFormat, OpenSegment] = {}

    @property
    def settled(self) -> bool:
        """
        Whether no late packets of a segment before are waited for.
        """
        return self._retired is None

    def new_epoch(self, reason: str, now: float, transit: float | None) -> None:
        """
        Whatever is open belongs to the epoch before; C{transit} is that of its clock.
        """
        if self.primary is not None or self._sides:
            self._epoch = self._opener.new_epoch()
        self._retire(reason, now, transit)
        self._close_sides(reason)

    def late(self, packet: Extended, lane: Lane, transit: float, least: float | None) -> OpenSegment | None:
        """
        The retired segment, if the packet is a late one of it. C{transit} is the packet's, C{least} that of
        the clock as it is now: where both segments could have it, the nearer clock tells.
        """
        retired = self._retired
        if retired is None or packet[0] >= self._from or retired.segment.lane.sound != lane.sound:
            return None
        if packet[1] > retired.segment.end + RETIRED_SECONDS * lane.format.clock_rate:
            return None
        if retired.transit is None or least is None:
            return retired.segment
        return retired.segment if abs(transit - retired.transit) < abs(transit - least) else None

    def sound(self, packet: Extended, lane: Lane) -> OpenSegment | None:
        """
        The primary for this packet, opened when need be; None when no more can be opened.
        """
        primary = self.primary
        if primary is not None and primary.lane.sound != lane.sound:
            self._retire("format-changed", packet[4], None)
        elif (
            isinstance(primary, SampleSegment) and packet[1] > primary.end + MAX_FILL * lane.format.clock_rate
        ):
            self._retire("gap-too-long", packet[4], None)
        if self.primary is None:
            self.primary = self._open(packet, lane)
            self._from = packet[0]
        return self.primary

    def side(self, packet: Extended, lane: Lane) -> OpenSegment | None:
        """
        The segment of a kind of side packets; the primary need not miss their sequence numbers.
        """
        segment = self._sides.get(lane.sound) or self._open(packet, lane)
        if segment is not None:
            self._sides[lane.sound] = segment
        if self.primary is not None:
            self.primary.pass_over(packet[0])
        return segment

    def tidy(self, now: float) -> None:
        """
        Close the retired segment when nothing late is to be expected any more.
        """
        if self._retired is not None and now > self._retired.until:
            self._close_retired()

    def close(self, reason: str) -> None:
        """
        Close all.
        """
        self._close_retired()
        if self.primary is not None:
            self.primary.close(reason)
            self.primary = None
        self._close_sides(reason)

    def forget_order(self) -> None:
        """
        Sequence numbers begin anew: nothing late can be told any more.
        """
        self._close_retired()

    def _open(self, first: Extended, lane: Lane) -> OpenSegment | None:
        return self._opener.open(lane, self._ssrc, self._epoch, first, text_of(self.address), self._missing)

    def _retire(self, reason: str, now: float, transit: float | None) -> None:
        if self.primary is not None:
            self._close_retired()
            self.primary.flush()
            self._retired = Retired(self.primary, reason, now + RETIRED_SECONDS, transit)
            self.primary = None

    def _close_retired(self) -> None:
        if self._retired is not None:
            self._retired.segment.close(self._retired.reason)
            self._retired = None

    def _close_sides(self, reason: str) -> None:
        for segment in self._sides.values():
            segment.close(reason)
        self._sides.clear()
