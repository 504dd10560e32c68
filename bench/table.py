"""
The table of C{make bench}: what the recorder costs a packet, beside the raw limit and the plain way, in one session.

    python -m bench.table                               200, 1000, 2000 and 4000 streams, in clear and as SRTP
    python -m bench.table --sizes 200 --media rtp --seconds 10 --warm-up 2 --sip-seconds 10
    python -m bench.table --repeat 3 --write            for docs/performance.md, on a machine with nothing else to do

Machines are noisy: compare figures of one table only. A run in which the generator was late is discarded and repeated
once. Exit status 1 where a packet was lost or an octet is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from attrs import define, evolve, field, frozen

from bench.build import compiled
from bench.driver import Result, Wanted, add_arguments, measured, most_descriptors, sections_of
from bench.machine import busy_share, cores, description
from bench.measure import Cost, GeneratorLate, cost_of
from bench.performance_page import PAGE, write_page

SIZES = "200,1000,2000,4000"
MOST_BASELINE = 2000            # streams: more than that and a core is not enough for the plain way
OTHERS_SECONDS = 20.0           # in which raw limit and plain way are measured, at most
OTHERS_WARM_UP = 3.0
BUSY = 0.05                     # of the machine: more is noise

Measured = TypeVar("Measured")
Cores = tuple[int | None, int | None]

CLEAR = "rtp"
MEDIA = {CLEAR: "", "aes-cm": "AES_CM_128_HMAC_SHA1_80", "aes-gcm": "AEAD_AES_128_GCM"}

HEAD = (
    "streams", "media", "us/packet", "raw us", "score", "epoll us", "x epoll", "lost", "longest sweep", "SIP p50",
    "SIP p99", "memory/call",
)


@frozen
class Row:
    """
    One size and kind of media: the recorder, the raw limit, the plain way (both in clear); None where the generator was
    late twice.
    """

    streams: int
    media: str
    ours: Result | None
    raw: Cost | None
    plain: Cost | None

    @property
    def score(self) -> float:
        """
        Raw limit by ours: 1 is the limit; 0 where one is missing.
        """
        return self.raw.us_a_packet / self.ours.us_a_packet if self.raw and self.ours else 0.0

    def cells(self) -> tuple[str, ...]:
        """
        As the table shows them, in the order of HEAD.
        """
        ours, raw, plain = self.ours, self.raw, self.plain
        return (
            str(self.streams),
            self.media,
            f"{ours.us_a_packet:.2f}" if ours else "late",
            f"{raw.us_a_packet:.2f}" if raw else "late",
            f"{self.score:.2f}" if ours and raw else "-",
            f"{plain.us_a_packet:.2f}" if plain else "late",
            f"{plain.us_a_packet / ours.us_a_packet:.1f}" if ours and plain else "-",
            f"{ours.lost_share:.4%}" if ours else "-",
            f"{ours.longest_sweep * 1e3:.0f} ms" if ours else "-",
            f"{ours.sip_p50 * 1e3:.1f} ms" if ours and ours.sip_calls else "-",
            f"{ours.sip_p99 * 1e3:.1f} ms" if ours and ours.sip_calls else "-",
            f"{ours.memory_a_call / 1024:.0f} KiB" if ours else "-",
        )


@define(eq=False)
class Session:
    """
    All measurements of a table; C{notes} are what its reader has to know.
    """

    programs: Path
    wanted: Callable[[int, str], Wanted]    # of a size and a kind of media
    cores: Cores
    tell: Callable[[str], object]
    notes: list[str] = field(factory=list)

    def rows(self, streams: int, media: Sequence[str], repeat: int) -> list[Row]:
        """
        A row for each kind of media: of the repetitions, the one whose score is the median.
        """
        rounds = [self._once(streams, media) for _ in range(repeat)]
        for row in (row for rows in rounds for row in rows):
            if row.ours and (row.ours.lost or row.ours.faults):
                faults = "; ".join(row.ours.faults)
                self._note(f"{streams} streams, {row.media}: {row.ours.lost} packets lost; {faults}")
        return [sorted(rows, key=lambda row: row.score)[repeat // 2] for rows in zip(*rounds, strict=True)]

    def _once(self, streams: int, media: Sequence[str]) -> list[Row]:
        seconds = min(self.wanted(streams, CLEAR).seconds, OTHERS_SECONDS)
        plain_streams = min(streams, MOST_BASELINE)
        raw = self._attempt(f"raw limit, {streams}", lambda: self._raw(streams, seconds))
        rows = []
        for kind in media:
            wanted = self.wanted(streams, kind)
            ours = self._attempt(f"recorder, {kind}, {streams}", partial(self._ours, wanted))
            rows.append(Row(streams, kind, ours, raw, None))
        plain = self._attempt(f"epoll, {plain_streams}", lambda: self._plain(plain_streams, seconds))
        if plain_streams < streams:
            self._note(f"{streams} streams: epoll was measured with {plain_streams}, a core cannot do more")
        for name, cost in (("raw limit", raw), ("epoll", plain)):
            if cost and cost.lost_share > 0:
                self._note(f"{streams} streams: {name} lost {cost.lost_share:.2%}")
        return [evolve(row, plain=plain) for row in rows]

    def _attempt(self, name: str, measure: Callable[[], Measured]) -> Measured | None:
        """
        Once more where the generator was late.
        """
        for _ in range(2):
            self.tell(f"{name} streams ...")
            try:
                return measure()
            except GeneratorLate as late:
                self._note(f"{name} streams: discarded, {late}")
        return None

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _ours(self, wanted: Wanted) -> Result:
        result = measured(wanted, self.programs, self.cores)
        if not result.load.sound:
            raise GeneratorLate(result.load)
        return result

    def _raw(self, streams: int, seconds: float) -> Cost:
        command = (str(compiled("raw_limit", self.programs)), "--streams", str(streams))
        return self._cost(command, streams, seconds)

    def _plain(self, streams: int, seconds: float) -> Cost:
        with tempfile.TemporaryDirectory(prefix="siprec-bench-") as directory:
            command = (
                sys.executable, "-m", "bench.baseline", "--streams", str(streams), "--directory", directory,
            )
            return self._cost(command, streams, seconds)

    def _cost(self, command: tuple[str, ...], streams: int, seconds: float) -> Cost:
        generator = compiled("generator", self.programs)
        return cost_of(command, streams, seconds, OTHERS_WARM_UP, generator, self.cores)


def text_of(rows: list[Row]) -> str:
    """
    The table, as Markdown that can be read as it is.
    """
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join((line(HEAD), rule, *map(line, lines[1:])))


def arguments() -> argparse.Namespace:
    """
    The command line.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES, help="streams of each row")
    parser.add_argument("--media", default=",".join(MEDIA), help="kinds of media for each size")
    parser.add_argument("--repeat", type=int, default=1, help="each row is the median of so many")
    parser.add_argument("--write", nargs="?", type=Path, const=PAGE, metavar="PAGE", help="write into this page")
    add_arguments(parser)
    return parser.parse_args()


