"""
SRTP over real sockets while things change: new keys in mid-call, a bad network, m-lines of both kinds.
"""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from attrs import define
from running_server import RunningServer
from sealed_stream import PACKET, Key, SealedStream, paced
from steady_call import sound_of
from wire_client import Caller, Wire, calls_of, manifests_of, open_wire, sdp

from siprec_tw.srtp.replay_window import WINDOW_SIZE

SILENCE = b"\xff" * PACKET
CM, GCM, SHORT = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_32"


def secured(key: Key, version: int = 1) -> bytes:
    """
    An offer of one secured stream.
    """
    return sdp(key.line(), version=version, ports=(40000,)).replace(b"RTP/AVP", b"RTP/SAVP")


def recorded(server: RunningServer, caller: Caller) -> dict[str, Any]:
    """
    BYE, and the manifest of the recording.
    """
    caller.bye()
    server.wait("the recording", lambda: len(manifests_of(server, caller)) == 1)
    (manifest,) = manifests_of(server, caller)
    return manifest


def received(server: RunningServer, caller: Caller) -> int:
    """
    The packets of the only stream of a running call that were received so far.
    """
    (call,) = calls_of(server, caller)
    packets: int = call["tracks"][0]["reception"]["packets"]
    return packets


def sound(manifest: dict[str, Any], label: str) -> bytes:
    return sound_of(next(track for track in manifest["tracks"] if track["label"] == label), manifest)


@define
class Rekeyed:
    """
    A call whose keys change in its midst, and the packets that are still on their way then.
    """

    caller: Caller
    stream: SealedStream
    old: Key
    new: Key

    @classmethod
    def begun(cls, wire: Wire, name: str, old: Key, new: Key) -> Rekeyed:
        caller = Caller(wire)
        answer = caller.call(secured(old))
        # Around 65,536, so that the roll-over counter changes beside the key.
        return cls(caller, SealedStream(name, answer.ports[0], 65_500), old, new)

    def change(self) -> None:
        before = self.caller.accepted
        answer = self.caller.call(secured(self.new, version=2))
        assert before is not None and answer.ports == before.ports
        assert crypto(answer.body) != crypto(before.body)       # a new key of ours too (RFC 4568 s.7.1.4)

    def send(self, number: int) -> None:
        """
        Until 29 under the old key; from 30 on every third is late: it was sealed under the old one, 30 to 50.
        """
        late = 30 <= number < 50 and number % 3 == 0
        self.stream.send(self.stream.sealed(number, self.old if number < 30 or late else self.new))


def crypto(body: bytes) -> bytes:
    (line,) = [line for line in body.splitlines() if line.startswith(b"a=crypto:")]
    return line


REKEYS = {
    "CM": (Key(CM, "a"), Key(CM, "b")),
    "GCM": (Key(GCM, "a"), Key(GCM, "b")),
    "CM with MKI": (Key(CM, "a", b"\0\0\0\1"), Key(CM, "b", b"\0\0\0\2")),
    "GCM with MKI": (Key(GCM, "a", b"\0\0\0\1"), Key(GCM, "b", b"\0\0\0\2")),
    "an MKI that comes": (Key(CM, "a"), Key(CM, "b", b"\7")),
    "an MKI that goes": (Key(GCM, "a", b"\7"), Key(GCM, "b")),
    "a shorter tag": (Key(CM, "a"), Key(SHORT, "b")),
    "another family": (Key(CM, "a"), Key(GCM, "b")),
}


def test_keys_change_in_mid_call(server: RunningServer) -> None:
    """
    A re-INVITE brings new keys; packets under the old ones are still on their way for a while. Nothing is lost,
    with and without MKI, within a suite and from one to another, across a roll-over.
    """
    with open_wire("udp", server.sip_port) as wire:
        calls = {name: Rekeyed.begun(wire, name, *keys) for name, keys in REKEYS.items()}
        for number in paced(120):
            if number == 30:
                for call in calls.values():
                    call.change()
            for call in calls.values():
                call.send(number)
        manifests = {name: recorded(server, call.caller) for name, call in calls.items()}
    for name, manifest in manifests.items():
        (track,) = manifest["tracks"]
        assert (track["packets"], track["lost"], len(track["segments"])) == (120, 0, 1), name
        assert sound(manifest, "1") == b"".join(map(calls[name].stream.payload, range(120))), name
        assert "srtp-not-authentic" not in [warning["code"] for warning in manifest["warnings"]], name


