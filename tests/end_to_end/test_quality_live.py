"""
The quality of calls at a real server: silent streams found while the call is up, losses as the sender withheld them.
"""

from __future__ import annotations

import json
import math
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from steady_call import noise
from wire_client import Caller, calls_of, manifests_of, open_wire, serving

PACKETS = 250
LABELS = ("1", "2")


class Voice:
    """
    A source of noise, one packet every 20 ms; those of whose pattern is 0 are withheld.
    """

    def __init__(self, port: int, seed: str, pattern: str = "1") -> None:
        self.port = port
        self.pattern = pattern
        self.seed = seed
        self.sent = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def speak(self, packets: int) -> None:
        """
        So many packets of time.
        """
        began = time.monotonic()
        for index in range(packets):
            if self.pattern[self.sent % len(self.pattern)] == "1":
                head = struct.pack(">BBHII", 0x80, 0, self.sent & 0xFFFF, 160 * self.sent, len(self.seed))
                self._socket.sendto(head + noise(self.seed, self.sent), ("127.0.0.1", self.port))
            self.sent += 1
            time.sleep(max(0.0, began + 0.02 * (index + 1) - time.monotonic()))

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """
        All the while.
        """
        over = threading.Event()

        def speak() -> None:
            while not over.is_set():
                self.speak(5)

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._socket.close()


def track(call: dict[str, Any], label: str) -> dict[str, Any]:
    """
    The track of a label.
    """
    return next(one for one in call["tracks"] if one["label"] == label)


def codes(warned: dict[str, Any]) -> list[str]:
    """
    The codes of the warnings of a call or a manifest.
    """
    return [warning["code"] for warning in warned["warnings"]]


def test_second_stream_is_silent_and_then_heard(tmp_path: Path) -> None:
    """
    While the call is up, the API and the metrics show who is silent since when, and that the call is one-way; then that
    the stream is heard again. The manifest keeps it all.
    """
    with serving(tmp_path, recording={"silent_after": "4s"}) as server, open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        ports = caller.call().ports

        def silence() -> str | None:
            return track(calls_of(server, caller)[0], "2")["silent_since"]

        with Voice(ports[0], "first").speaking():
            server.wait("the silent stream", silence)
            call, = calls_of(server, caller)
            assert (track(call, "1")["silent_since"], track(call, "1")["one_way"]) == (None, False)
            assert (silence(), track(call, "2")["one_way"]) == (call["answered"], True)
            assert codes(call) == ["stream-silent", "one-way"]
            assert "m-line 1 (label 2)" in call["warnings"][1]["text"]
            assert server.metric("siprec_streams_silent") == server.metric("siprec_calls_one_way") == 1
            assert b"silent: 2" in server.get("/")[1]
            with Voice(ports[1], "second").speaking():
                server.wait("the stream that is heard again", lambda: silence() is None)
                assert server.metric("siprec_streams_silent") == server.metric("siprec_calls_one_way") == 0
            call, = calls_of(server, caller)
            assert codes(call) == ["stream-silent", "one-way", "stream-heard-again"]
        caller.bye()
        server.wait("the recording", lambda: manifests_of(server, caller))
        manifest, = manifests_of(server, caller)
        assert codes(manifest) == ["stream-silent", "one-way", "stream-heard-again"]
        assert manifest["verdict"]["name"] == "complete"


@pytest.mark.parametrize("receiver", ["batch", "swept"])
def test_bad_network_has_its_quality_in_the_manifest(tmp_path: Path, receiver: str) -> None:
    """
    The figures of each track are those of the packets that its sender withheld, looked up one by one.
    """
    patterns = {label: withheld(seed) for seed, label in enumerate(LABELS)}
    with serving(tmp_path, media={"receiver": receiver}) as server, open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        ports = caller.call().ports
        voices = [Voice(port, f"bad{label}", patterns[label]) for port, label in zip(ports, LABELS, strict=True)]
        threads = [threading.Thread(target=voice.speak, args=(PACKETS,)) for voice in voices]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.wait("all packets", lambda: all(
            track(calls_of(server, caller)[0], label)["reception"]["packets"] == patterns[label].count("1")
            for label in LABELS
        ))
        live = {label: track(calls_of(server, caller)[0], label)["reception"]["quality"] for label in LABELS}
        caller.bye()
        server.wait("the recording", lambda: manifests_of(server, caller))
        manifest, = manifests_of(server, caller)
        assert server.metric("siprec_stream_mos_count") == server.metric("siprec_stream_loss_ratio_count") == 2
    for label, pattern in patterns.items():
        quality = track(manifest, label)["quality"]
        assert quality == live[label]
        assert {key: quality[key] for key in figures(pattern)} == figures(pattern), json.dumps(quality)
        assert quality["r_factor"] == rating(pattern, quality["jitter"])
        assert 1.0 < quality["mos"] < 4.41


def withheld(seed: int) -> str:
    """
    A pattern of packets that are sent (1) and withheld (0): some alone, some in bursts. Both ends are sent.
    """
    choice = random.Random(seed)
    pattern = "11"
    while len(pattern) < PACKETS:
        pattern += "0" * choice.choice((1, 1, 2)) + "1" * choice.choice((3, 15, 16, 17, 60, 90))
    return pattern[: PACKETS - 2] + "11"


def figures(pattern: str) -> dict[str, float]:
    """
    The figures by regular expressions: a burst begins and ends with a loss and has no 16 packets in a row that came.
    """
    bursts = [found for found in re.findall("0(?:1{0,15}0)*", pattern) if len(found) > 1]
    gaps = [gap for gap in re.split("0(?:1{0,15}0)+", pattern) if gap]
    within, between = "".join(bursts), "".join(gaps)
    return {
        "loss_rate": round(pattern.count("0") / len(pattern), 6),
        "longest_loss": max(map(len, re.findall("0+", pattern))),
        "bursts": len(bursts),
        "burst_density": round(within.count("0") / len(within), 6),
        "burst_duration": round(0.02 * len(within) / len(bursts), 6),
        "gap_density": round(between.count("0") / len(between), 6),
        "gap_duration": round(0.02 * len(between) / len(gaps), 6),
    }


def rating(pattern: str, jitter: float) -> float:
    """
    R of G.711 without concealment, of so many losses in runs of such a length, and the delay that jitter asks for.
    """
    loss, runs = pattern.count("0") / len(pattern), re.findall("0+", pattern)
    ratio = max(1.0, pattern.count("0") / len(runs) * (1 - loss))
    x = max(0.0, math.log2((0.05 + min(2 * jitter, 0.2)) / 0.1))
    delay = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return float(round(93.2 - delay - 95 * 100 * loss / (100 * loss / ratio + 4.3), 1))
