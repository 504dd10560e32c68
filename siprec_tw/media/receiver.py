"""
The receiver of one stream: from datagrams to the sources that sent them.

Its input is what one sweep found on the stream's port; no socket and no clock is known here. Every datagram
is

  RTCP       which shares the port (RFC 5761 s.4): watched
  no RTP     counted as rejected
  RTP        of a source that is live: handed to it, a sweep's packets at once
             of a source that is not known: held until a second packet proves it (RFC 3550 A.1)

A stream follows its sender through changes of SSRC, codec and address; none of them is filtered by what the
offer said. Nor does a goodbye (RTCP BYE) shut anybody out: the source makes way sooner for another, that is all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from math import inf

from attrs import evolve

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import PeerError
from siprec_tw.interfaces import StreamReport, StreamSpec
from siprec_tw.media.arrival import Address, Datagram, Packet, text_of
from siprec_tw.media.batch_stride import Ahead, Progress, Stride
from siprec_tw.media.format_table import FormatTable
from siprec_tw.media.live_source import LiveSource
from siprec_tw.media.rtcp_watch import RtcpSeen
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.media.segment_opener import SegmentOpener
from siprec_tw.media.stream_warnings import StreamWarnings
from siprec_tw.media.totals import NOTHING, Totals
from siprec_tw.recording.stream_quality import quality_of
from siprec_tw.rtp.loss_runs import NO_LOSSES, LossFigures
from siprec_tw.rtp.packet import (
    FIRST_RTCP_TYPE,
    FIXED_HEADER,
    HEADER_SIZE,
    LAST_RTCP_TYPE,
    PLAIN_FIRST_OCTET,
    is_rtcp,
    parse_packet,
)
from siprec_tw.rtp.probation import Probation
from siprec_tw.rtp.report_blocks import report_block
from siprec_tw.rtp.rtcp import ReportBlock

MOST_SOURCES = 4            # live at once
MOST_CANDIDATES = 8         # under probation at once
SILENT_SECONDS = 30.0       # after which a source makes way for another that sends
TOGETHER_SECONDS = 1.0      # for which two sources must send to be two at once
SAID_GOODBYE = "rtcp-bye"   # why a segment was closed


class StreamReceiver:
    """
    Receives one stream; see the module.
    """

    def __init__(self, spec: StreamSpec, node_id: str, files: SegmentFiles | None = None) -> None:
        self.stream_id = spec.stream_id
        self.rtcp = RtcpSeen()
        self.ahead: Ahead | None = None             # who follows the stream in its stride
        self.changes = 0                            # grows when the report does
        self.strides = 0                            # and this where that is only because it went on in its stride
        self._warnings = StreamWarnings(spec.stream_id)
        self._warn = self._warnings.warn
        self._formats = FormatTable(spec.formats, self._warn)
        self._opener = SegmentOpener(
            spec, node_id, files or SegmentFiles(spec.directory), self.rtcp, self._warn, self._warnings.write_failed
        )
        self._live: dict[int, LiveSource] = {}
        self._candidates: dict[int, Probation[Packet]] = {}
        self._latest: LiveSource | None = None      # which sent last
        self._gone = NOTHING                        # of sources that are closed
        self._gone_losses = NO_LOSSES               # the same
        self._rejected = 0
        self._first_arrival: float | None = None
        self._last_arrival: float | None = None

    @property
    def failed_writes(self) -> int:
        """
        How often the disk refused.
        """
        return self._warnings.failed_writes

    def receive(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what one sweep found on the RTP port, in the order of arrival.
        """
        self.take_back()
        self.changes += 1
        unpack = FIXED_HEADER.unpack_from
        batches: dict[int, list[Packet]] = {}
        batch: list[Packet] = []
        current = -1
        for datagram, address, arrival in datagrams:
            try:
                first, second, sequence, timestamp, ssrc = unpack(datagram)
            except struct.error:
                self._receive_short(datagram, address, arrival)
                continue
            if first == PLAIN_FIRST_OCTET and not FIRST_RTCP_TYPE <= second <= LAST_RTCP_TYPE:
                payload = datagram[HEADER_SIZE:]
            elif is_rtcp(datagram):
                self.rtcp.receive(datagram, address, arrival)
                continue
            else:
                try:
                    payload = parse_packet(datagram).payload
                except PeerError:
                    self._reject(1)
                    continue
            if ssrc != current:
                current = ssrc
                batch = batches.setdefault(ssrc, [])
            batch.append((sequence, timestamp, second & 0x7F, payload, arrival, datagram, address))
        for ssrc, packets in batches.items():
            self._receive_from(ssrc, packets)
        if len(self._live) > 1:
            self._watch_sources(batches)

    def receive_rtcp(self, datagrams: Iterable[Datagram]) -> None:
        """
        Take what a sweep found on the RTCP port.
        """
        self.changes += 1
        for datagram, address, arrival in datagrams:
            self.rtcp.receive(datagram, address, arrival)

    def update_formats(self, formats: Iterable[PayloadFormat]) -> None:
        """
        The payload types mean this from now on.
        """
        self.take_back()
        self._formats.update(formats)

    def warn(self, code: str, text: str) -> None:
        """
        Something odd happened to the stream before it came here.
        """
        self.changes += 1
        self._warn(code, text)

    def refuse(self, count: int, *, forged: bool) -> None:
        """
        So many datagrams of a secured stream were not opened; C{forged} where a tag was wrong, not only replayed.
        """
        self.take_back()
        self.changes += 1
        if forged:
            self._warn("srtp-not-authentic", "packets came that none of the agreed keys opens; they are not kept")
        self._reject(count)

    def close(self) -> StreamReport:
        """
        Finish all segments. Where no source was ever proven, what came of known payload types is kept
        unproven.
        """
        self.take_back()
        self.changes += 1
        if not self._opener.opened:
            for ssrc, candidate in list(self._candidates.items()):
                held = candidate.release()
                known = [packet for packet in held if self._formats.knows(packet[2])]
                if known and len(self._live) < MOST_SOURCES:
                    self._begin(ssrc, known)
                    held = held[len(known) :]
                self._reject(len(held))
        for source in list(self._live.values()):
            self._end(source.ssrc, SAID_GOODBYE if self._is_gone(source) else "stream-closed")
        for candidate in self._candidates.values():
            self._reject(candidate.dropped + len(candidate))
        self._candidates.clear()
        return self.report()

    @property
    def totals(self) -> Totals:
        """
        What was received in all.
        """
        if self.ahead is not None:
            self.ahead.settle()
        return self.told_totals

    @property
    def told_totals(self) -> Totals:
        """
        The same without what only C{ahead} knows yet.
        """
        totals = self._gone
        for source in self._live.values():
            totals = totals.plus(source.totals)
        return totals.plus(Totals(rejected=self._rejected)) if self._rejected else totals

    def last_arrival(self) -> float | None:
        """
        When the last packet came, POSIX seconds; None before any.
        """
        ahead = self.ahead.last_arrival() if self.ahead is not None else None
        return self._last_arrival if ahead is None else ahead

    def report(self) -> StreamReport:
        """
        What is known of the stream's reception. The codec and the clock of its quality are those of the latest source.
        """
        counts, losses, seconds = self.counts()
        return evolve(counts, quality=quality_of(losses, counts.encoding, seconds, counts.jitter))

    def counts(self) -> tuple[StreamReport, LossFigures, float]:
        """
        The report but for the quality, and what that is made of: the losses, and the seconds of one packet.
        """
        totals = self.totals
        latest = self._latest
        losses = self._gone_losses
        for source in self._live.values():
            losses = losses.plus(source.reception.losses)
        report = StreamReport(
            self.stream_id, totals.packets, totals.octets, totals.lost, totals.duplicates, totals.reordered,
            totals.rejected,
            jitter=latest.jitter if latest else 0.0,
            first_arrival=self._first_arrival,
            last_arrival=self._last_arrival,
            encoding=latest.encoding if latest else "",
            ssrc=latest.ssrc if latest else None,
            source=text_of(latest.address.latest) if latest else "",
            warnings=self._warnings.all(),
        )
        return report, losses, latest.packet_seconds if latest else 0.0

    # --- our RTCP (L{siprec_tw.media.rtcp_sender}) -------------------------------------------------

    @property
    def sources(self) -> tuple[int, ...]:
        """
        The SSRCs that are live.
        """
        return tuple(self._live)

    def reception_blocks(self, now: float) -> tuple[ReportBlock, ...]:
        """
        A report block of each source that sent since this was asked last. C{now} is POSIX seconds.
        """
        # Who follows the stream is asked, not settled: that would be dear for so many streams so often. It is about
        # the only source that there is then.
        untold = self.ahead.untold() if self.ahead is not None else None
        blocks = []
        for ssrc, source in self._live.items():
            clock = self.rtcp.clocks.get(ssrc)
            report, delay = (None, 0.0) if clock is None else (clock.report, now - clock.arrival)
            block = report_block(ssrc, source.reception, report, delay, untold)
            if block is not None:
                blocks.append(block)
        return tuple(blocks)

    def rtcp_source(self) -> tuple[Address, Address | None] | None:
        """
        Whence the source that sent last sends RTP and, if any came, RTCP; None while no source is proven.
        """
        latest = self._latest
        return None if latest is None else (latest.address.latest, self.rtcp.addresses.get(latest.ssrc))

    # --- in its stride (L{siprec_tw.media.batch_stride}) ------------------------------------------

    def stride(self) -> Stride | None:
        """
        What is to be known to go on with the only source there is; None where the stream is not in its stride.
        """
        source = self._latest
        if source is None or len(self._live) != 1 or self._live.get(source.ssrc) is not source:
            return None
        return source.stride()

    def go_on(self, progress: Progress) -> int:
        """
        The stream went so far in its stride. Returns the extended timestamp at which its record is due.
        """
        assert self._latest is not None
        self._last_arrival = progress.last_arrival
        self.changes += 1
        self.strides += 1
        return self._latest.go_on(progress)

    def take_back(self) -> None:
        """
        Something is about to happen to the stream: who follows it tells how far it went, and follows it no more.
        """
        if self.ahead is not None:
            self.ahead.leave()

    def _receive_short(self, datagram: bytes, address: Address, arrival: float) -> None:
        """
        What has no room for an RTP header may still be RTCP: an empty receiver report has eight octets.
        """
        if is_rtcp(datagram):
            self.rtcp.receive(datagram, address, arrival)
        else:
            self._reject(1)

    # --- sources ---------------------------------------------------------------------------------

    def _receive_from(self, ssrc: int, packets: list[Packet]) -> None:
        source = self._live.get(ssrc)
        if source is not None:
            self._hand(source, packets)
            return
        candidate = self._candidates.get(ssrc)
        if candidate is None:
            candidate = self._admit(ssrc)
        for index, packet in enumerate(packets):
            proven = candidate.offer(packet[0], packet)
            if proven:
                if not self._make_room(packet[4]):
                    self._reject(len(proven) + len(packets) - index - 1)
                    return
                self._reject(candidate.dropped)
                del self._candidates[ssrc]
                self._begin(ssrc, proven + packets[index + 1 :])
                return

    def _begin(self, ssrc: int, packets: list[Packet]) -> None:
        source = LiveSource(ssrc, packets[0], self._opener, self._formats, self._warn)
        self._live[ssrc] = source
        self._hand(source, packets)

    def _hand(self, source: LiveSource, packets: list[Packet]) -> None:
        source.receive(packets)
        if self._first_arrival is None:
            self._first_arrival = packets[0][4]
        self._last_arrival = packets[-1][4]
        self._latest = source

    def _admit(self, ssrc: int) -> Probation[Packet]:
        """
        A new candidate; the one that has waited longest makes room for it.
        """
        if len(self._candidates) >= MOST_CANDIDATES:
            oldest = self._candidates.pop(next(iter(self._candidates)))
            self._reject(oldest.dropped + len(oldest))
        candidate: Probation[Packet] = Probation()
        self._candidates[ssrc] = candidate
        return candidate

    def _make_room(self, now: float) -> bool:
        """
        Whether one more source may live; one that is silent makes way.
        """
        if len(self._live) < MOST_SOURCES:
            return True
        quietest = min(self._live.values(), key=lambda source: (not self._is_gone(source), source.last_arrival))
        gone = self._is_gone(quietest)
        if now - quietest.last_arrival <= TOGETHER_SECONDS and not gone:
            self._warn("too-many-sources", f"{MOST_SOURCES} sources send at once; others are not kept")
            return False
        self._end(quietest.ssrc, SAID_GOODBYE if gone else "ssrc-changed")
        return True

    def _watch_sources(self, batches: Iterable[int]) -> None:
        """
        Tell of two sources at once, and close those that others have taken over from.
        """
        sending = [self._live[ssrc] for ssrc in batches if ssrc in self._live]
        if not sending:
            return
        now = max(source.last_arrival for source in sending)
        if len(sending) > 1:
            youngest = max(sending, key=lambda source: source.first_arrival)
            others = [source for source in sending if source is not youngest]
            if max(source.last_arrival for source in others) - youngest.first_arrival > TOGETHER_SECONDS:
                names = ", ".join(f"{source.ssrc:08x}" for source in sending)
                self._warn("two-sources-at-once", f"{len(sending)} sources send at once: {names}")
        for source in list(self._live.values()):
            gone = self._is_gone(source)
            if now - source.last_arrival > (TOGETHER_SECONDS if gone else SILENT_SECONDS):
                self._end(source.ssrc, SAID_GOODBYE if gone else "ssrc-changed")

    def _is_gone(self, source: LiveSource) -> bool:
        """
        Whether it said goodbye (RFC 3550 s.6.3.4), and has kept to it: a BYE may be forged.
        """
        return self.rtcp.goodbyes.get(source.ssrc, -inf) >= source.last_arrival

    def _end(self, ssrc: int, reason: str) -> None:
        source = self._live.pop(ssrc)
        source.close(reason)
        self._gone = self._gone.plus(source.totals)
        self._gone_losses = self._gone_losses.plus(source.reception.losses)

    def _reject(self, count: int) -> None:
        self._rejected += count
        if self._latest is not None:
            self._latest.reject(count)
