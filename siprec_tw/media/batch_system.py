"""
recvmmsg(2) of Linux by ctypes, and the layouts of what it reads and writes (64-bit, recvmsg(2), ip(7), ipv6(7)).

Python has no call that takes many datagrams at once. The library is asked for without giving up the global
lock: the sockets never block, and a sweep must not wait for other threads once a socket.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
from collections.abc import Callable

import numpy as np

from siprec_tw.media.arrival import Address

MESSAGE = np.dtype([
    ("name", "u8"), ("name_size", "u4"), ("_1", "u4"), ("vectors", "u8"), ("vector_count", "u8"),
    ("control", "u8"), ("control_size", "u8"), ("flags", "u4"), ("_2", "u4"), ("length", "u4"), ("_3", "u4"),
])
"""
struct mmsghdr: a struct msghdr, and how long the datagram is.
"""

# The ancillary part of one datagram: cmsghdr (length, level and type) and timespec (seconds, nanoseconds).
CONTROL_SIZE = 32
CONTROL_WORDS = CONTROL_SIZE // 8

NAME_SIZES = {socket.AF_INET: 16, socket.AF_INET6: 28}     # struct sockaddr_in and sockaddr_in6
NAME_WORDS = 4
COMPARED_WORDS = {socket.AF_INET: 1, socket.AF_INET6: 4}    # behind family, port and address IPv4 has only zeros

MSG_DONTWAIT = 0x40
_NOTHING_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNREFUSED, errno.EINTR)

Recvmmsg = Callable[[int, ctypes.c_void_p, int, int, None], int]
"""
C{recvmmsg(descriptor, messages, count, flags, None)}: takes up to C{count} datagrams; C{messages} points to the
first of as many MESSAGEs. Returns how many there were; below 0 and C{ctypes.get_errno()} as in C.
"""


def load_recvmmsg() -> Recvmmsg:
    """
    The system's. Raises AttributeError or OSError where there is none.

    Its argument types are not declared: what is passed converts by itself, and in half the time.
    """
    recvmmsg: Recvmmsg = ctypes.PyDLL(None, use_errno=True)["recvmmsg"]
    return recvmmsg


def failure() -> int:
    """
    Why a recvmmsg failed, as errno has it; 0 where there was just nothing to receive.
    """
    number = ctypes.get_errno()
    return 0 if number in _NOTHING_THERE else number


def address_of(name: bytes) -> Address:
    """
    Host and port of a socket address, as the socket module gives them.
    """
    port = int.from_bytes(name[2:4], "big")
    if int.from_bytes(name[:2], sys.byteorder) == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port
    return socket.inet_ntoa(name[4:8]), port


def name_of(address: Address) -> bytes:
    """
    The socket address of a host and port, 8 * NAME_WORDS octets; scope and flow of IPv6 are taken as zero.
    """
    host, port = address
    if ":" in host:
        family, place = socket.AF_INET6, bytes(4) + socket.inet_pton(socket.AF_INET6, host)
    else:
        family, place = socket.AF_INET, socket.inet_aton(host)
    return (family.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + place).ljust(8 * NAME_WORDS, b"\0")
