"""
Streams whose keys come by DTLS, over real sockets.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from dtls_client import PROFILES, Certificate, DtlsClient
from dtls_rig import LOOK, OTHER_FINGERPRINT, DtlsRig, Wire
from OpenSSL import SSL
from rtp_rig import Sender, assert_exact, on_disk
from test_media_plane import has_address

from siprec_tw.interfaces import RtcpPeer, StreamReport
from siprec_tw.media.dtls_stream import MOST_KEPT
from siprec_tw.srtp.fingerprint import parse_fingerprint

RECEIVER_REPORT = bytes.fromhex("80c90001") + b"\0\0\0\1"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DtlsRig]:
    """
    A plane on IPv4.
    """
    made = DtlsRig(tmp_path)
    yield made
    made.end()


def codes(report: StreamReport | None) -> list[str]:
    assert report is not None
    return [code for code, _ in report.warnings]


@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
@pytest.mark.parametrize("profile", PROFILES)
def test_sound_is_recorded_exactly(rig: DtlsRig, profile: str, active: bool) -> None:
    """
    In either part and with each profile every packet that libsrtp sealed lies at its place.
    """
    wire = rig.wire(0)
    address = rig.secured(rig.spec(active=active, source=wire.source))
    wire.port = address.rtp_port
    assert address.fingerprint.startswith("sha-256 ")
    client = DtlsClient(active=not active, profile=profile)
    rig.shake(client, wire)
    assert client.is_done
    sent = Sender(sequence=65_500).some(200, 8)
    rig.send_sealed(client.sealing(), wire, sent)
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert (report.packets, report.lost, report.rejected, report.warnings) == (200, 0, 0, ())


@pytest.mark.skipif(not has_address("::1"), reason="no IPv6 here")
@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
def test_sound_over_ipv6(tmp_path: Path, active: bool) -> None:
    """
    The same over IPv6.
    """
    rig = DtlsRig(tmp_path, "::1")
    wire = rig.wire(0)
    wire.port = rig.secured(rig.spec(active=active, source=wire.source)).rtp_port
    client = DtlsClient(active=not active)
    rig.shake(client, wire)
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40
    rig.end()


def test_hello_in_pieces(rig: DtlsRig) -> None:
    """
    A ClientHello that its sender has cut into two datagrams, as GStreamer does, is one.
    """
    wire = rig.wire(rig.secured(rig.spec()).rtp_port)
    client = DtlsClient()
    hello, = client.step()
    wire.send(*pieces(hello, 100))
    rig.shake(client, wire)
    assert client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40


def pieces(record: bytes, size: int) -> list[bytes]:
    """
    The message of a handshake record in two fragments, a record each (RFC 6347 s.4.2.3), with numbers that are free.
    """
    head, kind, length, message, body = record[:10], record[13:14], record[14:17], record[17:19], record[25:]
    made = []
    for number, part in enumerate((body[:size], body[size:])):
        fragment = kind + length + message + (number * size).to_bytes(3) + len(part).to_bytes(3) + part
        made.append(head + bytes([40 + number]) + len(fragment).to_bytes(2) + fragment)
    return made


def test_two_streams_have_one_certificate_and_keys_of_their_own(rig: DtlsRig) -> None:
    """
    One certificate a plane; what is sealed for one stream does not open on another.
    """
    first = rig.secured(rig.spec())
    second = rig.secured(evolve(rig.spec(), stream_id="t"))
    assert first.fingerprint == second.fingerprint
    clients = [DtlsClient(), DtlsClient()]
    wires = [rig.wire(first.rtp_port), rig.wire(second.rtp_port)]
    for client, wire in zip(clients, wires, strict=True):
        rig.shake(client, wire)
    rig.send_sealed(clients[0].sealing(), wires[1], Sender().some(40))
    rig.clock.advance(0.4)
    assert (rig.close("s").rejected, rig.close("t").rejected) == (0, 40)


def test_sound_before_the_keys_is_kept(rig: DtlsRig) -> None:
    """
    What overtakes the end of the handshake is opened when the keys are there: nothing is missing.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    wire.send(*client.step())
    rig.clock.advance(LOOK)
    last_flight = client.step(*wire.received())
    # The client knows the keys as soon as it has sent its Finished, which is late.
    sent = Sender().some(100, 8)
    session = client.sealing()
    rig.send_sealed(session, wire, sent[:60])
    rig.clock.advance(1.0)
    assert rig.plane.report("s") == StreamReport("s")
    wire.send(*last_flight)
    rig.shake(client, wire)
    rig.send_sealed(session, wire, sent[60:])
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert (report.packets, report.rejected, report.warnings) == (100, 0, ())


