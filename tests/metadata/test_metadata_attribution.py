"""
Who is heard where and when, and whether labels agree with the SDP.
"""

from __future__ import annotations

from attrs import evolve

from siprec_tw.metadata.attribution import (
    Attribution,
    Basis,
    attribution_warnings,
    attributions,
    check_labels,
    parties,
)
from siprec_tw.metadata.model import (
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Stream,
)

AL = Participant("A", (NameId("sip:al@x.example", "Al"),))
BO = Participant("B", (NameId("sip:bo@x.example", "Bo"),))
ONE, TWO = Stream("1", "one"), Stream("2", "two")
TALK = Metadata(
    participants=(AL, BO), streams=(ONE, TWO),
    participant_streams=(ParticipantStream("A", ("1",), ("2",)), ParticipantStream("B", ("2",), ("1",))),
)
HOLD = evolve(TALK, participant_streams=(ParticipantStream("A"), ParticipantStream("B")))
SILENT = evolve(TALK, participant_streams=())


def test_nothing_known() -> None:
    """
    Without documents nobody is heard.
    """
    assert attributions([]) == ()
    assert parties([]) == ()


def test_stated_senders() -> None:
    """
    Unbroken sending is one entry, however many documents say it; our clock counts.
    """
    assert attributions([(5.0, TALK), (6.0, TALK), (7.0, TALK)]) == (
        Attribution("one", "A", 5.0, None), Attribution("two", "B", 5.0, None),
    )


def test_hold_and_resume() -> None:
    """
    A hold is a gap, not a guess.
    """
    assert attributions([(5.0, TALK), (6.0, HOLD), (7.0, TALK)]) == (
        Attribution("one", "A", 5.0, 6.0), Attribution("two", "B", 5.0, 6.0),
        Attribution("one", "A", 7.0, None), Attribution("two", "B", 7.0, None),
    )
    assert attributions([(5.0, HOLD)]) == ()
    assert attributions([(5.0, TALK), (6.0, SILENT)])[0].until_time == 6.0


def test_two_documents_at_once() -> None:
    """
    What lasted no time is not told.
    """
    assert attributions([(5.0, TALK), (5.0, HOLD)]) == ()


def test_ended_sending_and_ended_streams() -> None:
    """
    Neither counts any more, whatever time on the client's clock that was.
    """
    ended = evolve(TALK, streams=(ONE, evolve(TWO, disassociate_time=1.0)), participant_streams=(
        evolve(TALK.participant_streams[0], disassociate_time=9e9), TALK.participant_streams[1],
    ))
    assert [a.until_time for a in attributions([(5.0, TALK), (6.0, ended)])] == [6.0, 6.0]


def test_single_stream_is_mixed() -> None:
    """
    One stream that nobody is said to send is everybody's; who has left is not heard on it.
    """
    mixed = evolve(SILENT, streams=(ONE,))
    left = evolve(mixed, participant_sessions=(ParticipantSession("B", "S", None, 1.0),))
    found = attributions([(5.0, mixed), (6.0, left)])
    assert found == (
        Attribution("one", "A", 5.0, None, Basis.MIXED), Attribution("one", "B", 5.0, 6.0, Basis.MIXED),
    )
    assert [w.code for w in attribution_warnings(found)] == ["attribution-guessed"]


def test_by_order() -> None:
    """
    Without any send element the first participant is heard on the first stream, and so on, with warnings.
    """
    found = attributions([(5.0, evolve(SILENT, streams=(ONE, TWO, Stream("3", "three"))))])
    assert found == (
        Attribution("one", "A", 5.0, None, Basis.BY_ORDER),
        Attribution("two", "B", 5.0, None, Basis.BY_ORDER),
    )
    assert [(w.code, w.text) for w in attribution_warnings(found)] == [
        ("attribution-guessed", "nobody is said to send 'one': guessed by-order"),
        ("attribution-guessed", "nobody is said to send 'two': guessed by-order"),
    ]
    assert attribution_warnings(attributions([(5.0, TALK)])) == ()


def test_receivers_alone_leave_a_guess() -> None:
    """
    A client that only ever says who receives is guessed by order.
    """
    state = evolve(TALK, participant_streams=(
        ParticipantStream("A", (), ("2",)), ParticipantStream("B", (), ("1",))
    ))
    assert {a.basis for a in attributions([(5.0, state)])} == {Basis.BY_ORDER}


def test_shared_stream() -> None:
    """
    Everybody said to send a stream is heard on it.
    """
    state = evolve(TALK, streams=(ONE,), participant_streams=(
        ParticipantStream("A", ("1",), ("1",)), ParticipantStream("B", ("1",), ("1",)),
    ))
    assert [(a.label, a.participant_id, a.basis) for a in attributions([(5.0, state)])] == [
        ("one", "A", Basis.STATED), ("one", "B", Basis.STATED),
    ]


def test_ended_call_has_no_mixed_speakers() -> None:
    """
    After the end nobody is guessed to speak.
    """
    mixed = evolve(SILENT, streams=(ONE,))
    found = attributions([(5.0, mixed), (8.0, evolve(mixed, end_time=8.0))])
    assert [a.until_time for a in found] == [8.0, 8.0]


def test_parties_last_names_win() -> None:
    """
    Everybody, in order of appearance, as last named; placeholders only if there is nobody else.
    """
    dummy = Participant("0")
    renamed = Participant("A", (NameId("sip:al@x.example", "Albert"),))
    history = [
        (5.0, Metadata(participants=(dummy,))), (6.0, TALK),
        (7.0, Metadata(participants=(Participant("B"), renamed))),
    ]
    assert parties(history) == (renamed, BO)
    assert parties(history[:1]) == (dummy,)


def test_labels_agree() -> None:
    """
    Order does not matter, an ended stream is not missed, and m-lines without a label are the SDP's affair.
    """
    state = evolve(TALK, streams=(*TALK.streams, Stream("3", "old", disassociate_time=1.0), Stream("4")))
    assert check_labels(state, ["two", "one", ""]) == ()


def test_labels_disagree() -> None:
    """
    Every label that only one side has, or one side has twice, is told.
    """
    state = evolve(TALK, streams=(ONE, TWO, Stream("3", "two")))
    assert [(w.code, w.text.split("'")[1]) for w in check_labels(state, ["one", "one", "x"])] == [
        ("label-repeated", "two"), ("sdp-label-repeated", "one"),
        ("label-not-in-sdp", "two"), ("label-not-in-metadata", "x"),
    ]
