"""
Between the socket and the receiver of a stream that may be secured (RFC 8643): its keys were agreed on, on a line
that says RTP in clear, and what comes shows whether the client uses them.

  undecided   packets are kept (RTCP is not) until one proves authentic, or so many did not that they are in clear
  in clear    taken as they come; the last ones of each sweep are tried, as a client may begin late to use its key
  secured     one was authentic: from then on nothing else is taken, for ever
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from siprec_tw.errors import PeerError, Replayed
from siprec_tw.interfaces import StreamKeys
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.unprotection import Unprotection, context_of
from siprec_tw.rtp.packet import is_rtcp
from siprec_tw.srtp.batch import Status
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.packet_index import CYCLE

CLEAR_PACKETS = 8       # so many that no key opens are in clear
TRIED_A_SWEEP = 3


class Found(Enum):
    """
    What the client does, as far as is known.
    """

    UNDECIDED = "undecided"
    CLEAR = "clear"
    SECURED = "secured"


class Opportunistic:
    """
    Stands where an L{Unprotection} stands.
    """

    def __init__(self, keys: StreamKeys, receiver: StreamReceiver, packets_before: int = 0) -> None:
        self.found = Found.UNDECIDED
        self._receiver = receiver
        self._unprotection = Unprotection(keys, receiver, packets_before)
        self._cycles = packets_before // CYCLE
        self._trial = context_of(keys, self._cycles)    # knows of no replays: only whether a key opens what came
        self._kept: list[Datagram] = []

    def receive(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what one sweep found on the RTP port.
        """
        if self.found is Found.SECURED:
            self._unprotection.receive(datagrams)
        elif self.found is Found.CLEAR:
            self._receive_in_clear(datagrams)
        else:
            self._kept.extend(datagram for datagram in datagrams if not is_rtcp(datagram[0]))
            self._decide()

    def receive_rtcp(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what a sweep found on the RTCP port; what comes before it is decided says nothing that matters.
        """
        if self.found is Found.SECURED:
            self._unprotection.receive_rtcp(datagrams)
        elif self.found is Found.CLEAR:
            self._receiver.receive_rtcp(datagrams)

    @property
    def batch_context(self) -> SrtpContext | None:
        """
        As L{siprec_tw.media.batch_opening.Opener} has it: not before it is decided, nor in clear.
        """
        return self._unprotection.batch_context if self.found is Found.SECURED else None

    def receive_opened(self, sealed: Sequence[Datagram], opened: Sequence[bytes], statuses: Sequence[Status]) -> None:
        """
        The same.
        """
        self._unprotection.receive_opened(sealed, opened, statuses)

    def went_on(self) -> None:
        """
        The same.
        """
        self._unprotection.went_on()

    def change(self, keys: StreamKeys) -> None:
        """
        Packets may come under these keys from now on.
        """
        self._unprotection.change(keys)
        self._trial = context_of(keys, self._cycles)

    def close(self) -> None:
        """
        Too few came to decide: they are taken for what the line says.
        """
        kept, self._kept = self._kept, []
        if kept:
            self._receiver.receive(kept)

    def _decide(self) -> None:
        if any(map(self._opens, self._kept)):
            kept, self._kept = self._kept, []
            self._secured(kept)
        elif len(self._kept) >= CLEAR_PACKETS:
            self.found = Found.CLEAR
            self.close()

    def _receive_in_clear(self, datagrams: Sequence[Datagram]) -> None:
        if not any(map(self._opens, datagrams[-TRIED_A_SWEEP:])):
            self._receiver.receive(datagrams)
            return
        first = next(index for index, datagram in enumerate(datagrams) if self._opens(datagram))
        if first:
            self._receiver.receive(datagrams[:first])
        self._secured(datagrams[first:])

    def _secured(self, datagrams: Sequence[Datagram]) -> None:
        self.found = Found.SECURED
        self._unprotection.receive(datagrams)

    def _opens(self, datagram: Datagram) -> bool:
        try:
            self._trial.unprotect(datagram[0])
        except Replayed:
            return True
        except PeerError:
            return False
        return True
