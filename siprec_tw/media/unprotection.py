"""
Between the socket and the receiver of a secured stream: SRTP and SRTCP are opened (RFC 3711), what is not
authentic goes no further.
"""

from __future__ import annotations

from collections.abc import Sequence

from siprec_tw.errors import LocalError, PeerError
from siprec_tw.interfaces import StreamKeys
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.rtp.packet import is_rtcp
from siprec_tw.srtp.batch import Status, unprotect_packets
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.master_key import MasterKey
from siprec_tw.srtp.packet_index import CYCLE
from siprec_tw.srtp.profiles import profile_named


class Unprotection:
    """
    Opens what one stream's client sends and hands it to the receiver.
    """

    def __init__(self, keys: StreamKeys, receiver: StreamReceiver, packets_before: int = 0) -> None:
        self._receiver = receiver
        self._keys = keys
        # A source that goes on counting is this far, or one cycle more: where its numbers began is not known.
        self._cycles = packets_before // CYCLE
        self._context = context_of(keys, self._cycles)
        self._former: SrtpContext | None = None         # of another suite, whose packets may still be on their way

    def receive(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what one sweep found on the RTP port; SRTCP may share it (RFC 5761).
        """
        sealed = [datagram for datagram in datagrams if not is_rtcp(datagram[0])]
        if len(sealed) < len(datagrams):
            self.receive_rtcp([datagram for datagram in datagrams if is_rtcp(datagram[0])])
        self.receive_opened(sealed, *self._open([octets for octets, _, _ in sealed]))

    @property
    def batch_context(self) -> SrtpContext | None:
        """
        As L{siprec_tw.media.batch_opening.Opener} has it.
        """
        return None if self._former is not None else self._context

    def receive_opened(self, sealed: Sequence[Datagram], opened: Sequence[bytes], statuses: Sequence[Status]) -> None:
        """
        Hand on what proved authentic, and tell of the rest.
        """
        authentic = [
            (octets, address, arrival)
            for octets, status, (_, address, arrival) in zip(opened, statuses, sealed, strict=True)
            if status is Status.OK
        ]
        if authentic:
            self._receiver.receive(authentic)
            self._watch_lifetimes()
        if len(authentic) < len(sealed):
            self._receiver.refuse(len(sealed) - len(authentic), forged=Status.BAD_TAG in statuses)

    def went_on(self) -> None:
        """
        As L{siprec_tw.media.batch_opening.Opener} has it.
        """
        self._watch_lifetimes()

    def receive_rtcp(self, datagrams: Sequence[Datagram]) -> None:
        """
        Take what a sweep found on the RTCP port.
        """
        opened: list[Datagram] = []
        for octets, address, arrival in datagrams:
            try:
                opened.append((self._context.unprotect_rtcp(octets), address, arrival))
            except PeerError:
                continue        # RTCP says nothing that a recording depends on
        self._receiver.receive_rtcp(opened)

    def change(self, keys: StreamKeys) -> None:
        """
        Packets come under these keys from now on; those under the old ones may still be on their way.
        """
        if keys == self._keys:
            return
        self._receiver.take_back()
        if keys.suite != self._keys.suite or keys.encrypted != self._keys.encrypted:
            self._former, self._context = self._context, context_of(keys, self._cycles)
            for ssrc in self._former.sources():
                self._context.set_roll_over_counter(ssrc, self._former.roll_over_counter(ssrc))
        else:
            for master in master_keys(keys):
                self._context.change_key(master)
        self._keys = keys

    @property
    def has_opened(self) -> bool:
        """
        Whether the client has sealed anything with the keys that hold.
        """
        newest = self._context.keys[0]
        return bool(newest.accepted or newest.rtcp_windows)

    def close(self) -> None:
        """
        Nothing is kept here.
        """

    def _watch_lifetimes(self) -> None:
        """
        A key that is used too long is the client's fault; its sound is recorded all the same.
        """
        for key in self._context.keys:
            if key.accepted > key.master.lifetime:
                text = f"a key was agreed on for {key.master.lifetime} packets, and more have come under it"
                self._receiver.warn("srtp-key-outlived", text)

    def _open(self, packets: Sequence[bytes]) -> tuple[list[bytes], list[Status]]:
        """
        Open packets with the keys that hold; what they do not open, with those of the suite that was left.
        """
        opened, statuses = unprotect_packets(packets, [self._context])
        if self._former is None:
            return opened, statuses
        left = [index for index, status in enumerate(statuses) if status is Status.BAD_TAG]
        found = unprotect_packets([packets[index] for index in left], [self._former])
        for index, plain, status in zip(left, *found, strict=True):
            opened[index], statuses[index] = plain, status
        if self._context.is_settled():
            self._former = None
        return opened, statuses


def context_of(keys: StreamKeys, roll_over_counter: int = 0) -> SrtpContext:
    """
    The context that opens what these keys seal, C{roll_over_counter} being about that of its sources.

    Raises LocalError for a suite that is not ours.
    """
    profile = profile_named(keys.suite)
    if profile is None:
        raise LocalError(f"SRTP suite is {keys.suite}, wanted one that we know")
    return SrtpContext(profile, master_keys(keys), roll_over_counter, encrypted=keys.encrypted)


def master_keys(keys: StreamKeys) -> list[MasterKey]:
    """
    The client's keys.
    """
    if not keys.lifetimes:
        return [MasterKey(*each) for each in keys.keys]
    return [
        MasterKey(*each, lifetime=lifetime) for each, lifetime in zip(keys.keys, keys.lifetimes, strict=True)
    ]
