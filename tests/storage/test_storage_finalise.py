"""
From segments to files, exact to the octet.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import wave
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from mortal_disk import Killed, Mortal, contents
from numpy.typing import NDArray
from storage_fixtures import FRAME, METADATA, PCMA, PCMU, STARTED, STRANGE, Spooling, noise

from siprec_tw.codecs.g711 import decode_alaw, decode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.errors import LocalError
from siprec_tw.interfaces import StreamQuality
from siprec_tw.recording import rtpdump
from siprec_tw.recording.journal import Direction, TrackChanged
from siprec_tw.recording.manifest import Manifest, from_json
from siprec_tw.recording.segment import Filled, Gap
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise

DISK = Disk(sync=False)


def finished(root: Path, recording_id: str = "r1") -> tuple[Path, Manifest]:
    result = finalise(root, recording_id, DISK)
    return root / result.path, result.manifest


def channels(path: Path) -> NDArray[np.int16]:
    """
    recording.wav as Python reads it: frames by channels.
    """
    with wave.open(str(path / "recording.wav")) as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return frames.reshape(-1, file.getnchannels())


def g711(path: Path) -> bytes:
    """
    The octets of a G.711 file, by the size its header tells.
    """
    octets = path.read_bytes()
    assert octets[20] in (6, 7)
    return octets[58 : 58 + int.from_bytes(octets[54:58], "little")]


def test_two_tracks_keep_their_offset_and_their_octets(tmp_path: Path) -> None:
    """
    Tracks lie as far apart as their packets arrived, and each file has the octets that were sent.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"), ("b", "97"))
    left, right = noise(1, 50 * FRAME), noise(2, 75 * FRAME)
    spooling.segment("a", sound=left, arrival=STARTED + 1)
    spooling.segment("b", sound=right, form=PCMA, arrival=STARTED + 1.25, first=2**32 - 100)
    spooling.document("001-metadata.xml", METADATA)
    spooling.end()
    path, manifest = finished(tmp_path)
    assert path == tmp_path / "2026/09/21/r1"
    assert not (tmp_path / "spool/r1").exists()
    assert g711(path / "track-96.wav") == left
    assert g711(path / "track-97.wav") == bytes([0xD5]) * 2000 + right
    sound = channels(path)
    assert sound.shape == (2000 + 75 * FRAME, 2)
    assert np.array_equal(sound[: len(left), 0], decode_mulaw(left)) and not sound[len(left) :, 0].any()
    assert np.array_equal(sound[2000:, 1], decode_alaw(right)) and not sound[:2000, 1].any()
    assert manifest.verdict.name == "complete", manifest.verdict
    assert [(t.label, t.channel, t.lead_samples) for t in manifest.tracks] == [("96", 1, 0), ("97", 2, 2000)]
    assert [p.name for p in manifest.parties] == ["Alice Müller", "Bob"]
    assert [t.participants[0].participant_id for t in manifest.tracks] == ["p1", "p2"]
    assert manifest.times.duration == (2000 + 75 * FRAME) / 8000
    assert manifest.end.reason == "bye"
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    assert names == [
        "documents/001-metadata.xml", "journal.jsonl", "recording.json", "recording.wav", "track-96.wav",
        "track-97.wav",
    ]
    for entry in manifest.files:
        octets = (path / entry.name).read_bytes()
        assert (len(octets), sha256(octets).hexdigest()) == (entry.octets, entry.sha256)


