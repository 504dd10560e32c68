"""
How many files and sockets this process may have open: raised as far as it may be, and held against what is wanted.
"""

from __future__ import annotations

import resource

from twisted.logger import Logger

FILES_A_STREAM = 4      # two sockets, a segment and its record
FILES_BESIDE = 128      # pipes, connections, what Python and Twisted have open

_log = Logger()


def wanted_files(pairs: int) -> int:
    """
    What a process wants that receives on so many pairs of ports.
    """
    return FILES_A_STREAM * pairs + FILES_BESIDE


def raise_limit(wanted: int) -> int:
    """
    Raise the soft limit (RLIMIT_NOFILE) to the hard one, and warn where that is less than C{wanted}. Returns the
    limit; negative where there is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            _log.info("Open files: the limit of {limit} cannot be raised", limit=soft)
        else:
            soft = hard
    if 0 <= soft < wanted:
        _log.warn(
            "Open files: at most {limit}, {wanted} are wanted for every pair of media.ports: raise LimitNOFILE"
            " (ulimit -n), or streams are refused when they are spent",
            limit=soft, wanted=wanted,
        )
    else:
        _log.info("Open files: at most {limit}", limit=soft if soft >= 0 else "any number")
    return soft