@pytest.mark.parametrize("new", [Key(CM, "b"), Key(GCM, "b")], ids=["same suite", "another suite"])
def test_old_key_ends(server: RunningServer, new: Key) -> None:
    """
    When a window's packets have come under the new key, the old one opens nothing any more: what is sealed with it
    then is not recorded.
    """
    old, last = Key(CM, "a"), 10 + WINDOW_SIZE + 90
    with open_wire("udp", server.sip_port) as wire:
        call = Rekeyed.begun(wire, "ends", old, new)
        for number in range(10):
            call.stream.send(call.stream.sealed(number, old))
        call.change()
        for number in range(10, last):
            call.stream.send(call.stream.sealed(number, new))
            if number % 100 == 0:
                time.sleep(0.1)
        server.wait("all packets", lambda: received(server, call.caller) == last)
        call.stream.send(call.stream.sealed(last + 2, old))
        call.stream.send(call.stream.sealed(last, new))
        call.stream.send(call.stream.sealed(last + 1, new))
        manifest = recorded(server, call.caller)
    assert sound(manifest, "1") == b"".join(map(call.stream.payload, range(last + 2)))
    assert manifest["tracks"][0]["segments"][0]["rejected"] == 1
    assert "srtp-not-authentic" in [warning["code"] for warning in manifest["warnings"]]


def test_secured_and_plain_m_lines_in_one_call(server: RunningServer) -> None:
    """
    One m-line in clear, one secured: each is answered as it was offered and recorded exactly; what comes on the
    secured port in clear is not.
    """
    key = Key(GCM, "mixed", b"\1\2")
    plain, sealed = sdp(ports=(40000, 40002)).decode().split("m=audio 40002")
    offer = f"{plain}m=audio 40002{sealed.replace('RTP/AVP', 'RTP/SAVP')}{key.line(7)}\r\n".encode()
    with open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        answer = caller.call(offer)
        first, second = answer.body.split(b"m=audio ")[1:]
        assert b" RTP/AVP " in first and b"a=crypto" not in first
        assert b" RTP/SAVP " in second and b"a=crypto:7 AEAD_AES_128_GCM inline:" in second
        clear, secret = (SealedStream(name, port) for name, port in zip("cs", answer.ports, strict=True))
        for number in paced(40):
            clear.send(clear.plain(number))
            secret.send(secret.plain(number))
            secret.send(secret.sealed(number, key))
        manifest = recorded(server, caller)
    assert sound(manifest, "1") == b"".join(map(clear.payload, range(40)))
    assert sound(manifest, "2") == b"".join(map(secret.payload, range(40)))
    assert [track["lost"] for track in manifest["tracks"]] == [0, 0]


@pytest.mark.parametrize("key", [Key(CM, "bad"), Key(GCM, "bad", b"\0\0\0\4")], ids=["CM", "GCM with MKI"])
def test_bad_network(server: RunningServer, key: Key) -> None:
    """
    5 % loss, much reordering, 10 % duplicates, across a roll-over: all that arrived is at its place, silence
    stands for the rest, and every packet that came twice was refused once.
    """
    chance = Random(8)
    kept = sorted({0, 1, 399} | {number for number in range(400) if chance.random() > 0.05})
    sent = kept + [number for number in kept[2:] if chance.random() < 0.1]
    late = {number: chance.choice([0, 0, 0, 2, 5, 20]) for number in kept[2:-1]}
    order = sorted(sent, key=lambda number: number + late.get(number, 0))
    with open_wire("udp", server.sip_port) as wire:
        caller = Caller(wire)
        stream = SealedStream("bad", caller.call(secured(key)).ports[0], 65_300)
        packets = {number: stream.sealed(number, key) for number in kept}
        for count, number in enumerate(order):
            stream.send(packets[number])
            if count % 50 == 49:
                time.sleep(0.2)
        manifest = recorded(server, caller)
    (track,) = manifest["tracks"]
    wanted = [stream.payload(number) if number in packets else SILENCE for number in range(400)]
    assert sound(manifest, "1") == b"".join(wanted)
    assert (track["packets"], track["lost"]) == (len(kept), 400 - len(kept))
    assert track["segments"][0]["rejected"] == len(sent) - len(kept)
