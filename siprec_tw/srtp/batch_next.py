"""
Opening packets of which each is known to be the next of its source: who follows streams in their stride has read
their headers already.

What comes out is what L{siprec_tw.srtp.batch.unprotect_rows} would have said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from siprec_tw.rtp.packet import HEADER_SIZE
from siprec_tw.srtp.batch import Status, open_sealed, settle_singly
from siprec_tw.srtp.batch_ciphers import Sealed
from siprec_tw.srtp.batch_heads import Numbers, Octets
from siprec_tw.srtp.batch_runs import Member, member_of
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_state import PacketLayout
from siprec_tw.srtp.packet_index import CYCLE, INDEX_END


def members_of(contexts: Sequence[SrtpContext], ssrcs: Numbers, sequences: Numbers) -> list[Member] | None:
    """
    Whose packets these are, one source a context, each beginning with this sequence number; None where one of them is
    not the source's next by what its context knows, or has no room for its index.
    """
    members = []
    for context, ssrc, sequence in zip(contexts, ssrcs.tolist(), sequences.tolist(), strict=True):
        member = member_of(context, ssrc)
        if member is None:
            return None
        following = member[1].highest + 1
        if following % CYCLE != sequence or following + CYCLE >= INDEX_END:
            return None
        members.append(member)
    return members


def open_next(
    rows: Octets, counts: Numbers, members: list[Member], ssrcs: Numbers, layout: PacketLayout, size: int
) -> tuple[NDArray[np.uint8], Octets]:
    """
    Statuses and payloads of rows, so many of each member, each the next of its source, with a header of HEADER_SIZE and
    a payload of C{size} octets; all of one layout without MKI.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    highest = np.fromiter((window.highest for _, window in members), np.int64, len(members))
    indices = np.repeat(highest + 1 - starts, counts)
    indices += np.arange(len(rows))
    tags = np.full(len(rows), HEADER_SIZE + size + (0 if layout.tag_is_last else layout.tag_size))
    sealed = Sealed(
        rows=rows, header_size=HEADER_SIZE, ends=tags, tags=tags, indices=indices,
        run_ssrcs=ssrcs, bounds=(*starts.tolist(), len(rows)),
    )
    verified, payloads = open_sealed(sealed, members)
    statuses = np.full(len(rows), Status.OK, np.uint8)
    whole = np.logical_and.reduceat(verified, starts).tolist()
    for good, (key, window), start, end in zip(whole, members, starts.tolist(), ends.tolist(), strict=True):
        if good:
            key.accepted += end - start
            window.accept_next(end - start)
        else:
            statuses[start:end] = settle_singly(key, window, indices[start:end], verified[start:end])
            payloads[start:end][statuses[start:end] != Status.OK] = 0
    return statuses, payloads
