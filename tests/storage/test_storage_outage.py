"""
A recording whose media worker was lost: what the finaliser makes of it.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from storage_fixtures import FRAME, PCMU, STARTED, Spooling, noise

from siprec_tw.recording.journal import CallAnswered, CallEnded, Direction, EndReason, TrackClosed, TrackOpened
from siprec_tw.recording.manifest import Manifest
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise

OPENED = TrackOpened(STARTED, 0, "b", "96", "audio", Direction.RECVONLY, (PCMU,))
BEFORE, AFTER = noise(1, 50 * FRAME), noise(2, 25 * FRAME)


def finished(root: Path) -> tuple[bytes, Manifest]:
    """
    The octets of the first track's own file, and the manifest.
    """
    result = finalise(root, "r1", Disk(sync=False))
    octets = (root / result.path / "track-96.wav").read_bytes()
    return octets[58 : 58 + int.from_bytes(octets[54:58], "little")], result.manifest


def lost(tmp_path: Path) -> Spooling:
    """
    A call of one track; its worker died after a second of sound and closed no segment.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    spooling.segment("a", sound=BEFORE, arrival=STARTED + 1, closed=False)
    spooling.journal(TrackClosed(STARTED + 2.25, 0, lost=True))
    return spooling


def test_recording_goes_on_after_the_outage(tmp_path: Path) -> None:
    """
    Everything before and everything after is exact; what lies between is an outage of its true length.
    """
    spooling = lost(tmp_path)
    spooling.journal(evolve(OPENED, at=STARTED + 2.5))
    spooling.segment("b", sound=AFTER, arrival=STARTED + 3.5, first=80_000 + 20_000, sequence=225)
    spooling.end()
    octets, manifest = finished(tmp_path)
    assert octets == BEFORE + b"\xff" * 12_000 + AFTER
    track = manifest.tracks[0]
    assert track.stream_ids == ("a", "b")
    assert [(gap.kind, gap.start, gap.length, gap.lost) for gap in track.gaps] == [("outage", 1.0, 1.5, 0)]
    assert manifest.verdict.name == "complete-with-loss"
    assert manifest.verdict.reason.endswith("Track 96 was not received for 1.5 s: its media worker was lost.")
    assert [(event.kind, event.text) for event in manifest.events][1] == ("closed", "not received any more")


def test_two_outages(tmp_path: Path) -> None:
    """
    Each is told by itself; a pause of the client's between them stays silence.
    """
    spooling = lost(tmp_path)
    spooling.journal(evolve(OPENED, at=STARTED + 2.5))
    spooling.segment("b", sound=AFTER, arrival=STARTED + 3)
    spooling.segment("b", 2, sound=AFTER, arrival=STARTED + 5, epoch=2)
    spooling.journal(TrackClosed(STARTED + 5.6, 0, lost=True))
    spooling.journal(evolve(OPENED, at=STARTED + 5.7, stream_id="c"))
    spooling.segment("c", sound=AFTER, arrival=STARTED + 6.5)
    spooling.end()
    _, manifest = finished(tmp_path)
    found = [(gap.kind, gap.start, gap.length) for gap in manifest.tracks[0].gaps]
    assert found == [("outage", 1.0, 1.0), ("silence", 2.5, 1.5), ("outage", 4.5, 1.0)]
    assert manifest.verdict.reason.count("was not received for 1.0 s") == 2


def test_client_that_refused(tmp_path: Path) -> None:
    """
    A stream that was opened anew in vain is no second outage; the rest of the track is missing.
    """
    spooling = lost(tmp_path)
    spooling.journal(evolve(OPENED, at=STARTED + 2.5), TrackClosed(STARTED + 2.6, 0, lost=True))
    spooling.end()
    _, manifest = finished(tmp_path)
    assert manifest.verdict.name == "complete-with-loss"
    assert manifest.verdict.reason.endswith("Track 96 was not received from 1.0 s on: its media worker was lost.")
    assert manifest.verdict.reason.count("not received") == 1


def test_call_that_ended_for_it(tmp_path: Path) -> None:
    """
    No track was left: the recording is truncated, and says why.
    """
    spooling = lost(tmp_path)
    spooling.journal(CallEnded(STARTED + 3, EndReason.MEDIA_LOST, "our re-INVITE was answered 488"))
    _, manifest = finished(tmp_path)
    assert (manifest.end.reason, manifest.verdict.name) == ("media-lost", "truncated")
    assert manifest.verdict.reason.startswith("The media worker was lost before the call ended. Until then: ")


def test_held_track_misses_nothing(tmp_path: Path) -> None:
    """
    Nothing was sent while the track was inactive: its loss costs nothing.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    spooling.segment("a", sound=BEFORE, arrival=STARTED + 1)
    spooling.journal(evolve(OPENED, at=STARTED + 2, stream_id="a", direction=Direction.INACTIVE))
    spooling.journal(TrackClosed(STARTED + 3, 0, lost=True))
    spooling.journal(evolve(OPENED, at=STARTED + 3.1, direction=Direction.INACTIVE))
    spooling.end()
    _, manifest = finished(tmp_path)
    assert manifest.verdict.name == "complete"


def test_lost_before_the_answer(tmp_path: Path) -> None:
    """
    Nobody was told to send there: no outage.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    path = spooling.directory / "journal.jsonl"
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if b"CallAnswered" not in line]
    path.write_bytes(b"".join(lines))
    spooling.journal(
        TrackClosed(STARTED + 0.02, 0, lost=True), evolve(OPENED, at=STARTED + 0.03), CallAnswered(STARTED + 0.04)
    )
    spooling.segment("b", sound=AFTER, arrival=STARTED + 1)
    spooling.end()
    octets, manifest = finished(tmp_path)
    assert octets == AFTER
    assert (manifest.verdict.name, manifest.verdict.reason) == ("complete", "Every packet arrived.")
