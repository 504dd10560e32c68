"""
The plain way: Twisted's listenUDP and a DatagramProtocol on epoll, each payload written to the stream's file as it
comes. No check, no order, no timestamps: a recorder built like this would cost more.

    python -m bench.baseline --streams 200 --directory /tmp/somewhere
"""

from __future__ import annotations

import argparse
import json
import socket
from pathlib import Path
from typing import BinaryIO

from twisted.internet import epollreactor
from twisted.internet.protocol import DatagramProtocol

HEADER = 12
RECEIVE_BUFFER = 256 << 10     # what the recorder asks for


class PlainStream(DatagramProtocol):
    """
    Writes what comes.
    """

    noisy = False
    packets = 0

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """
        A packet.
        """
        self.file.write(datagram[HEADER:])
        self.packets += 1


def main() -> None:
    """
    Says its ports, receives until SIGTERM, says what came.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--directory", type=Path, required=True)
    wanted = parser.parse_args()
    reactor = epollreactor.EPollReactor()  # type: ignore[no-untyped-call]
    streams = [PlainStream((wanted.directory / f"{n}.ulaw").open("wb")) for n in range(wanted.streams)]
    ports = []
    for stream in streams:
        port = reactor.listenUDP(0, stream, interface="127.0.0.1")  # type: ignore[no-untyped-call]
        port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        ports.append(port.getHost().port)
    print(json.dumps({"ports": ports}), flush=True)
    reactor.run()
    for stream in streams:
        stream.file.close()
    print(json.dumps({"packets": sum(stream.packets for stream in streams)}), flush=True)


if __name__ == "__main__":
    main()
