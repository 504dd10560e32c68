"""
Programs of this package that the server runs beside itself: how one is started.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import siprec_tw


def arguments(module: str) -> tuple[str, ...]:
    """
    The command line that runs a module of this package with this interpreter; nothing is taken from the working
    directory.
    """
    return sys.executable, "-P", "-m", module


def environment() -> dict[str, str]:
    """
    The environment in which it finds this very package.
    """
    above = str(Path(siprec_tw.__file__).parent.parent)
    paths = [above, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
