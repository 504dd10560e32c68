"""
One DTLS handshake for SRTP keys (RFC 5764), without a socket: datagrams in, datagrams out, then keys or a failure.

  active      we are the DTLS client: begin() gives the first flight
  passive     the peer's ClientHello is the first thing received

OpenSSL speaks; its clock for repeating a flight is its own, and C{pass_time} lets it look at that. A passive side
repeats no more than one flight for each datagram that came: whoever sends from an address that is not his own makes
us send little more than he sent himself. When the handshake is done its last flight is still repeated for a peer
that has not got it.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from siprec_tw.errors import PeerError
from siprec_tw.srtp.dtls_identity import LARGEST_FLIGHT, DtlsIdentity
from siprec_tw.srtp.dtls_keys import EXPORTER_LABEL, DtlsKeys, exported_size, profile_of_openssl, split_exported
from siprec_tw.srtp.dtls_record import datagrams_of

_MOST_READ = 65_536


class DtlsHandshake:
    """
    One association. C{keys} and C{certificate} (the peer's, DER) are there when it is done, C{failure} says why it
    will never be.
    """

    def __init__(self, identity: DtlsIdentity, *, active: bool) -> None:
        self.active = active
        self.keys: DtlsKeys | None = None
        self.certificate = b""
        self.failure = ""
        self._opened: SSL.Connection | None = identity.connection(active=active)
        self._may_repeat = active
        self._is_over = False       # the peer has closed it, or OpenSSL has given it up

    @property
    def is_under_way(self) -> bool:
        """
        Whether it is neither done nor failed.
        """
        return self.keys is None and not self.failure

    def begin(self) -> list[bytes]:
        """
        The first flight of the active side.
        """
        return self._go_on()

    def receive(self, datagram: bytes) -> list[bytes]:
        """
        Take one datagram, not empty; the datagrams to be sent. What is no DTLS is passed over.
        """
        if self._is_over:
            return []
        self._may_repeat = True
        self._connection.bio_write(datagram)
        return self._go_on()

    def pass_time(self) -> list[bytes]:
        """
        The datagrams to be sent because the peer did not answer.
        """
        if not self.is_under_way or not self._may_repeat:
            return []
        try:
            if not self._connection.DTLSv1_handle_timeout():
                return []
        except SSL.Error as error:
            self._fail(error)
        self._may_repeat = self.active
        return self._sent()

    def release(self) -> None:
        """
        The peer has shown that it has our last flight: what would be needed to repeat it is given up.
        """
        self._opened, self._is_over = None, True

    @property
    def _connection(self) -> SSL.Connection:
        assert self._opened is not None
        return self._opened

    def _go_on(self) -> list[bytes]:
        try:
            if self.keys is None:
                self._connection.do_handshake()
                self._agree()
            else:
                # A last flight that came again is answered within; anything else that comes is nothing to us.
                self._connection.recv(_MOST_READ)
        except (SSL.WantReadError, SSL.WantWriteError):
            pass
        except SSL.Error as error:
            self._fail(error)
        except PeerError as error:
            self.failure, self._is_over = error.text, True
        return self._sent()

    def _agree(self) -> None:
        connection = self._connection
        profile = profile_of_openssl(connection.get_selected_srtp_profile())
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise PeerError("the peer has shown no certificate")
        self.certificate = certificate.public_bytes(Encoding.DER)
        exported = connection.export_keying_material(EXPORTER_LABEL, exported_size(profile))
        self.keys = split_exported(profile, exported)

    def _fail(self, error: SSL.Error) -> None:
        self._is_over = True
        if self.keys is None:
            self.failure = _text_of(error)

    def _sent(self) -> list[bytes]:
        records = b""
        try:
            while octets := self._connection.bio_read(_MOST_READ):
                records += octets
        except SSL.WantReadError:
            pass
        return datagrams_of(records, LARGEST_FLIGHT)


def _text_of(error: SSL.Error) -> str:
    """
    OpenSSL's reasons: "wrong version number; ...".
    """
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(str(reason[-1]) for reason in reasons) or type(error).__name__
