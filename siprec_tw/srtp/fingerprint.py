"""
Fingerprints of certificates in SDP (RFC 8122 s.5): a certificate that nobody signed is known by its hash.

  a=fingerprint:sha-256 4A:AD:B9:...

The hashes that are too weak to know anybody by, as SHA-1 and MD5, are not taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography.hazmat.primitives import hashes

from siprec_tw.errors import PeerError

MOST_OCTETS = 512       # of an attribute's value; SHA-512 needs 199
OWN_HASH = "sha-256"

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha-256": hashes.SHA256, "sha-384": hashes.SHA384, "sha-512": hashes.SHA512,
}
_HASH_NAME = re.compile(r"[a-z0-9-]{1,20}\Z")
_OCTETS = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2})*\Z")


def parse_fingerprint(value: str) -> tuple[str, str]:
    """
    Hash, in lower case, and fingerprint, in upper case, of the attribute's value. Raises PeerError for what is none,
    or has a hash that is not taken.
    """
    if len(value) > MOST_OCTETS:
        raise PeerError(f"fingerprint has {len(value)} octets, wanted at most {MOST_OCTETS}")
    words = value.split()
    if len(words) != 2:
        raise PeerError(f"fingerprint has {len(words)} words, wanted the name of a hash and octets")
    name, octets = words[0].lower(), words[1].upper()
    taken = _HASHES.get(name)
    if taken is None:
        found = name if _HASH_NAME.match(name) else f"{len(name)} characters"
        raise PeerError(f"fingerprint is of {found}, wanted one of {', '.join(_HASHES)}")
    size = taken.digest_size
    if not _OCTETS.match(octets) or len(octets) != 3 * size - 1:
        raise PeerError(f"fingerprint by {name} has {len(octets)} characters, wanted {size} octets as in AB:CD")
    return name, octets


def fingerprint_of(certificate: bytes, name: str = OWN_HASH) -> str:
    """
    The fingerprint of a certificate in DER, as "AB:CD:..."; C{name} is a hash that is taken.
    """
    digest = hashes.Hash(_HASHES[name]())
    digest.update(certificate)
    return digest.finalize().hex(":").upper()


def is_known(certificate: bytes, fingerprints: Iterable[tuple[str, str]]) -> bool:
    """
    Whether a certificate in DER has one of these fingerprints, each as parse_fingerprint gives it.
    """
    return any(fingerprint_of(certificate, name) == octets for name, octets in fingerprints)
