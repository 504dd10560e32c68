"""
Opening a sweep of packets at once, of one context or of thousands.

What comes out is what SrtpContext.unprotect would have said packet by packet, in the order of the rows, and the
contexts are left as it would have left them. What arrays do not suit goes that way in fact: the first packets of a
source, a context that is changing its keys, and rows behind a leap of half the sequence space.

A batch knows all tags before it looks at replays; so it computes tags of packets that a receiver which goes one by
one would have dropped unread. Nothing but time depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum

import numpy as np
from attrs import define, frozen
from numpy.typing import NDArray

from siprec_tw.errors import BadTag, LocalError, PeerError, Replayed
from siprec_tw.rtp.packet import HEADER_SIZE
from siprec_tw.srtp.batch_ciphers import Sealed, open_counter_mode, open_gcm
from siprec_tw.srtp.batch_heads import Estimate, Flags, Heads, Numbers, Octets, estimate_indices, read_heads
from siprec_tw.srtp.batch_runs import Member, Runs, at, runs_of
from siprec_tw.srtp.context import SrtpContext
from siprec_tw.srtp.key_state import KeyState, PacketLayout
from siprec_tw.srtp.replay_window import ReplayWindow
from siprec_tw.srtp.transforms import CounterMode, Gcm

_SIZE_CLASS = 128       # payloads of one class share a matrix of key stream
_MOST_ROWS = 8192       # at once: what is worked on stays in the processor's cache


class Status(IntEnum):
    """
    What became of a packet.
    """

    OK = 0
    REPLAYED = 1
    BAD_TAG = 2
    MALFORMED = 3


@frozen(eq=False)
class Batch:
    """
    The opened packets, one a row, in the order in which they were given. A row that is not OK is empty.
    """

    statuses: NDArray[np.uint8]     # Status
    indices: Numbers                # 48 bits: roll-over counter << 16 | sequence number; -1 where not OK
    header_sizes: Numbers           # the header is not encrypted: it is read where it came
    payloads: Octets                # rows of the longest payload; zeros behind the shorter ones
    payload_lengths: Numbers        # with the padding that RTP's P bit tells of


def unprotect_rows(rows: Octets, lengths: Numbers, owners: Numbers, contexts: Sequence[SrtpContext]) -> Batch:
    """
    Open SRTP packets: C{rows} of C{lengths} octets each, row i under C{contexts[owners[i]]}.

    Rows of one owner need not stand together, but it is quicker when they do. Nothing given is written to. A
    length that is greater than the rows are wide is that of a packet cut off in receiving, and malformed. Raises
    LocalError for rows in which no RTP header has room.
    """
    if rows.shape[1] < HEADER_SIZE:
        raise LocalError(f"rows are {rows.shape[1]} octets wide, wanted at least {HEADER_SIZE}")
    sweep = _Sweep(rows, lengths.astype(np.int64, copy=False), owners.astype(np.int64, copy=False), contexts)
    layouts = [context.layout() for context in contexts]
    distinct = list(dict.fromkeys(layouts))
    for layout in distinct:
        if len(distinct) == 1:
            positions = np.arange(len(rows))
        else:
            alike = np.fromiter((other == layout for other in layouts), np.bool_, len(layouts))
            positions = np.flatnonzero(alike[sweep.owners])
        sweep.open_alike(positions, layout)
    return sweep.batch()


def unprotect_packets(
    packets: Sequence[bytes], contexts: Sequence[SrtpContext], owners: Sequence[int] | None = None
) -> tuple[list[bytes], list[Status]]:
    """
    The plain packets, empty where the status is not OK. Without C{owners} all are of the only context.
    """
    lengths = np.fromiter(map(len, packets), np.int64, len(packets))
    width = int(lengths.max(initial=HEADER_SIZE))
    octets = b"".join([packet.ljust(width, b"\0") for packet in packets])
    rows = np.frombuffer(octets, np.uint8).reshape(len(packets), width) if packets else np.empty((0, width), np.uint8)
    owning = np.zeros(len(packets), np.int64) if owners is None else np.asarray(owners, np.int64)
    batch = unprotect_rows(rows, lengths, owning, contexts)
    whole, wide = batch.payloads.tobytes(), batch.payloads.shape[1]
    plain = [
        packet[:header] + whole[row * wide : row * wide + length] if status == Status.OK else b""
        for row, (packet, header, length, status) in enumerate(zip(
            packets, batch.header_sizes.tolist(), batch.payload_lengths.tolist(), batch.statuses.tolist(), strict=True,
        ))
    ]
    return plain, [Status(status) for status in batch.statuses.tolist()]


@frozen(eq=False)
class _Alike:
    """
    The rows of contexts with the same layout.
    """

    rows: Octets
    lengths: Numbers
    positions: Numbers      # where they are among all rows
    heads: Heads
    layout: PacketLayout


def _read(rows: Octets, lengths: Numbers, positions: Numbers, layout: PacketLayout) -> _Alike:
    return _Alike(rows, lengths, positions, read_heads(rows, lengths, layout.tag_size), layout)


@define(eq=False, init=False)
class _Sweep:
    """
    A batch in the making.
    """

    rows: Octets
    lengths: Numbers
    owners: Numbers
    contexts: Sequence[SrtpContext]

    statuses: NDArray[np.uint8]
    indices: Numbers
    header_sizes: Numbers
    payload_lengths: Numbers
    pieces: list[tuple[Numbers, Octets]]        # rows, and their payloads

    def __init__(self, rows: Octets, lengths: Numbers, owners: Numbers, contexts: Sequence[SrtpContext]) -> None:
        count = len(rows)
        self.rows, self.lengths, self.owners, self.contexts = rows, lengths, owners, contexts
        self.statuses = np.full(count, Status.MALFORMED, np.uint8)
        self.indices = np.full(count, -1, np.int64)
        self.header_sizes = np.zeros(count, np.int64)
        self.payload_lengths = np.zeros(count, np.int64)
        self.pieces = []

    def batch(self) -> Batch:
        """
        What there is now.
        """
        refused = np.flatnonzero(self.statuses)
        self.payload_lengths[refused] = 0
        self.indices[refused] = -1
        self.header_sizes[refused] = 0
        payloads = self._payloads()
        payloads[refused] = 0
        return Batch(self.statuses, self.indices, self.header_sizes, payloads, self.payload_lengths)

    def open_alike(self, positions: Numbers, layout: PacketLayout) -> None:
        """
        Open the rows at these positions, of contexts with the same layout.
        """
        alike = _read(at(self.rows, positions), at(self.lengths, positions), positions, layout)
        self.header_sizes[positions] = alike.heads.sizes
        wanted = alike.heads.well_formed
        if layout.mki_size:
            strange = wanted & ~self._right_mki(alike)
            self.statuses[positions[strange]] = Status.BAD_TAG
            wanted = wanted & ~strange
        owners = at(self.owners, positions)
        left = self._open_suited(alike, owners, wanted)
        if len(left):
            first, behind = self._only_new_sources(owners[left], alike.heads.ssrcs[left])
            for row in positions[left[first]].tolist():
                self._open_one(row)
            wanted = np.zeros(len(positions), np.bool_)
            wanted[left[behind]] = True
            left = np.concatenate([left[~(first | behind)], self._open_suited(alike, owners, wanted)])
        for row in np.sort(positions[left]).tolist():
            self._open_one(row)

    def _only_new_sources(self, owners: Numbers, ssrcs: Numbers) -> tuple[Flags, Flags]:
        """
        Of contexts with one new source: which rows are its first, and which follow. The first packet proves the
        source, and then the others may be opened at once.
        """
        names, firsts = np.unique(owners << 32 | ssrcs, return_index=True)
        of, counts = np.unique(names >> 32, return_counts=True)
        lone = [self.contexts[owner].only_key() is not None for owner in of.tolist()]
        suited = np.isin(owners, of[(counts == 1) & lone])
        first = np.zeros(len(owners), np.bool_)
        first[firsts] = True
        return suited & first, suited & ~first

    def _open_suited(self, alike: _Alike, owners: Numbers, wanted: Flags) -> Numbers:
        """
        Open what arrays suit; the wanted rows that are left are returned.
        """
        runs, unsuited = runs_of(owners, alike.heads.ssrcs, wanted, self.contexts)
        for part in runs.parts(_MOST_ROWS):
            for row in self._open_runs(part, alike).tolist():
                self._open_one(row)
        return unsuited

    def _open_runs(self, runs: Runs, alike: _Alike) -> Numbers:
        """
        Open the runs as far as arrays go; the rows that are left are returned.
        """
        highest = np.fromiter((window.highest for _, window in runs.members), np.int64, len(runs.members))
        estimate = estimate_indices(at(alike.heads.sequences, runs.rows), highest, runs.run_of, runs.starts())
        left = alike.positions[:0]
        if estimate.doubtful.any():
            kept = runs.before_first(estimate.doubtful)
            left = alike.positions[runs.rows[~kept]]
            estimate = estimate.only(kept)
            runs = runs.only(kept)
        if len(runs.rows):
            where = alike.positions[runs.rows]
            sizes, lengths = at(alike.heads.sizes, runs.rows), at(alike.lengths, runs.rows)
            verified = np.empty(len(runs.rows), np.bool_)
            for group in _groups(sizes, lengths):
                sealed, members = _sealed(runs, estimate, alike, group)
                verified[group], payloads = open_sealed(sealed, members)
                self.pieces.append((where[group], payloads))
            self.indices[where] = estimate.indices
            self.payload_lengths[where] = lengths - sizes - alike.layout.tag_size - alike.layout.mki_size
            self.statuses[where] = _settle(runs, estimate, verified)
        return left

    def _open_one(self, row: int) -> None:
        packet = self.rows[row, : self.lengths[row]].tobytes()
        try:
            opened = self.contexts[self.owners[row]].open_rtp(packet)
        except Replayed:
            self.statuses[row] = Status.REPLAYED
        except BadTag:
            self.statuses[row] = Status.BAD_TAG
        except PeerError:
            self.statuses[row] = Status.MALFORMED
        else:
            self.statuses[row] = Status.OK
            self.indices[row], self.header_sizes[row] = opened.index, opened.header_size
            self.payload_lengths[row] = len(opened.payload)
            payload = np.frombuffer(bytearray(opened.payload), np.uint8) if opened.payload else np.empty(0, np.uint8)
            self.pieces.append((np.array([row]), payload[None, :]))

    def _payloads(self) -> Octets:
        """
        The pieces put together: one that holds every row in its place is taken as it is.
        """
        count = len(self.rows)
        widest = max((piece.shape[1] for _, piece in self.pieces), default=0)
        if len(self.pieces) == 1:
            rows, piece = self.pieces[0]
            if len(rows) == count and (np.diff(rows) == 1).all():
                return piece
        payloads = np.zeros((count, widest), np.uint8)
        for rows, piece in self.pieces:
            together = rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all()
            where = slice(rows[0], rows[-1] + 1) if together else rows
            payloads[where, : piece.shape[1]] = piece
        return payloads

    def _right_mki(self, alike: _Alike) -> Flags:
        """
        Which rows have the MKI of their context's key, and room for it.
        """
        layout = alike.layout
        ends = alike.lengths - (layout.tag_size if layout.tag_is_last else 0)
        places = np.clip(ends[:, None] + np.arange(-layout.mki_size, 0), 0, alike.rows.shape[1] - 1)
        carried = np.take_along_axis(alike.rows, places, axis=1)
        own = [key.master.mki if (key := context.only_key()) else b"" for context in self.contexts]
        table = np.frombuffer(b"".join(mki[: layout.mki_size].ljust(layout.mki_size) for mki in own), np.uint8)
        right: Flags = (carried == table.reshape(len(own), -1)[self.owners[alike.positions]]).all(axis=1)
        return right & (alike.lengths >= alike.heads.sizes + layout.tag_size + layout.mki_size)


def _groups(sizes: Numbers, lengths: Numbers) -> Iterator[Numbers]:
    """
    The rows by size of the header, and roughly by length.
    """
    classes = sizes << 16 | (lengths - sizes) // _SIZE_CLASS
    if (classes == classes[0]).all():
        yield np.arange(len(classes))
        return
    for value in np.unique(classes):
        yield np.flatnonzero(classes == value)


def _sealed(runs: Runs, estimate: Estimate, alike: _Alike, group: Numbers) -> tuple[Sealed, list[Member]]:
    """
    A group of rows, and whose runs are in it.
    """
    rows, run_of = runs.rows[group], runs.run_of[group]
    begins = np.flatnonzero(np.diff(run_of, prepend=-1))
    tags = at(alike.lengths, rows) - (alike.layout.tag_size if alike.layout.tag_is_last else 0)
    sealed = Sealed(
        rows=at(alike.rows, rows), header_size=int(alike.heads.sizes[rows[0]]),
        ends=tags - alike.layout.mki_size, tags=tags, indices=estimate.indices[group],
        run_ssrcs=at(alike.heads.ssrcs, rows)[begins], bounds=(*begins.tolist(), len(group)),
    )
    return sealed, [runs.members[run] for run in run_of[begins].tolist()]


def open_sealed(sealed: Sealed, members: list[Member]) -> tuple[Flags, Octets]:
    """
    Which tags are right, and the payloads; those whose tags are wrong are rubbish. One member a run.
    """
    transforms = [key.rtp for key, _ in members]
    counters = [transform for transform in transforms if isinstance(transform, CounterMode)]
    if counters:
        return open_counter_mode(sealed, counters)
    return open_gcm(sealed, [transform for transform in transforms if isinstance(transform, Gcm)])


def _settle(runs: Runs, estimate: Estimate, verified: Flags) -> NDArray[np.uint8]:
    """
    The statuses of rows whose tags are known; the windows learn what was authentic.
    """
    starts = runs.starts()
    ends = np.append(starts[1:], len(runs.rows))
    statuses = np.full(len(runs.rows), Status.OK, np.uint8)
    odd = np.logical_or.reduceat(estimate.late | ~verified, starts).tolist()
    newest = estimate.indices[ends - 1].tolist()
    for run, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        key, window = runs.members[run]
        if odd[run]:
            statuses[start:end] = settle_singly(key, window, estimate.indices[start:end], verified[start:end])
            continue
        key.accepted += end - start
        if newest[run] - window.highest == end - start:
            window.accept_next(end - start)
        else:
            for index in estimate.indices[start:end].tolist():
                window.accept(index)
    return statuses


def settle_singly(key: KeyState, window: ReplayWindow, indices: Numbers, verified: Flags) -> list[Status]:
    """
    The statuses of one run's rows, in order; the window learns what was authentic.
    """
    statuses = []
    for index, right in zip(indices.tolist(), verified.tolist(), strict=True):
        if window.refuses(index):
            statuses.append(Status.REPLAYED)
        elif right:
            window.accept(index)
            key.accepted += 1
            statuses.append(Status.OK)
        else:
            statuses.append(Status.BAD_TAG)
    return statuses
