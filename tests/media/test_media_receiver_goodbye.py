"""
Tests for siprec_tw.media.receiver: RTCP BYE, which may be early, late or forged.
"""

from __future__ import annotations

from pathlib import Path

from rtp_rig import ADDRESS, NOW, Sender, Sent, assert_exact, on_disk, receive, receiver_in

from siprec_tw.media.receiver import StreamReceiver
from siprec_tw.rtp.rtcp import Goodbye, ReceiverReport, write_compound


def say_goodbye(receiver: StreamReceiver, ssrc: int, arrival: float) -> None:
    """
    A BYE comes on the RTCP port.
    """
    receiver.receive_rtcp([(write_compound([ReceiverReport(ssrc), Goodbye((ssrc,))]), ADDRESS, arrival)])


def reasons(directory: Path) -> list[str | None]:
    """
    Why each segment was closed.
    """
    return [one.record.closed.reason if one.record.closed else None for one in on_disk(directory)]


def test_another_takes_over_at_once(tmp_path: Path) -> None:
    """
    A source that said goodbye makes way a second after another sends, not half a minute; both are whole.
    """
    receiver = receiver_in(tmp_path)
    first = Sender(ssrc=1).some(50)
    receive(receiver, first)
    say_goodbye(receiver, 1, NOW + 1.0)
    second = Sender(ssrc=2, now=NOW + 1.1).some(100)
    receive(receiver, second)
    assert reasons(tmp_path) == ["rtcp-bye", None]
    assert receiver.sources == (2,)
    report = receiver.close()
    old, new = on_disk(tmp_path)
    assert_exact(old, first)
    assert_exact(new, second)
    assert (report.packets, report.rejected, report.warnings) == (150, 0, ())


def test_the_end_of_a_stream_tells(tmp_path: Path) -> None:
    """
    The record of the last segment says that its source had left.
    """
    receiver = receiver_in(tmp_path)
    receive(receiver, Sender(ssrc=1).some(50))
    say_goodbye(receiver, 1, NOW + 1.0)
    receiver.close()
    assert reasons(tmp_path) == ["rtcp-bye"]


def test_who_goes_on_sending_is_not_gone(tmp_path: Path) -> None:
    """
    A forged BYE, or one that was read after the packets that followed it, changes nothing.
    """
    receiver = receiver_in(tmp_path)
    sent = Sender(ssrc=1).some(200)
    receive(receiver, sent[:50])
    say_goodbye(receiver, 1, sent[48].arrival + 0.01)
    receive(receiver, sent[50:100])
    say_goodbye(receiver, 1, sent[99].arrival + 0.01)
    receive(receiver, sent[100:])
    report = receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, sent)
    assert reasons(tmp_path) == ["stream-closed"]
    assert (report.packets, report.lost) == (200, 0)


def test_who_comes_back_soon_goes_on(tmp_path: Path) -> None:
    """
    While no other source sends, one that said goodbye and sends again goes on in its segment.
    """
    receiver = receiver_in(tmp_path)
    sender = Sender(ssrc=1)
    before = sender.some(50)
    sender.pause(8000 * 5)
    after = sender.some(50)
    receive(receiver, before)
    say_goodbye(receiver, 1, NOW + 1.1)
    receive(receiver, after)
    receiver.close()
    (segment,) = on_disk(tmp_path)
    assert_exact(segment, before + after)
    assert reasons(tmp_path) == ["stream-closed"]


def test_who_was_closed_may_come_back(tmp_path: Path) -> None:
    """
    Where another took over meanwhile, the old source is a new one: not a packet of either is missing.
    """
    receiver = receiver_in(tmp_path)
    old = Sender(ssrc=1)
    first: list[Sent] = old.some(50)
    receive(receiver, first)
    say_goodbye(receiver, 1, NOW + 1.0)
    second = Sender(ssrc=2, now=NOW + 1.1).some(200)
    old.pause(8000 * 3)
    again = old.some(50)
    receive(receiver, second + again)
    report = receiver.close()
    segments = on_disk(tmp_path)
    assert [one.record.opened.ssrc for one in segments] == [1, 2, 1]
    for segment, sent in zip(segments, (first, second, again), strict=True):
        assert_exact(segment, sent)
    assert (report.packets, report.rejected) == (300, 0)


def test_forged_goodbyes_between_two_sources(tmp_path: Path) -> None:
    """
    Two sources send at once and are declared gone over and over: both are whole.
    """
    receiver = receiver_in(tmp_path)
    one = Sender(ssrc=1).some(300)
    other = Sender(ssrc=2, now=NOW + 0.007).some(300)
    for start in range(0, 300, 10):
        receive(receiver, one[start : start + 10] + other[start : start + 10])
        for ssrc in (1, 2):
            say_goodbye(receiver, ssrc, one[start].arrival + 0.2)
    report = receiver.close()
    for segment, sent in zip(on_disk(tmp_path), (one, other), strict=True):
        assert_exact(segment, sent)
    assert (report.packets, report.lost, report.rejected) == (600, 0, 0)


def test_room_for_another(tmp_path: Path) -> None:
    """
    Of four sources the one that said goodbye makes room for a fifth, though it sent until just now.
    """
    receiver = receiver_in(tmp_path)
    four = [Sender(ssrc=number, now=NOW + number / 1000).some(25) for number in range(1, 5)]
    receive(receiver, [sent for some in four for sent in some])
    say_goodbye(receiver, 3, NOW + 0.5)
    fifth = Sender(ssrc=5, now=NOW + 0.55).some(25)
    receive(receiver, fifth)
    assert receiver.sources == (1, 2, 4, 5)
    report = receiver.close()
    assert (report.packets, report.rejected) == (125, 0)
    assert reasons(tmp_path)[2] == "rtcp-bye"
    assert_exact(on_disk(tmp_path)[-1], fifth)
