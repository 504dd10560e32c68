"""
Compiles the programs in C that the benchmarks need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def compiled(name: str, directory: Path) -> Path:
    """
    The program of C{bench/<name>.c}, made in this directory. Raises SystemExit, saying why, where there is no compiler.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("no C compiler here (cc, gcc, clang). On Debian and Ubuntu: apt-get install gcc libc6-dev")
    program = directory / name
    if not program.exists():
        source = HERE / f"{name}.c"
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
    return program