def test_what_is_kept_is_bounded(rig: DtlsRig) -> None:
    """
    A flood without a handshake: so much is kept, the rest refused, and all of it counted in the end.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    sender = Sender()
    for one in sender.some(MOST_KEPT + 500, 8):
        wire.send(one.octets)
        if one.packet.sequence % 100 == 0:
            rig.clock.advance(LOOK)
    rig.clock.advance(LOOK)
    assert codes(rig.plane.report("s")) == ["dtls-too-late"]
    report = rig.close()
    assert (report.packets, report.rejected) == (0, MOST_KEPT + 500)
    assert codes(report) == ["dtls-too-late", "dtls-no-handshake"]


def test_other_certificate_opens_nothing(rig: DtlsRig) -> None:
    """
    Another certificate than the SDP named: the handshake gives no keys, packets are refused, and it is said.
    """
    address = rig.secured(rig.spec(OTHER_FINGERPRINT))
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    rig.shake(client, wire)
    assert client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    report = rig.close()
    assert (report.packets, report.rejected) == (0, 40)
    assert codes(report) == ["dtls-fingerprint-mismatch", "dtls-no-handshake"]
    assert on_disk(rig.directory) == []


def test_any_of_the_fingerprints_will_do(rig: DtlsRig) -> None:
    """
    Several lines, of several hashes: one that fits is enough.
    """
    wanted = parse_fingerprint(DtlsClient().certificate.fingerprint("sha-512"))
    address = rig.secured(rig.spec(OTHER_FINGERPRINT, wanted))
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    rig.shake(client, wire)
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40


def test_no_handshake_is_said_and_a_late_one_taken(rig: DtlsRig) -> None:
    """
    After half a minute it is said that none came; one that comes later still gives keys, for what was kept too.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    rig.clock.pump([LOOK] * 590)
    assert codes(rig.plane.report("s")) == []
    rig.clock.pump([LOOK] * 20)
    assert codes(rig.plane.report("s")) == ["dtls-no-handshake"]
    calls = len(rig.clock.getDelayedCalls())
    assert calls == 1       # the sweeper's: nobody looks often any more
    client = DtlsClient()
    rig.shake(client, wire, 40)
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40


