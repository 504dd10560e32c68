"""
C{siprec}: one command, each of its subcommands in a module of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import siprec_tw
from siprec_tw.cli import call, check_config, recordings
from siprec_tw.errors import SiprecError

FAILED = 1
INTERRUPTED = 130           # what shells say of a command ended by Ctrl-C
BROKEN_PIPE = 141           # ... and of one whose reader went away


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command line (default: this one's) and return the exit code: 0, or 1 for a failure.

    A wrong usage ends in SystemExit(2).
    """
    chosen = _parser().parse_args(arguments)
    try:
        code = chosen.run(chosen)
        sys.stdout.flush()
    except SiprecError as error:
        print(f"siprec: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Else the interpreter flushes stdout once more when it ends, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return int(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="siprec", description="The commands of siprec_tw, a SIPREC session recording server."
    )
    parser.add_argument("--version", action="version", version=f"siprec_tw {siprec_tw.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (call, check_config, recordings):
        command.add_parser(commands)
    return parser
