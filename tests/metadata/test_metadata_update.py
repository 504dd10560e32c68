"""
What a document changes of what was known: complete, partial, final.
"""

from __future__ import annotations

from attrs import evolve

from siprec_tw.metadata.model import (
    Completeness,
    Extension,
    Group,
    Metadata,
    NameId,
    Participant,
    ParticipantSession,
    ParticipantStream,
    Session,
    SessionRecording,
    Stream,
)
from siprec_tw.metadata.update import Updated, apply

PARTIAL = Completeness.PARTIAL
AL = Participant("A", (NameId("sip:al@x.example", "Al"),), (Extension("urn:v", "v", '<v xmlns="urn:v"/>'),))
BO = Participant("B", (NameId("sip:bo@x.example", "Bo"),))
CY = Participant("C", (NameId("sip:cy@x.example", "Cy"),))
START = Metadata(
    groups=(Group("G", 10.0),),
    sessions=(Session("S", ("x;remote=y",), "G", 10.0),),
    participants=(AL, BO),
    streams=(Stream("1", "one", "S"), Stream("2", "two", "S")),
    session_recordings=(SessionRecording("S", 10.0),),
    participant_sessions=(ParticipantSession("A", "S", 10.0), ParticipantSession("B", "S", 10.0)),
    participant_streams=(ParticipantStream("A", ("1",), ("2",)), ParticipantStream("B", ("2",), ("1",))),
)


def codes(updated: Updated) -> list[str]:
    """
    The codes of an update's warnings.
    """
    return [warning.code for warning in updated.warnings]


def test_first_document_is_the_state() -> None:
    """
    Of a first complete document nothing changes and nothing is doubtful.
    """
    assert apply(None, START, at=100.0) == Updated(START)


def test_same_document_changes_nothing() -> None:
    """
    A refresh that repeats the document is no change.
    """
    assert apply(START, START, at=200.0) == Updated(START)


def test_first_document_partial() -> None:
    """
    A partial document with nothing before it is taken for what it is, with a warning.
    """
    updated = apply(None, evolve(START, data_mode=Completeness.PARTIAL), at=100.0)
    assert updated.metadata == START
    assert codes(updated) == ["partial-without-complete"]


def test_complete_document_without_people_or_streams() -> None:
    """
    It is warned about, and does not mean that all are gone.
    """
    updated = apply(START, Metadata(sessions=START.sessions, groups=START.groups), at=200.0)
    assert codes(updated) == ["metadata-without-participants", "metadata-without-streams"]
    assert updated.metadata.participants == START.participants
    assert updated.metadata.streams == START.streams
    assert updated.metadata.participant_sessions == START.participant_sessions


def test_complete_document_without_sessions() -> None:
    """
    A document that lists no session does not end the one that runs.
    """
    state = apply(START, evolve(START, sessions=()), at=200.0).metadata
    assert state.sessions == START.sessions
    assert state.participant_sessions == START.participant_sessions


def test_vanished_participant_has_left() -> None:
    """
    Who a complete document no longer lists is kept, and has left when it arrived.
    """
    reading = evolve(
        START, participants=(AL, CY),
        participant_sessions=(ParticipantSession("A", "S"), ParticipantSession("C", "S")),
        participant_streams=(
            ParticipantStream("A", ("1",), ("2",)), ParticipantStream("C", ("2",), ("1",)),
        ),
    )
    updated = apply(START, reading, at=200.0)
    assert updated.metadata.participants == (AL, CY, BO)
    assert updated.metadata.participant_sessions == (
        ParticipantSession("A", "S", 10.0), ParticipantSession("C", "S", 200.0),
        ParticipantSession("B", "S", 10.0, 200.0),
    )
    assert updated.metadata.participant_streams == (
        ParticipantStream("A", ("1",), ("2",)), ParticipantStream("C", ("2",), ("1",)),
        ParticipantStream("B", ("2",), ("1",), None, 200.0),
    )
    assert codes(updated) == ["participant-vanished"]
    assert updated.metadata.has_left("B")


def test_vanished_participant_comes_back() -> None:
    """
    Listed again by a complete document, he is there again; and who stays away is warned about once.
    """
    alone = evolve(
        START, participants=(AL,), participant_sessions=START.participant_sessions[:1],
        participant_streams=START.participant_streams[:1],
    )
    left = apply(START, alone, at=200.0)
    assert codes(left) == ["participant-vanished"]
    still = apply(left.metadata, alone, at=250.0)
    assert still == Updated(left.metadata)
    back = apply(still.metadata, START, at=300.0)
    assert back == Updated(START)


