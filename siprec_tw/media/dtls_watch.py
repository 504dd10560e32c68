"""
Looks often at the ports where a handshake is awaited: a sweep every 400 ms is enough for sound, not for answers.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from siprec_tw.media.dtls_stream import DtlsStream

LOOK_SECONDS = 0.05


class DtlsWatch:
    """
    C{look(stream)} reads the ports of one stream.
    """

    def __init__(self, reactor: IReactorTime, look: Callable[[DtlsStream], None]) -> None:
        self._reactor = reactor
        self._look = look
        self._streams: dict[DtlsStream, None] = {}
        self._call: IDelayedCall | None = None

    def add(self, stream: DtlsStream) -> None:
        """
        Look at this stream from now on, until it awaits nothing any more.
        """
        self._streams[stream] = None
        if self._call is None:
            self._call = self._reactor.callLater(LOOK_SECONDS, self._look_at_all)

    def remove(self, stream: DtlsStream) -> None:
        """
        The stream is closed; unknown ones are none either.
        """
        self._streams.pop(stream, None)
        if not self._streams and self._call is not None:
            self._call.cancel()
            self._call = None

    def _look_at_all(self) -> None:
        self._call = None
        for stream in tuple(self._streams):
            self._look(stream)
            stream.pass_time()
            if not stream.is_awaiting:
                self._streams.pop(stream, None)
        if self._streams and self._call is None:
            self._call = self._reactor.callLater(LOOK_SECONDS, self._look_at_all)
