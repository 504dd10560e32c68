"""
A DTLS-SRTP client that owes nothing to the server's code: pyOpenSSL by itself for the handshake, libsrtp for packets.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from pylibsrtp import Policy, Session

# OpenSSL's name of a profile, libsrtp's, sizes of master key and salt.
PROFILES = {
    "SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    "SRTP_AES128_CM_SHA1_32": (Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 16, 14),
    "SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    "SRTP_AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
}
LABEL = b"EXTRACTOR-dtls_srtp"


@define
class Certificate:
    """
    One of RSA, as older clients have it; the server's own is of ECDSA.
    """

    key: rsa.RSAPrivateKey = field(factory=lambda: rsa.generate_private_key(65537, 2048))
    certificate: x509.Certificate = field(init=False)

    def __attrs_post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
            .sign(self.key, hashes.SHA256())
        )

    def fingerprint(self, name: str = "sha-256") -> str:
        """
        As in a=fingerprint, by hashlib.
        """
        digest = hashlib.new(name.replace("-", ""), self.certificate.public_bytes(Encoding.DER)).digest()
        return f"{name} {digest.hex(':').upper()}"


CERTIFICATE = Certificate()     # of all clients that do not bring their own: RSA takes its time


@define
class DtlsClient:
    """
    One association; C{active}: it is the DTLS client, not the server.
    """

    active: bool = True
    profile: str = "SRTP_AES128_CM_SHA1_80"
    certificate: Certificate = CERTIFICATE
    is_done: bool = False
    connection: SSL.Connection = field(init=False)

    def __attrs_post_init__(self) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        context.use_privatekey(self.certificate.key)
        context.use_certificate(self.certificate.certificate)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        if self.profile:
            context.set_tlsext_use_srtp(self.profile.encode())
        self.connection = SSL.Connection(context, None)
        self.connection.set_ciphertext_mtu(1200)
        if self.active:
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()

    def step(self, *datagrams: bytes) -> list[bytes]:
        """
        Take these; what is to be sent then, a record each.
        """
        for datagram in datagrams or (b"",):
            if datagram:
                self.connection.bio_write(datagram)
            try:
                if self.is_done:
                    self.connection.recv(65536)
                else:
                    self.connection.do_handshake()
                    self.is_done = True
            except SSL.WantReadError:
                pass
        return self.sent()

    def repeat(self) -> list[bytes]:
        """
        The last flight again, where its time has come.
        """
        self.connection.DTLSv1_handle_timeout()
        return self.sent()

    def farewell(self) -> list[bytes]:
        """
        A close_notify.
        """
        self.connection.shutdown()
        return self.sent()

    def sent(self) -> list[bytes]:
        """
        What OpenSSL has written, record by record.
        """
        octets = b""
        try:
            while more := self.connection.bio_read(65536):
                octets += more
        except SSL.WantReadError:
            pass
        records = []
        while octets:
            size = 13 + int.from_bytes(octets[11:13])
            records.append(octets[:size])
            octets = octets[size:]
        return records

    def exported(self) -> bytes:
        """
        What the keys are cut from.
        """
        _, key, salt = PROFILES[self.profile]
        return self.connection.export_keying_material(LABEL, 2 * (key + salt))

    def own_key(self) -> bytes:
        """
        Master key and salt with which this side seals.
        """
        return self._key(of_client=self.active)

    def sealing(self) -> Session:
        """
        What seals the packets of any source.
        """
        profile, _, _ = PROFILES[self.profile]
        return Session(Policy(key=self.own_key(), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))

    def opening(self) -> Session:
        """
        What opens the packets of the other side.
        """
        profile, _, _ = PROFILES[self.profile]
        key = self._key(of_client=not self.active)
        return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))

    def _key(self, *, of_client: bool) -> bytes:
        _, key, salt = PROFILES[self.profile]
        exported = self.exported()
        first, second = (0, 2 * key) if of_client else (key, 2 * key + salt)
        return exported[first : first + key] + exported[second : second + salt]