@pytest.mark.skipif(shutil.which("soxi") is None, reason="SoX is not installed")
def test_sox_reads_every_file(tmp_path: Path) -> None:
    """
    SoX agrees on channels, rate, encoding and length.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 8001))
    spooling.segment("b", sound=noise(2, 8000), form=PCMA)
    path, _ = finished(tmp_path)

    def soxi(flag: str, name: str) -> str:
        return subprocess.run(
            ["soxi", flag, str(path / name)], check=True, capture_output=True, text=True, timeout=20
        ).stdout.strip()

    assert [soxi(flag, "recording.wav") for flag in ("-c", "-r", "-s")] == ["2", "8000", "8001"]
    assert soxi("-e", "track-1.wav") == "u-law" and soxi("-s", "track-1.wav") == "8001"
    assert soxi("-e", "track-2.wav") == "A-law" and soxi("-s", "track-2.wav") == "8000"


def test_gaps_fills_and_lead(tmp_path: Path) -> None:
    """
    Lost packets are silence of their length, late ones at their place, and one that was overtaken first.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    frames = [noise(i, FRAME) for i in range(10)]
    garbage = b"\0" * FRAME     # what is in a hole of the file is not sound
    body = b"".join([*frames[1:3], garbage, frames[4], garbage, garbage, *frames[7:]])
    first = 80_000

    def at(index: int) -> int:
        return first + (index - 1) * FRAME

    spooling.segment(
        "a", sound=body, lead=frames[0], first=first, sequence=101,
        gaps=[Gap(at(3), at(5), 102, 105), Gap(at(5), at(7), 104, 107)],
        filled=[Filled(at(0), at(1), 100), Filled(at(4), at(5), 104)],
    )
    spooling.end()
    path, manifest = finished(tmp_path)
    silence = b"\xff" * FRAME
    expected = [*frames[:3], silence, frames[4], silence, silence, *frames[7:]]
    assert g711(path / "track-96.wav") == b"".join(expected)
    track = manifest.tracks[0]
    assert [(gap.kind, gap.start_sample, gap.samples, gap.lost) for gap in track.gaps] == [
        ("loss", 3 * FRAME, FRAME, 1), ("loss", 5 * FRAME, 2 * FRAME, 2)
    ]
    assert (track.lost, track.segments[0].first_sequence) == (3, 100)
    assert manifest.verdict.name == "complete-with-loss"


def test_silence_is_no_loss(tmp_path: Path) -> None:
    """
    Where sequence numbers go on, the source sent nothing: silence of the true length, and no loss.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    sound = noise(1, 320) + b"\xff" * 4000 + noise(2, 320)
    spooling.segment("a", sound=sound, gaps=[Gap(80_320, 84_320, 101, 102)], packets=4)
    spooling.journal(TrackChanged(STARTED + 1.1, 0, "96", Direction.INACTIVE, (PCMU,)))
    spooling.journal(TrackChanged(STARTED + 1.5, 0, "96", Direction.RECVONLY, (PCMU,)))
    spooling.end()
    path, manifest = finished(tmp_path)
    assert g711(path / "track-96.wav") == sound
    track = manifest.tracks[0]
    assert [(gap.kind, gap.start, gap.length) for gap in track.gaps] == [("silence", 0.04, 0.5)]
    assert [(hold.start, hold.length) for hold in track.holds] == [(0.1, 0.4)]
    assert manifest.verdict.name == "complete"
    assert [event.kind for event in manifest.events] == ["opened", "hold", "resume"]


def test_hand_over_between_sources_leaves_no_seam(tmp_path: Path) -> None:
    """
    A new SSRC whose first packet came a little early or late is put exactly behind the old one.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    parts = [noise(i, 50 * FRAME) for i in range(3)]
    spooling.segment("a", 1, sound=parts[0], arrival=STARTED + 1)
    spooling.segment("a", 2, sound=parts[1], epoch=2, ssrc=8, first=5, arrival=STARTED + 1.985)
    spooling.segment("a", 3, sound=parts[2], epoch=3, ssrc=9, first=900_000, arrival=STARTED + 3.01)
    spooling.end()
    path, manifest = finished(tmp_path)
    assert g711(path / "track-96.wav") == b"".join(parts)
    assert [event.kind for event in manifest.events] == ["opened", "ssrc-changed", "ssrc-changed"]


def test_epochs_with_a_pause_keep_it(tmp_path: Path) -> None:
    """
    Between two epochs lies the time that lay between their arrivals.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    one, two = noise(1, 800), noise(2, 800)
    spooling.segment("a", 1, sound=one, arrival=STARTED + 1)
    spooling.segment("a", 2, sound=two, epoch=2, first=123_456, arrival=STARTED + 3.5)
    spooling.end()
    path, manifest = finished(tmp_path)
    assert g711(path / "track-96.wav") == one + b"\xff" * (20_000 - 800) + two
    assert [(gap.kind, gap.samples) for gap in manifest.tracks[0].gaps] == [("silence", 19_200)]


def test_jitter_of_the_first_packet_shifts_nothing(tmp_path: Path) -> None:
    """
    Tracks are aligned by the least transit, not by the arrival of their first packets.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 800), arrival=STARTED + 1)
    late = STARTED + 1.18
    spooling.segment("b", sound=noise(2, 800), arrival=late, transit=STARTED + 1 - 80_000 / 8000)
    _, manifest = finished(tmp_path)
    assert [track.lead_samples for track in manifest.tracks] == [0, 0]


