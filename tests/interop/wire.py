"""
A recording client on a plain UDP socket: it sends what it is given and waits for the answers.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from secrets import token_hex

from attrs import define, field

from siprec_tw.sip.message import Headers, Request, Response
from siprec_tw.sip.name_addr import parse_name_addr, parse_name_addr_list
from siprec_tw.sip.parser import parse_message

LARGEST = 65_535
PATIENCE = 5.0              # seconds until a final response
LINES = 4                   # rtp_port_0, rtp_port_1, ...
FIRST_RTP_PORT = 40_000     # what the descriptions say; the packets come from elsewhere


@define
class Exchange:
    """
    A request and what it was answered.
    """

    request: Request
    sent: float                                         # monotonic seconds
    responses: list[tuple[float, Response]] = field(factory=list)

    @property
    def final(self) -> Response:
        """
        The final response.
        """
        return self.responses[-1][1]

    @property
    def seconds(self) -> float:
        """
        From the request to its final response.
        """
        return self.responses[-1][0] - self.sent


@define
class Dialog:
    """
    What the placeholders of one call stand for.
    """

    call_id: str = field(factory=lambda: token_hex(8))
    from_tag: str = field(factory=lambda: token_hex(5))
    to_tag: str = ""
    target: str = ""
    invite: Exchange | None = None                      # the latest

    def learn(self, response: Response) -> None:
        """
        Take tag and target from a 2xx to an INVITE.
        """
        self.to_tag = parse_name_addr(response.headers.get("To") or "").tag or ""
        (contact,) = parse_name_addr_list(response.headers, "Contact")
        self.target = contact.uri


class Wire:
    """
    One client's socket.
    """

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.requests: list[Request] = []               # that the server sent us: none is awaited

    def close(self) -> None:
        """
        Free the port.
        """
        self._socket.close()

    def values(self, dialog: Dialog) -> Mapping[str, str]:
        """
        The placeholders of a new message.
        """
        return {
            "server": f"127.0.0.1:{self._server[1]}", "host": "127.0.0.1", "port": str(self.port),
            "branch": f"z9hG4bK{token_hex(8)}", "call_id": dialog.call_id, "from_tag": dialog.from_tag,
            "to_tag": dialog.to_tag or "none", "target": dialog.target or f"sip:127.0.0.1:{self._server[1]}",
            **{f"rtp_port_{line}": str(FIRST_RTP_PORT + 2 * line) for line in range(LINES)},
            **{f"rtcp_port_{line}": str(FIRST_RTP_PORT + 2 * line + 1) for line in range(LINES)},
        }

    def send(self, octets: bytes) -> Request:
        """
        Send a message, and expect nothing.
        """
        request = parse_message(octets)
        assert isinstance(request, Request)
        self._socket.sendto(octets, self._server)
        return request

    def ask(self, octets: bytes) -> Exchange:
        """
        Send a request and wait for its final response.
        """
        sent = time.monotonic()
        exchange = Exchange(self.send(octets), sent)
        while not exchange.responses or exchange.final.status < 200:
            left = sent + PATIENCE - time.monotonic()
            assert left > 0, f"no final response to {exchange.request.method}"
            self._socket.settimeout(left)
            received, _ = self._socket.recvfrom(LARGEST)
            message = parse_message(received)
            if isinstance(message, Request):
                self.requests.append(message)
            elif branch_of(message.headers) == branch_of(exchange.request.headers):
                exchange.responses.append((time.monotonic(), message))
        return exchange

    def acknowledge(self, exchange: Exchange, target: str) -> None:
        """
        Send the ACK to the final response of an INVITE (RFC 3261 s.13.2.2.4, s.17.1.1.3).
        """
        invite, response = exchange.request, exchange.final
        number = (invite.headers.get("CSeq") or "").split()[0]
        accepted = response.status < 300
        uri = target if accepted else invite.uri
        branch = f"z9hG4bK{token_hex(8)}" if accepted else branch_of(invite.headers)
        fields = (
            f"ACK {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch}",
            "Max-Forwards: 70",
            f"From: {invite.headers.get('From')}",
            f"To: {response.headers.get('To')}",
            f"Call-ID: {invite.headers.get('Call-ID')}",
            f"CSeq: {number} ACK",
            "Content-Length: 0",
        )
        self.send("\r\n".join((*fields, "", "")).encode())


def branch_of(headers: Headers) -> str:
    """
    The branch of the topmost Via.
    """
    parameters = (headers.get("Via") or "").split(";")[1:]
    return next(p.partition("=")[2].strip() for p in parameters if p.strip().startswith("branch="))
