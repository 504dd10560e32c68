"""
What the tests of our RTCP share: a plane, and a client with real sockets on the loopback.

The reactor is a Clock, and every random number is 0: the first report is due 1.026 s after the stream was opened, the
next ones 2.052 s after the one before, in the sweep that follows.
"""

from __future__ import annotations

import random
import socket
from collections import Counter
from pathlib import Path

from attrs import evolve
from rtp_rig import FORMATS, Sent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from siprec_tw.interfaces import RtcpPeer, StreamAddress, StreamReport, StreamSpec
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.rtp.rtcp import (
    RtcpPacket,
    parse_compound,
    write_compound,
)

NAME = "0123456789abcdef01234567"
SSRC = 0            # ours, with random numbers that are 0
HOST = "127.0.0.1"
SWEEP = 0.4
FIRST = 3           # the sweep with which the first report leaves
NEXT = 6            # sweeps from one report to the next


class Counts(Counter[str]):
    """
    Metrics that are kept in a Counter.
    """

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return lambda count=1: self.update({name: count})


def bound(port: int = 0, host: str = HOST) -> socket.socket:
    """
    A socket of the client.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, port))
    made.setblocking(False)
    return made


class Rig:
    """
    A plane, and a client that has a socket for RTP and one for RTCP.
    """

    def __init__(self, directory: Path, receiver: str = "auto") -> None:
        self.directory = directory
        self.clock = Clock()
        self.metrics = Counts()
        first = random.randrange(24_000, 31_000, 2)
        self.plane = LocalMediaPlane(
            self.clock, "node-1", HOST, (first, first + 15), sweep_interval=0.4, metrics=self.metrics,
            receiver=receiver, random=lambda: 0.0,
        )
        self.plane.start()
        self.rtp, self.rtcp = bound(), bound()

    def wait(self, work):  # type: ignore[no-untyped-def]
        """
        The result of a coroutine.
        """
        results: list[object] = []
        Deferred.fromCoroutine(work).addCallback(results.append)
        return results[0]

    def spec(self, **changes: object) -> StreamSpec:
        """
        A stream whose RTCP goes to the client's socket for RTCP.
        """
        spec = StreamSpec("s", str(self.directory), FORMATS, rtcp=RtcpPeer(*self.rtcp.getsockname(), False, NAME))
        return evolve(spec, **changes)

    def muxed(self) -> RtcpPeer:
        """
        RTCP that shares the client's port of RTP.
        """
        return RtcpPeer(*self.rtp.getsockname(), True, NAME)

    def open(self, spec: StreamSpec | None = None) -> StreamAddress:
        """
        Open it.
        """
        self.address: StreamAddress = self.wait(self.plane.open_stream(spec or self.spec()))
        return self.address

    def close(self) -> StreamReport:
        """
        Close it.
        """
        report: StreamReport = self.wait(self.plane.close_stream("s"))
        return report

    def send(self, sent: list[Sent], client: socket.socket | None = None) -> None:
        """
        RTP from the client.
        """
        for one in sent:
            (client or self.rtp).sendto(one.octets, (HOST, self.address.rtp_port))

    def tell(self, *packets: RtcpPacket, client: socket.socket | None = None) -> None:
        """
        RTCP from the client.
        """
        (client or self.rtcp).sendto(write_compound(packets), (HOST, self.address.rtcp_port))

    def sweep(self, count: int = 1) -> None:
        """
        So many sweeps.
        """
        for _ in range(count):
            self.clock.advance(SWEEP)

    def end(self) -> None:
        """
        Stop the plane.
        """
        self.wait(self.plane.stop())
        self.rtp.close()
        self.rtcp.close()


def heard(client: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
    """
    All that a socket of the client has received.
    """
    found = []
    while True:
        try:
            found.append(client.recvfrom(2048))
        except BlockingIOError:
            return found


def compounds(client: socket.socket) -> list[tuple[RtcpPacket, ...]]:
    """
    The same, read.
    """
    return [parse_compound(octets) for octets, _ in heard(client)]
