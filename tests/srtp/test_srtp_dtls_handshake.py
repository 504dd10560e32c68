"""
The handshake for SRTP keys, against OpenSSL by itself: in this process, and as its command does it.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from dtls_client import CERTIFICATE, PROFILES, DtlsClient

from siprec_tw.errors import PeerError
from siprec_tw.srtp.dtls_handshake import DtlsHandshake
from siprec_tw.srtp.dtls_identity import LARGEST_FLIGHT, DtlsIdentity
from siprec_tw.srtp.dtls_keys import profile_of_openssl, split_exported
from siprec_tw.srtp.dtls_record import datagrams_of, hello_random, is_dtls
from siprec_tw.srtp.fingerprint import fingerprint_of
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.profiles import PROFILES as OURS

IDENTITY = DtlsIdentity()
PATIENCE = 20.0     # seconds for what takes a moment


def talk(ours: DtlsHandshake, client: DtlsClient) -> None:
    """
    Carry datagrams to and fro until neither has anything to say.
    """
    to_client, to_us = (ours.begin(), []) if ours.active else ([], client.step())
    while to_client or to_us:
        to_client += [reply for datagram in to_us for reply in ours.receive(datagram)]
        to_us = client.step(*to_client) if to_client else []
        to_client = []


def joined(key: MasterKey) -> bytes:
    return key.key + key.salt


@pytest.mark.parametrize("active", [False, True], ids=["passive", "active"])
@pytest.mark.parametrize("profile", PROFILES)
def test_both_sides_have_the_same_keys(active: bool, profile: str) -> None:
    """
    In either part, with each profile: the peer's key is the one that it seals with, and its certificate is known.
    """
    client, ours = DtlsClient(active=not active, profile=profile), DtlsHandshake(IDENTITY, active=active)
    talk(ours, client)
    assert ours.keys is not None, ours.failure
    assert not ours.is_under_way
    theirs, own = (ours.keys.server, ours.keys.client) if active else (ours.keys.client, ours.keys.server)
    assert joined(theirs) == client.own_key()
    assert joined(own) != client.own_key()
    assert ours.keys.profile == profile_of_openssl(profile.encode())
    assert ours.certificate == CERTIFICATE.certificate.public_bytes(Encoding.DER)
    seen = client.connection.get_peer_certificate(as_cryptography=True)
    assert isinstance(seen, x509.Certificate)
    assert IDENTITY.fingerprint == f"sha-256 {fingerprint_of(seen.public_bytes(Encoding.DER))}"
    assert client.own_key().hex() not in repr(ours.keys) + repr(vars(ours))


def test_exported_octets_are_cut_in_the_order_of_the_rfc() -> None:
    """
    Both keys first, both salts then (RFC 5764 s.4.2).
    """
    exported = bytes(range(60))
    keys = split_exported(OURS[0], exported)
    assert keys.client == MasterKey(bytes(range(16)), bytes(range(32, 46)))
    assert keys.server == MasterKey(bytes(range(16, 32)), bytes(range(46, 60)))
    with pytest.raises(PeerError, match="exported 59 octets, wanted 60"):
        split_exported(OURS[0], exported[1:])


def test_peer_without_srtp_has_no_keys() -> None:
    """
    A handshake that agrees on no profile is a failure, not keys.
    """
    ours = DtlsHandshake(IDENTITY, active=False)
    talk(ours, DtlsClient(profile=""))
    assert ours.keys is None
    assert ours.failure.startswith("use_srtp agreed on b''")


def test_lost_flights_are_repeated() -> None:
    """
    Every flight is lost once, whichever side it comes from: both time out, and agree.
    """
    for active in (False, True):
        client, ours = DtlsClient(active=not active), DtlsHandshake(IDENTITY, active=active)
        lost, last = set[str](), time.monotonic() + PATIENCE
        to_client, to_us = (ours.begin(), list[bytes]()) if active else ([], client.step())
        while not (ours.keys and client.is_done):
            assert time.monotonic() < last, (ours.failure, lost)
            for flight, name in ((to_client, "ours"), (to_us, "theirs")):
                if flight and f"{name} {ours.is_under_way}" not in lost and len(lost) < 3:
                    lost.add(f"{name} {ours.is_under_way}")
                    flight.clear()
            to_client, to_us = (
                [reply for datagram in to_us for reply in ours.receive(datagram)] + ours.pass_time(),
                (client.step(*to_client) if to_client else []) + ([] if client.is_done else client.repeat()),
            )
            time.sleep(0.005)
        assert len(lost) >= 2


def test_last_flight_is_repeated_for_a_peer_that_has_not_got_it() -> None:
    """
    The keys are there, and the client says its last flight again: so do we.
    """
    client, ours = DtlsClient(), DtlsHandshake(IDENTITY, active=False)
    flight = client.step(*(reply for datagram in client.step() for reply in ours.receive(datagram)))
    for datagram in flight:
        ours.receive(datagram)
    keys, last = ours.keys, time.monotonic() + PATIENCE
    assert keys is not None
    again: list[bytes] = []
    while not again:
        assert time.monotonic() < last
        again = client.repeat()
        time.sleep(0.005)
    replies = [reply for datagram in again for reply in ours.receive(datagram)]
    assert replies
    client.step(*replies)
    assert client.is_done
    assert ours.keys is keys


def test_passive_side_says_no_more_than_it_is_asked() -> None:
    """
    A ClientHello from an address that is not its sender's: one flight goes there, and no more as time passes.
    """
    ours = DtlsHandshake(IDENTITY, active=False)
    hello, = DtlsClient().step()
    flight = ours.receive(hello)
    assert flight
    last = time.monotonic() + 2.5       # OpenSSL would repeat itself after a second
    repeated: list[bytes] = []
    while time.monotonic() < last:
        repeated += ours.pass_time()
        time.sleep(0.05)
    assert len(repeated) <= len(flight)


def test_farewell_leaves_the_keys() -> None:
    """
    After a close_notify nothing more is said, and the keys are what they were.
    """
    client, ours = DtlsClient(), DtlsHandshake(IDENTITY, active=False)
    talk(ours, client)
    keys = ours.keys
    for datagram in client.farewell():
        ours.receive(datagram)
    assert [reply for hello in DtlsClient().step() for reply in ours.receive(hello)] == []
    assert ours.keys is keys is not None
    assert ours.failure == ""


def test_flights_fit_into_datagrams() -> None:
    """
    Records are put together as far as they fit, and never cut.
    """
    def record(size: int) -> bytes:
        return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2) + b"x" * size

    records = [record(size) for size in (500, 500, 400, 1500, 1)]
    assert datagrams_of(b"".join(records), LARGEST_FLIGHT) == [
        records[0] + records[1], records[2], records[3], records[4],
    ]
    assert datagrams_of(b"", LARGEST_FLIGHT) == []


def test_datagrams_are_told_apart_by_their_first_octet() -> None:
    """
    DTLS is 20 to 63 (RFC 7983); a ClientHello is known by its random, in whatever datagram it comes.
    """
    assert [first for first in range(256) if is_dtls(bytes([first, 0]))] == list(range(20, 64))
    assert not is_dtls(b"")
    hello, = DtlsClient().step()
    assert hello_random(hello) == hello[27:59]
    for spoiled in (hello[:58], b"\x17" + hello[1:], hello[:13] + b"\2" + hello[14:], hello[:3] + b"\0\1" + hello[5:]):
        assert hello_random(spoiled) is None


# --- the openssl command ---------------------------------------------------------------------------


@contextmanager
def openssl(*words: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """
    The command at work, with a certificate of its own; ended in the end.
    """
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=openssl"]
    made += ["-keyout", "k.pem", "-out", "c.pem"]
    subprocess.run(["openssl", *made], cwd=directory, check=True, capture_output=True)
    exporting = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"]
    command = ["openssl", *words, "-dtls1_2", "-cert", "c.pem", "-key", "k.pem", *exporting]
    with subprocess.Popen(
        command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def exported_by(output: bytes) -> bytes:
    """
    What the command says that it has exported.
    """
    found = re.search(rb"Keying material: ([0-9A-F]+)", output)
    assert found, output
    return bytes.fromhex(found[1].decode())


def carry(ours: DtlsHandshake, wire: socket.socket, peer: tuple[str, int] | None) -> None:
    """
    Let a handshake talk on a socket until it is done.
    """
    last = time.monotonic() + PATIENCE
    wire.settimeout(0.05)
    while ours.is_under_way:
        assert time.monotonic() < last, "no handshake"
        replies = ours.pass_time()
        try:
            datagram, peer = wire.recvfrom(65536)
            replies += ours.receive(datagram)
        except TimeoutError:
            pass
        for reply in replies:
            assert peer is not None
            wire.sendto(reply, peer)
    assert ours.keys is not None, ours.failure


@pytest.mark.processes
def test_openssl_client_has_our_keys(tmp_path: Path) -> None:
    """
    C{openssl s_client} begins, and exports what we have cut our keys from.
    """
    ours = DtlsHandshake(IDENTITY, active=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        words = ["s_client", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-connect", f"127.0.0.1:{wire.getsockname()[1]}"]
        with openssl(*words, directory=tmp_path) as client:
            carry(ours, wire, None)
            assert client.stdin is not None
            assert client.stdout is not None
            output = b""
            while b"Keying material:" not in output:
                line = client.stdout.readline()
                assert line, output
                output += line
    assert ours.keys == split_exported(OURS[0], exported_by(output))


@pytest.mark.processes
def test_openssl_server_has_our_keys(tmp_path: Path) -> None:
    """
    We begin with C{openssl s_server}, with the only profile that it takes; it asks for our certificate, too.
    """
    ours = DtlsHandshake(IDENTITY, active=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = ["s_server", "-use_srtp", "SRTP_AES128_CM_SHA1_32", "-Verify", "1", "-accept", f"127.0.0.1:{port}"]
        with openssl(*words, directory=tmp_path) as server:
            assert server.stdout is not None
            while b"ACCEPT" not in server.stdout.readline():
                pass
            for datagram in ours.begin():
                wire.sendto(datagram, ("127.0.0.1", port))
            carry(ours, wire, ("127.0.0.1", port))
            output = b""
            while b"Keying material:" not in output:
                line = server.stdout.readline()
                assert line, output
                output += line
    assert ours.keys == split_exported(OURS[1], exported_by(output))