def test_two_laws_on_one_track(tmp_path: Path) -> None:
    """
    A change of codec makes the track's file PCM, without a seam and without loss.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    one, two = noise(1, 800), noise(2, 800)
    spooling.segment("a", 1, sound=one, sequence=100)
    spooling.segment("a", 2, sound=two, form=PCMA, first=80_800, sequence=105, arrival=STARTED + 1.1)
    spooling.end()
    path, manifest = finished(tmp_path)
    expected = np.concatenate([decode_mulaw(one), decode_alaw(two)])
    with wave.open(str(path / "track-96.wav")) as file:
        assert np.array_equal(np.frombuffer(file.readframes(9999), "<i2"), expected)
    assert np.array_equal(channels(path)[:, 0], expected)
    assert manifest.tracks[0].encodings == ("PCMU/8000", "PCMA/8000")
    assert [event.kind for event in manifest.events] == ["opened", "codec-changed"]


def test_two_sources_at_once_are_mixed(tmp_path: Path) -> None:
    """
    Sound that overlaps within a track is added with saturation.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "96"))
    one, two = noise(1, 1600), noise(2, 1600)
    spooling.segment("a", 1, sound=one, ssrc=1)
    spooling.segment("a", 2, sound=two, ssrc=2, epoch=2, arrival=STARTED + 1.1)
    path, manifest = finished(tmp_path)
    expected = np.zeros(2400, np.int32)
    expected[:1600] += decode_mulaw(one)
    expected[800:] += decode_mulaw(two)
    assert np.array_equal(channels(path)[:, 0], np.clip(expected, -32768, 32767))
    assert manifest.tracks[0].peak == 32767 or manifest.tracks[0].peak == 32768


def test_two_laws_of_two_rates(tmp_path: Path) -> None:
    """
    The highest rate is that of recording.wav; a track of a lower one is interpolated there, exact in its own.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    wide = PayloadFormat(96, "PCMU", 16_000)
    steady = b"\x80" * 800
    spooling.segment("a", sound=noise(1, 1600), form=wide)
    spooling.segment("b", sound=steady)
    path, manifest = finished(tmp_path)
    with wave.open(str(path / "recording.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 1600)
        frames = np.frombuffer(file.readframes(1600), "<i2").reshape(-1, 2)
    assert set(frames[:1599, 1]) == {decode_mulaw(b"\x80")[0]}
    assert g711(path / "track-2.wav") == steady
    assert [track.sample_rate for track in manifest.tracks] == [16_000, 8000]


def test_undecodable_codec_keeps_its_packets(tmp_path: Path) -> None:
    """
    A track that cannot be decoded is a silent channel of its true length, a warning, and its packets.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 1600))
    packets = spooling.packets("b", count=30)
    spooling.end()
    path, manifest = finished(tmp_path)
    assert not channels(path)[:, 1].any() and len(channels(path)) == 30 * FRAME
    assert not (path / "track-2.wav").exists()
    octets = (path / "track-2.rtpdump").read_bytes()
    kept = list(rtpdump.records(lambda offset, size: octets[offset : offset + size]))
    assert [record.packet for record in kept] == packets
    assert [warning.code for warning in manifest.warnings] == ["codec-not-decoded"]
    assert manifest.tracks[1].encodings == ("X-STRANGE/48000/2",)
    assert manifest.verdict.name == "complete"


def test_digits_are_kept_beside_the_sound(tmp_path: Path) -> None:
    """
    Telephone events neither lengthen a track nor change its codec; their packets are kept.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    sound = noise(1, 1600)
    digits = PayloadFormat(101, "TELEPHONE-EVENT", 8000)
    spooling.segment("a", 1, sound=sound)
    packets = spooling.packets("a", 2, form=digits, first=80_000, count=5, step=0, arrival=STARTED + 1.1)
    spooling.end()
    path, manifest = finished(tmp_path)
    assert g711(path / "track-1.wav") == sound
    octets = (path / "track-1.events.rtpdump").read_bytes()
    assert [one.packet for one in rtpdump.records(lambda at, size: octets[at : at + size])] == packets
    assert [one.encoding for one in manifest.tracks[0].side_segments] == ["TELEPHONE-EVENT/8000"]
    assert manifest.warnings == () and [event.kind for event in manifest.events] == ["opened"]


def test_nothing_arrived(tmp_path: Path) -> None:
    """
    A call without a packet has a playable file of no length and the verdict silent.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.end()
    path, manifest = finished(tmp_path)
    assert channels(path).shape == (0, 2)
    assert (manifest.verdict.name, manifest.times.sound_started) == ("silent", None)


