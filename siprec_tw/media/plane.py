"""
The media plane in this process: opens a stream's pair of ports, receives, reports, closes.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection
from random import Random
from typing import Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from siprec_tw.errors import PortsExhausted
from siprec_tw.interfaces import StreamAddress, StreamReport, StreamSpec
from siprec_tw.media.batch_reader import BatchReader
from siprec_tw.media.batch_seat import Going
from siprec_tw.media.batch_tally import Tally
from siprec_tw.media.batch_trial import choose
from siprec_tw.media.dtls_stream import DtlsStream
from siprec_tw.media.dtls_watch import DtlsWatch
from siprec_tw.media.opportunistic import Opportunistic
from siprec_tw.media.port_pool import QUARANTINE_SECONDS, PortPool
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.rtcp_schedule import RtcpSchedule
from siprec_tw.media.rtcp_sender import RtcpSender
from siprec_tw.media.sweeper import INTERVAL_SECONDS, Sweeper
from siprec_tw.media.swept_port import MOST_A_SWEEP, RECEIVE_BUFFER, BatchProtocol, Receive, SweptPort
from siprec_tw.media.totals import NOTHING
from siprec_tw.media.unprotection import Unprotection
from siprec_tw.srtp.dtls_identity import DtlsIdentity

TELL_SECONDS = 2.0  # between two times that the metrics are told what came
RTCP_EVERY = 5      # RTCP comes every few seconds: its ports are read in every fifth sweep


class MediaMetrics(Protocol):
    """
    What is counted of the media, if anybody wants to know.
    """

    def packets_received(self, count: int) -> None:
        """
        So many more packets were kept.
        """

    def octets_received(self, count: int) -> None:
        """
        So many more octets of payload.
        """

    def packets_lost(self, count: int) -> None:
        """
        So many more packets are missing; below 0 when late ones came after all.
        """

    def packets_duplicate(self, count: int) -> None:
        """
        So many more packets had come before.
        """

    def packets_reordered(self, count: int) -> None:
        """
        So many more packets came late.
        """

    def packets_rejected(self, count: int) -> None:
        """
        So many more datagrams were none of ours.
        """

    def rtcp_received(self, count: int) -> None:
        """
        So many more RTCP packets came and were understood.
        """

    def rtcp_sent(self, count: int) -> None:
        """
        So many more RTCP packets were sent.
        """

    def sweep_took(self, seconds: float) -> None:
        """
        The length of one sweep.
        """

    def write_failed(self) -> None:
        """
        The disk refused.
        """


Secured = Unprotection | Opportunistic | DtlsStream
"""
What stands between the sockets and the receiver of a stream that is not only in clear.
"""


@frozen(eq=False)
class OpenStream:
    """
    A stream with its ports.
    """

    receiver: StreamReceiver
    address: StreamAddress
    rtp: SweptPort
    rtcp: SweptPort
    unprotection: Secured | None                # None: RTP in clear
    reports: RtcpSender


class LocalMediaPlane:
    """
    A L{siprec_tw.interfaces.MediaPlane}. C{host} is bound, C{advertise} is what the SDP says, C{ports} the
    range, both ends included. C{receiver} is "auto", "batch" or "swept" (L{siprec_tw.media.batch_trial}). The pairs
    of the RTP ports C{resting} begin in quarantine.
    C{wall} tells POSIX seconds, and C{random} draws numbers from 0 up to 1.

    Raises LocalError for a receiver that does not work here.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        node_id: str,
        host: str,
        ports: tuple[int, int],
        advertise: str | None = None,
        sweep_interval: float = INTERVAL_SECONDS,
        quarantine: float = QUARANTINE_SECONDS,
        clock: Callable[[], float] | None = None,
        receive_buffer: int = RECEIVE_BUFFER,
        metrics: MediaMetrics | None = None,
        receiver: str = "auto",
        wall: Callable[[], float] = time.time,
        random: Callable[[], float] | None = None,
        resting: Collection[int] = (),
    ) -> None:
        self._reactor = reactor
        self._node_id = node_id
        self._host = host
        self._advertise = advertise or host
        self._pool = PortPool(ports[0], ports[1], clock or reactor.seconds, quarantine, resting)
        self._buffer = receive_buffer
        self._metrics = metrics
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._chosen = choose(receiver, family)
        recvmmsg = self._chosen.recvmmsg
        self._reader = BatchReader(recvmmsg, family) if recvmmsg is not None else None
        self._sweeper = Sweeper(reactor, sweep_interval, self._swept, self._reader)
        self._schedule = RtcpSchedule(reactor.seconds, wall)
        self._random = random or Random().random
        self._streams: dict[str, OpenStream] = {}
        self._identity: DtlsIdentity | None = None      # made when the first stream wants it
        self._awaiting = DtlsWatch(reactor, self._look)
        self._by_dtls: dict[DtlsStream, OpenStream] = {}
        self._tally = Tally()
        self._tell_at = 0.0                 # reactor's seconds

    @property
    def receiver_name(self) -> str:
        """
        How packets are received: "batch" or "swept".
        """
        return self._chosen.name

    @property
    def longest_sweep(self) -> float:
        """
        Seconds that the longest sweep spent reading.
        """
        return self._sweeper.longest

    def start(self) -> None:
        """
        Begin to receive on what is opened.
        """
        self.log.info("Media receiver: {receiver} ({reason})", receiver=self._chosen.name, reason=self._chosen.reason)
        self._sweeper.start()

    async def stop(self) -> None:
        """
        Close every stream and sweep no more.
        """
        for stream_id in list(self._streams):
            await self.close_stream(stream_id)
        self._sweeper.stop()
        self._tell()

    async def open_stream(self, spec: StreamSpec) -> StreamAddress:
        """
        Begin to receive. Raises PortsExhausted, also when it is sockets that are exhausted; ValueError for a
        stream that is open already.
        """
        if spec.stream_id in self._streams:
            raise ValueError(f"stream {spec.stream_id} is open already")
        receiver = StreamReceiver(spec, self._node_id)
        unprotection = self._secured(spec, receiver)
        try:
            stream = self._pool.bind(lambda port: self._listen(spec, receiver, unprotection, port))
        except OSError as error:
            raise PortsExhausted(f"cannot listen on {self._host}: {error.strerror}") from error
        self._streams[spec.stream_id] = stream
        if isinstance(unprotection, DtlsStream):
            self._by_dtls[unprotection] = stream
            unprotection.connect(stream.rtp.send, stream.rtcp.send, stream.reports.sealing.change)
        self._schedule.add(stream.reports)
        return stream.address

    async def update_stream(self, spec: StreamSpec) -> None:
        """
        The stream is so from now on; what has come until now still has its old meaning. Keys of a stream that was
        opened without are of no use and passed over.
        """
        stream = self._streams.get(spec.stream_id)
        if stream is not None:
            self._sweeper.drain(stream.rtp)
            stream.receiver.update_formats(spec.formats)
            if isinstance(stream.unprotection, DtlsStream):
                stream.unprotection.change(spec)
            elif spec.keys is not None and stream.unprotection is not None:
                stream.unprotection.change(spec.keys)
            stream.reports.follow(spec.rtcp, spec.keys if stream.unprotection is not None else None)
            self._schedule.add(stream.reports)

    async def close_stream(self, stream_id: str) -> StreamReport:
        """
        Drain, finish the segments, free the ports into quarantine. Unknown ids get an empty report.
        """
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return StreamReport(stream_id)
        self._sweeper.drain(stream.rtp)
        self._sweeper.drain(stream.rtcp)
        if isinstance(stream.unprotection, DtlsStream):
            self._awaiting.remove(stream.unprotection)
            del self._by_dtls[stream.unprotection]
        if stream.unprotection is not None:
            stream.unprotection.close()
        self._schedule.leave(stream.reports)
        stream.rtp.stop()
        stream.rtcp.stop()
        self._pool.give_back(stream.address.rtp_port)
        report = stream.receiver.close()
        self._tally.close(stream.receiver)
        return report

    def report(self, stream_id: str) -> StreamReport | None:
        """
        The latest report of an open stream, as of the last sweep.
        """
        stream = self._streams.get(stream_id)
        return stream.receiver.report() if stream else None

    def last_arrival(self, stream_id: str) -> float | None:
        """
        When the last packet of an open stream came, POSIX seconds; 0.0 before any.
        """
        stream = self._streams.get(stream_id)
        return stream.receiver.last_arrival() or 0.0 if stream else None

    def receiver(self, stream_id: str) -> StreamReceiver | None:
        """
        The receiver of an open stream, with what its RTCP told.
        """
        stream = self._streams.get(stream_id)
        return stream.receiver if stream else None

    def going(self) -> Going | None:
        """
        The streams that are in their stride; None where there is no such thing.
        """
        return self._reader.going() if self._reader is not None else None

    def when_lost(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        """
        Streams in this process are lost with it only: nobody is ever told.
        """

    def open_streams(self) -> int:
        """
        How many streams are open.
        """
        return len(self._streams)

    def free_pairs(self) -> int:
        """
        How many port pairs could be given out now.
        """
        return self._pool.free()

    def _secured(self, spec: StreamSpec, receiver: StreamReceiver) -> Secured | None:
        if spec.dtls is not None:
            if self._identity is None:
                self._identity = DtlsIdentity()
            seconds, awaiting = self._reactor.seconds, self._awaiting
            stream = DtlsStream(spec, receiver, self._identity, seconds, lambda: awaiting.add(stream))
            return stream
        if spec.keys is None:
            return None
        return (Opportunistic if spec.plain_too else Unprotection)(spec.keys, receiver, spec.packets_before)

    def _look(self, dtls: DtlsStream) -> None:
        """
        Read the ports of a stream that awaits a handshake.
        """
        stream = self._by_dtls[dtls]
        self._sweeper.drain(stream.rtp)
        self._sweeper.drain(stream.rtcp)

    def _listen(
        self, spec: StreamSpec, receiver: StreamReceiver, unprotection: Secured | None, port: int
    ) -> OpenStream:
        taker = unprotection or receiver
        rtp = self._port(port, taker.receive, lambda: self._flooded(receiver), 1)
        rtp.start()
        rtcp = self._port(port + 1, taker.receive_rtcp, lambda: None, RTCP_EVERY)
        try:
            rtcp.start()
        except BaseException:
            rtp.stop()
            raise
        if self._reader is not None:
            self._reader.watch(rtp, receiver, unprotection)
            self._reader.watch(rtcp)
        fingerprint = unprotection.fingerprint if isinstance(unprotection, DtlsStream) else ""
        address = StreamAddress(self._advertise, port, port + 1, fingerprint)
        reports = RtcpSender(spec, receiver, rtp.send, rtcp.send, self._reactor.seconds(), self._random)
        return OpenStream(receiver, address, rtp, rtcp, unprotection, reports)

    def _port(self, port: int, receive: Receive, flooded: Callable[[], None], every: int) -> SweptPort:
        protocol = BatchProtocol(receive, flooded)
        return SweptPort(port, protocol, self._host, self._reactor, self._sweeper, every, buffer=self._buffer)

    def _flooded(self, receiver: StreamReceiver) -> None:
        receiver.warn("flood", f"more than {MOST_A_SWEEP} packets came between two sweeps; some may be lost")

    def _swept(self, seconds: float) -> None:
        self._schedule.run()
        if self._metrics is not None:
            self._metrics.sweep_took(seconds)
            if self._reactor.seconds() >= self._tell_at:
                self._tell_at = self._reactor.seconds() + TELL_SECONDS
                self._tell()

    def _tell(self) -> None:
        """
        Give the metrics what came since they were told last.
        """
        if self._metrics is None:
            return
        self._tally.ask(stream.receiver for stream in self._streams.values())
        new, failures, reports = self._tally.news(self._reader.untold() if self._reader is not None else NOTHING)
        self._metrics.packets_received(new.packets)
        self._metrics.octets_received(new.octets)
        self._metrics.packets_lost(new.lost)
        self._metrics.packets_duplicate(new.duplicates)
        self._metrics.packets_reordered(new.reordered)
        self._metrics.packets_rejected(new.rejected)
        self._metrics.rtcp_received(reports)
        self._metrics.rtcp_sent(self._schedule.news())
        for _ in range(failures):
            self._metrics.write_failed()
