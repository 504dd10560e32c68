"""
Tests for siprec_tw.media.port_pool and sweeper.
"""

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from siprec_tw.errors import PortsExhausted
from siprec_tw.media.port_pool import PortPool
from siprec_tw.media.sweeper import SLICE_SECONDS, Sweeper


def bound(port: int) -> int:
    """
    A port that can always be bound.
    """
    return port


class PortPoolTests(SynchronousTestCase):
    """
    Tests for PortPool.
    """

    def setUp(self) -> None:
        """
        A range with odd ends: four pairs fit.
        """
        self.clock = Clock()
        self.pool = PortPool(10_001, 10_009, self.clock.seconds, 60.0)

    def test_pairs_are_even_and_in_turn(self) -> None:
        """
        Only whole pairs that begin on an even port are given out, one after the other.
        """
        self.assertEqual([self.pool.bind(bound) for _ in range(4)], [10_002, 10_004, 10_006, 10_008])
        self.assertRaises(PortsExhausted, self.pool.bind, bound)

    def test_quarantine(self) -> None:
        """
        A pair that was closed is not given out for a minute, even when there is no other.
        """
        for _ in range(4):
            self.pool.bind(bound)
        self.pool.give_back(10_006)
        self.clock.advance(30)
        self.pool.give_back(10_002)
        self.assertRaises(PortsExhausted, self.pool.bind, bound)
        self.assertEqual(self.pool.free(), 0)
        self.clock.advance(30)
        self.assertEqual(self.pool.free(), 1)
        self.assertEqual(self.pool.bind(bound), 10_006)
        self.clock.advance(30)
        self.assertEqual(self.pool.bind(bound), 10_002)

    def test_the_longest_unused_comes_first(self) -> None:
        """
        A pair that came back is the last to be used again.
        """
        self.pool.bind(bound)
        self.pool.give_back(10_002)
        self.clock.advance(61)
        self.assertEqual([self.pool.bind(bound) for _ in range(4)], [10_004, 10_006, 10_008, 10_002])

    def test_ports_of_others_are_skipped(self) -> None:
        """
        A pair that somebody else holds is passed over and tried again later.
        """
        taken = {10_002, 10_006}

        def listen(port: int) -> int:
            if port in taken:
                raise CannotListenError("127.0.0.1", port, OSError())
            return port

        self.assertEqual([self.pool.bind(listen), self.pool.bind(listen)], [10_004, 10_008])
        self.assertRaises(PortsExhausted, self.pool.bind, listen)
        taken.clear()
        self.clock.advance(61)
        self.assertEqual(self.pool.bind(listen), 10_002)

    def test_other_errors_come_out(self) -> None:
        """
        What is not the port's fault is not hidden, and costs no port.
        """

        def listen(port: int) -> int:
            raise ValueError("bug")

        self.assertRaises(ValueError, self.pool.bind, listen)
        self.assertEqual(self.pool.bind(bound), 10_002)


class TurningClock(Clock):
    """
    A clock that notes when work is put off to the reactor's next turn.
    """

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def callLater(self, delay, callable, *args, **kwargs):  # type: ignore[no-untyped-def]
        """
        Note delays of nothing.
        """
        if delay == 0:
            self.log.append("|")
        return super().callLater(delay, callable, *args, **kwargs)


class FakePort:
    """
    A port that takes C{cost} seconds to read.
    """

    def __init__(self, clock: Clock, log: list[str], name: str, cost: float = 0.0, every: int = 1) -> None:
        self.clock, self.log, self.name, self.cost, self.every = clock, log, name, cost, every
        self.fault: Exception | None = None
        self.on_read = bool

    def doRead(self) -> None:
        """
        Note it, and let time go by.
        """
        self.log.append(self.name)
        self.clock.rightNow += self.cost
        self.on_read()
        if self.fault is not None:
            raise self.fault


