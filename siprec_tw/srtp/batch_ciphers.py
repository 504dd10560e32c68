"""
Verification and decryption of many packets at once: the arithmetic part of a batch.

Counter mode: the counter blocks of all packets are made by NumPy, one ECB call a run turns them into key stream,
NumPy lays it over the payloads. The tag costs an HMAC a packet: a copy of the keyed state is the cheapest there is.
GCM: one call a packet, which verifies and decrypts. Both want the octets of a packet as an object of its own, and
the cheapest way from an array to those is a void type of their length.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen
from cryptography.exceptions import InvalidTag
from numpy.typing import NDArray

from siprec_tw.srtp.batch_heads import Flags, Numbers, Octets
from siprec_tw.srtp.transforms import CounterMode, Gcm

BLOCK = 16
_DIGEST = 20
_NONCE = 12
_ROLL_OVER_COUNTER = 4


@frozen(eq=False)
class Sealed:
    """
    Packets with headers of one size, run behind run.
    """

    rows: Octets
    header_size: int
    ends: Numbers           # of the encrypted part in each row; with GCM the tag belongs to it
    tags: Numbers           # where each row's tag begins
    indices: Numbers
    run_ssrcs: Numbers          # one a run
    bounds: tuple[int, ...]     # the rows at which runs begin, and the number of rows

    def is_even(self) -> bool:
        """
        Whether all rows are of one length.
        """
        return bool((self.ends == self.ends[0]).all())


def open_counter_mode(sealed: Sealed, transforms: list[CounterMode]) -> tuple[Flags, Octets]:
    """
    Which tags are right, and the payloads; a payload whose tag is wrong is rubbish. One transform a run.
    """
    verified = _right_tags(sealed, transforms)
    widest = int(sealed.ends.max()) - sealed.header_size
    stream = _key_stream(sealed, transforms, -(-widest // BLOCK))
    encrypted = sealed.rows[:, sealed.header_size : sealed.header_size + widest]
    return verified, np.bitwise_xor(encrypted, stream[:, :widest])


def open_gcm(sealed: Sealed, transforms: list[Gcm]) -> tuple[Flags, Octets]:
    """
    Which tags are right, and the payloads. One transform a run.
    """
    nonces = _as_bytes(_nonces(sealed, transforms))
    headers = _as_bytes(sealed.rows[:, : sealed.header_size])
    secrets = _cut(sealed.rows, sealed.header_size, sealed.ends)
    widest = int(sealed.ends.max()) - sealed.header_size - transforms[0].tag_size
    opened: list[bytes] = []
    wrong: list[int] = []
    for run, transform in enumerate(transforms):
        rows = slice(sealed.bounds[run], sealed.bounds[run + 1])
        try:
            opened += map(transform.aead.decrypt, nonces[rows], secrets[rows], headers[rows])
        except InvalidTag:
            del opened[rows.start :]
            for parts in zip(nonces[rows], secrets[rows], headers[rows], strict=True):
                _open_one(transform, parts, opened, wrong)
    verified = np.ones(len(opened), np.bool_)
    verified[wrong] = False
    if wrong or not sealed.is_even():
        opened = [payload.ljust(widest, b"\0") for payload in opened]
    octets = bytearray().join(opened) if widest else bytearray(1)
    return verified, np.frombuffer(octets, np.uint8, len(opened) * widest).reshape(len(opened), widest)


def _open_one(transform: Gcm, parts: tuple[bytes, bytes, bytes], opened: list[bytes], wrong: list[int]) -> None:
    try:
        opened.append(transform.aead.decrypt(*parts))
    except InvalidTag:
        wrong.append(len(opened))
        opened.append(b"")


def _nonces(sealed: Sealed, transforms: list[Gcm]) -> Octets:
    """
    (00 00 | SSRC | index) with the salt (RFC 7714 s.8.1), one a row.
    """
    salts = bytearray().join([transform.salt_nonce for transform in transforms])
    firsts = np.frombuffer(salts, np.uint8).reshape(-1, _NONCE)
    firsts[:, 2:6] ^= sealed.run_ssrcs.astype(">u4").view(np.uint8).reshape(-1, 4)
    nonces = np.repeat(firsts, np.diff(sealed.bounds), axis=0)
    nonces[:, _NONCE - 6 :] ^= sealed.indices.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    return nonces


def _right_tags(sealed: Sealed, transforms: list[CounterMode]) -> Flags:
    messages = _messages(sealed)
    digests: list[bytes] = []
    add = digests.append
    for run, transform in enumerate(transforms):
        copy = transform.mac.copy
        for message in messages[sealed.bounds[run] : sealed.bounds[run + 1]]:
            mac = copy()
            mac.update(message)
            add(mac.finalize())
    size = transforms[0].tag_size
    computed = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST)[:, :size]
    if sealed.is_even():
        begin = int(sealed.tags[0])
        carried = sealed.rows[:, begin : begin + size]
    else:
        carried = np.take_along_axis(sealed.rows, sealed.tags[:, None] + np.arange(size), axis=1)
    right: Flags = (computed == carried).all(axis=1)
    return right


def _messages(sealed: Sealed) -> list[bytes]:
    """
    What the tags are over: the packet up to its MKI, and the roll-over counter (RFC 3711 s.4.2).
    """
    widest = int(sealed.ends.max())
    messages = np.empty((len(sealed.rows), widest + _ROLL_OVER_COUNTER), np.uint8)
    messages[:, :widest] = sealed.rows[:, :widest]
    counters = (sealed.indices >> 16).astype(">u4").view(np.uint8).reshape(-1, _ROLL_OVER_COUNTER)
    if sealed.is_even():
        messages[:, widest:] = counters
    else:
        places = sealed.ends[:, None] + np.arange(_ROLL_OVER_COUNTER)
        np.put_along_axis(messages, places, counters, axis=1)
    return _cut(messages, 0, sealed.ends + _ROLL_OVER_COUNTER)


def _key_stream(sealed: Sealed, transforms: list[CounterMode], blocks: int) -> Octets:
    """
    C{blocks} blocks of key stream a row. A counter block is two words: the first is the run's, the second has
    the index, and the block's number in its last 16 bits.
    """
    salts = np.frombuffer(b"".join([transform.salt_block for transform in transforms]), np.uint64).reshape(-1, 2)
    counts = np.diff(sealed.bounds)
    firsts = np.repeat(salts[:, 0] ^ _network_words(sealed.run_ssrcs), counts)
    seconds = np.repeat(salts[:, 1], counts)
    seconds ^= _network_words(sealed.indices << 16)
    counters = np.empty((len(sealed.rows), blocks, 2), np.uint64)
    counters[:, :, 0] = firsts[:, None]
    np.bitwise_xor(seconds[:, None], _network_words(np.arange(blocks)), out=counters[:, :, 1])
    size = blocks * BLOCK
    stream = np.empty(len(sealed.rows) * size + BLOCK - 1, np.uint8)    # ECB wants room for a block more, less one
    source, target = counters.reshape(-1).view(np.uint8).data, stream.data
    bounds = [bound * size for bound in sealed.bounds]
    for transform, begin, end in zip(transforms, bounds[:-1], bounds[1:], strict=True):
        transform.blocks.update_into(source[begin:end], target[begin : end + BLOCK - 1])
    return stream[: len(sealed.rows) * size].reshape(len(sealed.rows), size)


def _network_words(numbers: Numbers) -> NDArray[np.uint64]:
    """
    Words whose octets in memory are those of the numbers, the most significant first.
    """
    return numbers.astype(">u8").view(np.uint64)


def _cut(rows: Octets, begin: int, ends: Numbers) -> list[bytes]:
    """
    Each row from C{begin} to its end.
    """
    first = int(ends[0])
    if (ends == first).all():
        return _as_bytes(rows[:, begin:first])
    whole, width = rows.tobytes(), rows.shape[1]
    starts = range(begin, len(whole), width)
    return [whole[start : start + size] for start, size in zip(starts, (ends - begin).tolist(), strict=True)]


def _as_bytes(rows: Octets) -> list[bytes]:
    """
    Each row.
    """
    pieces: list[bytes] = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel().tolist()
    return pieces
