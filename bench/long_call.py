"""
Long calls on a real server, in real time: do their tracks stay together, and do the calls stay up?

    python -m bench.long_call [--minutes 60] [--ppm 100]

Two calls at once, of two G.711 streams each, whose clocks are C{ppm} apart: one fast, one slow. The first sends RTCP
sender reports, the second does not. Chirps are sent on both streams at the same instants (L{bench.markers}) and looked
for in recording.wav. Sessions are refreshed by UPDATE and re-INVITE by turns. Wanted: chirps at most 10 ms apart in
an hour (in proportion where it is shorter, 5 ms at least), and no farther from the instants at which they were sent.
Exit status 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from attrs import define, field, frozen

from bench.markers import MarkedSound, found
from siprec_tw.codecs.g711 import encode_mulaw
from siprec_tw.recording.manifest import posix
from siprec_tw.recording.wav import PCM16_HEADER_SIZE
from siprec_tw.rtp.rtcp import (
    CNAME,
    NTP_TO_POSIX,
    SenderReport,
    SourceChunk,
    SourceDescription,
    write_compound,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "end_to_end"))

from running_server import RunningServer
from wire_client import Caller, metadata, multipart, open_wire, sdp

HOST = "127.0.0.1"
RATE, PACKET = 8000, 160
HOUR = 3600.0
MOST_APART = 0.010          # seconds, in an hour
LEAST_WANTED = 0.005        # seconds, however short the call
REPORT_EVERY = 5.0
SESSION, SHORTEST_SESSION = 600, 90     # seconds; Session-Expires
FINALISE_SECONDS = 300.0
TELL_EVERY = 300.0
_HEADER = struct.Struct("!BBHII")


@define(eq=False)
class Stream:
    """
    What one stream sends, and by which clock.
    """

    sound: MarkedSound
    port: int
    identity: tuple[int, int, int]      # SSRC, first sequence number, first timestamp
    reporting: bool
    packets: int = 0
    _sock: socket.socket = field(factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    _reported: float = 0.0

    def due(self) -> float:
        """
        When the next packet is to be sent, in seconds after the first.
        """
        return self.packets * PACKET / self.sound.true_rate

    def send(self, wall: float, began: float) -> None:
        """
        Send the next packet, and a report when it is time; POSIX seconds.
        """
        ssrc, sequence, timestamp = self.identity
        ticks = self.packets * PACKET
        head = _HEADER.pack(0x80, 0, sequence + self.packets & 0xFFFF, timestamp + ticks & 0xFFFFFFFF, ssrc)
        self._sock.sendto(head + encode_mulaw(self.sound.samples(ticks, PACKET)), (HOST, self.port))
        self.packets += 1
        if self.reporting and wall - self._reported >= REPORT_EVERY:
            self._reported = wall
            self._sock.sendto(self._report(wall, began), (HOST, self.port + 1))

    def close(self) -> None:
        """
        Close the socket.
        """
        self._sock.close()

    def _report(self, wall: float, began: float) -> bytes:
        ssrc, _, timestamp = self.identity
        now = timestamp + round((wall - began) * self.sound.true_rate) & 0xFFFFFFFF
        ntp = int((wall + NTP_TO_POSIX) * 2**32)
        name = SourceChunk(ssrc, ((CNAME, b"long-call@127.0.0.1"),))
        report = SenderReport(ssrc, ntp, now, self.packets, self.packets * PACKET)
        return write_compound((report, SourceDescription((name,))))


@define(eq=False)
class Media:
    """
    Sends streams in a thread of its own, until it is told to stop.
    """

    streams: list[Stream]
    began: float = 0.0                  # POSIX seconds of the first packets
    latest: float = 0.0                 # seconds, the most that a packet was late
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """
        Begin.
        """
        self.began = time.time() + 0.1
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """
        No more packets.
        """
        self._over.set()
        self._thread.join()
        for stream in self.streams:
            stream.close()

    def _send(self) -> None:
        while not self._over.is_set():
            following = min(self.streams, key=Stream.due)
            due = self.began + following.due()
            if (early := due - time.time()) > 0:
                self._over.wait(early)
                continue
            wall = time.time()
            self.latest = max(self.latest, wall - due)
            following.send(wall, self.began)


@define(eq=False)
class LongCall:
    """
    A call, what it sends, and how often it was refreshed.
    """

    name: str
    caller: Caller
    expires: int                        # seconds
    streams: list[Stream] = field(factory=list)
    refreshes: int = 0
    faults: list[str] = field(factory=list)

    def begin(self, ppm: float, random: Random, *, reporting: bool) -> None:
        """
        INVITE, 200, ACK; the first stream is slow, the second fast.
        """
        ports = self.caller.call(*_offer(), fields=self._timer()).ports
        for port, by in zip(ports, (-ppm / 2, ppm / 2), strict=True):
            identity = random.getrandbits(32), random.getrandbits(16), random.getrandbits(32)
            self.streams.append(Stream(MarkedSound(RATE, by), port, identity, reporting))

    def refresh(self) -> None:
        """
        UPDATE, or re-INVITE, by turns.
        """
        if self.refreshes % 2:
            answer = self.caller.invite(*_offer(), fields=self._timer())
            self.caller.ack()
        else:
            answer = self.caller.ask("UPDATE", fields=self._timer())
        self.refreshes += 1
        if answer.status != 200:
            self.faults.append(f"refresh {self.refreshes} by {answer.method} was answered {answer.start}")

    def listen(self) -> None:
        """
        Whatever the server asks of itself is a fault: nothing should end such a call.
        """
        asked = [each.start for each in self.caller.wire.all_within(0.01) if not each.status]
        self.faults += [f"the server sent {start}" for start in asked]

    def _timer(self) -> list[tuple[str, str]]:
        return [("Supported", "timer"), ("Session-Expires", f"{self.expires};refresher=uac")]


@frozen
class Apart:
    """
    Where the chirps of a recording lie, in seconds.
    """

    chirps: int                         # found on both tracks
    missing: int
    between: float                      # the most between the tracks
    from_truth: float                   # the most between a track and when it was sent
    ppm: float                          # at which the tracks part


def _offer() -> tuple[bytes, str]:
    content_type, body = multipart(sdp(), metadata())
    return body, content_type


def apart(manifest: dict[str, Any], call: LongCall, began: float, seconds: float) -> Apart:
    """
    Look for the chirps of a call.
    """
    path = manifest["directory"] / "recording.wav"
    octets = np.memmap(path, np.uint8, "r")[PCM16_HEADER_SIZE:]
    sound = octets.view("<i2").reshape(-1, len(call.streams))
    zero = posix(manifest["times"]["sound_started"])
    places: list[list[float]] = []
    missing = 0
    instants = call.streams[0].sound.instants(seconds - 1.0)
    for instant in instants:
        expected = began + instant - zero
        heard_at = [found(sound[:, channel], RATE, expected) for channel in range(len(call.streams))]
        if None in heard_at:
            missing += 1
        else:
            places.append([instant, *(at - expected for at in heard_at if at is not None)])
    if len(places) < 2:
        return Apart(len(places), missing, float("inf"), float("inf"), float("inf"))
    table = np.array(places)
    between = table[:, 2] - table[:, 1]
    slope = float(np.polyfit(table[:, 0], between, 1)[0])
    return Apart(
        len(places), missing, float(np.abs(between).max()), float(np.abs(table[:, 1:]).max()), slope * 1e6
    )


def _judged(call: LongCall, manifest: dict[str, Any], began: float, seconds: float) -> list[str]:
    """
    Tell what was measured; what is wrong.
    """
    wanted = max(LEAST_WANTED, MOST_APART * min(1.0, seconds / HOUR))
    measured = apart(manifest, call, began, seconds)
    tell(
        f"{call.name}: {measured.chirps} chirps, {measured.missing} not found; tracks at most "
        f"{1e3 * measured.between:.2f} ms apart (they part by {measured.ppm:.2f} ppm), at most "
        f"{1e3 * measured.from_truth:.2f} ms from when they were sent; {call.refreshes} refreshes"
    )
    for track in manifest["tracks"]:
        tell(f"    track {track['label']}: lost {track['lost']}, clock {track.get('clock')}")
    faults = list(call.faults)
    if measured.missing:
        faults.append(f"{measured.missing} chirps are not in recording.wav")
    if measured.between > wanted:
        faults.append(f"the tracks are {1e3 * measured.between:.2f} ms apart, wanted {1e3 * wanted:.2f} at most")
    if measured.from_truth > wanted:
        faults.append(f"sound is {1e3 * measured.from_truth:.2f} ms off, wanted {1e3 * wanted:.2f} at most")
    if manifest["verdict"]["name"] != "complete" or manifest["end"]["reason"] != "bye":
        faults.append(f"verdict {manifest['verdict']}, end {manifest['end']}")
    if any(len(track["segments"]) != 1 for track in manifest["tracks"]):
        faults.append("a track was cut into segments")
    return [f"{call.name}: {fault}" for fault in faults]


def tell(text: str) -> None:
    """
    How far it is.
    """
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _hold(calls: list[LongCall], media: Media, seconds: float) -> None:
    """
    Keep the calls up so long.
    """
    end = media.began + seconds
    refresh = [time.time() + call.expires / 2 for call in calls]
    told = time.time()
    while time.time() < end:
        for index, call in enumerate(calls):
            call.listen()
            if time.time() >= refresh[index]:
                refresh[index] += call.expires / 2
                call.refresh()
        if time.time() - told >= TELL_EVERY:
            told += TELL_EVERY
            tell(f"{(time.time() - media.began) / 60:.0f} minutes; latest packet {1e3 * media.latest:.1f} ms late")
        time.sleep(min(0.5, max(0.0, end - time.time())))


def measure(directory: Path, minutes: float, ppm: float) -> list[str]:
    """
    Set up, hold, hang up, look; what is wrong.
    """
    seconds = minutes * 60
    expires = max(SHORTEST_SESSION, min(SESSION, round(seconds / 3)))
    server = RunningServer(directory)
    server.start()
    calls = [LongCall(name, Caller(open_wire("udp", server.sip_port)), expires) for name in ("with reports", "without")]
    try:
        for call in calls:
            call.begin(ppm, Random(time.time_ns()), reporting=call is calls[0])
        media = Media([stream for call in calls for stream in call.streams])
        media.start()
        tell(f"{len(calls)} calls of {minutes:g} minutes, clocks {ppm:g} ppm apart, sessions of {expires} s")
        _hold(calls, media, seconds)
        media.stop()
        for call in calls:
            call.caller.bye()
        ended = time.monotonic()
        server.wait("the recordings", lambda: len(server.manifests()) == len(calls), FINALISE_SECONDS)
        tell(f"finalised in {time.monotonic() - ended:.1f} s; latest packet {1e3 * media.latest:.1f} ms late")
        manifests = {manifest["call"]["call_id"]: manifest for manifest in server.manifests()}
        faults = [f for call in calls for f in _judged(call, manifests[call.caller.call_id], media.began, seconds)]
        return faults + server.errors()
    finally:
        server.kill()


def main() -> int:
    """
    Run, tell, judge.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--ppm", type=float, default=100.0, help="between the clocks of the two streams")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="siprec-long-call-") as directory:
        faults = measure(Path(directory), given.minutes, given.ppm)
    for fault in faults:
        tell(f"FAULT {fault}")
    tell("FAILED" if faults else "good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
