"""
A thread pool of this server's own: blocking work off the reactor, in the order in which it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from siprec_tw.errors import LocalError

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """
    Where blocking work is done.
    """

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Do it, and tell the result on the reactor's thread.
        """


class Here:
    """
    L{Threads} of a command, which has no reactor: work is done at once, by who asks for it.
    """

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Do it now.
        """
        return execute(work, *args, **kwargs)


@define
class Pool:
    """
    At most C{most} threads; with one, work is done strictly in order.
    """

    _reactor: IReactorFromThreads = field(alias="reactor")
    name: str
    most: int = 1
    _threads: ThreadPool | None = None
    _stopped: bool = False

    def start(self) -> None:
        """
        Start the threads; harmless when they run.
        """
        self._stopped = False
        if self._threads is None:
            self._threads = ThreadPool(minthreads=1, maxthreads=self.most, name=self.name)
            self._threads.start()

    def stop(self) -> None:
        """
        Finish all work that was given, then end the threads. It blocks until they have ended.
        """
        self._stopped = True
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.stop()

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Do it in one of the threads, which are started if need be.

        Fails with LocalError after C{stop}: threads that nobody stops would keep the program from ending.
        """
        if self._stopped:
            return fail(LocalError(f"the threads {self.name!r} have been stopped"))
        self.start()
        assert self._threads is not None
        return deferToThreadPool(self._reactor, self._threads, work, *args, **kwargs)
