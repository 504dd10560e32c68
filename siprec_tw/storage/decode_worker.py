"""
A program that decodes segments for the recorder, so that its calls do not feel it:

    python -m siprec_tw.storage.decode_worker

reads one job a line from standard input and answers each with one line; both are JSON. It is nice to the rest
of the machine, and a decoder that falls over hostile packets takes only this program with it. It ends when
its input ends, or when there was nothing to do for a while; signals that end the recorder do not end it, as
the recorder still has recordings to finish then.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import cattrs
from attrs import frozen

from siprec_tw.storage.decoding import Decoded, Job, decode

NICENESS = 10
IDLE_SECONDS = 60.0


@frozen
class Refused:
    """
    The disk did not take it.
    """

    errno: int
    text: str


@frozen
class Answer:
    """
    What a job came to: one of both.
    """

    decoded: Decoded | None = None
    refused: Refused | None = None


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: Path(value))
    return converter


_CONVERTER = _converter()


def job_line(job: Job) -> bytes:
    """
    A job as the program reads it, line feed included.
    """
    return json.dumps(_CONVERTER.unstructure(job), separators=(",", ":")).encode() + b"\n"


def answer_of(line: bytes) -> Answer:
    """
    An answer read back. Raises ValueError when it is none.
    """
    try:
        return _CONVERTER.structure(json.loads(line), Answer)
    except (KeyError, TypeError, cattrs.BaseValidationError) as error:
        raise ValueError(f"not an answer: {error!r}") from error


def answer_line(line: bytes) -> bytes:
    """
    Do the job of a line; the answer as a line.
    """
    job = _CONVERTER.structure(json.loads(line), Job)
    try:
        answer = Answer(decode(job))
    except OSError as error:
        answer = Answer(refused=Refused(error.errno or 0, str(error.strerror)))
    return json.dumps(_CONVERTER.unstructure(answer), separators=(",", ":")).encode() + b"\n"


def serve(jobs: BinaryIO, answers: BinaryIO, idle_seconds: float = IDLE_SECONDS) -> None:
    """
    Do jobs until there are no more. C{jobs} must not read ahead: one line, one answer.
    """
    waiting = select.poll()     # unlike select, it takes any descriptor
    waiting.register(jobs, select.POLLIN)
    while waiting.poll(idle_seconds * 1000) and (line := jobs.readline()):
        answers.write(answer_line(line))
        answers.flush()


def main() -> None:
    """
    The program.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICENESS)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        # The recorder was killed: nobody wants the answer, nor the interpreter's complaint when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
