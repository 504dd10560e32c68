"""
A stream whose keys come by DTLS on its own ports (RFC 5763).

  no keys yet     DTLS goes to the handshake; SRTP is kept, and opened when the keys are there
  keys            SRTP is opened as with keys from the SDP; DTLS that still comes goes to the handshake: a last
                  flight is repeated, and a new handshake gives new keys
  in clear        where the SDP allows it (RFC 8643) and no handshake comes, what was kept is taken as plain RTP,
                  and what follows too, until there are keys after all

RTCP on a port of its own has a handshake of its own (RFC 5764 s.3); where none comes there, the keys of RTP
are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from siprec_tw.interfaces import StreamKeys, StreamSpec
from siprec_tw.media.arrival import Datagram, address_of
from siprec_tw.media.dtls_port import HANDSHAKE_SECONDS, DtlsPort
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.rtcp_sender import Send
from siprec_tw.media.unprotection import Unprotection
from siprec_tw.rtp.packet import VERSION
from siprec_tw.srtp.batch import Status
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.dtls_identity import DtlsIdentity
from siprec_tw.srtp.dtls_record import is_dtls

MOST_KEPT = 4096            # packets that wait for keys: a minute of one sender and more
MOST_KEPT_OCTETS = 2 << 20
RTCP_SECONDS = 2.0          # within which RTCP's handshake follows that of RTP: some send nothing before
CLEAR_SECONDS = 1.0         # for which packets wait for a handshake, where they might be in clear


class DtlsStream:
    """
    Takes what comes on the ports of one stream, once L{connect} has said how to send from them. C{wake} is called
    when time must pass (L{pass_time}) more often than packets are swept. Raises LocalError for a specification
    without DTLS.
    """

    def __init__(
        self, spec: StreamSpec, receiver: StreamReceiver, identity: DtlsIdentity, now: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._receiver = receiver
        self._identity = identity
        self._now = now
        self._wake = wake
        self._opened = now()
        self._keyed_at = 0.0
        self._ports: list[DtlsPort] = []                # of RTP and of RTCP, once connected
        self._rtp: Unprotection | None = None
        self._rtcp: Unprotection | None = None          # where its port has keys of its own
        self._kept: list[Datagram] = []
        self._kept_octets = 0
        self._kept_since = 0.0
        self._in_clear = False
        self._is_settled = False
        self._seal: Callable[[StreamKeys], None] = lambda keys: None

    @property
    def fingerprint(self) -> str:
        """
        What the SDP says of us: "sha-256 AB:CD:...".
        """
        return self._identity.fingerprint

    @property
    def is_awaiting(self) -> bool:
        """
        Whether time must pass: a handshake is under way, or should be.
        """
        if any(port.is_under_way for port in self._ports):
            return True
        now = self._now()
        if self._rtp is not None:
            return self._rtcp is None and not self._is_muxed and now - self._keyed_at <= RTCP_SECONDS
        return now - self._opened <= HANDSHAKE_SECONDS or bool(self._kept and self._spec.plain_too)

    def connect(self, send_rtp: Send, send_rtcp: Send, seal: Callable[[StreamKeys], None]) -> None:
        """
        Send so from the port of RTP and from that of RTCP; begin where that is ours to do. C{seal} is told the keys
        of the port by which our RTCP goes.
        """
        self._seal = seal
        assert self._spec.dtls is not None
        peer, warn = self._spec.dtls, self._receiver.warn
        self._ports = [
            DtlsPort(self._identity, peer, send, agreed, warn, self._now)
            for send, agreed in ((send_rtp, self._keyed), (send_rtcp, self._keyed_rtcp))
        ]
        self._begin()

    def receive(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what one sweep found on the RTP port.
        """
        for dtls, run in groupby(datagrams, lambda datagram: is_dtls(datagram[0])):
            if dtls:
                self._receive_dtls(0, run)
            elif self._rtp is not None:
                self._rtp.receive(tuple(run))
                self._settle(self._rtp)
            elif self._in_clear:
                self._receiver.receive(tuple(run))
            else:
                self._keep(tuple(run))

    def receive_rtcp(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what one sweep found on the RTCP port; what comes before its keys says nothing that matters.
        """
        for dtls, run in groupby(datagrams, lambda datagram: is_dtls(datagram[0])):
            keyed = self._rtcp or self._rtp
            if dtls:
                self._receive_dtls(1, run)
            elif keyed is not None:
                keyed.receive_rtcp(tuple(run))
            elif self._in_clear:
                self._receiver.receive_rtcp(tuple(run))

    @property
    def batch_context(self) -> SrtpContext | None:
        """
        As L{siprec_tw.media.batch_opening.Opener} has it: not before there are keys.
        """
        return self._rtp.batch_context if self._rtp is not None else None

    def receive_opened(self, sealed: Sequence[Datagram], opened: Sequence[bytes], statuses: Sequence[Status]) -> None:
        """
        The same.
        """
        if self._rtp is not None:
            self._rtp.receive_opened(sealed, opened, statuses)
            self._settle(self._rtp)

    def went_on(self) -> None:
        """
        The same.
        """
        if self._rtp is not None:
            self._rtp.went_on()
            self._settle(self._rtp)

    def change(self, spec: StreamSpec) -> None:
        """
        The stream is so from now on. As the client we begin again where the peer's certificate or address is another
        (RFC 5763 s.6.6); else it is the peer who does.
        """
        before, self._spec = self._spec, spec
        if spec.dtls is None or (spec.dtls, spec.expected_source) == (before.dtls, before.expected_source):
            return
        for port in self._ports:
            port.peer = spec.dtls
        self._begin()

    def pass_time(self) -> None:
        """
        Let handshakes repeat themselves, and see whether one has not come in its time.
        """
        for port in self._ports:
            port.pass_time()
        if self._rtp is not None:
            return
        now = self._now()
        if self._spec.plain_too and self._kept and now - self._kept_since > CLEAR_SECONDS and not self._is_begun:
            self._in_clear = True
            self._receiver.receive(self._take_kept())
        elif now - self._opened > HANDSHAKE_SECONDS and not self._in_clear:
            self._missed()

    def close(self) -> None:
        """
        What is still kept can never be opened.
        """
        if self._kept and self._spec.plain_too:
            self._receiver.receive(self._take_kept())
        elif self._kept:
            self._missed()
            self._receiver.refuse(len(self._take_kept()), forged=False)

    @property
    def _is_muxed(self) -> bool:
        return self._spec.rtcp is not None and self._spec.rtcp.muxed

    @property
    def _is_begun(self) -> bool:
        return any(port.is_under_way for port in self._ports)

    def _settle(self, opened: Unprotection) -> None:
        """
        Sound comes by the keys, and nobody repeats a flight so late: what the handshakes keep is given up.
        """
        if not self._is_settled and self._now() - self._keyed_at > HANDSHAKE_SECONDS and opened.has_opened:
            self._is_settled = True
            for port in self._ports:
                port.settle()

    def _missed(self) -> None:
        self._receiver.warn(
            "dtls-no-handshake", f"no DTLS handshake gave keys within {HANDSHAKE_SECONDS:g} s; packets wait for it"
        )

    def _begin(self) -> None:
        """
        As the client: with the address that the SDP says, for RTCP too where it has its own.
        """
        spec = self._spec
        remote = address_of(spec.expected_source)
        if spec.dtls is not None and spec.dtls.active and remote is not None:
            self._ports[0].begin(remote)
            if spec.rtcp is not None and not spec.rtcp.muxed:
                self._ports[1].begin((spec.rtcp.host, spec.rtcp.port))
        self._wake()

    def _receive_dtls(self, which: int, datagrams: Iterable[Datagram]) -> None:
        for octets, address, _ in datagrams:
            self._ports[which].receive(octets, address)
        self._wake()

    def _keyed(self, keys: StreamKeys) -> None:
        self._keyed_at, self._is_settled = self._now(), False
        if self._rtcp is None or self._is_muxed:
            self._seal(keys)
        if self._rtp is not None:
            self._rtp.change(keys)
            return
        self._rtp, self._in_clear = Unprotection(keys, self._receiver, self._spec.packets_before), False
        if self._kept:
            self._rtp.receive(self._take_kept())

    def _keyed_rtcp(self, keys: StreamKeys) -> None:
        self._is_settled = False
        if not self._is_muxed:
            self._seal(keys)
        if self._rtcp is None:
            self._rtcp = Unprotection(keys, self._receiver)
        else:
            self._rtcp.change(keys)

    def _keep(self, datagrams: tuple[Datagram, ...]) -> None:
        if not self._kept:
            self._kept_since = self._now()
        for datagram in datagrams:
            octets = datagram[0]
            size = len(octets)
            if not octets or octets[0] >> 6 != VERSION:
                self._receiver.refuse(1, forged=False)      # STUN, ZRTP and what else RFC 7983 knows
            elif len(self._kept) < MOST_KEPT and self._kept_octets + size <= MOST_KEPT_OCTETS:
                self._kept.append(datagram)
                self._kept_octets += size
            else:
                self._receiver.warn(
                    "dtls-too-late", f"more than {MOST_KEPT} packets came before the keys; later ones are not kept"
                )
                self._receiver.refuse(1, forged=False)

    def _take_kept(self) -> list[Datagram]:
        kept, self._kept, self._kept_octets = self._kept, [], 0
        return kept
