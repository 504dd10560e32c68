"""
Opens what a pool holds of secured streams (SRTP, RFC 3711), all of them at once.

A stream's packets are opened once, whatever becomes of it then: a packet that is opened twice is a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from attrs import frozen

from siprec_tw.media.arrival import Datagram
from siprec_tw.media.batch_check import Bools, Filling
from siprec_tw.media.batch_pool import Octets, SlotPool
from siprec_tw.media.batch_rows import Ints, Rows
from siprec_tw.rtp.packet import HEADER_SIZE
from siprec_tw.srtp.batch import Status, unprotect_rows
from siprec_tw.srtp.batch_next import members_of, open_next
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

    payloads: Octets     # a row a slot
    statuses: Octets     # Status; OK where it was not wanted
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
    pool: SlotPool, filling: Filling, contexts: Sequence[SrtpContext], rows: Rows, layout: PacketLayout, size: int,
    wanted: Bools,
) -> OpenedSlots:
    """
    Open the packets of the streams that are wanted, each with one context and in its stride as its row says; all of one
    layout, payloads of C{size} octets.
    """
    used = pool.used
    if wanted.all():
        statuses, payloads = _open(pool.octets[:used], pool, filling.counts, contexts, rows, layout, size)
    else:
        statuses, payloads = np.zeros(used, np.uint8), np.zeros((used, size), np.uint8)
        slots = np.flatnonzero(np.repeat(wanted, filling.counts))
        if len(slots):
            some = [context for context, want in zip(contexts, wanted.tolist(), strict=True) if want]
            statuses[slots], payloads[slots] = _open(
                pool.octets[slots], pool, filling.counts[wanted], some, rows[wanted], layout, size
            )
    good = wanted & np.logical_and.reduceat(statuses == Status.OK, filling.starts)
    return OpenedSlots(payloads, statuses, wanted, good)


def _open(
    octets: Octets, pool: SlotPool, counts: Ints, contexts: Sequence[SrtpContext], rows: Rows, layout: PacketLayout,
    size: int,
) -> tuple[Octets, Octets]:
    ssrcs = rows["ssrc"].astype(np.int64)
    if not layout.mki_size:
        members = members_of(contexts, ssrcs, rows["sequence"])
        if members is not None:
            return open_next(octets, counts, members, ssrcs, layout, size)
    lengths = np.full(len(octets), HEADER_SIZE + pool.size)
    batch = unprotect_rows(octets, lengths, np.repeat(np.arange(len(contexts)), counts), contexts)
    if batch.payloads.shape[1] != size:
        return batch.statuses, np.zeros((len(octets), size), np.uint8)      # none was opened
    return batch.statuses, batch.payloads
