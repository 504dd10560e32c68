"""
The receive buffer that is configured is the one that is asked of the system.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamSpec
from siprec_tw.media.plane import LocalMediaPlane


class BufferTests(TestCase):
    """
    A plane with a buffer of its own size.
    """

    def test_configured_size_is_asked_for(self) -> Deferred[None]:
        """
        64 KiB are 64 KiB, which Linux doubles for its own book-keeping (socket(7)).
        """
        return Deferred.fromCoroutine(self._ask())

    async def _ask(self) -> None:
        plane = LocalMediaPlane(reactor, "n", "127.0.0.1", (27000, 27099), receive_buffer=65536)
        directory = Path(self.mktemp())
        directory.mkdir()
        await plane.open_stream(StreamSpec("s", str(directory), (PayloadFormat(0, "PCMU", 8000),)))
        try:
            granted = plane._streams["s"].rtp.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        finally:
            await plane.stop()
        self.assertEqual(granted, 131072 if sys.platform == "linux" else 65536)
