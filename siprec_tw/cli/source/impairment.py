"""
A bad network between the packets of a stream and the wire: loss, reordering, duplicates, by a seed.
"""

from __future__ import annotations

from random import Random
from typing import Generic, TypeVar

from attrs import define, field, frozen

FARTHEST = 4                # packets that may overtake a delayed one

T = TypeVar("T")


@frozen
class Impairment:
    """
    How bad: the share (0..1) of packets that are lost, delayed past others, and sent twice.
    """

    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    seed: int = 0

    def random_of(self, name: str) -> Random:
        """
        What decides the fate of one stream's packets; streams of other names fare otherwise.
        """
        return Random(f"{self.seed}/{name}")


UNIMPAIRED = Impairment()


@define
class BadWay(Generic[T]):
    """
    The way of one stream's packets; L{passed} is called once for every packet, in order.
    """

    impairment: Impairment
    random: Random
    _packets: int = 0
    _delayed: list[tuple[int, T]] = field(factory=list)     # until so many packets have passed

    def passed(self, packet: T) -> list[T]:
        """
        What goes onto the wire now that this packet is there, in its order.
        """
        self._packets += 1
        now = [] if self.random.random() < self.impairment.loss else [packet]
        if now and self.random.random() < self.impairment.duplicate:
            now.append(packet)
        due = [held for at, held in self._delayed if at <= self._packets]
        self._delayed = [(at, held) for at, held in self._delayed if at > self._packets]
        if now and self.random.random() < self.impairment.reorder:
            until = self._packets + self.random.randint(1, FARTHEST)
            self._delayed += ((until, copy) for copy in now)
            now = []
        return now + due

    def rest(self) -> list[T]:
        """
        What is still delayed, at the end of the stream.
        """
        rest, self._delayed = [held for _, held in self._delayed], []
        return rest
