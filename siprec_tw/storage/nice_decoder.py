"""
Decoding in programs of their own (siprec_tw.storage.decode_worker): the other end of their pipes.
"""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, Timer

from attrs import define, field

from siprec_tw.codecs.decoder import DECODER_DIED, Undecodable
from siprec_tw.codecs.frames import encoding_of
from siprec_tw.own_program import arguments, environment
from siprec_tw.storage.decode_worker import Answer, answer_of, job_line
from siprec_tw.storage.decoding import Decoded, Job

PROGRAM = arguments("siprec_tw.storage.decode_worker")
ATTEMPTS = 2                # the first may meet a worker that has just ended, having nothing to do
STOP_SECONDS = 2.0

# How long a job may take: even on a busy machine a worker reads so many octets of packets a second.
LEAST_PATIENCE = 120.0
SLOWEST = 20_000.0


@define(eq=False)
class NiceDecoder:
    """
    Decodes for threads, each of which waits for its own worker; as many workers as threads ask at once.
    """

    _program: Sequence[str] = field(default=PROGRAM, alias="program")
    _patience: float = field(default=LEAST_PATIENCE, alias="patience")
    _idle: list[subprocess.Popen[bytes]] = field(factory=list)
    _busy: list[subprocess.Popen[bytes]] = field(factory=list)
    _abandoned: bool = False
    _lock: Lock = field(factory=Lock)

    def __call__(self, job: Job) -> Decoded:
        """
        Decode a segment; a L{siprec_tw.storage.decoding.Decode}. Blocks.

        A worker that dies or takes too long leaves the segment undecoded, which can be tried again later.
        Raises OSError where the samples cannot be written, no program can be started, or all was abandoned.
        """
        for _ in range(ATTEMPTS):
            answer = self._ask(job)
            if answer is not None and answer.refused is not None:
                raise OSError(answer.refused.errno, answer.refused.text)
            if answer is not None and answer.decoded is not None:
                return answer.decoded
            if self._abandoned:
                raise OSError(errno.ECANCELED, "decoding was abandoned")
        text = f"{encoding_of(job.opened.format)} is not decoded: its decoder died or took too long"
        return Decoded(None, None, 0, Undecodable(DECODER_DIED, text))

    def stop(self) -> None:
        """
        End the workers that have nothing to do; those that have end after it.
        """
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            _end(worker)

    def abandon(self) -> None:
        """
        End the workers that are at work, too: what they were to decode is asked for once more, some day.
        """
        with self._lock:
            self._abandoned = True
            for worker in self._busy:
                worker.kill()
        self.stop()

    def _ask(self, job: Job) -> Answer | None:
        worker = self._take()
        answer = _answer(worker, job, self._patience)
        with self._lock:
            self._busy.remove(worker)
            if answer is not None:
                self._idle.append(worker)
        if answer is None:
            _end(worker)
        return answer

    def _take(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._abandoned:
                raise OSError(errno.ECANCELED, "decoding was abandoned")
            worker = self._idle.pop() if self._idle else self._start()
            self._busy.append(worker)
            return worker

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        )


def _answer(worker: subprocess.Popen[bytes], job: Job, patience: float) -> Answer | None:
    """
    The worker's answer, or None where it gives none.
    """
    assert worker.stdin is not None
    assert worker.stdout is not None
    overdue = Timer(patience + _size(job.dump) / SLOWEST, worker.kill)
    overdue.daemon = True
    overdue.start()
    try:
        worker.stdin.write(job_line(job))
        worker.stdin.flush()
        return answer_of(worker.stdout.readline())
    except (BrokenPipeError, ValueError):
        return None
    finally:
        overdue.cancel()


def _end(worker: subprocess.Popen[bytes]) -> None:
    """
    Close its pipes and see it gone.
    """
    for pipe in (worker.stdin, worker.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except BrokenPipeError:
            continue        # what was not sent is of no use any more
    try:
        worker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