class SweeperTests(SynchronousTestCase):
    """
    Tests for Sweeper.
    """

    def setUp(self) -> None:
        """
        A sweeper that notes how long its sweeps took.
        """
        self.log: list[str] = []
        self.clock = TurningClock(self.log)
        self.took: list[float] = []
        self.sweeper = Sweeper(self.clock, 0.4, self.took.append)

    def add(self, *names: str, cost: float = 0.0, every: int = 1) -> list[FakePort]:
        """
        Ports of these names.
        """
        ports = [FakePort(self.clock, self.log, name, cost, every) for name in names]
        for port in ports:
            self.sweeper.add(port)
        return ports

    def swept(self, seconds: float) -> str:
        """
        What is read while so much time goes by.
        """
        self.log.clear()
        self.clock.advance(seconds)
        return "".join(self.log)

    def test_all_ports_in_turn(self) -> None:
        """
        Each sweep reads every port once, beginning with another one.
        """
        self.add("a", "b", "c")
        self.sweeper.start()
        self.assertEqual(self.swept(0.39), "")
        self.assertEqual([self.swept(0.4) for _ in range(4)], ["bca", "cab", "abc", "bca"])

    def test_ports_come_and_go(self) -> None:
        """
        A port is read as long as it is there.
        """
        (port,) = self.add("a")
        self.sweeper.start()
        self.assertEqual(self.swept(0.4), "a")
        self.sweeper.remove(port)
        self.sweeper.remove(port)
        self.assertEqual(self.swept(0.4), "")
        self.assertEqual(self.sweeper.longest, 0.0)

    def test_some_are_read_less_often(self) -> None:
        """
        A port of every fifth sweep is read once in five.
        """
        self.add("x", every=5)
        self.sweeper.start()
        self.assertEqual(len("".join(self.swept(0.4) for _ in range(20))), 4)

    def test_no_drift(self) -> None:
        """
        The time that reading takes does not put off the next sweep.
        """
        self.add("a", cost=0.01)
        self.sweeper.start()
        count = 0
        while self.clock.seconds() < 40.0:
            count += len(self.swept(0.01))
        self.assertIn(count, (99, 100))

    def test_the_reactor_breathes(self) -> None:
        """
        A long sweep is cut into slices; what was read is told as one sweep.
        """
        self.add(*"abcdefghij", cost=SLICE_SECONDS / 2)
        self.sweeper.start()
        self.assertEqual(self.swept(0.4), "bc|de|fg|hi|ja")
        self.assertAlmostEqual(self.took[0], 0.1)
        self.assertAlmostEqual(self.sweeper.longest, 0.1)

    def test_a_port_that_leaves_within_a_sweep(self) -> None:
        """
        A port that is closed between two slices is not read any more.
        """
        ports = self.add(*"abcd", cost=SLICE_SECONDS)
        self.sweeper.start()
        ports[1].on_read = lambda: self.sweeper.remove(ports[2])
        self.assertEqual(self.swept(0.4), "b|d|a")

    def test_sweeps_that_were_missed_are_skipped(self) -> None:
        """
        After a sweep longer than the interval the next is due at its usual beat, not at once.
        """
        (port,) = self.add("a", cost=1.0)
        self.sweeper.start()
        self.swept(0.4)
        port.cost = 0.0
        self.assertEqual(self.swept(0.15), "")
        self.assertEqual(self.swept(0.06), "a")

    def test_a_fault_in_one_stream(self) -> None:
        """
        An error in one stream is logged and the others are read.
        """
        ports = self.add("a", "b", "c")
        ports[1].fault = RuntimeError("bug")
        self.sweeper.start()
        self.assertEqual(self.swept(0.4), "bca")
        self.assertEqual(self.swept(0.4), "cab")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_stop(self) -> None:
        """
        A sweeper that was stopped leaves nothing in the reactor, even in the middle of a sweep.
        """
        self.add("a", "b", cost=SLICE_SECONDS)
        self.sweeper.start()
        self.swept(0.4)
        self.sweeper.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.sweeper.stop()


@pytest.mark.parametrize("ports", [(10_000, 10_000), (10_001, 10_002)])
def test_a_range_without_a_pair(ports: tuple[int, int]) -> None:
    """
    A range that holds no pair has none to give.
    """
    pool = PortPool(*ports, lambda: 0.0)
    assert pool.free() == 0
    with pytest.raises(PortsExhausted):
        pool.bind(bound)
