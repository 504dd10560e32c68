"""
A recorder for tests: answers by a script, on real sockets, and keeps what it was sent.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from random import Random

from twisted.internet.interfaces import IReactorTime

from siprec_tw.rtp.packet import parse_packet
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.signaling.layer import IncomingRequest, Signaling
from siprec_tw.signaling.peer import Peer
from siprec_tw.sip.dialog import Dialog, DialogState, uas_dialog
from siprec_tw.sip.message import Request, Response
from siprec_tw.sip.multipart import parts
from siprec_tw.sip.reply import reply


class Recorder:
    """
    Answers everything 200 at once, and receives RTP on two ports.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.random = Random(2)
        self.signaling = Signaling(
            clock, self, random_token=lambda: self.random.randbytes(8).hex(), allow=lambda peer: True
        )
        self.requests: list[Request] = []
        self.acks: list[Request] = []
        self.dialog: Dialog | None = None
        self.last: IncomingRequest | None = None
        self.local = Peer("udp", "", 0)
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for receiver in self.sockets:
            receiver.bind(("127.0.0.1", 0))
            receiver.setblocking(False)

    async def open(self, transport: str) -> Peer:
        self.local = await self.signaling.listen(transport, "127.0.0.1", 0)
        return self.local

    async def close(self) -> None:
        await self.signaling.stop()
        for receiver in self.sockets:
            receiver.close()

    def request_received(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.requests.append(request)
        self.last = incoming
        where = f"{self.local.host}:{self.local.port};transport={self.local.transport}"
        body = self.answer(request) if request.method == "INVITE" else b""
        incoming.respond(reply(
            request, 200, to_tag="srs", fields=(("Contact", f"<sip:srs@{where}>;+sip.srs"),),
            body=body, content_type="application/sdp" if body else None,
        ))
        if self.dialog is None:
            self.dialog = uas_dialog(request, "srs", DialogState.CONFIRMED)

    def ack_received(self, request: Request, peer: Peer) -> None:
        self.acks.append(request)

    def cancelled(self, incoming: IncomingRequest) -> None:
        raise AssertionError("nothing is cancelled here")

    def answer(self, request: Request) -> bytes:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        offer = parts(request.headers.get("Content-Type"), request.body)[0].body
        for media, receiver in zip(parse_sdp(offer).description.media, self.sockets, strict=True):
            port = receiver.getsockname()[1]
            lines += [f"m=audio {port} RTP/AVP 8 0 101", f"a=label:{media.label}", "a=recvonly"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    async def ask(self, method: str, sdp: bytes = b"", heard: Callable[[Response], None] | None = None) -> Response:
        """
        A request of the recorder in the dialog, and the response; C{heard} gets each one that comes.
        """
        assert self.dialog is not None
        assert self.last is not None
        self.dialog, request = self.dialog.request(
            method, body=sdp, content_type="application/sdp" if sdp else None
        )
        return await self.signaling.request(request, self.last.peer, flow=self.last.flow, on_response=heard)

    def acknowledge(self, number: int) -> None:
        """
        The ACK to a 2xx to an INVITE of the recorder.
        """
        assert self.dialog is not None
        assert self.last is not None
        self.signaling.send(self.dialog.ack(number), self.last.peer, flow=self.last.flow)

    def offer(self) -> bytes:
        """
        An offer of the recorder: its two ports the other way round.
        """
        lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        for receiver in reversed(self.sockets):
            lines += [f"m=audio {receiver.getsockname()[1]} RTP/AVP 8 0 101", "a=recvonly"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def received(self, index: int) -> list[tuple[int, int, bytes]]:
        found = []
        while True:
            try:
                packet = parse_packet(self.sockets[index].recv(2048))
            except BlockingIOError:
                return found
            found.append((packet.sequence, packet.timestamp, packet.payload))