def test_vanished_stream_session_and_group_have_ended() -> None:
    """
    A stream, a session and a group that are no longer listed ended when the document arrived.
    """
    reading = evolve(
        START, groups=(Group("H"),), sessions=(Session("T"),), streams=(Stream("1", "one", "T"),),
        participant_sessions=(ParticipantSession("A", "T"), ParticipantSession("B", "T")),
        session_recordings=(),
    )
    updated = apply(START, reading, at=200.0)
    state = updated.metadata
    assert state.groups == (Group("H"), Group("G", 10.0, 200.0))
    assert [(s.id, s.end_time) for s in state.sessions] == [("T", None), ("S", 200.0)]
    assert state.streams == (Stream("1", "one", "T"), Stream("2", "two", "S", disassociate_time=200.0))
    assert state.participant_sessions == (
        ParticipantSession("A", "T"), ParticipantSession("B", "T"),
        ParticipantSession("A", "S", 10.0, 200.0), ParticipantSession("B", "S", 10.0, 200.0),
    )
    assert not state.has_left("A")
    assert codes(updated) == ["stream-vanished"]


def test_hold_by_empty_and_by_missing_association() -> None:
    """
    An empty association and a missing one are hold: nobody leaves.
    """
    reading = evolve(START, participant_streams=(ParticipantStream("A"),))
    updated = apply(START, reading, at=200.0)
    assert updated.metadata == evolve(
        START, participant_streams=(ParticipantStream("A"), ParticipantStream("B"))
    )
    assert codes(updated) == []


def test_complete_document_keeps_what_it_does_not_tell() -> None:
    """
    Extensions, names and beginnings that a later document leaves out are still known.
    """
    reading = Metadata(
        sessions=(Session("S"),),
        participants=(Participant("A"), Participant("B", (NameId("sip:bob@x.example"),))),
        streams=(Stream("1"), Stream("2")), groups=(Group("G"),),
        participant_sessions=(ParticipantSession("A", "S"), ParticipantSession("B", "S")),
        participant_streams=START.participant_streams, session_recordings=(SessionRecording("S"),),
    )
    state = apply(START, reading, at=200.0).metadata
    assert state == evolve(START, participants=(AL, Participant("B", (NameId("sip:bob@x.example"),))))


def test_partial_document_changes_by_id() -> None:
    """
    A name changes, another joins with a stream; all else stays.
    """
    reading = Metadata(
        PARTIAL,
        participants=(CY, Participant("A", (NameId("sip:al@x.example", "Alan"),))),
        streams=(Stream("3", "three", "S"),),
        participant_sessions=(ParticipantSession("C", "S", 20.0),),
        participant_streams=(ParticipantStream("C", ("3",)),),
    )
    updated = apply(START, reading, at=200.0)
    assert updated == Updated(evolve(
        START,
        participants=(evolve(AL, name_ids=(NameId("sip:al@x.example", "Alan"),)), BO, CY),
        streams=(*START.streams, Stream("3", "three", "S")),
        participant_sessions=(*START.participant_sessions, ParticipantSession("C", "S", 20.0)),
        participant_streams=(*START.participant_streams, ParticipantStream("C", ("3",))),
    ))


def test_partial_leave_ends_the_sending_too() -> None:
    """
    Who leaves the session sends no more, and is as he was otherwise.
    """
    reading = Metadata(PARTIAL, participant_sessions=(ParticipantSession("B", "S", None, 30.0),))
    state = apply(START, reading, at=200.0).metadata
    assert state.participant_sessions[1] == ParticipantSession("B", "S", 10.0, 30.0)
    assert state.participant_streams[1] == ParticipantStream("B", ("2",), ("1",), None, 30.0)
    assert state.has_left("B") and not state.has_left("A")


def test_partial_rejoin_begins_anew() -> None:
    """
    Another time of association after the end is a new one; a mere mention is not.
    """
    leave = Metadata(PARTIAL, participant_sessions=(ParticipantSession("B", "S", None, 30.0),))
    left = apply(START, leave, at=200.0).metadata
    mention = Metadata(PARTIAL, participant_sessions=(ParticipantSession("B", "S"),))
    assert apply(left, mention, at=300.0).metadata == left
    rejoined = apply(left, Metadata(
        PARTIAL,
        participant_sessions=(ParticipantSession("B", "S", 40.0),),
        participant_streams=(ParticipantStream("B", ("2",)),),
    ), at=300.0).metadata
    assert rejoined.participant_sessions[1] == ParticipantSession("B", "S", 40.0)
    assert rejoined.participant_streams[1] == ParticipantStream("B", ("2",))


