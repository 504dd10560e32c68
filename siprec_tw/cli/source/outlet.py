"""
The sockets of a stream: RTP from an even port, RTCP from the next (RFC 3550 s.11).
"""

from __future__ import annotations

import socket

from siprec_tw.errors import LocalError

MOST_TRIES = 64


class UdpOutlet:
    """
    A pair of bound sockets that send. They are not read: a recorder's reports are of no use here.
    """

    def __init__(self, host: str) -> None:
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._rtp, self._rtcp = self._pair(host)
        self._rtp_target: tuple[str, int] | None = None
        self._rtcp_target: tuple[str, int] | None = None

    @property
    def port(self) -> int:
        """
        The RTP port.
        """
        return int(self._rtp.getsockname()[1])

    def aim(self, host: str, rtp_port: int, rtcp_port: int) -> None:
        """
        Send there from now on.
        """
        self._rtp_target = (host, rtp_port)
        self._rtcp_target = (host, rtcp_port)

    def send_rtp(self, datagram: bytes) -> bool:
        """
        To the RTP port; whether the system took it.
        """
        return self._send(self._rtp, datagram, self._rtp_target)

    def send_rtcp(self, datagram: bytes) -> bool:
        """
        To the RTCP port; whether the system took it.
        """
        return self._send(self._rtcp, datagram, self._rtcp_target)

    def close(self) -> None:
        """
        Give the ports back.
        """
        self._rtp.close()
        self._rtcp.close()

    def _send(self, sender: socket.socket, datagram: bytes, target: tuple[str, int] | None) -> bool:
        if target is None:
            return False
        try:
            return sender.sendto(datagram, target) == len(datagram)
        except OSError:
            return False        # a full buffer, a network that is down: the packet is lost, the call goes on

    def _pair(self, host: str) -> tuple[socket.socket, socket.socket]:
        for _ in range(MOST_TRIES):
            rtp = self._bound(host, 0)
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                try:
                    return rtp, self._bound(host, port + 1)
                except OSError:
                    pass
            rtp.close()
        raise LocalError(f"there is no free pair of ports on {host}")

    def _bound(self, host: str, port: int) -> socket.socket:
        sender = socket.socket(self._family, socket.SOCK_DGRAM)
        sender.setblocking(False)
        try:
            sender.bind((host, port))
        except OSError:
            sender.close()
            raise
        return sender
