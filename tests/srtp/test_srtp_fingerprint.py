"""
Fingerprints of certificates.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from dtls_client import CERTIFICATE

from siprec_tw.errors import PeerError
from siprec_tw.srtp.fingerprint import fingerprint_of, is_known, parse_fingerprint

DER = CERTIFICATE.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("name", ["sha-256", "sha-384", "sha-512"])
def test_fingerprint_is_that_of_openssl(name: str, tmp_path: Path) -> None:
    """
    The openssl command and we see the same certificate in the same way.
    """
    path = tmp_path / "certificate.der"
    path.write_bytes(DER)
    option = f"-{name.replace('-', '')}"
    command = ["openssl", "x509", "-inform", "DER", "-in", str(path), "-noout", "-fingerprint", option]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.strip().partition("=")[2] == fingerprint_of(DER, name)


def test_any_of_several_will_do() -> None:
    """
    A certificate is known by one fingerprint of several, by its strong hash, in any case of letters.
    """
    right, other = CERTIFICATE.fingerprint("sha-512"), "sha-256 " + ":".join(["00"] * 32)
    parsed = tuple(map(parse_fingerprint, (other, right.replace("sha", "SHA").lower())))
    assert is_known(DER, parsed)
    assert not is_known(DER, parsed[:1])
    assert not is_known(DER, ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "has 0 words"),
        ("sha-256", "has 1 words"),
        ("sha-1 " + ":".join(["AB"] * 20), "is of sha-1, wanted one of sha-256"),
        ("md5 " + ":".join(["AB"] * 16), "is of md5"),
        ("sha-256 " + ":".join(["AB"] * 31), "has 92 characters, wanted 32 octets"),
        ("sha-256 " + ":".join(["AB"] * 32) + ":", "has 96 characters"),
        ("sha-256 " + ":".join(["GG"] * 32), "wanted 32 octets"),
        ("sha-256 " + "AB" * 32, "wanted 32 octets"),
        ("sha-256 " + "AB:" * 200, "wanted at most 512"),
        ("\x1b[31m " + "AB" * 32, "is of 5 characters"),
    ],
)
def test_what_is_none_is_refused(value: str, text: str) -> None:
    """
    Weak hashes, wrong lengths and nonsense; nothing of the nonsense is repeated.
    """
    with pytest.raises(PeerError, match=text):
        parse_fingerprint(value)


def test_spoiled_fingerprints_raise_nothing_else() -> None:
    """
    Ten thousand mutations: read as they stand, or PeerError.
    """
    chance = random.Random(8122)
    good = CERTIFICATE.fingerprint()
    read = 0
    for _ in range(10_000):
        letters = list(good)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(letters))
            letters[place : place + chance.randrange(2)] = chance.choice(["", " ", ":", "a", "G", "\0", "é", "\u0661"])
        try:
            name, octets = parse_fingerprint("".join(letters))
        except PeerError:
            continue
        read += 1
        assert (name, len(octets)) == ("sha-256", 95)
    assert 0 < read < 5_000