def test_strangers_hellos_cost_nothing(rig: DtlsRig) -> None:
    """
    ClientHellos from other addresses, and another one from the client's own in the midst of its handshake: the
    client's goes through.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    wire.send(*client.step())
    rig.clock.advance(LOOK)
    wire.send(*DtlsClient().step())
    for _ in range(2):
        rig.wire(address.rtp_port).send(*DtlsClient().step())
    rig.clock.advance(LOOK)
    rig.shake(client, wire)
    assert client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    report = rig.close()
    assert (report.packets, report.rejected, report.warnings) == (40, 0, ())


def test_flood_of_hellos_is_bounded(rig: DtlsRig) -> None:
    """
    A thousand ClientHellos in one sweep begin a handful of handshakes; the client's own goes through after them.
    """
    address = rig.secured(rig.spec())
    stranger = rig.wire(address.rtp_port)
    for _ in range(100):
        stranger.send(*DtlsClient().step())
    rig.clock.advance(LOOK)
    randoms = {datagram[27:59] for datagram in stranger.received()}
    assert len(randoms) <= 8
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    rig.shake(client, wire)
    assert client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40


def test_dtls_among_the_sound_is_no_sound(rig: DtlsRig) -> None:
    """
    A repeated last flight is answered in the next sweep, a close_notify leaves the keys, STUN is refused; none of the
    DTLS is counted.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    wire.send(*client.step())
    rig.clock.advance(LOOK)
    wire.send(*client.step(*wire.received()))
    rig.clock.advance(LOOK)
    assert wire.received()      # and lost: the client has not got our last flight
    sender = Sender()
    session = client.sealing()
    rig.send_sealed(session, wire, sender.some(40))
    again: list[bytes] = []
    while not again:
        again = client.repeat()
    wire.send(*again)
    rig.send_sealed(session, wire, sender.some(40))
    client.step(*wire.received())
    assert client.is_done
    wire.send(*client.farewell(), b"\0\1" + bytes(18))
    rig.send_sealed(session, wire, sender.some(40))
    report = rig.close()
    assert (report.packets, report.lost, report.rejected) == (120, 0, 1)


