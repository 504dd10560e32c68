"""
Compiles the programs in C that the benchmarks need.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


SRTP_HEADER = Path("/usr/include/srtp2/srtp.h")


def compiled(name: str, directory: Path, *, srtp: bool = False) -> Path:
    """
    The program of C{bench/<name>.c}, made in this directory, with libsrtp where it is to seal packets. Raises
    SystemExit, saying why, where there is no compiler or no libsrtp.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("no C compiler here (cc, gcc, clang). On Debian and Ubuntu: apt-get install gcc libc6-dev")
    if srtp and not SRTP_HEADER.exists():
        raise SystemExit("no libsrtp here. On Debian and Ubuntu: apt-get install libsrtp2-dev")
    program = directory / (f"{name}_srtp" if srtp else name)
    if not program.exists():
        source = HERE / f"{name}.c"
        more = ["-DSRTP", "-lsrtp2"] if srtp else []
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), *more], check=True)
    return program
