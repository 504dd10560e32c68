"""
What is counted: every metric there is moves when its method is called, and none else does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from siprec_tw.metrics import Metrics, Watched

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

# By family: the method's call, and the sample that it moves from nothing (or 0) to a value.
DRIVEN: dict[str, tuple[Callable[[Metrics], None], str, float]] = {
    "siprec_sip_requests": (lambda m: m.request_seen("INVITE"), 'siprec_sip_requests_total method=INVITE', 1),
    "siprec_sip_responses": (lambda m: m.response_sent(200), "siprec_sip_responses_total status=200", 1),
    "siprec_sip_bad_messages": (
        lambda m: m.bad_message("no-cseq"), "siprec_sip_bad_messages_total reason=no-cseq", 1
    ),
    "siprec_calls_started": (lambda m: m.call_started(), "siprec_calls_started_total", 1),
    "siprec_calls_ended": (lambda m: m.call_ended("bye"), "siprec_calls_ended_total reason=bye", 1),
    "siprec_call_answer_seconds": (lambda m: m.answer_took(0.008), "siprec_call_answer_seconds_sum", 0.008),
    "siprec_metadata_warnings": (
        lambda m: m.metadata_warning("no-session"), "siprec_metadata_warnings_total code=no-session", 1
    ),
    "siprec_rtp_packets_received": (
        lambda m: m.packets_received(50), "siprec_rtp_packets_received_total", 50
    ),
    "siprec_rtp_octets_received": (
        lambda m: m.octets_received(8600), "siprec_rtp_octets_received_total", 8600
    ),
    "siprec_rtp_packets_lost": (lambda m: m.packets_lost(3), "siprec_rtp_packets_lost_total", 3),
    "siprec_rtp_packets_duplicate": (
        lambda m: m.packets_duplicate(2), "siprec_rtp_packets_duplicate_total", 2
    ),
    "siprec_rtp_packets_reordered": (
        lambda m: m.packets_reordered(4), "siprec_rtp_packets_reordered_total", 4
    ),
    "siprec_rtp_packets_rejected": (lambda m: m.packets_rejected(5), "siprec_rtp_packets_rejected_total", 5),
    "siprec_rtcp_packets_received": (lambda m: m.rtcp_received(6), "siprec_rtcp_packets_received_total", 6),
    "siprec_rtcp_packets_sent": (lambda m: m.rtcp_sent(7), "siprec_rtcp_packets_sent_total", 7),
    "siprec_stream_mos": (lambda m: m.stream_closed(0.02, 4.25), "siprec_stream_mos_sum", 4.25),
    "siprec_stream_loss_ratio": (
        lambda m: m.stream_closed(0.02, 4.25), "siprec_stream_loss_ratio_sum", 0.02
    ),
    "siprec_streams_lost": (lambda m: m.streams_lost(6), "siprec_streams_lost_total", 6),
    "siprec_streams_reopened": (lambda m: m.streams_reopened(4), "siprec_streams_reopened_total", 4),
    "siprec_media_sweep_seconds": (lambda m: m.sweep_took(0.25), "siprec_media_sweep_seconds_sum", 0.25),
    "siprec_media_sweep_longest_seconds": (
        lambda m: m.sweep_took(0.25), "siprec_media_sweep_longest_seconds", 0.25
    ),
    "siprec_media_receiver": (lambda m: m.media_receiver("batch"), "siprec_media_receiver_info name=batch", 1),
    "siprec_media_worker_restarts": (
        lambda m: m.media_worker_restarted(), "siprec_media_worker_restarts_total", 1
    ),
    "siprec_media_worker_cpu_seconds": (
        lambda m: m.media_worker_cpu(1.5), "siprec_media_worker_cpu_seconds_total", 1.5
    ),
    "siprec_recordings_stored": (
        lambda m: m.recording_stored("good", 30.5), "siprec_recordings_stored_total verdict=good", 1
    ),
    "siprec_recordings_sound_seconds": (
        lambda m: m.recording_stored("good", 30.5), "siprec_recordings_sound_seconds_total", 30.5
    ),
    "siprec_recording_finalise_seconds": (
        lambda m: m.finalise_took(0.5), "siprec_recording_finalise_seconds_sum", 0.5
    ),
    "siprec_write_failures": (lambda m: m.write_failed(), "siprec_write_failures_total", 1),
    "siprec_http_requests": (
        lambda m: m.http_request("/metrics", "GET", 200),
        "siprec_http_requests_total route=/metrics method=GET status=200", 1,
    ),
    **{
        watched.value[0]: (lambda m, w=watched: m.watch(w, lambda: 17.0), watched.value[0], 17)  # type: ignore[misc]
        for watched in Watched
    },
}
# Constant: what runs here.
STANDING = {"siprec_build"}


def families(metrics: Metrics) -> set[str]:
    return {family.name for family in metrics.registry.collect() if family.name.startswith("siprec_")}


def sample(metrics: Metrics, wanted: str) -> float | None:
    name, *pairs = wanted.split(" ")
    return metrics.registry.get_sample_value(name, dict(pair.split("=", 1) for pair in pairs))


def family_samples(metrics: Metrics, name: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (found.name, found.labels, found.value)
        for family in metrics.registry.collect() if family.name == name
        for found in family.samples if not found.name.endswith("_created")
    ]


def test_every_metric_is_driven() -> None:
    """
    The table above has every family of the registry, and the registry every one of the table.
    """
    metrics = Metrics("1.2.3")
    for watched in Watched:
        metrics.watch(watched, lambda: 0.0)
    assert families(metrics) == set(DRIVEN) | STANDING


@pytest.mark.parametrize("name", DRIVEN)
def test_each_metric_moves_when_its_method_is_called(name: str) -> None:
    """
    A metric is still until what it counts happens, and then shows it.
    """
    metrics = Metrics("1.2.3")
    happen, wanted, value = DRIVEN[name]
    before = family_samples(metrics, name)
    assert not sample(metrics, wanted)
    happen(metrics)
    assert sample(metrics, wanted) == value
    assert family_samples(metrics, name) != before


@pytest.mark.parametrize("name", DRIVEN)
def test_no_method_moves_the_metric_of_another(name: str) -> None:
    """
    One event moves its own family, and no other but the one it shares a method with.
    """
    metrics = Metrics("1.2.3")
    before = {other: family_samples(metrics, other) for other in DRIVEN}
    DRIVEN[name][0](metrics)
    moved = {other for other in DRIVEN if family_samples(metrics, other) != before[other]}
    shared = (
        {"siprec_stream_mos", "siprec_stream_loss_ratio"},
        {"siprec_media_sweep_seconds", "siprec_media_sweep_longest_seconds"},
        {"siprec_recordings_stored", "siprec_recordings_sound_seconds"},
    )
    assert moved == next((both for both in shared if name in both), {name})


def test_what_a_peer_invents_is_no_label() -> None:
    """
    Methods that nobody heard of share one label, so that a peer cannot fill the memory.
    """
    metrics = Metrics("1.2.3")
    for method in ("BREW", "invite", "X" * 1000):
        metrics.request_seen(method)
        metrics.http_request("none", method, 404)
    assert sample(metrics, "siprec_sip_requests_total method=other") == 3
    assert sample(metrics, "siprec_http_requests_total route=none method=other status=404") == 3


def test_stream_that_cannot_be_rated() -> None:
    """
    Its losses count, a score it has none.
    """
    metrics = Metrics("1.2.3")
    metrics.stream_closed(0.5, None)
    assert sample(metrics, "siprec_stream_loss_ratio_count") == 1
    assert sample(metrics, "siprec_stream_mos_count") == 0


def test_methods_stand_at_nought_from_the_start() -> None:
    """
    The usual methods are there before the first request, so that a rate can be taken of it.
    """
    assert sample(Metrics("1.2.3"), "siprec_sip_requests_total method=BYE") == 0


def test_loss_that_was_made_good() -> None:
    """
    A negative loss, from packets that came after all, takes nothing away.
    """
    metrics = Metrics("1.2.3")
    metrics.packets_lost(3)
    metrics.packets_lost(-1)
    assert sample(metrics, "siprec_rtp_packets_lost_total") == 3


def test_longest_sweep_is_the_longest() -> None:
    """
    A shorter sweep does not hide a longer one.
    """
    metrics = Metrics("1.2.3")
    for seconds in (0.1, 0.3, 0.2):
        metrics.sweep_took(seconds)
    assert sample(metrics, "siprec_media_sweep_longest_seconds") == 0.3
    assert sample(metrics, "siprec_media_sweep_seconds_count") == 3


def test_gauges_are_read_at_every_scrape() -> None:
    """
    A watched gauge is asked each time; what nobody watches is absent; watching again replaces.
    """
    metrics = Metrics("1.2.3")
    assert sample(metrics, "siprec_calls_active") is None
    calls = [1, 2, 3]
    metrics.watch(Watched.CALLS_ACTIVE, calls.pop)
    assert [sample(metrics, "siprec_calls_active") for _ in range(3)] == [3, 2, 1]
    metrics.watch(Watched.CALLS_ACTIVE, lambda: 7)
    assert sample(metrics, "siprec_calls_active") == 7


def test_gauge_that_cannot_be_read() -> None:
    """
    A disk that cannot be asked gives NaN, and the rest of the page stands.
    """
    def unmounted() -> float:
        raise FileNotFoundError("recordings")

    metrics = Metrics("1.2.3")
    metrics.watch(Watched.DISK_FREE, unmounted)
    value = sample(metrics, "siprec_disk_free_bytes")
    assert value is not None and math.isnan(value)
    assert b"siprec_disk_free_bytes NaN" in metrics.exposition("")[1]


def test_two_servers_do_not_meet() -> None:
    """
    Each server has a registry of its own.
    """
    one, other = Metrics("1.2.3"), Metrics("1.2.3")
    one.call_started()
    assert sample(other, "siprec_calls_started_total") == 0


def test_build_and_machine() -> None:
    """
    Version, interpreter and process are told.
    """
    text = Metrics("1.2.3").exposition("")[1]
    assert b'siprec_build_info{' in text and b'version="1.2.3"' in text
    for name in (b"process_resident_memory_bytes ", b"python_info{", b"python_gc_collections_total{"):
        assert name in text


@pytest.mark.parametrize(("accept", "begins", "ends"), [
    ("", "text/plain; version=0.0.4", b"\n"),
    ("*/*", "text/plain; version=0.0.4", b"\n"),
    ("text/html, text/plain;version=x.y", "text/plain; version=0.0.4", b"\n"),
    ("application/openmetrics-text", "application/openmetrics-text", b"# EOF\n"),
    ("application/openmetrics-text;version=strange", "application/openmetrics-text", b"# EOF\n"),
    ("Application/OpenMetrics-Text; version=1.0.0,*/*;q=0.5", "application/openmetrics-text", b"# EOF\n"),
])
def test_formats(accept: str, begins: str, ends: bytes) -> None:
    """
    OpenMetrics for who names it, Prometheus' text for all others, whatever the header holds.
    """
    content_type, text = Metrics("1.2.3").exposition(accept)
    assert content_type.startswith(begins)
    assert text.endswith(ends)
