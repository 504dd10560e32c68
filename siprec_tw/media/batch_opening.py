"""
Opens what a pool holds of secured streams (SRTP, RFC 3711), all of them at once.

A stream's packets are opened once, whatever becomes of it then: a packet that is opened twice is a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from siprec_tw.media.arrival import Datagram
from siprec_tw.media.batch_check import Bools, Filling
from siprec_tw.media.batch_pool import SlotPool
from siprec_tw.rtp.packet import HEADER_SIZE
from siprec_tw.srtp.batch import Status, unprotect_rows
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_state import PacketLayout


class Opener(Protocol):
    """
    What opens the packets of one stream.
    """

    @property
    def batch_context(self) -> SrtpContext | None:
        """
        The context under which packets may be opened together with those of other streams; None while each is to
        be looked at by itself. Before it is another, the stream is taken back (L{siprec_tw.media.receiver}).
        """

    def receive_opened(self, sealed: Sequence[Datagram], opened: Sequence[bytes], statuses: Sequence[Status]) -> None:
        """
        These packets were opened under that context, with these outcomes; each of C{opened} is a plain packet where
        its status is OK.
        """

    def went_on(self) -> None:
        """
        Packets were opened under that context, all proved authentic, and the stream goes on in its stride.
        """


def layout_of(context: SrtpContext) -> PacketLayout | None:
    """
    What packets under this context have besides, where they can be opened together.
    """
    key = context.only_key()
    return None if key is None else key.layout


def trailer_of(layout: PacketLayout) -> int:
    """
    Octets that sealing adds to a payload.
    """
    return layout.tag_size + layout.mki_size


@frozen
class OpenedSlots:
    """
    The slots of a pool, opened where that was wanted.
    """

    payloads: NDArray[np.uint8]     # a row a slot
    statuses: NDArray[np.uint8]     # Status; OK where it was not wanted
    wanted: Bools                   # a flag a stream
    good: Bools                     # streams of which all packets are plain now

    def packets(self, sealed: Sequence[Datagram], begin: int) -> tuple[list[bytes], list[Status]]:
        """
        The packets from this slot on, as plain ones, and their statuses.
        """
        end = begin + len(sealed)
        payloads = [row.tobytes() for row in self.payloads[begin:end]]
        opened = [octets[:HEADER_SIZE] + payload for (octets, _, _), payload in zip(sealed, payloads, strict=True)]
        return opened, [Status(status) for status in self.statuses[begin:end].tolist()]


def open_slots(
    pool: SlotPool, filling: Filling, contexts: Sequence[SrtpContext], size: int, wanted: Bools
) -> OpenedSlots:
    """
    Open the packets of the streams that are wanted, each with one context; payloads are of C{size} octets.
    """
    used = pool.used
    owners = np.repeat(np.arange(len(contexts)), filling.counts)
    if wanted.all():
        batch = unprotect_rows(pool.octets[:used], pool.lengths[:used], owners, contexts)
        statuses, payloads = batch.statuses, batch.payloads
        if payloads.shape[1] != size:
            payloads = np.zeros((used, size), np.uint8)     # none was opened
    else:
        slots = np.flatnonzero(wanted[owners])
        batch = unprotect_rows(pool.octets[slots], pool.lengths[slots], owners[slots], contexts)
        statuses, payloads = np.zeros(used, np.uint8), np.zeros((used, size), np.uint8)
        statuses[slots] = batch.statuses
        if batch.payloads.shape[1] == size:
            payloads[slots] = batch.payloads
    good = wanted & np.logical_and.reduceat(statuses == Status.OK, filling.starts)
    return OpenedSlots(payloads, statuses, wanted, good)
