"""
The DTLS handshakes on one port (RFC 5763, RFC 5764).

Anybody may send a ClientHello there, also from an address that is not his own. So each one begins a handshake of
its own, by its address and its random, beside those that there are; whichever proves a certificate that the SDP
named gives the keys, and one that fails is forgotten. What is no ClientHello goes to all handshakes with that
address: those that it does not belong to make nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from siprec_tw.interfaces import DtlsPeer, StreamKeys
from siprec_tw.media.arrival import Address, Warn, text_of
from siprec_tw.media.rtcp_sender import Send
from siprec_tw.srtp.dtls_handshake import DtlsHandshake
from siprec_tw.srtp.dtls_identity import DtlsIdentity
from siprec_tw.srtp.dtls_keys import DtlsKeys
from siprec_tw.srtp.dtls_record import hello_random
from siprec_tw.srtp.fingerprint import is_known
from siprec_tw.srtp.master_key import MasterKey

HANDSHAKE_SECONDS = 30.0
MOST_ASSOCIATIONS = 4       # a port; each costs some tens of kilobytes
MOST_BEGUN_A_LOOK = 4       # handshakes between two calls of pass_time: each costs a millisecond
MOST_DATAGRAMS_A_LOOK = 64
AGAIN_SECONDS = 2.0         # after which a handshake of ours that failed is tried again


@frozen(eq=False)
class Association:
    """
    A handshake with one address.
    """

    address: Address
    random: bytes           # of the client's ClientHello; empty where we are the client
    handshake: DtlsHandshake
    begun: float


@define(eq=False)
class DtlsPort:
    """
    C{send(datagram, address)} from this port; C{agreed(keys)} as often as a handshake gives some.
    """

    _identity: DtlsIdentity
    peer: DtlsPeer                          # whose certificate gives keys from now on
    _send: Send
    _agreed: Callable[[StreamKeys], None]
    _warn: Warn
    _now: Callable[[], float]               # monotonic seconds
    _associations: list[Association] = field(factory=list)
    _current: Association | None = None     # which gave the keys that hold
    _remote: Address | None = None          # to whom we begin
    _begin_again_at: float | None = None
    _begin_until: float = 0.0
    _begun: int = 0                         # since time passed last
    _taken: int = 0

    @property
    def is_under_way(self) -> bool:
        """
        Whether time must pass for a handshake.
        """
        return self._begin_again_at is not None or any(each.handshake.is_under_way for each in self._associations)

    def begin(self, remote: Address) -> None:
        """
        Begin a handshake with this address, as the client; it is tried again for as long as one may take.
        """
        self._remote, self._begin_until = remote, self._now() + HANDSHAKE_SECONDS
        self._begin(remote)

    def receive(self, datagram: bytes, address: Address) -> None:
        """
        Take a datagram that is DTLS by its first octet. Too many at once are dropped, as the network may.
        """
        self._taken += 1
        if self._taken > MOST_DATAGRAMS_A_LOOK:
            return
        random = hello_random(datagram)
        meant = [each for each in self._associations if each.address == address and random in (None, each.random)]
        if random is not None and not meant and self._begun < MOST_BEGUN_A_LOOK:
            meant = [self._add(address, random, active=False)]
        for association in meant:
            was_under_way = association.handshake.is_under_way
            replies = association.handshake.receive(datagram)
            if not association.handshake.failure or len(meant) == 1:    # else its alert would end another's handshake
                self._answer(association, replies)
            if was_under_way:
                self._look_at(association)

    def pass_time(self) -> None:
        """
        Repeat what was not answered, give up what takes too long.
        """
        now = self._now()
        self._begun = self._taken = 0
        for association in tuple(self._associations):
            if association.handshake.is_under_way:
                self._answer(association, association.handshake.pass_time())
                if now - association.begun > HANDSHAKE_SECONDS:
                    self._associations.remove(association)
                else:
                    self._look_at(association)
        if self._begin_again_at is not None and now >= self._begin_again_at and self._remote is not None:
            self._begin(self._remote)

    def settle(self) -> None:
        """
        The client uses the keys: nothing of the handshake that gave them need be repeated, nor kept.
        """
        if self._current is not None:
            self._current.handshake.release()
            self._associations = [each for each in self._associations if each.handshake.is_under_way]
            self._current = None

    def _begin(self, remote: Address) -> None:
        self._begin_again_at = None
        association = self._add(remote, b"", active=True)
        self._answer(association, association.handshake.begin())

    def _add(self, address: Address, random: bytes, *, active: bool) -> Association:
        self._begun += 1
        if len(self._associations) >= MOST_ASSOCIATIONS:
            self._associations.remove(next(each for each in self._associations if each is not self._current))
        association = Association(address, random, DtlsHandshake(self._identity, active=active), self._now())
        self._associations.append(association)
        return association

    def _look_at(self, association: Association) -> None:
        """
        See what has become of a handshake that was under way.
        """
        handshake = association.handshake
        if handshake.keys is not None and is_known(handshake.certificate, self.peer.fingerprints):
            self._current, self._begin_again_at = association, None
            self._agreed(stream_keys(handshake.keys, active=handshake.active))
        elif not handshake.is_under_way:
            if handshake.keys is not None:
                self._warn(
                    "dtls-fingerprint-mismatch",
                    f"the certificate that {text_of(association.address)} showed is not one that the SDP names",
                )
            self._associations.remove(association)
            again = self._now() + AGAIN_SECONDS
            if handshake.active and again < self._begin_until:
                self._begin_again_at = again

    def _answer(self, association: Association, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram, association.address)


def stream_keys(agreed: DtlsKeys, *, active: bool) -> StreamKeys:
    """
    The peer's key to open with, ours to seal with; C{active}: we were the client.
    """
    theirs, own = (agreed.server, agreed.client) if active else (agreed.client, agreed.server)
    return StreamKeys(agreed.profile.name, (_parts(theirs),), own=_parts(own))


def _parts(key: MasterKey) -> tuple[bytes, bytes, bytes]:
    return key.key, key.salt, key.mki
