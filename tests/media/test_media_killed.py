"""
A process that is killed while it receives: what is on disk.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rtp_rig import Sender, on_disk

from siprec_tw.recording.segment import WAV_HEADER_SIZE
from siprec_tw.recording.sound import samples_end, sound_of

PROGRAM = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamSpec
from siprec_tw.media.plane import LocalMediaPlane

async def main():
    plane = LocalMediaPlane(reactor, "node-1", "127.0.0.1", (int(sys.argv[2]), int(sys.argv[2]) + 99))
    plane.start()
    address = await plane.open_stream(StreamSpec("s", sys.argv[1], (PayloadFormat(0, "PCMU", 8000),)))
    print(address.rtp_port, flush=True)

reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main()))
reactor.run()
"""
AT_RISK = 0.5       # seconds


@pytest.mark.processes
def test_killed_while_receiving(tmp_path: Path) -> None:
    """
    After SIGKILL all but the last half second is in the file, each packet at its place; the record fits it.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), "31900"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        sent = []
        sender = Sender()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            begun = time.monotonic()
            for index in range(110):
                time.sleep(max(0.0, begun + index * 0.02 - time.monotonic()))
                one = sender.one()
                if index % 20 != 7:
                    client.sendto(one.octets, ("127.0.0.1", port))
                    sent.append((time.monotonic(), one))
        killed = time.monotonic()
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()
    (segment,) = on_disk(tmp_path)
    safe = [one for at, one in sent if at < killed - AT_RISK]
    assert len(safe) > 70
    for one in safe:
        assert segment.at(one.packet.timestamp, 160) == one.packet.payload
    assert segment.record.closed is None
    sound = sound_of(segment.record, samples_end(segment.record, len(segment.octets) - WAV_HEADER_SIZE))
    assert sound.end >= safe[-1].packet.timestamp + 160
    holes = [(hole.first, hole.lost) for hole in sound.holes]
    assert holes == [(50_000 + index * 160, 1) for index in range(7, 110, 20)][: len(holes)]
    assert len(holes) >= len(safe) // 20
