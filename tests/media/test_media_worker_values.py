"""
What travels between the control process and its media workers: commands, rows of reports, sums, log lines; and how
ports are shared.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs
import numpy as np
import pytest
from batch_rig import Batches
from rtp_rig import Sender, receiver_in
from test_media_plane import Counts
from twisted.logger import Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import DtlsPeer, RtcpPeer, StreamAddress, StreamKeys, StreamReport, StreamSpec
from siprec_tw.media.media_sums import CollectedMetrics, Sums
from siprec_tw.media.port_pool import PortPool
from siprec_tw.media.port_share import PortShare, shares
from siprec_tw.media.report_row import REPORT_ROW, REST, report_of, rest_of, row_of
from siprec_tw.media.report_table import FIRST_ROWS, ReportTable
from siprec_tw.media.worker_commands import Begin, Close, News, Open, PlaneSettings
from siprec_tw.media.worker_log import LONGEST_LINE, ForwardedLog, LineObserver, line_of
from siprec_tw.recording.stream_quality import quality_of
from siprec_tw.rtp.loss_runs import LossFigures

KEYS = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((b"\x00\xff" * 8, b"salt", b""),), False, (b"key", b"salt", b"1"))
REPORT = StreamReport(
    "s", 1, 2, -3, 4, 5, 6, 0.25, None, 1_800_000_000.123456, "PCMU", 2**32 - 1, "192.0.2.1:5", (("code", "text"),)
)


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", ["", "mode=20", "x" * 200_000])
def test_specification_arrives_as_it_was(parameters: str) -> None:
    """
    Keys, peers and formats, also where they are larger than one value of AMP.
    """
    spec = StreamSpec(
        "s", "/recordings", (PayloadFormat(96, "OPUS", 48_000, 2, parameters),), "192.0.2.1:5", KEYS,
        DtlsPeer((("sha-256", "AB:CD"),), True), RtcpPeer("192.0.2.1", 6, False, "cname"),
    )
    box = Open.makeArguments({"spec": spec}, None)  # type: ignore[no-untyped-call]
    assert all(len(value) < 2**16 for value in box.values())
    assert Open.parseArguments(box, None) == {"spec": spec}  # type: ignore[no-untyped-call]


def test_other_values_arrive_as_they_were() -> None:
    """
    Settings, addresses, reports, sums and rows.
    """
    settings = PlaneSettings("n", "::1", (2, 9), "192.0.2.1", 0.4, 60.0, 1 << 18, "auto", (2, 6))
    box = Begin.makeArguments({"settings": settings}, None)  # type: ignore[no-untyped-call]
    assert Begin.parseArguments(box, None) == {"settings": settings}  # type: ignore[no-untyped-call]
    answer = {"address": StreamAddress("h", 2, 3, "sha-256 AB"), "slot": 5, "opening": 7}
    box = Open.makeResponse(answer, None)  # type: ignore[no-untyped-call]
    assert Open.parseResponse(box, None) == answer  # type: ignore[no-untyped-call]
    box = Close.makeResponse({"report": REPORT}, None)  # type: ignore[no-untyped-call]
    assert Close.parseResponse(box, None) == {"report": REPORT}  # type: ignore[no-untyped-call]
    news = {"rows": os.urandom(400_000), "reports": (REPORT,), "sums": Sums(1, 2, -3, sweeps=(0.1, 0.2), cpu=1.5)}
    box = News.makeArguments(news, None)  # type: ignore[no-untyped-call]
    assert News.parseArguments(box, None) == news  # type: ignore[no-untyped-call]
    empty = {"rows": b"", "reports": (), "sums": Sums()}
    box = News.makeArguments(empty, None)  # type: ignore[no-untyped-call]
    assert News.parseArguments(box, None) == empty  # type: ignore[no-untyped-call]


def test_what_is_no_value_is_an_error() -> None:
    """
    Octets that are no such value raise ValueError, which the line can carry.
    """
    for wrong in (b"{", b"{}", b'{"stream_id": 1}', b"[]"):
        with pytest.raises(ValueError):
            Open.parseArguments({b"spec.0": wrong}, None)  # type: ignore[no-untyped-call]


# --- reports as rows -----------------------------------------------------------------------------


@pytest.mark.parametrize("report", [REPORT, StreamReport("s")])
def test_report_is_its_row_and_its_rest(report: StreamReport) -> None:
    """
    Every field but the quality is in one of the two, exactly; the quality is what its losses and its jitter make it.
    """
    assert {*REPORT_ROW.names, *REST, "quality"} >= {field.name for field in attrs.fields(StreamReport)}
    losses = LossFigures(100, 3, 2, 2, 1, 5, 2, 2) if report.packets else LossFigures()
    rows = np.zeros(3, REPORT_ROW)
    rows[1] = row_of(9, report, losses, 0.02)
    rest = attrs.evolve(StreamReport("s"), **dict(zip(REST, rest_of(report), strict=True)))
    found = report_of(rest, rows[1])
    assert (found.quality is None) == (report.packets == 0)
    assert found.quality == quality_of(losses, report.encoding, 0.02, report.jitter)
    found = attrs.evolve(found, quality=None)
    assert found == report
    assert [type(value) for value in attrs.astuple(found)] == [type(value) for value in attrs.astuple(report)]


def test_rows_are_the_reports(tmp_path: Path) -> None:
    """
    Whether a stream is in its stride, leaves it, or never was: its row is what its receiver reports, and what is no
    number is told once.
    """
    batches, table = Batches(), ReportTable()
    receivers = [receiver_in(tmp_path) for _ in range(2)]
    entries = [table.open(receiver) for receiver in receivers]
    senders = [Sender(ssrc=number) for number in range(2)]
    known = [StreamReport("s"), StreamReport("s")]
    told = []
    for turn in range(20):
        for number, (receiver, sender) in enumerate(zip(receivers, senders, strict=True)):
            sent = sender.some(40)
            if number and turn in (5, 11):
                del sent[7:9]
            batches.feed(receiver, [(one.octets, one.address, one.arrival) for one in sent])
        octets, reports = table.news(batches.reader.going)
        told.append(len(reports))
        for report in reports:
            known[report.ssrc or 0] = report
        rows = np.frombuffer(octets, REPORT_ROW)
        assert rows["opening"].tolist()[: len(entries)] == [1, 2]
        found = [report_of(rest, rows[entry.slot]) for rest, entry in zip(known, entries, strict=True)]
        if turn % 3 == 2:       # to ask settles, and is not what we do here
            assert found == [receiver.report() for receiver in receivers]
    assert all(receiver.strides for receiver in receivers)
    assert told == [2] + [0] * 19
    receivers[0].warn("odd", "something odd")
    assert [report.warnings for report in table.news(lambda: None)[1]] == [(("odd", "something odd"),)]


def test_rows_are_used_again(tmp_path: Path) -> None:
    """
    A closed stream's row is free, and never taken for that of the next; there is room for as many as come.
    """
    table = ReportTable()
    receivers = [receiver_in(tmp_path) for _ in range(FIRST_ROWS + 1)]
    entries = [table.open(receiver) for receiver in receivers]
    assert len({entry.slot for entry in entries}) == len(entries)
    table.close(receivers[3])
    rows = np.frombuffer(table.news(lambda: None)[0], REPORT_ROW)
    assert len(rows) == 2 * FIRST_ROWS
    assert np.count_nonzero(rows["opening"]) == FIRST_ROWS
    again = table.open(receivers[3])
    assert again.slot == entries[3].slot
    assert again.opening > max(entry.opening for entry in entries)


# --- sums ----------------------------------------------------------------------------------------


def test_sums_are_told_once() -> None:
    """
    Whatever a worker counts comes out of the control process's metrics, each sweep by itself.
    """
    cpu = iter([1.0, 3.5])
    collected, metrics = CollectedMetrics(lambda: next(cpu)), Counts()
    for number, name in enumerate(
        ("packets_received", "octets_received", "packets_lost", "packets_duplicate", "packets_reordered",
         "packets_rejected", "rtcp_received", "rtcp_sent"), 1,
    ):
        getattr(collected, name)(number)
        getattr(collected, name)(10 * number)
    collected.write_failed()
    collected.sweep_took(0.25)
    collected.sweep_took(0.5)
    sums = collected.take()
    sums.tell(metrics)
    assert dict(metrics.counted) == {
        "packets_received": 11, "octets_received": 22, "packets_lost": 33, "packets_duplicate": 44,
        "packets_reordered": 55, "packets_rejected": 66, "rtcp_received": 77, "rtcp_sent": 88, "write_failed": 1,
    }
    assert metrics.sweeps == [0.25, 0.5]
    assert sums.cpu == 1.0
    assert collected.take() == Sums(cpu=2.5)


# --- ports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ports", "count", "wanted"), [
    ((16384, 32767), 1, [(16384, 32767)]),
    ((16384, 32767), 2, [(16384, 24575), (24576, 32767)]),
    ((20000, 20009), 3, [(20000, 20003), (20004, 20007), (20008, 20009)]),
    ((20001, 20006), 2, [(20002, 20003), (20004, 20005)]),
])
def test_ports_are_shared(ports: tuple[int, int], count: int, wanted: list[tuple[int, int]]) -> None:
    """
    Contiguous parts of whole pairs, which differ by one at most; together all that one worker would have.
    """
    assert shares(ports, count) == wanted
    alone = PortPool(*ports, seconds=lambda: 0.0)
    assert sum(PortPool(*part, seconds=lambda: 0.0).free() for part in wanted) == alone.free()


def test_share_knows_what_is_free() -> None:
    """
    Pairs that are about to be open, are open, or rest are not free; after a loss all of them rest anew.
    """
    now = [100.0]
    share = PortShare((20000, 20009), lambda: now[0], 60.0)
    for port in (20000, 20002, 20004):
        share.reserve()
        assert share.streams == 1 + (port - 20000) // 2
        share.take(port)
    share.reserve()
    share.cancel()
    assert (share.free(), share.streams) == (2, 3)
    share.give_back(20002)
    assert (share.free(), share.streams) == (2, 2)
    now[0] += 59.0
    assert share.rest() == (20002, 20000, 20004)
    now[0] += 59.0
    assert (share.free(), share.streams) == (2, 0)
    now[0] += 1.0
    assert share.free() == 5
    assert share.rest() == ()


def test_pool_begins_with_pairs_that_rest() -> None:
    """
    What clients of a lost worker may still send to is not given out before its time.
    """
    now = [0.0]
    pool = PortPool(20000, 20007, lambda: now[0], 60.0, resting=(20000, 20004))
    assert pool.free() == 2
    assert [pool.bind(lambda port: port) for _ in range(2)] == [20002, 20006]
    now[0] = 60.0
    assert [pool.bind(lambda port: port) for _ in range(2)] == [20000, 20004]


# --- log -----------------------------------------------------------------------------------------


def forwarded(octets: bytes, *more: bytes) -> tuple[list[dict[str, object]], ForwardedLog]:
    """
    What is logged of this.
    """
    events: list[dict[str, object]] = []
    globalLogPublisher.addObserver(events.append)
    try:
        log = ForwardedLog(7)
        for part in (octets, *more):
            log.take(part)
    finally:
        globalLogPublisher.removeObserver(events.append)
    return events, log


def test_event_of_a_worker_is_one_of_the_server() -> None:
    """
    Level, namespace, sentence and fields are the same, and the worker is named.
    """
    seen: list[dict[str, object]] = []
    Logger("siprec_tw.media.x", observer=seen.append).warn("Stream {stream_id}: {port}", stream_id="s", port=Path("p"))
    line = line_of(seen[0])
    events, _ = forwarded(line[:10], line[10:])
    (event,) = events
    assert (event["log_level"], event["log_namespace"]) == (LogLevel.warn, "siprec_tw.media.x")
    assert event["log_format"] == "Stream {stream_id}: {port}"
    assert (event["stream_id"], event["port"], event["worker"]) == ("s", "p", 7)


def test_traceback_of_a_worker() -> None:
    """
    It follows the event, line by line.
    """
    seen: list[dict[str, object]] = []
    try:
        raise RuntimeError("inner")
    except RuntimeError:
        Logger("x", observer=seen.append).failure("Could not", Failure())  # type: ignore[no-untyped-call]
    events, _ = forwarded(line_of(seen[0]))
    assert events[0]["log_format"] == "Could not"
    assert "RuntimeError: inner" in str(events[-1]["text"])
    assert {event["worker"] for event in events} == {7}


@pytest.mark.parametrize("line", [
    b"Fatal Python error: Segmentation fault", b"{}", b"[1]", b'{"level": "loud"}', b"\xff\xfe",
    json.dumps({"level": "info", "namespace": "x", "sentence": "y", "fields": 5, "traceback": ""}).encode(),
])
def test_line_that_is_no_event(line: bytes) -> None:
    """
    It is shown as it is, and kept as what was said last.
    """
    events, log = forwarded(line + b"\n")
    assert [event["text"] for event in events] == [line.decode(errors="replace")]
    assert log.last == line.decode(errors="replace")


def test_line_without_end() -> None:
    """
    It is cut, and takes no more memory.
    """
    events, _ = forwarded(b"x" * 3 * LONGEST_LINE, b"\n")
    assert [len(str(event["text"])) for event in events] == [LONGEST_LINE]


def test_worker_does_not_wait_for_its_log() -> None:
    """
    What a full pipe does not take is dropped, and debug is never written.
    """
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        logger = Logger("x", observer=LineObserver(writer))
        logger.debug("nothing")
        for _ in range(5000):
            logger.info("some more {text}", text="x" * 100)
        assert b"nothing" not in os.read(reader, 200)
    finally:
        os.close(reader)
        os.close(writer)

