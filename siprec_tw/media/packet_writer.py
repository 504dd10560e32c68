"""
Segments of the layout PACKETS (siprec_tw.recording.segment): an rtpdump file (the format of rtptools).

The packets of one sweep are appended in one write, in the order of their arrival. A write that the disk
refuses is written over by the next: the file never has a torn packet but at its end.
"""

from __future__ import annotations

from siprec_tw.media.arrival import Extended
from siprec_tw.media.format_table import Lane
from siprec_tw.media.rtcp_watch import RtcpSeen
from siprec_tw.media.segment_files import SegmentFiles
from siprec_tw.media.segment_record import Failed
from siprec_tw.media.segment_writer import OpenSegment
from siprec_tw.recording.layout import PACKETS_PART
from siprec_tw.recording.rtpdump import file_header, record
from siprec_tw.recording.segment import SegmentClosed, SegmentOpened

USUAL_SECONDS = 0.02        # the length of a packet, until two timestamps tell it


class PacketSegment(OpenSegment):
    """
    A segment that keeps whole packets. Those kept beside the sound open their file for each write only.
    """

    def __init__(
        self, files: SegmentFiles, opened: SegmentOpened, lane: Lane, failed: Failed, rtcp: RtcpSeen
    ) -> None:
        super().__init__(files, opened, lane, failed, rtcp)
        self.name = self.stem + PACKETS_PART
        self._files = files
        self._failed = failed
        self._descriptor: int | None = None
        self._added: list[Extended] = []
        self._length = 0
        self._highest = opened.first_timestamp
        self._step = 0

    @property
    def end(self) -> int:
        """
        The highest timestamp and the shortest step seen between two.
        """
        return self._highest + (self._step or int(USUAL_SECONDS * self.opened.format.clock_rate))

    def add(self, packet: Extended) -> None:
        """
        Take one packet.
        """
        ahead = packet[1] - self._highest
        if ahead > 0:
            self._highest = packet[1]
            self._step = min(self._step or ahead, ahead)
        self._added.append(packet)

    def flush(self) -> None:
        """
        Append what was added.
        """
        added, self._added = self._added, []
        if not added:
            return
        added.sort(key=_arrival)
        octets = b"".join(record(packet[5], self._offset_ms(packet[4])) for packet in added)
        if not self._length:
            self.record.append([])
            octets = self._file_header() + octets
        try:
            self._write(octets)
        except OSError as error:
            self._failed(error, self.name)
            return
        self._length += len(octets)
        self.standing.packets += len(added)
        self.pass_over(max(packet[0] for packet in added))
        self.checkpoint_when_due()

    def close(self, reason: str) -> None:
        """
        Write what is left and end the record.
        """
        self.flush()
        if self._descriptor is not None:
            self._files.close(self._descriptor)
            self._descriptor = None
        self.record.append([*self.standing_events(), SegmentClosed(reason)])

    def _write(self, octets: bytes) -> None:
        if self.lane.side:
            self._files.write_once(self.name, octets, self._length)
            return
        if self._descriptor is None:
            self._descriptor = self._files.open(self.name)
        self._files.write(self._descriptor, octets, self._length)

    def _offset_ms(self, arrival: float) -> int:
        return max(0, int((arrival - self.opened.arrival) * 1000))

    def _file_header(self) -> bytes:
        host, _, port = self.opened.source.rpartition(":")
        return file_header(host.strip("[]"), int(port or 0), self.opened.arrival)


def _arrival(packet: Extended) -> float:
    return packet[4]
