"""
How this command was called, so that what it tells to type next can be typed as it stands.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from siprec_tw.cli.api_client import DEFAULT_URL

NAME = "siprec"


def program(invoked: str | None = None) -> str:
    """
    What was typed to call this command: C{siprec} where the shell finds it by its name, else its path.
    """
    typed = sys.argv[0] if invoked is None else invoked
    if Path(typed).name != NAME:
        return NAME         # called from a test or by another program
    found = shutil.which(NAME)
    return NAME if found is not None and Path(found).resolve() == Path(typed).resolve() else typed


def next_command(arguments: argparse.Namespace, *words: str) -> str:
    """
    A command of ours as a line for the shell, with the --url that was given here.
    """
    line = [program(), *words]
    if arguments.url != os.environ.get("SIPREC_URL", DEFAULT_URL):
        line += ["--url", arguments.url]
    return shlex.join(line)
