"""
What one RTP packet costs the receiver: CPU microseconds (user and system), sockets read and files written.

Two figures: the receiver alone, given datagrams in memory, and the whole way from loopback sockets. The
load is plain G.711: C{--streams} streams, C{--packets} packets of each in a sweep. Nothing is judged.

    python bench/receive_cost.py --streams 200 --packets 25 --sweeps 20
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamAddress, StreamSpec
from siprec_tw.media.plane import LocalMediaPlane
from siprec_tw.media.receiver import StreamReceiver

HEADER = struct.Struct("!BBHII")
FORMATS = (PayloadFormat(0, "PCMU", 8000),)


def cpu() -> float:
    """
    Seconds of user and system time of this process.
    """
    times = os.times()
    return times.user + times.system


def datagram(ssrc: int, number: int) -> bytes:
    """
    The packet of that number.
    """
    header = HEADER.pack(0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc)
    return header + bytes([number & 0xFF]) * 160


def receiver_alone(directory: str, streams: int, packets: int, sweeps: int) -> float:
    """
    Microseconds a packet from datagram to file.
    """
    receivers = [StreamReceiver(StreamSpec(f"a{i}", directory, FORMATS), "bench") for i in range(streams)]
    spent = 0.0
    for sweep in range(sweeps):
        numbers = range(sweep * packets, (sweep + 1) * packets)
        batches = [
            [(datagram(ssrc, number), ("127.0.0.1", 4000), 1e9 + number * 0.02) for number in numbers]
            for ssrc in range(streams)
        ]
        begun = cpu()
        for receiver, batch in zip(receivers, batches, strict=True):
            receiver.receive(batch)
        if sweep:
            spent += cpu() - begun
    for receiver in receivers:
        receiver.close()
    return spent / (streams * packets * (sweeps - 1)) * 1e6


def whole_way(
    directory: str, streams: int, packets: int, sweeps: int, first_port: int
) -> tuple[float, float]:
    """
    Microseconds a packet from socket to file, and the part of packets that arrived.
    """
    clock = Clock()
    plane = LocalMediaPlane(clock, "bench", "127.0.0.1", (first_port, first_port + 4 * streams))
    plane.start()
    addresses: list[StreamAddress] = []
    for index in range(streams):
        opening = plane.open_stream(StreamSpec(f"b{index}", directory, FORMATS))
        Deferred.fromCoroutine(opening).addCallback(addresses.append)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    spent = 0.0
    for sweep in range(sweeps):
        for number in range(sweep * packets, (sweep + 1) * packets):
            for ssrc, address in enumerate(addresses):
                client.sendto(datagram(ssrc, number), ("127.0.0.1", address.rtp_port))
        begun = cpu()
        clock.advance(0.4)
        if sweep:
            spent += cpu() - begun
    arrived = sum(report.packets for i in range(streams) if (report := plane.report(f"b{i}")))
    Deferred.fromCoroutine(plane.stop())
    clock.pump([0, 0, 0])
    total = streams * packets
    return spent / (total * (sweeps - 1)) * 1e6, arrived / (total * sweeps)


def main(tell: Callable[[str], object]) -> None:
    """
    Measure and tell.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--packets", type=int, default=25)
    parser.add_argument("--sweeps", type=int, default=20)
    parser.add_argument("--first-port", type=int, default=24_000)
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        alone = receiver_alone(directory, given.streams, given.packets, given.sweeps)
        whole, arrived = whole_way(directory, given.streams, given.packets, given.sweeps, given.first_port)
    tell(f"{given.streams} streams, {given.packets} packets a sweep, {given.sweeps} sweeps\n")
    tell(f"receiver alone   {alone:5.2f} us a packet\n")
    tell(f"from the socket  {whole:5.2f} us a packet, {arrived:.2%} arrived\n")
    tell(f"took {time.monotonic() - begun:.1f} s\n")


if __name__ == "__main__":
    main(sys.stdout.write)
