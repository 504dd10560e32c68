"""
DTLS records in a datagram (RFC 6347 s.4.1, s.4.2.2), as far as a socket that RTP uses too must know them.

  record        1 type | 2 version | 2 epoch | 6 sequence number | 2 length | content
  handshake     1 type | 3 length | 2 message number | 3 fragment's offset | 3 fragment's length | fragment
  ClientHello   2 version | 32 random | ...
"""

from __future__ import annotations

RECORD_HEADER = 13
_HANDSHAKE = 22
_CLIENT_HELLO = 1
_RANDOM_BEGINS = RECORD_HEADER + 12 + 2
_RANDOM_ENDS = _RANDOM_BEGINS + 32
_FIRST, _LAST = b"\x14", b"\x3f"


def is_dtls(datagram: bytes) -> bool:
    """
    Whether a datagram is DTLS by its first octet, 20 to 63 (RFC 7983).
    """
    return _FIRST <= datagram[:1] <= _LAST


def hello_random(datagram: bytes) -> bytes | None:
    """
    By which a ClientHello is known, and whoever repeats it; None for a datagram that does not begin with one.
    """
    if len(datagram) < _RANDOM_ENDS or datagram[0] != _HANDSHAKE or datagram[3:5] != b"\0\0":
        return None
    message = datagram[RECORD_HEADER:]
    if message[0] != _CLIENT_HELLO or message[6:9] != b"\0\0\0":
        return None
    return datagram[_RANDOM_BEGINS:_RANDOM_ENDS]


def datagrams_of(records: bytes, most: int) -> list[bytes]:
    """
    Records that stand one after the other, as datagrams of C{most} octets; a record is never cut.
    """
    datagrams: list[bytes] = []
    begin = end = 0
    while end < len(records):
        size = RECORD_HEADER + int.from_bytes(records[end + 11 : end + RECORD_HEADER])
        if end > begin and end + size - begin > most:
            datagrams.append(records[begin:end])
            begin = end
        end += size
    if begin < len(records):
        datagrams.append(records[begin:])
    return datagrams
