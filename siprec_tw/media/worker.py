"""
A media worker: a program that receives RTP for the server, so that SIP and HTTP are never held up by it:

    python -m siprec_tw.media.worker

Standard input and output are its line to the control process (siprec_tw.media.worker_commands), standard error is
its log. It obeys that line alone: signals that end the server do not end it, since the server still closes its
calls then. When the line is cut, whoever cut it, it drains its sockets a last time, finishes its segments and ends.

A descriptor that it inherits keeps the recordings directory locked for as long as it writes there.
"""

from __future__ import annotations

import os
import signal

# Who sweeps has seconds, who answers SIP has not: where both want one core, the control process goes first, and a
# worker keeps a quarter of it. (nice(2): 5 is a third of the weight of 0.)
NICENESS = 5


def main() -> None:
    """
    The program.
    """
    # What takes time to import comes after this: no signal may find the worker unprepared.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.nice(NICENESS)

    # The line has descriptors of its own, so that nothing that prints can get into it.
    line_in, line_out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.set_blocking(2, False)

    from twisted.logger import globalLogBeginner

    from siprec_tw.media.worker_log import LineObserver

    globalLogBeginner.beginLoggingTo([LineObserver(2)], discardBuffer=True, redirectStandardIO=False)

    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IReactorCore, IReactorTime
    from twisted.internet.stdio import StandardIO

    from siprec_tw.media.worker_end import WorkerEnd
    from siprec_tw.steady_time import steady

    steady(IReactorTime(reactor))
    ended: Deferred[None] = Deferred()
    ended.addCallback(lambda _: IReactorCore(reactor).stop())
    StandardIO(  # type: ignore[no-untyped-call]
        WorkerEnd(IReactorTime(reactor), ended), stdin=line_in, stdout=line_out  # type: ignore[call-arg]
    )
    IReactorCore(reactor).run(installSignalHandlers=False)  # type: ignore[call-arg]


if __name__ == "__main__":
    main()
