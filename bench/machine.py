"""
What a process costs, what the machine is, and which core does what.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

PROC = Path("/proc")
CPUCLOCK_SCHED = 2          # of linux/posix-timers.h: user and system time of all threads, in nanoseconds


def family(pid: int) -> list[int]:
    """
    A process and everything it started, as far as it lives.
    """
    children: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], ())
    return found


def cpu_seconds(pid: int) -> float:
    """
    User and system time of a process and all that it started; finer than the ticks of /proc/<pid>/stat.
    """
    total = 0.0
    for each in family(pid):
        with suppress(OSError):
            total += time.clock_gettime((~each << 3) | CPUCLOCK_SCHED)     # what clock_getcpuclockid(3) makes
    return total


def resident_octets(pid: int) -> int:
    """
    Memory that a process and all that it started hold; what several share counts once for each.
    """
    pages = 0
    for each in family(pid):
        with suppress(OSError):
            pages += int((PROC / str(each) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def receive_buffer_errors() -> int:
    """
    Datagrams that this machine dropped because a receive buffer was full, IPv4 and IPv6, whosever they were.
    """
    rows = [line.split() for line in (PROC / "net/snmp").read_text().splitlines() if line.startswith("Udp:")]
    total = int(dict(zip(rows[0], rows[1], strict=True))["RcvbufErrors"])
    with suppress(OSError):
        for line in (PROC / "net/snmp6").read_text().splitlines():
            if line.startswith("Udp6RcvbufErrors"):
                total += int(line.split()[1])
    return total


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """
    What is started within runs on this core, and its threads and children too.
    """
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cores() -> tuple[int | None, int | None]:
    """
    The core of the receiver, and that of generator and driver; None, None where there is one only.
    """
    mine = sorted(os.sched_getaffinity(0))
    return (mine[0], mine[1]) if len(mine) > 1 else (None, None)


def busy_share(seconds: float = 2.0) -> float:
    """
    Which part of the machine's time is used by somebody just now (0 to 1), time taken by its host included.
    """
    def ticks() -> tuple[int, int]:
        numbers = [int(n) for n in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]        # idle and waiting for the disk

    total, idle = ticks()
    time.sleep(seconds)
    later_total, later_idle = ticks()
    return 1.0 - (later_idle - idle) / max(1, later_total - total)


def description() -> str:
    """
    The machine in a line.
    """
    model = next(
        (line.partition(":")[2].strip() for line in (PROC / "cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )
    granted = (PROC / "sys/net/core/rmem_max").read_text().strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    packages = ", ".join(f"{name} {version(name)}" for name in ("Twisted", "numpy"))
    return (
        f"{model}, {os.cpu_count()} cores, {memory} GiB; Linux {platform.release()}; "
        f"Python {platform.python_version()}, {packages}; net.core.rmem_max {granted}"
    )