def test_partial_hold_and_end_of_sending() -> None:
    """
    An empty association holds; an empty one with an end leaves on record what was sent.
    """
    state = apply(START, Metadata(
        PARTIAL,
        participant_streams=(ParticipantStream("A"), ParticipantStream("B", disassociate_time=30.0))
    ), at=200.0).metadata
    assert state.participant_streams == (
        ParticipantStream("A"), ParticipantStream("B", ("2",), ("1",), None, 30.0)
    )


def test_final_document_only_ends() -> None:
    """
    A document in a BYE that lists no stream, and empty associations, ends the call and forgets nothing.
    """
    reading = Metadata(
        sessions=(Session("S", end_time=50.0),), participants=(Participant("A"),),
        participant_sessions=(ParticipantSession("A", "S", None, 49.0),),
        participant_streams=(ParticipantStream("A", disassociate_time=48.0), ParticipantStream("B")),
    )
    updated = apply(START, reading, final=True, at=200.0)
    assert updated == Updated(evolve(
        START,
        sessions=(evolve(START.sessions[0], end_time=50.0),),
        session_recordings=(SessionRecording("S", 10.0, 50.0),),
        participant_sessions=(
            ParticipantSession("A", "S", 10.0, 49.0), ParticipantSession("B", "S", 10.0, 50.0),
        ),
        participant_streams=(
            ParticipantStream("A", ("1",), ("2",), None, 48.0),
            ParticipantStream("B", ("2",), ("1",), None, 50.0),
        ),
        end_time=200.0,
    ))


def test_final_document_may_tell_more() -> None:
    """
    Streams and senders first named in the BYE are added; the root's end-time is the end of all.
    """
    reading = Metadata(
        streams=(Stream("9", "nine"),), participant_streams=(ParticipantStream("C", ("9",)),),
        participants=(CY,), end_time=60.0,
    )
    state = apply(START, reading, final=True, at=200.0).metadata
    assert state.streams == (*START.streams, Stream("9", "nine"))
    assert state.participants == (AL, BO, CY)
    assert [(p.sends, p.disassociate_time) for p in state.participant_streams] == [
        (("1",), 60.0), (("2",), 60.0), (("9",), 60.0)
    ]
    assert state.end_time == 60.0


def test_final_document_alone() -> None:
    """
    A BYE may bring the only document of a call.
    """
    state = apply(None, START, final=True, at=200.0).metadata
    assert state.sessions[0].end_time == 200.0
    assert state.participants == START.participants


def test_leaving_a_session_of_ones_own_name() -> None:
    """
    Cisco: the participant's id as the session that it leaves means its real session.
    """
    reading = evolve(
        START, participants=(AL, CY),
        participant_sessions=(
            ParticipantSession("A", "S", 10.0), ParticipantSession("B", "B", None, 30.0),
            ParticipantSession("C", "S", 30.0),
        ),
    )
    state = apply(START, reading, at=200.0).metadata
    assert state.participant_sessions == (
        ParticipantSession("A", "S", 10.0), ParticipantSession("B", "S", 10.0, 30.0),
        ParticipantSession("C", "S", 30.0),
    )
    assert state.participants == (AL, CY, BO)


def test_placeholder_is_replaced() -> None:
    """
    A participant without any identity is gone, with its associations, once somebody real is listed.
    """
    dummy = Metadata(
        sessions=START.sessions, streams=START.streams, participants=(Participant("0"),),
        participant_sessions=(ParticipantSession("0", "S"),),
        participant_streams=(ParticipantStream("0", ("1",)),),
    )
    assert apply(dummy, dummy, at=150.0).metadata == dummy
    for reading in (evolve(START, groups=()), Metadata(PARTIAL, participants=START.participants)):
        state = apply(dummy, reading, at=200.0).metadata
        assert state.participants == START.participants
        assert "0" not in {a.participant_id for a in state.participant_sessions}
        assert "0" not in {a.participant_id for a in state.participant_streams}