def test_one_side_is_missing(tmp_path: Path) -> None:
    """
    A track that was active and silent makes the recording one-sided; one that was held all along does not.
    """
    for recording_id, direction, verdict in (
        ("r1", Direction.RECVONLY, "one-sided"), ("r2", Direction.INACTIVE, "complete")
    ):
        spooling = Spooling(tmp_path, recording_id)
        spooling.start(("a", "1"), ("b", "2"))
        spooling.journal(TrackChanged(STARTED + 0.01, 1, "2", direction, (PCMU,)))
        spooling.segment("a", sound=noise(1, 1600))
        spooling.end()
        _, manifest = finished(tmp_path, recording_id)
        assert manifest.verdict.name == verdict, manifest.verdict


def test_quality_of_a_track(tmp_path: Path) -> None:
    """
    Loss, its bursts, jitter and the score are in the manifest; a track without a packet has none of it.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    gap = Gap(80_000 + 100 * FRAME, 80_000 + 103 * FRAME, 199, 203)
    spooling.segment("a", sound=noise(1, 200 * FRAME), gaps=[gap], filled=[Filled(gap.first, gap.first + FRAME, 200)])
    spooling.end()
    path, manifest = finished(tmp_path)
    quality = manifest.tracks[0].quality
    assert manifest.tracks[0].lost == 2
    assert quality == StreamQuality(
        loss_rate=0.01, longest_loss=2, bursts=1, burst_density=1.0, burst_duration=0.04, gap_density=0.0,
        gap_duration=1.98, jitter=0.001, r_factor=round(93.2 - 95 / (1 / (2 * 0.99) + 4.3), 1), mos=3.75,
    )
    assert manifest.tracks[1].quality is None
    document = json.loads((path / "recording.json").read_text())
    assert document["tracks"][0]["quality"]["mos"] == 3.75
    del document["tracks"][0]["quality"]
    assert from_json(json.dumps(document).encode()).tracks[0].quality is None


@pytest.mark.parametrize(
    ("form", "octets", "told"),
    [(PCMU, b"\xff", True), (PCMA, b"\xd5", True), (PCMU, b"\xff" * 799 + b"\xf0", False), (PCMA, b"\x55\xd4", False)],
)
def test_packets_without_sound(tmp_path: Path, form: PayloadFormat, octets: bytes, told: bool) -> None:
    """
    A track of nothing but digital silence is told of; the faintest sound is a sound.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    spooling.segment("a", form=form, sound=(octets * 1600)[: 10 * FRAME])
    spooling.end()
    _, manifest = finished(tmp_path)
    found = [(warning.code, warning.text) for warning in manifest.warnings]
    text = f"track 1: packets came, and all of their sound is silence (highest sample {manifest.tracks[0].peak})"
    assert found == ([("track-without-sound", text)] if told else [])


def test_killed_in_mid_call(tmp_path: Path) -> None:
    """
    Without checkpoint, close or end, and with torn last lines, all that is in the files is in the recording.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"), ("c", "3"))
    left, right = noise(1, 1600), noise(2, 4000)
    spooling.segment("a", sound=left, closed=False, checkpoint=False)
    spooling.segment("b", sound=right, closed=False)
    packets = spooling.packets("c", closed=False, count=20)
    for name in ("a-1.jsonl", "b-1.jsonl", "journal.jsonl"):
        with (spooling.directory / name).open("ab") as file:
            file.write(b'{"event":"Checkpoint","end":12')
    part = spooling.directory / "c-1.rtpdump.part"
    part.write_bytes(part.read_bytes()[:-7])
    path, manifest = finished(tmp_path)
    assert g711(path / "track-1.wav") == left and g711(path / "track-2.wav") == right
    octets = (path / "track-3.rtpdump").read_bytes()
    assert len(list(rtpdump.records(lambda at, size: octets[at : at + size]))) == len(packets) - 1
    assert (manifest.verdict.name, manifest.end.reason) == ("truncated", "truncated")
    assert manifest.times.ended == "2026-09-21T14:13:21.500Z"
    assert [segment.closed for track in manifest.tracks for segment in track.segments] == ["", "", ""]


def test_sound_written_after_the_last_checkpoint_counts(tmp_path: Path) -> None:
    """
    The length of an open segment's file, not its last checkpoint, tells where its sound ends.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    sound = noise(1, 1600)
    spooling.segment("a", sound=sound[:800], closed=False)
    with (spooling.directory / "a-1.wav.part").open("ab") as file:
        file.write(sound[800:])
    path, _ = finished(tmp_path)
    assert g711(path / "track-1.wav") == sound


