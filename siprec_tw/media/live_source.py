"""
One source (SSRC) of a stream: its axis, its clock, and which of its segments gets what.

A sweep's packets of the source are taken in two steps. First each is put on the axis (sequence number and
timestamp unwrapped, duplicates dropped); then, in the order of sequence numbers, they are cut where the
source's clock jumped and given to the segments (L{siprec_tw.media.source_segments}). Packets that come in
order, of the primary's codec and without a gap, skip all that: they are one run. Both ways must come to the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

from siprec_tw.media.arrival import Extended, Packet, Run, Warn, text_of
from siprec_tw.media.batch_clock import OpenBaseline, OpenReception
from siprec_tw.media.batch_stride import Progress, Stride
from siprec_tw.media.format_table import FormatTable
from siprec_tw.media.segment_opener import SegmentOpener
from siprec_tw.media.segment_writer import OpenSegment, SampleSegment
from siprec_tw.media.source_address import SourceAddress
from siprec_tw.media.source_segments import SourceSegments
from siprec_tw.media.totals import NOTHING, Totals
from siprec_tw.recording.segment import LEAD_SECONDS
from siprec_tw.rtp.packet import FIRST_RTCP_TYPE, HEADER_SIZE, LAST_RTCP_TYPE, MARKER
from siprec_tw.rtp.probation import Probation
from siprec_tw.rtp.reception import Place
from siprec_tw.rtp.sequence import SEQUENCE_BITS, TIMESTAMP_BITS, extend, in_a_row

OLDEST_DUPLICATE = 60.0     # seconds of the source's own time
SEAM_SECONDS = 1.0          # between two packets; more is a leap


class LiveSource:
    """
    Receives what one SSRC sends.
    """

    def __init__(
        self, ssrc: int, first: Packet, opener: SegmentOpener, formats: FormatTable, warn: Warn
    ) -> None:
        self.ssrc = ssrc
        self.first_arrival = self.last_arrival = first[4]
        self.address = SourceAddress(first[6])
        self.encoding = ""
        self.reception = OpenReception.starting_at(first[0])
        self._before_restarts = NOTHING
        self._octets = 0
        self._rejected = 0
        self._formats = formats
        self._warn = warn
        self._first_timestamp = first[1]
        self._timestamp = first[1]              # extended, of the packet of the highest sequence number
        self._seam = first[0], first[1]         # where timestamps leapt last: number, timestamp before
        self._clock: OpenBaseline | None = None
        self._rate = formats.lane(first[2]).format.clock_rate
        self.packet_seconds = 0.0               # of the shortest packet of sound; 0 until two have come
        self._segments = SourceSegments(ssrc, first[6], opener, self._missing_between)
        self._restart: Probation[Packet] = Probation()
        self._shape = 0, 0, 0       # of the packet that came last: payload type, octets of payload, of datagram

    @property
    def totals(self) -> Totals:
        """
        What was received in all.
        """
        now = Totals.of(self.reception, self._octets, self._rejected + self._restart.dropped)
        return self._before_restarts.plus(now)

    @property
    def jitter(self) -> float:
        """
        Seconds.
        """
        return self.reception.jitter / self._rate

    def receive(self, batch: list[Packet]) -> None:
        """
        Take the packets of one sweep, at least one, in the order of their arrival.
        """
        rest = batch
        if self._segments.primary is None and in_a_row([packet[0] for packet in batch]):
            rest = self._receive_any(batch[:1]) + batch[1:]     # which opens the segment of those that follow
        if rest and not self._receive_in_order(rest):
            while rest:
                rest = self._receive_any(rest)
        last = batch[-1]
        self._shape = last[2], len(last[3]), len(last[5])
        self.last_arrival = last[4]
        before = self.address.latest
        for after in self.address.follow(batch):
            self._warn("source-changed", f"packets came from {text_of(before)}, then from {text_of(after)}")
            self._segments.address = after
        self._segments.tidy(self.last_arrival)

    def reject(self, count: int) -> None:
        """
        So many datagrams came that are none of ours, while this source was the one that sends.
        """
        if self._segments.primary is not None:
            self._segments.primary.standing.rejected += count

    def close(self, reason: str) -> None:
        """
        Finish the segments. What waited for a restart to be proven is given up.
        """
        self._rejected += len(self._restart.release())
        self._segments.close(reason)

    # --- in its stride (L{siprec_tw.media.batch_stride}) ------------------------------------------

    def stride(self) -> Stride | None:
        """
        What is to be known to go on like the last packet; None where that could be no plain run at the head.
        """
        primary, clock, reception = self._segments.primary, self._clock, self.reception
        payload_type, size, whole = self._shape
        if (
            not isinstance(primary, SampleSegment)
            or clock is None
            or reception.last_transit is None
            or not self._segments.settled
            or not size
            or whole != HEADER_SIZE + size
            or FIRST_RTCP_TYPE <= payload_type | MARKER <= LAST_RTCP_TYPE
            or not self._formats.knows(payload_type)
            or self._formats.lane(payload_type).sound != primary.lane.sound
        ):
            return None
        step, odd = divmod(size, primary.lane.octets_a_tick)
        tail = primary.tail
        if odd or tail is None:
            return None
        return Stride(
            self.ssrc, payload_type, size, step, self._rate, reception.highest + 1, primary.head,
            self.address.latest, reception.jitter, reception.last_transit, clock, tail,
        )

    def go_on(self, progress: Progress) -> int:
        """
        What C{_receive_in_order} would have done with these packets, of however many sweeps, but for the writing.
        Returns the extended timestamp at which the record wants a checkpoint.
        """
        primary, clock, reception = self._segments.primary, self._clock, self.reception
        assert isinstance(primary, SampleSegment)
        assert clock is not None
        self.address.stay()
        clock.lower(progress.newly_least)
        reception.receive_next(progress.packets)
        reception.interarrival((progress.last_transit,))
        reception.jitter = progress.jitter
        self._octets += progress.octets
        self.last_arrival = progress.last_arrival
        self._stand(primary, progress.least)
        ticks = progress.packets * progress.step
        self._timestamp = primary.head + ticks - progress.step
        return primary.go_on(progress.packets, ticks, reception.highest)

    # --- packets in order ------------------------------------------------------------------------

    def _receive_in_order(self, batch: list[Packet]) -> bool:
        """
        The common case as one run; False, and nothing done, where it is not that.
        """
        primary, clock, reception = self._segments.primary, self._clock, self.reception
        if not isinstance(primary, SampleSegment) or clock is None:
            return False
        count = len(batch)
        sequences, timestamps, types, payloads, arrivals, _, _ = zip(*batch, strict=True)
        size = len(payloads[0])
        step, odd = divmod(size, primary.lane.octets_a_tick)
        start, following = timestamps[0], (reception.highest + 1) & 0xFFFF
        if (
            odd
            or not step
            or start != primary.head & 0xFFFFFFFF
            or sequences != tuple(range(following, following + count))
            or timestamps != tuple(range(start, start + count * step, step))
            or len(set(types)) != 1
            or len(set(map(len, payloads))) != 1
            or self._formats.lane(types[0]).sound != primary.lane.sound
        ):
            return False
        rate, head = self._rate, primary.head
        ticks = range(head, head + count * step, step)
        transits = [arrival * rate - tick for arrival, tick in zip(arrivals, ticks, strict=True)]
        least = min(transits) / rate
        if not clock.agrees(least, max(transits) / rate) or not clock.follow(least, arrivals[-1]):
            return False
        first = reception.highest + 1
        reception.receive_next(count)
        reception.interarrival(transits)
        self._timestamp = ticks[-1]
        self._note_length(step / rate)
        self._octets += size * count
        self._stand(primary, least)
        primary.place([Run(head, b"".join(payloads), first, first + count - 1)])
        return True

    # --- any packets: on the axis ----------------------------------------------------------------

    def _receive_any(self, batch: list[Packet]) -> list[Packet]:
        """
        Take packets up to one that proves a restart of the source; those that are left come back.
        """
        fresh: list[Extended] = []
        restarted: list[Packet] = []
        rest: list[Packet] = []
        for index, packet in enumerate(batch):
            sequence = extend(packet[0], self.reception.highest, SEQUENCE_BITS)
            place = self.reception.place_of(sequence)
            if self._is_strange(packet, sequence, place):
                restarted = self._restart.offer(packet[0], packet)
                if restarted:
                    rest = batch[index + 1 :]
                    break
                continue
            extended = self._extend(packet, sequence, place)
            if extended is not None:
                fresh.append(extended)
        if fresh:
            fresh.sort()
            self._take(fresh)
        if restarted:
            self._begin_again(restarted)
        return restarted + rest

    def _is_strange(self, packet: Packet, sequence: int, place: Place) -> bool:
        """
        Whether a packet may be of a source that started again: its number is too far away; or it seems to
        have come before, or to be of before the first, but its timestamp does not lie behind as it should.
        """
        if place is Place.AHEAD or place is Place.STRANGE:
            return place is Place.STRANGE
        if place is Place.LATE:
            before = self._first_timestamp - extend(packet[1], self._first_timestamp, TIMESTAMP_BITS)
            return sequence < self.reception.base and not 0 <= before <= LEAD_SECONDS * self._rate
        if self._formats.lane(packet[2]).side:
            return False    # the timestamp of an event is that of its start: it proves nothing
        seam, before_seam = self._seam
        reference = before_seam if sequence < seam else self._timestamp
        behind = reference - extend(packet[1], reference, TIMESTAMP_BITS)
        return not 0 <= behind <= OLDEST_DUPLICATE * self._rate

    def _extend(self, packet: Packet, sequence: int, place: Place) -> Extended | None:
        """
        Count a packet and put it on the axis; None for a duplicate.
        """
        self.reception.receive(sequence, place)
        primary = self._segments.primary
        if place is Place.SEEN:
            if primary is not None:
                primary.standing.duplicates += 1
            return None
        timestamp = extend(packet[1], self._timestamp, TIMESTAMP_BITS)
        lane = self._formats.lane(packet[2])
        if place is Place.AHEAD and not lane.side:
            step = timestamp - self._timestamp
            if not 0 <= step <= SEAM_SECONDS * self._rate:
                self._seam = sequence, self._timestamp
            self._timestamp = timestamp
            ticks = len(packet[3]) // lane.octets_a_tick if lane.codec.sample_addressable else step
            self._note_length(ticks / lane.format.clock_rate)
        elif place is Place.LATE and primary is not None:
            primary.standing.reordered += 1
        self._octets += len(packet[3])
        return sequence, timestamp, packet[2], packet[3], packet[4], packet[5]

    def _note_length(self, seconds: float) -> None:
        if 0.0 < seconds <= SEAM_SECONDS:
            self.packet_seconds = min(self.packet_seconds or seconds, seconds)

    def _begin_again(self, proven: Sequence[Packet]) -> None:
        """
        The source counts from elsewhere. Ahead, and with a timestamp that fits, packets were lost for a long
        time; otherwise it was restarted, and nothing ties it to what it sent before.
        """
        first = proven[0]
        sequence = min(extend(packet[0], self.reception.highest, SEQUENCE_BITS) for packet in proven)
        transit = first[4] - extend(first[1], self._timestamp, TIMESTAMP_BITS) / self._rate
        if sequence > self.reception.highest and self._clock and self._clock.agrees(transit, transit):
            self.reception.skip_to(sequence)
            return
        self._before_restarts = self.totals
        self._octets = self._rejected = 0
        self._restart = Probation()
        self.reception = OpenReception.starting_at(first[0], self.reception.losses)
        self._first_timestamp = self._timestamp = first[1]
        self._seam = first[0], first[1]
        self._new_clock("source-restarted", first[4])
        self._segments.forget_order()

    # --- any packets: the clock ------------------------------------------------------------------

    def _take(self, fresh: list[Extended]) -> None:
        """
        Give the late ones to the segment before, and cut the others where the clock's rate changes.
        """
        section: list[Extended] = []
        late: list[OpenSegment] = []
        for packet in fresh:
            lane = self._formats.lane(packet[2])
            if not lane.side:
                transit = packet[4] - packet[1] / lane.format.clock_rate
                before = self._segments.late(packet, lane, transit, self._least_transit())
                if before is not None:
                    before.add(packet)
                    late.append(before)
                    continue
                if lane.format.clock_rate != self._rate:
                    self._take_section(section)
                    section = []
                    self._new_clock("format-changed", packet[4])
                    self._rate = lane.format.clock_rate
            section.append(packet)
        for segment in late[:1]:
            self._flush(segment)
        self._take_section(section)

    def _take_section(self, section: list[Extended]) -> None:
        """
        Cut packets of one clock rate where the clock jumps. What comes before the first sound goes with it.
        """
        sound = [index for index, packet in enumerate(section) if not self._formats.lane(packet[2]).side]
        transits = [section[index][4] - section[index][1] / self._rate for index in sound]
        jumps: list[int] = []
        if sound:
            clock = self._clock or OpenBaseline(transits[0], section[sound[0]][4])
            if self._clock is None or not clock.agrees(min(transits), max(transits)):
                jumps = clock.jumps(transits)
        start = 0
        for begin, end in pairwise([0, *(jump for jump in jumps if jump), len(sound)]):
            until = sound[end] if end < len(sound) else len(section)
            if begin in jumps:
                self._new_clock("clock-jumped", section[sound[begin]][4])
            self._take_group(section[start:until], transits[begin:end])
            start = until

    def _take_group(self, group: list[Extended], transits: list[float]) -> None:
        """
        Packets of one clock: follow it, and give them to their segments.
        """
        if transits:
            least, now = min(transits), max(packet[4] for packet in group)
            if self._clock is not None and not self._clock.follow(least, now):
                self._new_clock("clock-crept", now)
            if self._clock is None:
                self._clock = OpenBaseline(least, now)
            self._follow_jitter(group)
        touched: dict[OpenSegment, None] = {}
        for packet in group:
            segment = self._segment_for(packet)
            if segment is None:
                self._rejected += 1
            else:
                segment.add(packet)
                touched[segment] = None
        for segment in touched:
            if transits and segment is self._segments.primary:
                self._stand(segment, least)
            self._flush(segment)

    def _segment_for(self, packet: Extended) -> OpenSegment | None:
        lane = self._formats.lane(packet[2])
        if lane.side:
            return self._segments.side(packet, lane)
        self.encoding = lane.format.encoding
        return self._segments.sound(packet, lane)

    def _follow_jitter(self, group: list[Extended]) -> None:
        sound = [packet for packet in group if not self._formats.lane(packet[2]).side]
        sound.sort(key=itemgetter(4))
        self.reception.interarrival(packet[4] * self._rate - packet[1] for packet in sound)

    def _new_clock(self, reason: str, now: float) -> None:
        self._segments.new_epoch(reason, now, self._least_transit())
        self._clock = None
        self.reception.new_clock()

    def _least_transit(self) -> float | None:
        return None if self._clock is None else self._clock.least

    def _stand(self, segment: OpenSegment, least: float) -> None:
        segment.standing.jitter = self.reception.jitter
        segment.standing.transit = min(segment.standing.transit, least)
        segment.standing.recent = min(segment.standing.recent, least)

    def _flush(self, segment: OpenSegment) -> None:
        before = segment.standing.rejected
        segment.flush()
        self._rejected += segment.standing.rejected - before

    def _missing_between(self, before: int, after: int) -> int:
        return self.reception.missing_between(before, after)
