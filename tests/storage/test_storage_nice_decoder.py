"""
Decoding in a program of its own: the same result, and what happens when it dies.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packet_fixtures import sent, steady
from storage_fixtures import STARTED, Spooling

from siprec_tw.codecs.decoder import DECODER_DIED
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.segment import from_lines
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decode_again import decode_again
from siprec_tw.storage.decode_worker import NICENESS, answer_of, job_line, serve
from siprec_tw.storage.decoding import Job, decode
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise
from siprec_tw.storage.nice_decoder import NiceDecoder

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

from codec_signals import payloads

G729 = PayloadFormat(18, "G729", 8000)
DISK = Disk(sync=False)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = steady(payloads("g729"), 160)
    sent(spooling, "a", G729, packets[:30] + packets[32:], arrival=STARTED + 1)
    spooling.end()
    segment = from_lines((spooling.directory / "a-1.jsonl").read_bytes().splitlines())
    assert segment is not None
    return Job(spooling.directory / "a-1.rtpdump.part", tmp_path / "a-1.linear", segment.opened, (65_560,))


@pytest.fixture
def nice() -> Iterator[NiceDecoder]:
    decoder = NiceDecoder()
    yield decoder
    decoder.stop()


def test_jobs_and_answers_are_lines(job: Job) -> None:
    """
    What one end writes the other reads, with every run, hole and reason.
    """
    answer = answer_of(b"{" + b'"decoded":null,"refused":{"errno":28,"text":"full"}}')
    assert answer.refused is not None and answer.refused.errno == 28
    with pytest.raises(ValueError, match="not an answer"):
        answer_of(b'{"decoded": 5}')
    assert job_line(job).count(b"\n") == 1


@pytest.mark.processes
def test_worker_gives_what_decoding_here_gives(job: Job, nice: NiceDecoder) -> None:
    """
    Result and samples are the same; the worker is nice, and takes one job after another.
    """
    here = decode(job)
    samples = job.linear.read_bytes()
    job.linear.unlink()
    assert nice(job) == here and job.linear.read_bytes() == samples
    (worker,) = nice._idle
    niceness = os.getpriority(os.PRIO_PROCESS, worker.pid)
    assert niceness == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    assert nice(job) == here and nice._idle == [worker]


@pytest.mark.processes
def test_worker_that_died_is_replaced(job: Job, nice: NiceDecoder) -> None:
    """
    A worker that is gone, for want of work or by a signal, costs nothing; SIGTERM does not end it.
    """
    nice(job)
    (worker,) = nice._idle
    worker.send_signal(signal.SIGTERM)
    assert nice(job).rate == 8000 and worker.poll() is None
    worker.kill()
    worker.wait(10)
    assert nice(job).rate == 8000 and nice._idle != [worker]


@pytest.mark.processes
@pytest.mark.parametrize("program", ["raise SystemExit(1)", "print('no answer')", "import time; time.sleep(60)"])
def test_decoder_that_dies_leaves_the_packets(job: Job, program: str) -> None:
    """
    A worker that ends, says nonsense or does not come to an end leaves a recording that can be decoded later.
    """
    root = job.dump.parents[2]
    broken = NiceDecoder(program=(sys.executable, "-c", program), patience=0.5)
    manifest = finalise(root, "r1", DISK, Tones.KEEP, broken).manifest
    broken.stop()
    assert [warning.code for warning in manifest.warnings] == [DECODER_DIED]
    assert "G729 is not decoded: its decoder died or took too long" in manifest.warnings[0].text
    again = decode_again(root, "2026/09/21/r1", DISK)
    assert again is not None and again.manifest.warnings == () and again.manifest.tracks[0].peak


@pytest.mark.processes
def test_abandoned_while_it_decodes(job: Job) -> None:
    """
    A worker at work is ended, no other takes its place, and none is started afterwards.
    """
    endless = NiceDecoder(program=(sys.executable, "-c", "import time; time.sleep(60)"))
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(endless, job)
        while not endless._busy:
            assert not waiting.done()
        endless.abandon()
        with pytest.raises(OSError, match="abandoned"):
            waiting.result(10)
    assert endless._busy == [] and endless._idle == []
    with pytest.raises(OSError, match="abandoned"):
        endless(job)


@pytest.mark.processes
def test_disk_that_takes_nothing(job: Job, nice: NiceDecoder) -> None:
    """
    The worker's error is raised here.
    """
    with pytest.raises(FileNotFoundError):
        nice(Job(job.dump, Path("/nonexistent/x"), job.opened))


def test_worker_ends_with_its_input(job: Job) -> None:
    """
    One answer a line until the input ends, or nothing has come for a while.
    """
    reading, writing = os.pipe()
    answers = io.BytesIO()
    with os.fdopen(reading, "rb", buffering=0) as jobs, os.fdopen(writing, "wb", buffering=0) as ours:
        ours.write(job_line(job) * 2)
        serve(jobs, answers, idle_seconds=0.05)     # type: ignore[arg-type]
    assert [answer_of(line).decoded for line in answers.getvalue().splitlines()] == [decode(job)] * 2