def test_torn_wav_is_silence_at_its_end(tmp_path: Path) -> None:
    """
    Where a file is shorter than its record says, silence stands for what is missing.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    sound = noise(1, 1600)
    spooling.segment("a", sound=sound)
    part = spooling.directory / "a-1.wav.part"
    part.write_bytes(part.read_bytes()[:-600])
    spooling.segment("a", 2, sound=sound, first=81_600, sequence=110)
    (spooling.directory / "a-2.wav.part").unlink()
    path, manifest = finished(tmp_path)
    assert g711(path / "track-1.wav") == sound[:1000] + b"\xff" * 2200
    assert "segment-without-file" in [warning.code for warning in manifest.warnings]


def test_journal_without_its_beginning(tmp_path: Path) -> None:
    """
    A journal that is lost altogether still leaves the sound, under the id of the directory.
    """
    spooling = Spooling(tmp_path)
    sound = noise(1, 1600)
    spooling.segment("a", sound=sound)
    (spooling.directory / "journal.jsonl").write_bytes(b"\0\xff{}\n[1]\n")
    path, manifest = finished(tmp_path)
    assert path == tmp_path / "2026/09/21/r1"
    assert g711(path / "track-0.wav") == sound
    assert [warning.code for warning in manifest.warnings] == ["journal-without-start"]


def test_damaged_segment_is_kept(tmp_path: Path) -> None:
    """
    A segment that cannot be understood is left out, warned of, and its files stay.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    sound = noise(1, 1600)
    spooling.segment("a", sound=sound)
    spooling.segment("b", sound=sound)
    (spooling.directory / "b-1.jsonl").write_bytes(b"{")
    path, manifest = finished(tmp_path)
    assert g711(path / "track-1.wav") == sound
    assert (path / "b-1.wav.part").exists()
    assert [warning.code for warning in manifest.warnings] == ["segment-unreadable"]


def test_a_clock_that_was_set_fills_no_disk(tmp_path: Path) -> None:
    """
    What came when the server's clock told another decade is kept, and no decade of silence is written.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    sound = noise(1, 1600)
    spooling.segment("a", sound=sound)
    spooling.segment("a", 2, epoch=2, sound=sound, arrival=STARTED + 31 * 86_400)
    path, manifest = finished(tmp_path)
    assert g711(path / "track-1.wav") == sound
    assert (path / "a-2.wav.part").exists()
    assert [(warning.code, warning.text) for warning in manifest.warnings] == [
        ("segment-unreadable", "a-2: it begins 2678400 s from the start of the call, wanted 2592000 at most;"
         " its files are kept"),
    ]


def test_labels_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    """
    Labels are the peer's: the names of files are ours, and different.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "../../etc/x"), ("b", "A"), ("c", "a"), ("d", ""))
    for stream_id in "abcd":
        spooling.segment(stream_id, sound=noise(1, 160))
    path, manifest = finished(tmp_path)
    assert [track.files for track in manifest.tracks] == [
        ("track-etc_x.wav",), ("track-A.wav",), ("track-a-2.wav",), ("track-3.wav",)
    ]
    assert all((path / name).is_file() for track in manifest.tracks for name in track.files)


def test_finished_once_is_not_in_the_spool(tmp_path: Path) -> None:
    """
    Finishing what is not there is an error of ours.
    """
    spooling = Spooling(tmp_path)
    spooling.start()
    path, manifest = finished(tmp_path)
    assert manifest.tracks == () and json.loads((path / "recording.json").read_bytes())["schema"] == 1
    with pytest.raises(LocalError):
        finalise(tmp_path, "r1", DISK)


def spooled_for_death(root: Path) -> None:
    spooling = Spooling(root)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", 1, sound=noise(1, 1600), gaps=[Gap(80_160, 80_320, 100, 102)])
    spooling.segment("a", 2, sound=noise(3, 800), form=PCMA, first=81_600, sequence=110)
    spooling.packets("b", form=STRANGE, count=3)
    spooling.document("001-metadata.xml", METADATA)
    spooling.end()


@pytest.mark.parametrize("part", ["before", "within", "after"])
def test_killed_at_any_step_and_repeated(tmp_path: Path, part: str) -> None:
    """
    Wherever finalisation dies, repeating it gives the same octets as one that was never disturbed.
    """
    spooled_for_death(tmp_path / "undisturbed")
    expected = contents(finished(tmp_path / "undisturbed")[0])
    deaths = 0
    for lives in range(1, 40):
        root = tmp_path / str(lives)
        spooled_for_death(root)
        try:
            finalise(root, "r1", Mortal(lives, part))
        except Killed:
            deaths += 1
            if (root / "spool/r1").exists():
                finished(root)
        assert contents(root / "2026/09/21/r1") == expected, f"died {part} change {lives}"
    assert deaths == (4 if part == "within" else 11)
