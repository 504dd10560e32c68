"""
GStreamer as a DTLS-SRTP client: its own DTLS, its own SRTP. It is given RTP in clear and seals it.

  test -> [UDP] gst-launch: dtlssrtpenc, dtlssrtpdec <- [UDP] -> one socket of the test <-> the server

The socket in the midst is the client's media port: what comes from the server goes to GStreamer, all else to the
server.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, field
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dtls_client import CERTIFICATE

LOOPBACK = "127.0.0.1"
# In the log once the keys are set; what comes before is sealed with a random one.
SHAKEN = "enc: connection-state = connected"


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((LOOPBACK, 0))
    return made


@define(eq=False)
class GstreamerClient:
    """
    A pipeline and the socket that stands between it and the server; C{active}: it begins the handshake.
    """

    active: bool
    directory: Path
    media: socket.socket = field(factory=bound)
    _server: tuple[str, int] = (LOOPBACK, 0)
    _plain_port: int = 0
    _back_port: int = 0
    _plain: socket.socket = field(factory=bound)
    _running: subprocess.Popen[bytes] | None = None
    _relay: threading.Thread | None = None
    _over: bool = False

    @property
    def fingerprint(self) -> str:
        """
        For the SDP.
        """
        return CERTIFICATE.fingerprint()

    def start(self, server_port: int) -> None:
        """
        Begin, with the server's media port.
        """
        self._server = (LOOPBACK, server_port)
        with bound() as plain, bound() as back:
            self._plain_port, self._back_port = plain.getsockname()[1], back.getsockname()[1]
        self._relay = threading.Thread(target=self._carry, daemon=True)
        self._relay.start()
        caps = "application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMU,payload=0"
        with (self.directory / "gstreamer.log").open("wb") as log:
            self._running = subprocess.Popen(
                [
                    "gst-launch-1.0", "-v",
                    "udpsrc", f"address={LOOPBACK}", f"port={self._back_port}", "!",
                    "dtlssrtpdec", "name=dec", "connection-id=c", f'pem="{pem()}"', "!", "fakesink", "sync=false",
                    "udpsrc", f"address={LOOPBACK}", f"port={self._plain_port}", f"caps={caps}", "!", "enc.rtp_sink_0",
                    "dtlssrtpenc", "name=enc", "connection-id=c", f"is-client={str(self.active).lower()}", "!",
                    "udpsink", f"host={LOOPBACK}", f"port={self.media.getsockname()[1]}", "sync=false", "async=false",
                ],
                stdout=log, stderr=log,
            )

    def send(self, packet: bytes) -> None:
        """
        RTP in clear, for GStreamer to seal.
        """
        self._plain.sendto(packet, (LOOPBACK, self._plain_port))

    def shaken(self) -> bool:
        """
        Whether the handshake is done, and what is sent from now on is sealed with its keys.
        """
        return SHAKEN in self.log()

    def log(self) -> str:
        """
        What GStreamer said.
        """
        return (self.directory / "gstreamer.log").read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
        self._over = True
        self.media.sendto(b"", self.media.getsockname())        # wakes the relay
        if self._relay is not None:
            self._relay.join()
        self.media.close()
        self._plain.close()

    def _carry(self) -> None:
        while True:
            datagram, source = self.media.recvfrom(65536)
            if self._over:
                return
            from_server = source == self._server
            self.media.sendto(datagram, (LOOPBACK, self._back_port) if from_server else self._server)


def pem() -> str:
    """
    Certificate and key in one text.
    """
    key = CERTIFICATE.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return (CERTIFICATE.certificate.public_bytes(Encoding.PEM) + key).decode()
