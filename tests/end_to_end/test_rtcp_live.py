"""
Our RTCP as clients get it from a running server: by a client of our own, dissected by Wireshark, and by GStreamer.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import struct
import subprocess
import time
from functools import partial
from hashlib import shake_128
from pathlib import Path

import pytest
from attrs import define, field
from pylibsrtp import Policy, Session
from running_server import RunningServer
from wire_client import Caller, manifests_of, open_wire, sdp

from siprec_tw.rtp.rtcp import (
    CNAME,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    parse_compound,
    write_compound,
)

FIRST = 65_400          # sequence number: it wraps while the client sends
MOST_SECONDS = 40.0     # for two reports; they are due within ten
SENDER_REPORT_EVERY = 50
SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY = shake_128(b"rtcp").digest(30)


def is_withheld(number: int) -> bool:
    """
    Every tenth packet is never sent.
    """
    return number % 10 == 7


@define(eq=False)
class Client:
    """
    A call of one stream: sends in real time what is not withheld, and keeps the RTCP that comes.
    """

    caller: Caller
    ssrc: int
    muxed: bool = False
    key: bytes = b""
    sent: int = 0                                       # packets, those withheld among them
    reports: list[bytes] = field(factory=list)          # in clear
    sealed: list[bytes] = field(factory=list)           # as they came
    last_report: int = 0                                # middle 32 bits of the NTP timestamp
    rtp: socket.socket = field(init=False)
    rtcp: socket.socket = field(init=False)
    ports: tuple[int, int] = (0, 0)                     # of the server
    _outgoing: Session | None = None
    _incoming: Session | None = None

    def call(self) -> None:
        """
        INVITE, 200, ACK.
        """
        self.rtp, self.rtcp = pair_of_sockets()
        lines = ["a=rtcp-mux"] if self.muxed else []
        if self.key:
            lines.append(f"a=crypto:1 {SUITE} inline:{base64.b64encode(self.key).decode()}")
        offer = sdp(*lines, ports=(self.rtp.getsockname()[1],))
        answer = self.caller.call(offer.replace(b"RTP/AVP", b"RTP/SAVP") if self.key else offer).body
        found = re.search(rb"^m=audio (\d+)", answer, re.MULTILINE)
        assert found
        assert (b"a=rtcp-mux" in answer) is self.muxed
        port = int(found[1])
        self.ports = port, port if self.muxed else port + 1
        if self.key:
            ours = re.search(rb"^a=crypto:1 \S+ inline:([^|\s]+)", answer, re.MULTILINE)
            assert ours
            profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
            self._outgoing = Session(
                Policy(key=self.key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
            )
            self._incoming = Session(
                Policy(key=base64.b64decode(ours[1]), ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
            )

    def step(self) -> None:
        """
        The next packet, a sender report now and then, and whatever came.
        """
        if not is_withheld(self.sent):
            head = struct.pack("!BBHII", 0x80, 0, FIRST + self.sent & 0xFFFF, 160 * self.sent, self.ssrc)
            packet = head + bytes(160)
            self.rtp.sendto(
                self._outgoing.protect(packet) if self._outgoing else packet, ("127.0.0.1", self.ports[0])
            )
        self.sent += 1
        if self.sent % SENDER_REPORT_EVERY == 0:
            self._report()
        self.hear()

    def hear(self) -> None:
        """
        Take the RTCP that came; nothing else may come.
        """
        silent, talking = (self.rtcp, self.rtp) if self.muxed else (self.rtp, self.rtcp)
        with pytest.raises(BlockingIOError):
            silent.recv(2048)
        while True:
            try:
                octets, source = talking.recvfrom(2048)
            except BlockingIOError:
                return
            assert source == ("127.0.0.1", self.ports[1])
            self.sealed.append(octets)
            self.reports.append(self._incoming.unprotect_rtcp(octets) if self._incoming else octets)

    def heard_goodbye(self) -> bool:
        """
        Whether the server has left.
        """
        self.hear()
        return isinstance(parse_compound(self.reports[-1])[-1], Goodbye)

    def lost_before(self, highest: int) -> int:
        """
        How many were withheld of those up to this extended number.
        """
        return sum(map(is_withheld, range(highest - FIRST + 1)))

    def close(self) -> None:
        """
        Close the sockets.
        """
        self.rtp.close()
        self.rtcp.close()
        self.caller.wire.close()

    def _report(self) -> None:
        ntp = (int(time.time()) + 2_208_988_800) << 32 | self.sent
        report = write_compound([SenderReport(self.ssrc, ntp, 160 * self.sent, self.sent, 160 * self.sent)])
        sealed = self._outgoing.protect_rtcp(report) if self._outgoing else report
        (self.rtp if self.muxed else self.rtcp).sendto(sealed, ("127.0.0.1", self.ports[1]))
        self.last_report = ntp >> 16 & 0xFFFFFFFF


def pair_of_sockets() -> tuple[socket.socket, socket.socket]:
    """
    One on a port, one on the next.
    """
    for _ in range(100):
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind(("127.0.0.1", 0))
        first.setblocking(False)
        second.setblocking(False)
        try:
            second.bind(("127.0.0.1", first.getsockname()[1] + 1))
        except (OSError, OverflowError):
            first.close()
            second.close()
            continue
        return first, second
    raise RuntimeError("no two ports are free side by side")


def has_one(server: RunningServer, caller: Caller) -> bool:
    """
    Whether the call's recording is there.
    """
    return len(manifests_of(server, caller)) == 1


def check_reports(client: Client) -> str:
    """
    Two reports with the right numbers and a goodbye; the name in them.
    """
    before, lost_before, names = FIRST - 1, 0, set()
    *reports, leaving = [parse_compound(octets) for octets in client.reports]
    assert len(reports) >= 2
    assert isinstance(leaving[2], Goodbye)
    for report, description, *_ in reports:
        assert isinstance(report, ReceiverReport)
        assert isinstance(description, SourceDescription)
        (chunk,), (block,) = description.chunks, report.blocks
        assert chunk.ssrc == report.ssrc != client.ssrc
        ((kind, name),) = chunk.items
        assert kind == CNAME
        names.add(name.decode())
        lost = client.lost_before(block.highest)
        fraction = ((lost - lost_before) << 8) // (block.highest - before)
        assert block == ReportBlock(
            client.ssrc, fraction, lost, block.highest, block.jitter, block.last_sr, block.delay
        )
        assert block.jitter < 8000
        before, lost_before = block.highest, lost
    assert before > 65_536
    last = reports[-1][0]
    assert isinstance(last, ReceiverReport)
    assert last.blocks[0].last_sr > 0
    assert 0 < last.blocks[0].delay < 20 * 65536
    (found,) = names
    return found


def test_clients_hear_what_was_lost(server: RunningServer, tmp_path: Path) -> None:
    """
    A client with rtcp-mux, one without, and one by SRTP get reports that tell what was withheld, and a goodbye; the
    recordings are whole. Wireshark finds no fault in the packets.
    """
    clients = [
        Client(Caller(open_wire("udp", server.sip_port)), 1000, muxed=True),
        Client(Caller(open_wire("udp", server.sip_port)), 2000),
        Client(Caller(open_wire("udp", server.sip_port)), 3000, key=KEY),
        Client(Caller(open_wire("udp", server.sip_port)), 4000, muxed=True, key=KEY[::-1]),
    ]
    for client in clients:
        client.call()
    began = time.monotonic()
    while any(len(client.reports) < 2 or client.sent < 200 for client in clients):
        for client in clients:
            client.step()
        assert time.monotonic() - began < MOST_SECONDS, [len(client.reports) for client in clients]
        time.sleep(max(0.0, began + 0.02 * clients[0].sent - time.monotonic()))
    for client in clients:
        client.caller.bye()
        server.wait("the goodbye", client.heard_goodbye)
        server.wait("the recording", partial(has_one, server, client.caller))
        (manifest,) = manifests_of(server, client.caller)
        (track,) = manifest["tracks"]
        sent = client.sent - sum(map(is_withheld, range(client.sent)))
        assert track["packets"] == sent
    assert len({check_reports(client) for client in clients}) == len(clients)
    for client in clients[2:]:
        assert not set(client.reports) & set(client.sealed)
    told = [octets for client in clients for octets in client.reports]
    theirs = sum(client.sent // SENDER_REPORT_EVERY for client in clients)
    server.wait("sent", lambda: server.metric("siprec_rtcp_packets_sent_total") == len(told))
    server.wait("received", lambda: server.metric("siprec_rtcp_packets_received_total") == theirs)
    check_dissection(tmp_path / "reports.pcap", told)


def check_dissection(path: Path, compounds: list[bytes]) -> None:
    """
    Wireshark sees RR, SDES and perhaps BYE in each, of the right length, and nothing malformed.
    """
    path.write_bytes(b"".join([
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101),      # raw IP
        *(record(number, octets) for number, octets in enumerate(compounds)),
    ]))
    fields = ("rtcp.pt", "rtcp.length_check", "rtcp.ssrc.cum_nr", "rtcp.sdes.text", "_ws.malformed", "_ws.expert")
    wanted = [part for name in fields for part in ("-e", name)]
    shown = subprocess.run(
        ["tshark", "-r", str(path), "-d", "udp.port==5005,rtcp", "-T", "fields", *wanted],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()
    assert len(shown) == len(compounds)
    for line, octets in zip(shown, compounds, strict=True):
        types, length, lost, name, *faults = line.split("\t")
        report, description, *rest = parse_compound(octets)
        assert isinstance(report, ReceiverReport)
        assert isinstance(description, SourceDescription)
        assert types.split(",") == ["201", "202", *(["203"] if rest else [])]
        assert length in ("1", "True")
        assert lost == ",".join(str(block.lost) for block in report.blocks)
        assert name == description.chunks[0].items[0][1].decode()
        assert not any(faults), line


def record(number: int, octets: bytes) -> bytes:
    """
    A datagram as a record of a capture.
    """
    udp = struct.pack("!HHHH", 5005, 5005, 8 + len(octets), 0) + octets
    here = bytes([127, 0, 0, 1])
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, here, here)
    return struct.pack("<IIII", number, 0, len(head + udp), len(head + udp)) + head + udp


# --- GStreamer -------------------------------------------------------------------------------------


def test_gstreamer_takes_our_reports(server: RunningServer, tmp_path: Path) -> None:
    """
    GStreamer's rtpbin finds its own source in our reports, counts nothing lost, and computes a round trip from LSR and
    DLSR; our goodbye is understood.
    """
    rtp, rtcp = pair_of_sockets()
    local = rtp.getsockname()[1]
    rtp.close()
    rtcp.close()
    caller = Caller(open_wire("udp", server.sip_port))
    (port,) = caller.call(sdp(ports=(local,))).ports
    log = tmp_path / "gst.log"
    pipeline = (
        "rtpbin name=b audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay !"
        f" b.send_rtp_sink_0 b.send_rtp_src_0 ! udpsink host=127.0.0.1 port={port} bind-port={local}"
        f" b.send_rtcp_src_0 ! udpsink host=127.0.0.1 port={port + 1} sync=false async=false"
        f" udpsrc address=127.0.0.1 port={local + 1} ! b.recv_rtcp_sink_0"
    )
    told = {"GST_DEBUG": "rtpsource:5,rtpsession:5", "GST_DEBUG_FILE": str(log), "GST_DEBUG_NO_COLOR": "1"}
    running = subprocess.Popen(
        ["gst-launch-1.0", "-q", *pipeline.split()], env={**os.environ, **told},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        server.wait("two reports", lambda: len(lines_of(log, "got RB packet")) >= 2, MOST_SECONDS)
        caller.bye()
        server.wait("the goodbye", lambda: lines_of(log, "got BYE packet"))
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(20)
        caller.wire.close()
    first, *_, last = lines_of(log, "got RB packet")
    for block in (first, last):
        assert "FL  0, PL 0," in block
    assert number_in(r"HS (\d+)", first) < number_in(r"HS (\d+)", last)
    assert "LSR 0000:0000" not in last
    seconds, part = re.findall(r"round trip ([0-9a-f]+):([0-9a-f]+)", lines_of(log, "round trip")[-1])[0]
    assert 0 < int(seconds, 16) + int(part, 16) / 65536 < 2.0


def lines_of(log: Path, text: str) -> list[str]:
    """
    What GStreamer logged with this text in it.
    """
    return [line for line in log.read_text().splitlines() if text in line] if log.exists() else []


def number_in(pattern: str, line: str) -> int:
    """
    The number that a line has there.
    """
    found = re.search(pattern, line)
    assert found, line
    return int(found[1])
