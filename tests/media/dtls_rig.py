"""
What the tests of secured streams share: a plane, and clients that make handshakes with it and seal packets.
"""

from __future__ import annotations

import socket
from pathlib import Path

from attrs import define, field
from dtls_client import CERTIFICATE, DtlsClient
from pylibsrtp import Session
from rtp_rig import FORMATS, Sent
from test_media_plane import Rig

from siprec_tw.interfaces import DtlsPeer, StreamAddress, StreamSpec
from siprec_tw.srtp.fingerprint import parse_fingerprint

FINGERPRINT = parse_fingerprint(CERTIFICATE.fingerprint())
OTHER_FINGERPRINT = ("sha-256", ":".join(["00"] * 32))
LOOK = 0.05     # seconds between two looks at a port that awaits a handshake


@define(eq=False)
class Wire:
    """
    A socket of the client; the server's port is C{port}.
    """

    port: int = 0
    host: str = "127.0.0.1"
    socket: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, 0))
        self.socket.setblocking(False)

    @property
    def source(self) -> str:
        """
        As the SDP would say it.
        """
        return f"{self.host}:{self.socket.getsockname()[1]}"

    def send(self, *datagrams: bytes) -> None:
        """
        To the server.
        """
        for datagram in datagrams:
            self.socket.sendto(datagram, (self.host, self.port))

    def received(self) -> list[bytes]:
        """
        What the server has sent.
        """
        datagrams = []
        while True:
            try:
                datagram, address = self.socket.recvfrom(65536)
            except BlockingIOError:
                return datagrams
            assert address[1] == self.port
            datagrams.append(datagram)


class DtlsRig(Rig):
    """
    A plane whose streams are secured.
    """

    def __init__(self, directory: Path, host: str = "127.0.0.1") -> None:
        super().__init__(directory, host)
        self.wires: list[Wire] = []

    def wire(self, port: int) -> Wire:
        """
        A socket that is closed in the end.
        """
        made = Wire(port, self.host)
        self.wires.append(made)
        return made

    def spec(
        self, *fingerprints: tuple[str, str], active: bool = False, source: str = "", plain_too: bool = False
    ) -> StreamSpec:
        """
        A stream by DTLS.
        """
        peer = DtlsPeer(fingerprints or (FINGERPRINT,), active)
        return StreamSpec("s", str(self.directory), FORMATS, source, dtls=peer, plain_too=plain_too)

    def secured(self, spec: StreamSpec) -> StreamAddress:
        """
        Open it.
        """
        address: StreamAddress = self.wait(self.plane.open_stream(spec))
        return address

    def shake(self, client: DtlsClient, wire: Wire, looks: int = 12) -> None:
        """
        Let client and plane talk for so many looks.
        """
        if client.active and not client.is_done:
            wire.send(*client.step())
        for _ in range(looks):
            self.clock.advance(LOOK)
            replies = wire.received()
            if replies:
                wire.send(*client.step(*replies))

    def send_sealed(self, session: Session, wire: Wire, sent: list[Sent], a_sweep: int = 40) -> None:
        """
        Packets sealed by libsrtp, with sweeps in between.
        """
        for index, one in enumerate(sent, 1):
            wire.send(session.protect(one.octets))
            if index % a_sweep == 0:
                self.clock.advance(0.4)

    def end(self) -> None:
        """
        Nothing may be left.
        """
        for wire in self.wires:
            wire.socket.close()
        super().end()
