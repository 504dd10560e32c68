"""
Part of a file on its way to a client: read beside the reactor, no faster than the client takes it.
"""

from __future__ import annotations

from typing import BinaryIO, Protocol

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from siprec_tw.admin.threads import InThread

CHUNK = 1 << 16
STALL_SECONDS = 60.0        # a client that takes nothing for so long is gone


class SliceConsumer(Protocol):
    """
    What a slice needs of a request.
    """

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """
        See IConsumer.
        """

    def unregisterProducer(self) -> None:
        """
        See IConsumer.
        """

    def write(self, data: bytes) -> None:
        """
        See IConsumer.
        """


@implementer(IPushProducer)
class FileSlice:
    """
    C{length} octets of a file, from where it stands.
    """

    log = Logger()

    def __init__(
        self,
        source: BinaryIO,
        length: int,
        consumer: SliceConsumer,
        in_thread: InThread,
        reactor: IReactorTime,
    ) -> None:
        self._source = source
        self._remaining = length
        self._consumer = consumer
        self._in_thread = in_thread
        self._reactor = reactor
        self._stopped = False
        self._paused: Deferred[None] | None = None

    async def send(self) -> bool:
        """
        Send it all. False where the client went away, took nothing for a minute, or the file was shorter.
        """
        self._consumer.registerProducer(self, True)
        try:
            while self._remaining > 0 and await self._may_go_on():
                chunk = await self._in_thread(self._next_chunk)
                if not chunk or self._stopped:
                    return False
                self._remaining -= len(chunk)
                self._consumer.write(chunk)
        except OSError:
            self.log.failure("Could not read on in {path}", path=self._source.name)
        finally:
            if not self._stopped:
                self._consumer.unregisterProducer()
        return self._remaining == 0

    def _next_chunk(self) -> bytes:
        return self._source.read(min(CHUNK, self._remaining))

    async def _may_go_on(self) -> bool:
        if self._paused is not None:
            try:
                await self._paused.addTimeout(STALL_SECONDS, self._reactor)
            except TimeoutError:
                return False
        return not self._stopped

    def pauseProducing(self) -> None:
        """
        The client's buffers are full.
        """
        if self._paused is None:
            self._paused = Deferred()

    def resumeProducing(self) -> None:
        """
        The client takes more.
        """
        if self._paused is not None:
            paused, self._paused = self._paused, None
            paused.callback(None)

    def stopProducing(self) -> None:
        """
        The client is gone.
        """
        self._stopped = True
        self.resumeProducing()
