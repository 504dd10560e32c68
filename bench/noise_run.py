"""
Runs L{bench.noise_calls} as a process of its own, against a server of this machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start_noise_calls(port: int, sent: Path, **wanted: object) -> subprocess.Popen[str]:
    """
    The client, begun; C{wanted} are its options, what it sent will be in the file C{sent}.
    """
    options = [f"--{name}={value}" for name, value in wanted.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.noise_calls", f"--port={port}", f"--sent={sent}", *options],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )


def end_of(client: subprocess.Popen[str], seconds: float) -> str:
    """
    Wait for its end: what it complained of, "" where every call was answered and ended as it should.

    Raises TimeoutExpired where it does not end; then it is killed.
    """
    try:
        _, complaints = client.communicate(timeout=seconds)
    finally:
        client.kill()
        client.wait()
    return complaints[-3000:] or (f"exit status {client.returncode}" if client.returncode else "")
