"""
Whether this machine can receive in batches: tried with known datagrams over the loopback, when the service starts.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

from attrs import frozen

from siprec_tw.errors import LocalError
from siprec_tw.media.arrival import Address, Datagram
from siprec_tw.media.batch_pool import SlotPool
from siprec_tw.media.batch_system import CONTROL_SIZE, Recvmmsg, load_recvmmsg
from siprec_tw.media.swept_port import SO_TIMESTAMPNS

LOOPBACKS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
SIZE = 160
SLOTS = 8
MOST_SECONDS = 1.0          # for datagrams of the loopback to arrive
MOST_OFF = 5.0              # seconds that the kernel's time may differ from ours


@frozen
class Choice:
    """
    How media are received, and why.
    """

    name: str                       # "batch" or "swept"
    reason: str
    recvmmsg: Recvmmsg | None


def choose(wanted: str, family: socket.AddressFamily) -> Choice:
    """
    C{wanted} is "batch", "swept", or "auto": batch if it works here. Raises LocalError when it is wanted and does
    not, and for any other word.
    """
    if wanted == "swept":
        return Choice("swept", "configured", None)
    if wanted not in ("auto", "batch"):
        raise LocalError(f"media receiver is {wanted!r}, wanted auto, batch or swept")
    try:
        recvmmsg = load_recvmmsg()
        families = try_families(recvmmsg, family)
    except (AttributeError, OSError, ValueError, LocalError) as error:
        if wanted == "batch":
            raise LocalError(f"media cannot be received in batches: {error}") from error
        return Choice("swept", f"batches do not work here: {error}", None)
    return Choice("batch", f"recvmmsg and kernel timestamps work on {families}", recvmmsg)


def try_families(recvmmsg: Recvmmsg, family: socket.AddressFamily) -> str:
    """
    Try the family that is needed, and the other where this machine has it. Returns what works; raises LocalError or
    OSError.
    """
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        raise LocalError(f"this is {sys.platform} of {struct.calcsize('P') * 8} bits, wanted linux of 64")
    worked = []
    for tried in LOOPBACKS:
        if tried == family or _has(tried):
            try_family(recvmmsg, tried)
            worked.append("IPv6" if tried == socket.AF_INET6 else "IPv4")
    return " and ".join(worked)


def try_family(recvmmsg: Recvmmsg, family: socket.AddressFamily) -> None:
    """
    Send datagrams that are too short, as wanted, longer, and as long as can be, and compare what is received with
    them, with where they came from, and with the time. Raises LocalError or OSError.
    """
    host = LOOPBACKS[family]
    sent = [os.urandom(octets) for octets in (172, 0, 11, 12, 172, 173, 1472, 16_000)]
    pool = SlotPool(SIZE, family, recvmmsg, slots=2 * SLOTS, most=SLOTS)
    with socket.socket(family, socket.SOCK_DGRAM) as receiver, socket.socket(family, socket.SOCK_DGRAM) as sender:
        receiver.setblocking(False)
        if SO_TIMESTAMPNS is None:
            raise LocalError("this system has no SO_TIMESTAMPNS")
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for bound in (receiver, sender):
            bound.bind((host, 0))
        for octets in sent:
            sender.sendto(octets, receiver.getsockname())
        _fill(pool, receiver, len(sent))
        _compare(pool, sent, sender.getsockname()[:2])


def _fill(pool: SlotPool, receiver: socket.socket, wanted: int) -> None:
    ends = time.monotonic() + MOST_SECONDS
    while pool.used < wanted:
        (found,) = pool.fill([receiver.fileno()])
        if found < 0:
            raise OSError(-found, os.strerror(-found))
        if found == 0:
            left = ends - time.monotonic()
            if left <= 0:
                raise LocalError(f"received {pool.used} datagrams, wanted {wanted}")
            select.select([receiver], [], [], left)


def _compare(pool: SlotPool, sent: list[bytes], source: Address) -> None:
    if (pool.control_sizes[: pool.used] != CONTROL_SIZE).any():
        raise LocalError("the kernel tells no times of arrival")
    found: list[Datagram] = pool.datagrams(0, pool.used)
    for (octets, address, arrival), wanted in zip(found, sent, strict=True):
        if octets != wanted:
            raise LocalError(f"received {len(octets)} octets that differ from the {len(wanted)} sent")
        if address != source:
            raise LocalError(f"received from {address}, wanted {source}")
        if abs(arrival - time.time()) > MOST_OFF:
            raise LocalError(f"the kernel's time of arrival is {arrival}, wanted about {time.time()}")


def _has(family: socket.AddressFamily) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((LOOPBACKS[family], 0))
    except OSError:
        return False
    return True