def test_new_handshake_gives_new_keys(rig: DtlsRig) -> None:
    """
    The client comes with another certificate, which a new offer named: its sound goes on, under the old keys until it
    has new ones.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client, sender = DtlsClient(), Sender()
    rig.shake(client, wire)
    rig.send_sealed(client.sealing(), wire, sender.some(40, 8))
    certificate = Certificate()
    rig.wait(rig.plane.update_stream(rig.spec(parse_fingerprint(certificate.fingerprint()))))
    old = client.sealing()
    rig.send_sealed(old, wire, sender.some(40, 8))
    other = DtlsClient(certificate=certificate, profile="SRTP_AEAD_AES_128_GCM")
    rig.shake(other, wire)
    assert other.is_done
    rig.send_sealed(other.sealing(), wire, sender.some(40, 8))
    report = rig.close()
    assert (report.packets, report.lost, report.rejected, report.warnings) == (120, 0, 0, ())


def test_handshake_is_given_up_when_sound_comes(rig: DtlsRig) -> None:
    """
    Half a minute later, with sound, the connection's memory is given back; a new handshake may come all the same.
    """
    address = rig.secured(rig.spec())
    wire, sender = rig.wire(address.rtp_port), Sender()
    for profile in ("SRTP_AEAD_AES_256_GCM", "SRTP_AES128_CM_SHA1_80"):
        client = DtlsClient(profile=profile)
        rig.shake(client, wire, 30)
        before = connections()
        rig.clock.pump([LOOK] * 700)
        rig.send_sealed(client.sealing(), wire, sender.some(40))
        rig.clock.advance(0.4)
        assert connections() == before - 1
        wire.send(*client.farewell())
        rig.clock.advance(0.4)
        assert wire.received() == []
    report = rig.close()
    assert (report.packets, report.lost, report.rejected) == (80, 0, 0)


def connections() -> int:
    """
    How many there are of OpenSSL's.
    """
    gc.collect()
    return sum(isinstance(each, SSL.Connection) for each in gc.get_objects())


def test_active_side_begins_again_for_another_certificate(rig: DtlsRig) -> None:
    """
    We are the client: a new fingerprint in the SDP has us begin anew, the same one does not.
    """
    wire = rig.wire(0)
    spec = rig.spec(active=True, source=wire.source)
    wire.port = rig.secured(spec).rtp_port
    client = DtlsClient(active=False)
    rig.shake(client, wire)
    rig.wait(rig.plane.update_stream(spec))
    rig.clock.advance(LOOK)
    assert wire.received() == []
    certificate = Certificate()
    rig.wait(rig.plane.update_stream(rig.spec(
        parse_fingerprint(certificate.fingerprint()), active=True, source=wire.source,
    )))
    other = DtlsClient(active=False, certificate=certificate)
    rig.shake(other, wire)
    assert other.is_done
    rig.send_sealed(other.sealing(), wire, Sender().some(40))
    assert rig.close().packets == 40


def test_active_side_tries_again(rig: DtlsRig) -> None:
    """
    Whoever answers first has the wrong certificate: two seconds later we begin again, and the right one gives keys.
    """
    wire = rig.wire(0)
    wire.port = rig.secured(rig.spec(active=True, source=wire.source)).rtp_port
    rig.shake(DtlsClient(active=False, certificate=Certificate()), wire)
    rig.clock.pump([LOOK] * 45)
    client = DtlsClient(active=False)
    rig.shake(client, wire)
    assert client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    report = rig.close()
    assert report.packets == 40
    assert codes(report) == ["dtls-fingerprint-mismatch"]


def test_active_side_begins_with_nobody_by_name(rig: DtlsRig) -> None:
    """
    A host that is a name, held media, nothing at all: there is nobody to begin with, and nothing is sent.
    """
    for source in ("client.example.com:4000", "0.0.0.0:4000", "127.0.0.1:0", "127.0.0.1:99999", "", "x"):
        rig.secured(rig.spec(active=True, source=source))
        rig.clock.advance(LOOK)
        assert rig.close().warnings == ()


@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
def test_rtcp_has_a_handshake_of_its_own(rig: DtlsRig, active: bool) -> None:
    """
    On its own port RTCP has its own keys; the sender report is read.
    """
    wire, rtcp_wire = rig.wire(0), rig.wire(0)
    host, _, port = rtcp_wire.source.partition(":")
    spec = evolve(
        rig.spec(active=active, source=wire.source), rtcp=RtcpPeer(host, int(port), muxed=False, cname="c")
    )
    address = rig.secured(spec)
    wire.port, rtcp_wire.port = address.rtp_port, address.rtcp_port
    client, rtcp_client = DtlsClient(active=not active), DtlsClient(active=not active)
    rig.shake(client, wire)
    rig.shake(rtcp_client, rtcp_wire)
    assert rtcp_client.is_done
    rig.send_sealed(client.sealing(), wire, Sender().some(40))
    rtcp_wire.send(rtcp_client.sealing().protect_rtcp(sender_report()))
    rig.clock.pump([0.4] * 6)
    receiver = rig.plane.receiver("s")
    assert receiver is not None
    assert receiver.rtcp.sender_reports == 1
    assert rig.close().packets == 40


@pytest.mark.parametrize("muxed", [True, False], ids=["muxed", "apart"])
@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
def test_our_reports_are_sealed_with_the_keys_of_their_port(rig: DtlsRig, muxed: bool, active: bool) -> None:
    """
    Before the keys nothing is said; then what we send opens under the keys of the handshake on the port by which it
    comes, and none of it is in clear.
    """
    wire, rtcp_wire = rig.wire(0), rig.wire(0)
    whereto = wire if muxed else rtcp_wire
    host, _, port = whereto.source.partition(":")
    spec = evolve(rig.spec(active=active, source=wire.source), rtcp=RtcpPeer(host, int(port), muxed, "name"))
    address = rig.secured(spec)
    wire.port, rtcp_wire.port = address.rtp_port, address.rtcp_port
    clients = {wire: DtlsClient(active=not active), rtcp_wire: DtlsClient(active=not active)}
    for each in (wire,) if muxed else (wire, rtcp_wire):
        rig.shake(clients[each], each)
        assert clients[each].is_done
    rig.send_sealed(clients[wire].sealing(), wire, Sender().some(40))
    rig.clock.pump([0.4] * 40)
    said = [datagram for datagram in whereto.received() if datagram[0] >> 6 == 2]
    assert len(said) > 1
    opening = clients[whereto].opening()
    for datagram in said:
        assert b"name" in opening.unprotect_rtcp(datagram)
        assert b"name" not in datagram
    assert rig.close().packets == 40


def sender_report() -> bytes:
    return bytes.fromhex("80c80006") + Sender().ssrc.to_bytes(4) + bytes(20)


def test_rtcp_without_a_handshake_is_tried_with_the_keys_of_rtp(rig: DtlsRig) -> None:
    """
    Some have one handshake for both ports; and some send RTCP on that of RTP.
    """
    address = rig.secured(rig.spec())
    wire, rtcp_wire = rig.wire(address.rtp_port), rig.wire(address.rtcp_port)
    client = DtlsClient()
    rig.shake(client, wire)
    rtcp_wire.send(client.sealing().protect_rtcp(sender_report()))
    rig.clock.pump([0.4] * 6)
    receiver = rig.plane.receiver("s")
    assert receiver is not None
    assert receiver.rtcp.sender_reports == 1
    rig.close()


def mutated(datagram: bytes, chance: random.Random) -> bytes:
    """
    One to four octets changed, put in or taken away, behind a first octet that is DTLS.
    """
    octets = bytearray(datagram)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(1, len(octets))
        match chance.randrange(4):
            case 0:
                octets[place] ^= 1 << chance.randrange(8)
            case 1:
                octets[place] = chance.randrange(256)
            case 2:
                octets.insert(place, chance.randrange(256))
            case _:
                del octets[place + 1 : place + 1 + chance.randrange(40)]
    return bytes(octets)


def test_spoiled_records_cost_no_recording(rig: DtlsRig) -> None:
    """
    Two thousand mutated records of every flight, before, after and in the midst of the handshake, from the client's
    own address and from others: nothing is raised, and every packet is recorded.
    """
    flights = flights_of_a_handshake(rig)
    chance = random.Random(5764)
    address = rig.secured(rig.spec())
    wire, stranger = rig.wire(address.rtp_port), rig.wire(address.rtp_port)
    client, sender = DtlsClient(), Sender()
    spoil(rig, flights, chance, 600, (wire, stranger))
    wire.received()
    wire.send(*client.step())
    rig.clock.advance(LOOK)
    replies = wire.received()
    spoil(rig, flights, chance, 400, (stranger,))
    wire.send(*client.step(*replies))
    rig.shake(client, wire)
    assert client.is_done
    session = client.sealing()
    sent = []
    for _ in range(20):
        spoil(rig, flights, chance, 50, (wire, stranger))
        some = sender.some(20, 8)
        rig.send_sealed(session, wire, some)
        sent += some
    report = rig.close()
    (segment,) = on_disk(rig.directory)
    assert_exact(segment, sent)
    assert (report.packets, report.lost) == (400, 0)


def flights_of_a_handshake(rig: DtlsRig) -> list[bytes]:
    """
    Every datagram of one, of either side, and a close_notify.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client = DtlsClient()
    found = []
    said = client.step()
    while said:
        found += said
        wire.send(*said)
        rig.clock.advance(LOOK)
        replies = wire.received()
        found += replies
        said = client.step(*replies) if replies else []
    found += client.farewell()
    rig.close()
    return found


def spoil(rig: DtlsRig, flights: list[bytes], chance: random.Random, count: int, wires: tuple[Wire, ...]) -> None:
    for number in range(count):
        chance.choice(wires).send(mutated(chance.choice(flights), chance))
        if number % 50 == 49:
            rig.clock.advance(LOOK)
            for wire in wires[1:]:
                wire.received()
    rig.clock.advance(0.4)


def test_plain_rtp_does_not_slip_through(rig: DtlsRig) -> None:
    """
    A secured stream in its stride takes no packet in clear, however well it fits: SSRC, number, time and address.
    """
    address = rig.secured(rig.spec())
    wire = rig.wire(address.rtp_port)
    client, sender = DtlsClient(), Sender()
    rig.shake(client, wire)
    session = client.sealing()
    rig.send_sealed(session, wire, sender.some(200, 160), a_sweep=20)
    for one in sender.some(40, 160):
        wire.send(one.octets)
    rig.clock.advance(0.4)
    report = rig.close()
    assert (report.packets, report.rejected) == (200, 40)
