"""
Tests for siprec_tw.media.batch_reader: what it records and reports is, to the last bit, what comes of handing the
same packets to the receivers one by one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import define, evolve, field
from batch_rig import Batches, stamped
from rtp_rig import FORMATS, NOW, PCMA, PCMU, Sender, Sent, impaired
from test_media_receiver_journeys import journey

from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.interfaces import StreamKeys, StreamReport, StreamSpec
from siprec_tw.media.arrival import Datagram
from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.media.unprotection import Unprotection
from siprec_tw.recording.segment import from_lines
from siprec_tw.rtp.rtcp import NTP_TO_POSIX, ReceiverReport, SenderReport, write_compound

SWEEP = 0.4


def datagram(one: Sent) -> Datagram:
    """
    As a socket gives it.
    """
    return one.octets, one.address, stamped(one.arrival)


@define
class Both:
    """
    The same streams received in both ways, sweep by sweep; C{most} datagrams of each in one sweep.
    """

    directory: Path
    streams: int
    batches: Batches
    most: int
    formats: Sequence[PayloadFormat] = FORMATS
    swept: list[StreamReceiver] = field(factory=list)
    batched: list[StreamReceiver] = field(factory=list)
    keys: StreamKeys | None = None      # of all streams; None: in clear
    openers: dict[StreamReceiver, Unprotection] = field(factory=dict)
    in_stride: int = 0      # streams, summed up over the sweeps

    def __attrs_post_init__(self) -> None:
        self.swept, self.batched = (
            [self._receiver(way, number) for number in range(self.streams)] for way in ("swept", "batch")
        )
        if self.keys is not None:
            self.openers = {
                receiver: Unprotection(self.keys, receiver) for receiver in (*self.swept, *self.batched)
            }

    def _receiver(self, way: str, number: int) -> StreamReceiver:
        directory = self.directory / way / str(number)
        directory.mkdir(parents=True)
        return StreamReceiver(StreamSpec("s", str(directory), tuple(self.formats)), "node-1")

    def run(self, arriving: Sequence[Sequence[Datagram]], seed: int, chance: float = 0.05) -> None:
        """
        What arrives on each stream, in sweeps; now and then everything is asked for, or the formats are told anew.
        """
        choice = random.Random(seed)
        left = [sorted(datagrams, key=lambda one: one[2]) for datagrams in arriving]
        waiting: list[list[Datagram]] = [[] for _ in left]
        now = min(datagrams[0][2] for datagrams in left if datagrams)
        while any(left) or any(waiting):
            now += SWEEP
            for number, datagrams in enumerate(left):
                count = next((i for i, one in enumerate(datagrams) if one[2] >= now), len(datagrams))
                waiting[number] += datagrams[:count]
                receiver = self.batched[number]
                self.batches.put(receiver, datagrams[:count], self.openers.get(receiver))
                del datagrams[:count]
            self._sweep(waiting)
            for number in range(self.streams):
                self._each(number, StreamReceiver.last_arrival)
                if choice.random() < chance:
                    self._each(number, StreamReceiver.report)
                if choice.random() < chance / 4:
                    self._each(number, lambda receiver: receiver.update_formats(self.formats))

    def _sweep(self, waiting: list[list[Datagram]]) -> None:
        order = {id(receiver): number for number, receiver in enumerate(self.batched)}
        for receiver in self.batches.ports:
            number = order[id(receiver)]
            datagrams = waiting[number][: self.most]
            del waiting[number][: self.most]
            if len(datagrams) == self.most:
                self.swept[number].warn("flood", "more than could be read")
            if datagrams:
                receiver = self.swept[number]
                self.openers.get(receiver, receiver).receive(datagrams)
        self.batches.sweep()
        self.in_stride += self.batches.reader.in_stride

    def _each(self, number: int, ask: Callable[[StreamReceiver], object]) -> None:
        assert ask(self.swept[number]) == ask(self.batched[number])

    def compare(self) -> list[StreamReport]:
        """
        Close everything; reports and files must be the same. The reports.
        """
        reports = []
        for number in range(self.streams):
            self._each(number, StreamReceiver.close)
            self._each(number, lambda receiver: (receiver.totals, receiver.failed_writes, receiver.rtcp))
            assert self._files("swept", number) == self._files("batch", number)
            reports.append(self.swept[number].report())
        assert self.batches.reader.in_stride == 0
        return reports

    def _files(self, way: str, number: int) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.directory / way / str(number)).iterdir()}


def both(directory: Path, streams: int = 1, most: int = 4096, slots: int = 8192) -> Both:
    """
    Streams that nothing has come of yet.
    """
    return Both(directory, streams, Batches(slots=slots, most=most), most)


def test_the_plain_case_is_taken_as_a_whole(tmp_path: Path) -> None:
    """
    A stream in order is in its stride from the second sweep on, through checkpoints and moves of the clock's window.
    """
    rig = both(tmp_path)
    sent = impaired(Sender().some(4000), 1, loss=0, reordering=0, duplication=0)
    rig.run([[datagram(one) for one in sent]], 1, chance=0.02)
    (report,) = rig.compare()
    assert report.packets == 4000
    assert rig.in_stride > 190


@pytest.mark.parametrize("seed", range(20))
def test_journeys(tmp_path: Path, seed: int) -> None:
    """
    Eight streams that pause, hold, set their clocks, change codec, length and source, and send digits, on networks
    of all kinds.
    """
    choice = random.Random(seed)
    rig = both(tmp_path, 8)
    arriving = []
    for number in range(8):
        bad = choice.choice((0.0, 0.0, 0.001, 0.01, 0.03))
        arrived = impaired(journey(100 * seed + number), seed, loss=bad, reordering=bad, duplication=bad)
        arriving.append([datagram(one) for one in arrived])
    rig.run(arriving, seed)
    rig.compare()
    assert rig.in_stride > 100


def test_sender_reports(tmp_path: Path) -> None:
    """
    Reports among the packets (rtcp-mux), by which streams leave their stride, and beside them, by which they do not,
    are told with the same checkpoints.
    """
    rig = both(tmp_path, 2)
    senders = Sender(ssrc=1), Sender(ssrc=2)
    arriving = [[datagram(one) for one in sender.some(1500)] for sender in senders]
    for at in range(1400, 0, -130):
        octets, address, arrival = arriving[0][at]
        arriving[0].insert(at, (sender_report(octets, arrival), address, arrival))
    for begin in range(0, 1500, 100):
        sweeps = [datagrams[: 100 + (number == 0)] for number, datagrams in enumerate(arriving)]
        for number, sweep in enumerate(sweeps):
            del arriving[number][: len(sweep)]
        rig.run(sweeps, begin)
        octets, address, arrival = sweeps[1][-1]
        told = (sender_report(octets, arrival), address, arrival)
        for receiver in (rig.swept[1], rig.batched[1]):
            receiver.receive_rtcp([told])
    rig.compare()
    for number in range(2):
        record = from_lines((tmp_path / "batch" / str(number) / "s-1.jsonl").read_bytes().splitlines())
        assert record is not None and len(record.clocks) >= 5
        assert len(record.transits) >= 6


def sender_report(octets: bytes, arrival: float) -> bytes:
    """
    What the sender of a packet might tell of its clock.
    """
    timestamp, ssrc = int.from_bytes(octets[4:8], "big"), int.from_bytes(octets[8:12], "big")
    return write_compound([SenderReport(ssrc, int((arrival + NTP_TO_POSIX) * 2**32), timestamp, 1, 1)])


@pytest.mark.parametrize("seed", range(6))
def test_garbage_forgeries_and_floods(tmp_path: Path, seed: int) -> None:
    """
    Among the packets there are random octets, RTCP, packets of the stream with bits turned, with a header extension,
    longer and shorter than the rest, and floods of all that; and pools that are full all the time.
    """
    choice = random.Random(seed)
    rig = both(tmp_path, 6, most=100, slots=256)
    rig.run([disturbed(choice, number) for number in range(6)], seed)
    rig.compare()
    assert rig.in_stride > 60


def disturbed(choice: random.Random, number: int) -> list[Datagram]:
    """
    A stream in order, with all kinds of others in between.
    """
    sender = Sender(ssrc=choice.getrandbits(32), sequence=choice.getrandbits(16), timestamp=choice.getrandbits(32))
    datagrams = [datagram(one) for one in sender.some(1200)]
    for _ in range(choice.randint(1, 25)):
        at = choice.randrange(len(datagrams))
        octets, address, arrival = datagrams[at]
        many = choice.choice((1, 1, 1, 150)) if number % 2 else 1
        datagrams[at:at] = [(odd(choice, octets), address, arrival) for _ in range(many)]
    return datagrams


def odd(choice: random.Random, octets: bytes) -> bytes:
    """
    Something that resembles a packet more or less.
    """
    match choice.randrange(8):
        case 0:
            return choice.randbytes(choice.choice((0, 1, 11, 12, 13, 172, 1400, 65_507)))
        case 1:
            return write_compound([ReceiverReport(9)])
        case 2:
            return octets + choice.randbytes(choice.choice((1, 80, 2000, 60_000)))
        case 3:
            return octets[: choice.randrange(len(octets))]
        case 4:
            return bytes([0x90]) + octets[1:12] + b"\xbe\xde\0\0" + octets[16:]
        case 5:
            return octets[:1] + bytes([octets[1] ^ 0x80]) + octets[2:]
        case _:
            turned = bytearray(octets)
            turned[choice.randrange(12)] ^= 1 << choice.randrange(8)
            return bytes(turned)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_source_that_moves(tmp_path: Path, family: str) -> None:
    """
    Packets that come from another port, or from another address, in the middle of a sweep or of none.
    """
    import socket

    rig = Both(tmp_path, 3, Batches(socket.AddressFamily[family]), 4096)
    hosts = ("192.0.2.1", "192.0.2.9") if family == "AF_INET" else ("2001:db8::1", "2001:db8::1:0:0")
    arriving = []
    for at in (60, 47, 61):
        sent = Sender().some(200)
        moved = [
            evolve(one, address=(hosts[index > 100], 4000 + (index >= at) + (index == at + 20)))
            for index, one in enumerate(sent)
        ]
        arriving.append([datagram(one) for one in moved])
    rig.run(arriving, 1)
    for report in rig.compare():
        assert [code for code, _ in report.warnings] == ["source-changed"]
    assert rig.in_stride > 10


@pytest.mark.parametrize("moves", [False, True])
def test_packets_from_elsewhere(tmp_path: Path, moves: bool) -> None:
    """
    Single packets of the stream from other addresses, at any place of a sweep, are kept and move nothing; two in
    sequence from one of them do.
    """
    rig = both(tmp_path, 8)
    arriving = []
    for number in range(8):
        sent = Sender(ssrc=number).some(200)
        strays = {80 + number: 1, 81 + number: 1 if moves else 2, 120: 1, 141: 1, 143 + number: 1}
        arriving.append([
            datagram(evolve(one, address=("2001:db8::66", 4000 + strays[index])) if index in strays else one)
            for index, one in enumerate(sent)
        ])
    rig.run(arriving, 1)
    for report in rig.compare():
        assert (report.packets, report.source) == (200, "192.0.2.1:40000")
        assert [code for code, _ in report.warnings] == ["source-changed"] * moves
    assert rig.in_stride > 30


def test_both_counters_wrap(tmp_path: Path) -> None:
    """
    Sequence number and timestamp go through zero at any place of a sweep; and a forged packet that looks as if the
    number had been carried into the payload type is none of the stream.
    """
    rig = both(tmp_path, 40)
    arriving = []
    for number in range(40):
        sender = Sender(sequence=65_536 - 80 - number, timestamp=2**32 - 160 * number)
        sent = [datagram(one) for one in sender.some(200)]
        if number % 4 == 1:
            octets, address, arrival = sent[80 + number]
            sent[80 + number] = octets[:1] + b"\x01" + octets[2:], address, arrival
        arriving.append(sent)
    rig.run(arriving, 1)
    rig.compare()
    assert rig.in_stride > 300


@pytest.mark.parametrize("drift", [200e-6, -200e-6, 0.02, -0.02])
def test_clocks_that_drift(tmp_path: Path, drift: float) -> None:
    """
    Ten minutes of a source whose clock goes faster or slower than ours, as far as clocks do, or further.
    """
    rig = both(tmp_path)
    sent = impaired(Sender().some(30_000), 3, loss=0, reordering=0, duplication=0)
    drifting = [evolve(one, arrival=one.arrival + (one.arrival - NOW) * drift) for one in sent]
    rig.run([[datagram(one) for one in drifting]], 3, chance=0.01)
    (report,) = rig.compare()
    assert report.packets == 30_000
    assert rig.in_stride > 1400


def test_stalls_and_jumps_of_the_network(tmp_path: Path) -> None:
    """
    Packets that were held up for less and for more than a second, in one sweep and over several, and a clock of ours
    that is set back.
    """
    rig = both(tmp_path, 12)
    arriving = []
    for number in range(12):
        sent = Sender().some(600)
        held = 0.25 * (number + 1)
        late = [
            evolve(one, arrival=max(one.arrival, NOW + 4.0 + held + index * 1e-5)) if 200 <= index < 400 else one
            for index, one in enumerate(sent)
        ]
        if number % 3 == 2:
            late[400:] = [evolve(one, arrival=one.arrival - 0.2 * number) for one in late[400:]]
        arriving.append([datagram(one) for one in late])
    rig.run(arriving, 5)
    rig.compare()
    assert rig.in_stride > 200


def test_many_lengths(tmp_path: Path) -> None:
    """
    More lengths of packets than there are pools: the streams that find no place are received all the same.
    """
    rig = both(tmp_path, 24)
    arriving = []
    for number in range(24):
        sender = Sender(sequence=number, payload_type=8 * (number % 2))
        sent = [sender.one(40 + 8 * number) for _ in range(150)] + [sender.one(240 - 8 * number) for _ in range(150)]
        arriving.append([datagram(one) for one in sent])
    rig.run(arriving, 6)
    rig.compare()
    assert rig.in_stride > 30


def test_stereo_and_other_rates(tmp_path: Path) -> None:
    """
    Two octets a tick, and clocks of 16 kHz, each in a pool of its own.
    """
    formats = (PayloadFormat(97, "PCMU", 16_000, 2), PayloadFormat(98, "PCMA", 16_000), PCMU, PCMA)
    rig = Both(tmp_path, 4, Batches(), 4096, formats)
    arriving = []
    for payload_type, rate, octets in ((97, 16_000, 640), (98, 16_000, 320), (0, 8000, 320), (97, 16_000, 641)):
        sender = Sender(payload_type=payload_type, rate=rate)
        sent = [sender.one(octets, ticks=rate // (25 if payload_type == 0 else 50)) for _ in range(400)]
        arriving.append([datagram(one) for one in sent])
    rig.run(arriving, 7)
    rig.compare()
    assert rig.in_stride > 40


def test_payload_types_that_may_be_rtcp(tmp_path: Path) -> None:
    """
    Payload types whose second octet with the marker is that of RTCP are never taken as a whole (RFC 5761 s.4).
    """
    rig = Both(tmp_path, 1, Batches(), 4096, (PayloadFormat(72, "PCMU", 8000),))
    sent = [datagram(one) for one in Sender(payload_type=72).some(200)]
    octets, address, arrival = sent[100]
    sent[100] = octets[:1] + b"\xc8" + octets[2:], address, arrival
    rig.run([sent], 8)
    rig.compare()
    assert rig.batched[0].rtcp.datagrams == 1
    assert rig.in_stride == 0


def test_kernel_without_times(tmp_path: Path) -> None:
    """
    Datagrams without a time of arrival are taken one by one, with the time of reading.
    """
    rig = Batches()
    (tmp_path / "s").mkdir()
    receiver = StreamReceiver(StreamSpec("s", str(tmp_path / "s"), FORMATS), "node-1")
    sender = Sender()
    for stamps in (True, True, False, False):
        rig.kernel.stamped = stamps
        rig.feed(receiver, [datagram(one) for one in sender.some(20)])
    report = receiver.close()
    assert report.packets == 80
    assert report.last_arrival is not None
    assert report.last_arrival != stamped(sender.now - 0.02)
