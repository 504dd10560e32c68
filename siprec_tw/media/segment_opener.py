"""
Opens the segments of one stream: numbers them and their epochs, and knows where they go.
"""

from __future__ import annotations

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamSpec
from siprec_tw.media.arrival import Extended, Warn
from siprec_tw.media.format_table import Lane
from siprec_tw.media.packet_writer import PacketSegment
from siprec_tw.media.rtcp_watch import RtcpSeen
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.media.segment_record import Failed
from siprec_tw.media.segment_writer import MissingBetween, OpenSegment, SampleSegment
from siprec_tw.recording.segment import LEAD_SECONDS, Layout, SegmentOpened

MOST_SEGMENTS = 1000    # a stream; what changes source or codec without end must not fill the directory


class SegmentOpener:
    """
    One for each stream.
    """

    def __init__(
        self, spec: StreamSpec, node_id: str, files: SegmentFiles, rtcp: RtcpSeen, warn: Warn, failed: Failed
    ) -> None:
        self._stream_id = spec.stream_id
        self._node_id = node_id
        self._files = files
        self._rtcp = rtcp
        self._warn = warn
        self._failed = failed
        self._epochs = 0
        self.opened = 0

    def new_epoch(self) -> int:
        """
        The number of a new epoch: 1, 2, ...
        """
        self._epochs += 1
        return self._epochs

    def open(
        self, lane: Lane, ssrc: int, epoch: int, first: Extended, source: str, missing: MissingBetween
    ) -> OpenSegment | None:
        """
        A new segment that begins with the packet C{first}; None when there are MOST_SEGMENTS already.
        """
        if self.opened >= MOST_SEGMENTS:
            self._warn("too-many-segments", f"the stream has {self.opened} segments; what is new is not kept")
            return None
        self.opened += 1
        sequence, timestamp, _, _, arrival, _ = first
        samples = not lane.side and lane.codec.sample_addressable
        form: PayloadFormat = lane.format
        opened = SegmentOpened(
            self._node_id, self._stream_id, self.opened, epoch, ssrc, form,
            Layout.SAMPLES if samples else Layout.PACKETS,
            timestamp - int(LEAD_SECONDS * form.clock_rate) if samples else timestamp,
            timestamp, sequence, arrival, source,
        )
        if samples:
            return SampleSegment(self._files, opened, lane, self._failed, missing, self._rtcp)
        return PacketSegment(self._files, opened, lane, self._failed, self._rtcp)