def main() -> int:
    """
    Measure, print, write.
    """
    given = arguments()
    most_descriptors()
    busy, on_cores = busy_share(), cores()
    notes = []
    if busy > BUSY:
        notes.append(f"the machine was busy with other things ({busy:.0%}) before this began: read ratios only")
    if on_cores[0] is None:
        notes.append("generator and recorder share the only core")
    sections = sections_of(given.set)

    media = given.media.split(",")
    if strange := set(media) - MEDIA.keys():
        raise SystemExit(f"media is {', '.join(sorted(strange))}, wanted some of {', '.join(MEDIA)}")

    def wanted(streams: int, kind: str) -> Wanted:
        return Wanted(
            streams, given.seconds, given.warm_up, given.sip_seconds, suite=MEDIA[kind], sections=sections
        )

    with tempfile.TemporaryDirectory() as programs:
        compiled("generator", Path(programs), srtp=media != [CLEAR])    # what is missing is told before, not after
        session = Session(
            Path(programs), wanted, on_cores, lambda text: print(text, file=sys.stderr, flush=True), notes
        )
        rows = [row for size in given.sizes.split(",") for row in session.rows(int(size), media, given.repeat)]
    about = (
        f"{date.today():%Y-%m-%d}; {description()}; {given.seconds:.0f} s measured after {given.warm_up:.0f} s, "
        f"median of {given.repeat}{'; ' + ', '.join(given.set) if given.set else ''}"
    )
    text = "\n".join((about, "", text_of(rows), "", *(f"- {note}" for note in session.notes)))
    print(text)
    if given.write:
        write_page(given.write, text)
    return 0 if all(row.ours and not row.ours.lost and not row.ours.faults for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
