"""
C{siprec check-config FILE}: what a configuration amounts to, or everything that is wrong with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from siprec_tw.config.loader import load
from siprec_tw.config.reference import effective
from siprec_tw.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from siprec_tw.cli.arguments import Commands


def add_parser(commands: Commands) -> None:
    """
    Add the subcommand.
    """
    parser = commands.add_parser(
        "check-config", help="check a configuration file",
        description="Check a configuration file together with the environment, and show what will hold.",
    )
    parser.add_argument("file", nargs="?", help="the YAML file; without one, the built-in defaults")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """
    0 and "ok" with every key, or 1 and every problem.
    """
    try:
        config = load(arguments.file, os.environ)
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"error: {_line(problem)}", file=sys.stderr)
        count = len(error.problems)
        print(f"{count} problem{'' if count == 1 else 's'}", file=sys.stderr)
        return 1
    for warning in config.warnings:
        print(f"warning: {_line(warning)}", file=sys.stderr)
    print("ok")
    rows = list(effective(config))
    width = max(len(path) for path, _ in rows)
    for path, text in rows:
        print(f"  {path:<{width}}  {text}")
    return 0


def _line(problem: Problem) -> str:
    return ": ".join(part for part in (problem.where, problem.path, problem.text) if part)
