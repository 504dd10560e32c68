"""
A stream that is flooded beside calls that must not notice: none of their packets is lost, every octet is right.

    python -m bench.flood                                 200 calls, 250,000 packets a second, as all three kinds
    python -m bench.flood --kinds garbage --seconds 20

The flood is RTP of the stream's own source, the same under random SSRCs, or random octets (generator.c). Exit status 1
where a call lost anything, 3 where the generator was late: such a run says nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench.driver import Result, Wanted, measured
from bench.machine import cores
from bench.measure import GeneratorLate
from bench.sip_calls import LABELS

KINDS = ("rtp", "sources", "garbage")
WARM_UP = 3.0


def verdict(kind: str, calls: int, result: Result) -> str:
    """
    A line on one run.
    """
    load = result.load
    if not load.sound:
        return f"{kind:8} discarded: {GeneratorLate(load)}"
    what = "nothing was lost" if not result.lost and not result.faults else f"{result.lost} packets were lost"
    rate = load.flood_sent / (load.packets_a_stream * 0.02)
    faults = "".join(f"\n    {fault}" for fault in result.faults)
    return (
        f"{kind:8} {rate:8.0f}/s beside {calls} calls ({load.sent} packets): {what}; "
        f"longest sweep {result.longest_sweep * 1e3:.0f} ms{faults}"
    )


def main() -> int:
    """
    A run for each kind.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rate", type=float, default=250_000.0)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    given = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory() as programs:
        for kind in given.kinds.split(","):
            if kind not in KINDS:
                raise SystemExit(f"kind of flood is {kind}, wanted one of {', '.join(KINDS)}")
            wanted = Wanted(
                given.calls * len(LABELS), given.seconds, WARM_UP, sip_seconds=0.0, flood=given.rate, flood_as=kind,
            )
            result = measured(wanted, Path(programs), cores())
            print(verdict(kind, given.calls, result), flush=True)
            if not result.load.sound:
                status = status or 3
            elif result.lost or result.faults:
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
