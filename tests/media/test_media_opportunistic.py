"""
Streams on lines that say RTP in clear, for which keys were agreed on all the same (RFC 8643).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dtls_client import DtlsClient
from dtls_rig import LOOK, DtlsRig, Wire
from pylibsrtp import Policy, Session
from rtp_rig import FORMATS, Sender, assert_exact, on_disk

from siprec_tw.interfaces import StreamKeys, StreamSpec

KEY, OTHER = bytes(range(30)), bytes(range(100, 130))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DtlsRig]:
    """
    A plane on IPv4.
    """
    made = DtlsRig(tmp_path)
    yield made
    made.end()


def session(key: bytes = KEY) -> Session:
    return Session(Policy(
        key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    ))


def opened(rig: DtlsRig, plain_too: bool = True, lifetimes: tuple[int, ...] = ()) -> Wire:
    """
    A stream with keys of the SDP; a socket that sends to it.
    """
    keys = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((KEY[:16], KEY[16:], b""),), lifetimes=lifetimes)
    address = rig.wait(rig.plane.open_stream(
        StreamSpec("s", str(rig.directory), FORMATS, keys=keys, plain_too=plain_too)
    ))
    return rig.wire(address.rtp_port)


def send_plain(rig: DtlsRig, wire: Wire, sender: Sender, count: int) -> list:  # type: ignore[type-arg]
    """
    In clear, and a sweep.
    """
    sent = sender.some(count, 8)
    wire.send(*(one.octets for one in sent))
    rig.clock.advance(0.4)
    return sent


def test_client_that_seals_is_recorded(rig: DtlsRig) -> None:
    """
    One packet that the key opens is enough: all are opened, and none in clear is taken from then on.
    """
    wire, sender, sealing = opened(rig), Sender(), session()
    sent = sender.some(40, 8)
    rig.send_sealed(sealing, wire, sent, a_sweep=5)
    forged = Sender(ssrc=sender.ssrc, sequence=sender.sequence, timestamp=sender.timestamp)
    send_plain(rig, wire, forged, 40)
    more = sender.some(40, 8)
    rig.send_sealed(sealing, wire, more)
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, [*sent, *more])
    assert (report.packets, report.rejected) == (80, 40)


def test_client_in_clear_is_recorded(rig: DtlsRig) -> None:
    """
    Nothing that the key opens: the sound is taken as it came, from the first packet on.
    """
    wire, sender = opened(rig), Sender()
    sent = [one for count in (3, 3, 3, 40, 40) for one in send_plain(rig, wire, sender, count)]
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert (report.packets, report.rejected, report.warnings) == (89, 0, ())


def test_too_few_packets_are_taken_as_they_came(rig: DtlsRig) -> None:
    """
    A stream that ends before it is decided loses nothing.
    """
    wire, sender = opened(rig), Sender()
    send_plain(rig, wire, sender, 5)
    assert rig.close().packets == 5


def test_client_that_seals_late(rig: DtlsRig) -> None:
    """
    In clear until it knew our key, sealed from the midst of a sweep on: nothing is lost, and the way back is shut.
    """
    wire, sender, sealing = opened(rig), Sender(), session()
    sent = [one for _ in range(3) for one in send_plain(rig, wire, sender, 20)]
    last = sender.some(10, 8)
    wire.send(*(one.octets for one in last))
    first = sender.some(10, 8)
    rig.send_sealed(sealing, wire, first, a_sweep=10)
    more = sender.some(20, 8)
    rig.send_sealed(sealing, wire, more, a_sweep=20)
    send_plain(rig, wire, Sender(ssrc=sender.ssrc, sequence=sender.sequence, timestamp=sender.timestamp), 20)
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, [*sent, *last, *first, *more])
    assert (report.packets, report.rejected) == (100, 20)


def test_strangers_in_clear_do_not_decide(rig: DtlsRig) -> None:
    """
    Whoever sends before the client does makes the stream one in clear for so long only: its packets are opened.
    """
    wire, sender, sealing = opened(rig), Sender(), session()
    send_plain(rig, rig.wire(wire.port), Sender(ssrc=99), 20)
    sent = sender.some(80, 8)
    rig.send_sealed(sealing, wire, sent, a_sweep=20)
    rig.close()
    assert_exact(next(s for s in on_disk(rig.directory) if s.record.opened.ssrc == sender.ssrc), sent)


def test_secured_line_takes_nothing_in_clear(rig: DtlsRig) -> None:
    """
    On RTP/SAVP the same packets are refused from the first on.
    """
    wire = opened(rig, plain_too=False)
    send_plain(rig, wire, Sender(), 40)
    report = rig.close()
    assert (report.packets, report.rejected) == (0, 40)


def test_changed_key_holds(rig: DtlsRig) -> None:
    """
    A new key of a re-INVITE opens what follows, before and after the stream is decided.
    """
    wire, sender = opened(rig), Sender()
    keys = StreamKeys("AES_CM_128_HMAC_SHA1_80", ((OTHER[:16], OTHER[16:], b""),))
    rig.wait(rig.plane.update_stream(StreamSpec("s", str(rig.directory), FORMATS, keys=keys, plain_too=True)))
    sent = sender.some(40, 8)
    rig.send_sealed(session(OTHER), wire, sent)
    report = rig.close()
    assert (report.packets, report.rejected) == (40, 0)


def test_dtls_that_does_not_come(rig: DtlsRig) -> None:
    """
    A fingerprint on such a line, and no handshake: after a second the sound is taken as it came, all of it.
    """
    address = rig.secured(rig.spec(plain_too=True))
    wire, sender = rig.wire(address.rtp_port), Sender()
    sent = send_plain(rig, wire, sender, 20)
    assert rig.plane.report("s").packets == 0       # type: ignore[union-attr]
    rig.clock.pump([LOOK] * 30)
    assert rig.plane.report("s").packets == 20      # type: ignore[union-attr]
    sent += send_plain(rig, wire, sender, 20)
    rig.clock.pump([LOOK] * 700)
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert (report.packets, report.rejected, report.warnings) == (40, 0, ())


def test_dtls_that_comes_late(rig: DtlsRig) -> None:
    """
    In clear first, then a handshake: from its end on nothing in clear is taken.
    """
    address = rig.secured(rig.spec(plain_too=True))
    wire, sender, client = rig.wire(address.rtp_port), Sender(), DtlsClient()
    sent = send_plain(rig, wire, sender, 20)
    rig.clock.pump([LOOK] * 30)
    rig.shake(client, wire)
    more = sender.some(40, 8)
    rig.send_sealed(client.sealing(), wire, more)
    send_plain(rig, wire, Sender(ssrc=sender.ssrc, sequence=sender.sequence, timestamp=sender.timestamp), 20)
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, [*sent, *more])
    assert (report.packets, report.rejected) == (60, 20)


def test_key_that_is_outlived_is_said(rig: DtlsRig) -> None:
    """
    More packets than the key was agreed on for: it is said once, and they are recorded.
    """
    wire, sealing, sender = opened(rig, plain_too=False, lifetimes=(64,)), session(), Sender()
    rig.send_sealed(sealing, wire, sender.some(64, 8), a_sweep=32)
    assert rig.plane.report("s").warnings == ()     # type: ignore[union-attr]
    rig.send_sealed(sealing, wire, sender.some(64, 8), a_sweep=32)
    report = rig.close()
    assert report.packets == 128
    assert report.warnings == (
        ("srtp-key-outlived", "a key was agreed on for 64 packets, and more have come under it"),
    )
