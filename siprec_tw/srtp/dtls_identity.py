"""
Who we are in DTLS: a certificate that signs itself, made at need and kept in memory only (RFC 5763 s.3).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from siprec_tw.srtp.dtls_keys import OFFERED_PROFILES
from siprec_tw.srtp.fingerprint import OWN_HASH, fingerprint_of

LARGEST_FLIGHT = 1200       # octets a datagram: what every path carries whole

_DTLS_1_2 = 0xFEFD
_COMMON_NAME = "siprec_tw"
_DAYS_VALID = 3650          # nobody looks at it; a process does not live so long


class DtlsIdentity:
    """
    Key, certificate and what all our handshakes have in common. C{now} is an aware instant.
    """

    def __init__(self, now: datetime | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, now or datetime.now(UTC))
        self.fingerprint = f"{OWN_HASH} {fingerprint_of(certificate.public_bytes(Encoding.DER))}"
        self._context = _context(key, certificate)

    def connection(self, *, active: bool) -> SSL.Connection:
        """
        A connection that is fed and emptied by hand; C{active}: it is the client.
        """
        connection = SSL.Connection(self._context, None)
        connection.set_ciphertext_mtu(LARGEST_FLIGHT)
        if active:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    return (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=_DAYS_VALID))
        .sign(key, hashes.SHA256())
    )


def _context(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_privatekey(key)
    context.use_certificate(certificate)
    # Any certificate will do here: it is its fingerprint that counts, which is looked at after the handshake.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.set_tlsext_use_srtp(OFFERED_PROFILES)
    return context
