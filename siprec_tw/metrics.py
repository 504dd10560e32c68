"""
What this server counts, in one registry of its own, in the words of what happened.

Callers know nothing of Prometheus: they say that a call started or that a sweep took so long. Every
metric is declared here once, named C{siprec_*}; the interpreter and the process keep their usual
names (C{python_*}, C{process_*}). Durations are seconds, sizes octets.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator
from enum import Enum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

SIP_METHODS = (
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "PRACK", "REGISTER", "SUBSCRIBE", "NOTIFY",
    "REFER", "MESSAGE", "PUBLISH",
)
HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHER = "other"     # what a peer may invent without end must not become a label

OPEN_METRICS = "application/openmetrics-text"
PLAIN_TEXT = "text/plain"

SWEEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
ANSWER_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MOS_BUCKETS = (1.5, 2.0, 2.5, 3.0, 3.5, 3.75, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5)
LOSS_BUCKETS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
FINALISE_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Watched(Enum):
    """
    What is read at every scrape, by a callable that its owner gives to L{Metrics.watch}.
    """

    CALLS_ACTIVE = ("siprec_calls_active", "Calls that are up.")
    TRANSACTIONS = ("siprec_sip_transactions", "SIP transactions that are not over.")
    CONNECTIONS = ("siprec_sip_connections", "TCP connections that are up.")
    STREAMS_OPEN = ("siprec_streams_open", "RTP streams being received.")
    PORTS_FREE = ("siprec_media_port_pairs_free", "Pairs of media ports that could be given out now.")
    STREAMS_SILENT = ("siprec_streams_silent", "Streams that should be heard and are not.")
    CALLS_ONE_WAY = ("siprec_calls_one_way", "Calls of which one track is heard and another never was.")
    MEDIA_WORKERS = ("siprec_media_workers", "Media workers that run; absent where none are wanted.")
    RECORDINGS_PENDING = ("siprec_recordings_pending", "Recordings in the spool, not finalised yet.")
    DISK_FREE = ("siprec_disk_free_bytes", "Octets free where recordings are written.")


class WatchedGauges(Collector):
    """
    One gauge for each thing watched; what nobody watches is absent rather than 0.
    """

    def __init__(self) -> None:
        self.readers: dict[Watched, Callable[[], float]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """
        The gauges as they stand; one that the system cannot tell (OSError) is NaN.
        """
        for watched, read in self.readers.items():
            name, text = watched.value
            try:
                value = float(read())
            except OSError:
                value = math.nan
            yield GaugeMetricFamily(name, text, value=value)


class Metrics:
    """
    The metrics of one server; two in a process do not meet.
    """

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._gauges = WatchedGauges()
        self._longest_sweep = 0.0
        self._declare_sip()
        self._declare_media()
        self._declare_recordings()
        self._declare_machine(version)

    def _declare_sip(self) -> None:
        self._requests = self._counter("siprec_sip_requests", "SIP requests received.", "method")
        self._responses = self._counter("siprec_sip_responses", "SIP responses sent.", "status")
        self._bad = self._counter("siprec_sip_bad_messages", "SIP messages not understood.", "reason")
        self._started = self._counter("siprec_calls_started", "Calls accepted for recording.")
        self._ended = self._counter("siprec_calls_ended", "Calls that ended.", "reason")
        self._answer = Histogram(
            "siprec_call_answer_seconds", "From the INVITE to its 2xx.",
            buckets=ANSWER_BUCKETS, registry=self.registry,
        )
        self._warnings = self._counter("siprec_metadata_warnings", "Faults found in metadata.", "code")
        for method in SIP_METHODS:
            self._requests.labels(method)

    def _declare_media(self) -> None:
        self._packets = self._counter("siprec_rtp_packets_received", "RTP packets received and kept.")
        self._octets = self._counter("siprec_rtp_octets_received", "Octets of the RTP packets kept.")
        self._lost = self._counter("siprec_rtp_packets_lost", "RTP packets that never came.")
        self._duplicate = self._counter("siprec_rtp_packets_duplicate", "RTP packets that came again.")
        self._reordered = self._counter("siprec_rtp_packets_reordered", "RTP packets that came late.")
        self._rejected = self._counter("siprec_rtp_packets_rejected", "Datagrams that were no RTP of ours.")
        self._rtcp_received = self._counter("siprec_rtcp_packets_received", "RTCP packets received and understood.")
        self._rtcp_sent = self._counter("siprec_rtcp_packets_sent", "RTCP packets sent.")
        self._streams_lost = self._counter("siprec_streams_lost", "Streams whose media worker was lost.")
        self._streams_reopened = self._counter(
            "siprec_streams_reopened", "Lost streams that were opened anew, as the client knows."
        )
        self._sweep = Histogram(
            "siprec_media_sweep_seconds", "Time one sweep of the media ports took.",
            buckets=SWEEP_BUCKETS, registry=self.registry,
        )
        self._longest = Gauge(
            "siprec_media_sweep_longest_seconds", "The longest sweep since the start.", registry=self.registry
        )
        self._mos = Histogram(
            "siprec_stream_mos", "MOS of a stream at its close, where its codec can be rated.",
            buckets=MOS_BUCKETS, registry=self.registry,
        )
        self._loss = Histogram(
            "siprec_stream_loss_ratio", "Share of a stream's packets that never came, at its close.",
            buckets=LOSS_BUCKETS, registry=self.registry,
        )
        self._restarts = self._counter("siprec_media_worker_restarts", "Media workers that replaced a lost one.")
        self._worker_cpu = self._counter("siprec_media_worker_cpu_seconds", "CPU that media workers used.")
        self._receiver = Info("siprec_media_receiver", "How RTP is received: batch or swept.", registry=self.registry)

    def _declare_recordings(self) -> None:
        self._stored = self._counter("siprec_recordings_stored", "Recordings in the index.", "verdict")
        self._sound = self._counter("siprec_recordings_sound_seconds", "Sound in the recordings stored.")
        self._finalise = Histogram(
            "siprec_recording_finalise_seconds", "Time it took to finalise a recording.",
            buckets=FINALISE_BUCKETS, registry=self.registry,
        )
        self._write_failures = self._counter("siprec_write_failures", "Writes of recorded media that failed.")

    def _declare_machine(self, version: str) -> None:
        self._http = self._counter(
            "siprec_http_requests", "HTTP requests answered.", "route", "method", "status"
        )
        build = Info("siprec_build", "What is running.", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})
        self.registry.register(self._gauges)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    # --- SIP and calls

    def request_seen(self, method: str) -> None:
        """
        A SIP request arrived; a method that we never heard of counts as "other".
        """
        self._requests.labels(method if method in SIP_METHODS else OTHER).inc()

    def response_sent(self, status: int) -> None:
        """
        A SIP response left for the first time.
        """
        self._responses.labels(str(status)).inc()

    def bad_message(self, reason: str) -> None:
        """
        A message was not understood; C{reason} is one of a few fixed codes, never text of the message.
        """
        self._bad.labels(reason).inc()

    def call_started(self) -> None:
        """
        A call was accepted for recording.
        """
        self._started.inc()

    def call_ended(self, reason: str) -> None:
        """
        A call is over; C{reason} is the value of an EndReason.
        """
        self._ended.labels(reason).inc()

    def answer_took(self, seconds: float) -> None:
        """
        From the arrival of an INVITE to its 2xx.
        """
        self._answer.observe(seconds)

    def metadata_warning(self, code: str) -> None:
        """
        A fault was found in metadata; C{code} is the stable code of the warning.
        """
        self._warnings.labels(code).inc()

    # --- media

    def packets_received(self, count: int) -> None:
        """
        So many more RTP packets were received and kept.
        """
        self._packets.inc(count)

    def octets_received(self, count: int) -> None:
        """
        So many more octets came in RTP packets that were kept.
        """
        self._octets.inc(count)

    def packets_lost(self, count: int) -> None:
        """
        So many more packets are missing; below 0 (a late one came after all) counts nothing.
        """
        self._lost.inc(max(0, count))

    def packets_duplicate(self, count: int) -> None:
        """
        So many more packets had come before.
        """
        self._duplicate.inc(count)

    def packets_reordered(self, count: int) -> None:
        """
        So many more packets came after their successors.
        """
        self._reordered.inc(count)

    def packets_rejected(self, count: int) -> None:
        """
        So many more datagrams were not RTP, or not of this stream.
        """
        self._rejected.inc(count)

    def stream_closed(self, loss_ratio: float, mos: float | None) -> None:
        """
        A stream is over on which something came; C{mos} where its codec can be rated.
        """
        self._loss.observe(loss_ratio)
        if mos is not None:
            self._mos.observe(mos)

    def rtcp_received(self, count: int) -> None:
        """
        So many more compound RTCP packets came and were understood.
        """
        self._rtcp_received.inc(count)

    def rtcp_sent(self, count: int) -> None:
        """
        So many more compound RTCP packets were sent.
        """
        self._rtcp_sent.inc(count)

    def sweep_took(self, seconds: float) -> None:
        """
        One sweep of all media ports.
        """
        self._sweep.observe(seconds)
        self._longest_sweep = max(self._longest_sweep, seconds)
        self._longest.set(self._longest_sweep)

    def streams_lost(self, count: int) -> None:
        """
        So many more streams were lost with their media worker.
        """
        self._streams_lost.inc(count)

    def streams_reopened(self, count: int) -> None:
        """
        So many more lost streams are received again, where the client knows to send.
        """
        self._streams_reopened.inc(count)

    def media_receiver(self, name: str) -> None:
        """
        How RTP is received: "batch" or "swept".
        """
        self._receiver.info({"name": name})

    def write_failed(self) -> None:
        """
        Media could not be written to disk.
        """
        self._write_failures.inc()

    def media_worker_restarted(self) -> None:
        """
        A media worker took the place of one that was lost.
        """
        self._restarts.inc()

    def media_worker_cpu(self, seconds: float) -> None:
        """
        So much more CPU was used by media workers.
        """
        self._worker_cpu.inc(seconds)

    # --- recordings

    def recording_stored(self, verdict: str, seconds_of_sound: float) -> None:
        """
        A recording was finalised and is in the index.
        """
        self._stored.labels(verdict).inc()
        self._sound.inc(seconds_of_sound)

    def finalise_took(self, seconds: float) -> None:
        """
        From taking a recording out of the spool to its row in the index.
        """
        self._finalise.observe(seconds)

    # --- HTTP

    def http_request(self, route: str, method: str, status: int) -> None:
        """
        An HTTP request was answered; C{route} is the pattern of the route table, never the path itself.
        """
        self._http.labels(route, method if method in HTTP_METHODS else OTHER, str(status)).inc()

    # --- reading

    def watch(self, watched: Watched, read: Callable[[], float]) -> None:
        """
        Ask C{read} at every scrape; it must not block. The last one given for a name counts.
        """
        self._gauges.readers[watched] = read

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """
        The content type and the text of everything, as OpenMetrics where the Accept header names it.

        Which version of either is ours to say: the library fails on a version that is not a number.
        """
        encode, content_type = choose_encoder(OPEN_METRICS if OPEN_METRICS in accept.lower() else PLAIN_TEXT)
        return content_type, encode(self.registry)
