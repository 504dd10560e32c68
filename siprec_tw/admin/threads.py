"""
Work that waits for the disk, done beside the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

T = TypeVar("T")


class InThread(Protocol):
    """
    Does blocking work somewhere else.
    """

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """
        Begin C{work} now; its result or its exception comes later.
        """


@frozen
class ReactorThreads:
    """
    L{InThread} on a reactor's own thread pool.
    """

    reactor: IReactorThreads

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """
        Begin C{work} as soon as a thread of the pool is free.
        """
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work)
