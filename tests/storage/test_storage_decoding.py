"""
Packets of every codec in a finished recording: their sound is at its place on the timeline.
"""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from packet_fixtures import Placed, sent, steady
from storage_fixtures import PCMU, STARTED, Spooling, noise

from siprec_tw.codecs.g711 import decode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording import rtpdump
from siprec_tw.recording.manifest import Manifest
from siprec_tw.recording.resample import kernel
from siprec_tw.recording.tones import Tones
from siprec_tw.storage.decode_again import decode_again
from siprec_tw.storage.decoding import LinearFile
from siprec_tw.storage.disk import Disk
from siprec_tw.storage.finalise import finalise

sys.path.append(str(Path(__file__).parent.parent / "codecs"))

from codec_signals import delay_of, likeness, payloads, voice

DISK = Disk(sync=False)
G722 = PayloadFormat(9, "G722", 8000)
G729 = PayloadFormat(18, "G729", 8000)
AMR_WB = PayloadFormat(97, "AMR-WB", 16_000)
OPUS = PayloadFormat(111, "OPUS", 48_000, 2)
L16 = PayloadFormat(112, "L16", 48_000)
EVENTS = PayloadFormat(101, "TELEPHONE-EVENT", 8000)
NOISE = PayloadFormat(13, "CN", 8000)

Pcm = NDArray[np.int16]


def finished(root: Path, tones: Tones = Tones.KEEP) -> tuple[Path, Manifest]:
    result = finalise(root, "r1", DISK, tones)
    assert not list((root / result.path).glob("*.tmp"))
    return root / result.path, result.manifest


def sound(path: Path, name: str = "recording.wav") -> tuple[int, Pcm]:
    """
    Rate, and frames by channels.
    """
    with wave.open(str(path / name)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return file.getframerate(), frames.reshape(-1, file.getnchannels())


def packets_of(path: Path, name: str) -> list[bytes]:
    octets = (path / name).read_bytes()
    return [one.packet for one in rtpdump.records(lambda at, size: octets[at : at + size])]


def codes(manifest: Manifest) -> list[str]:
    return [warning.code for warning in manifest.warnings]


def test_wideband_beside_narrowband(tmp_path: Path) -> None:
    """
    G.722 is heard at 16 kHz where its timestamps say; the G.711 track keeps its octets, and is doubled exactly.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=(left := noise(1, 8000)), arrival=STARTED + 1)
    sent(spooling, "b", G722, steady(payloads("g722"), 160), arrival=STARTED + 1.25)
    spooling.end()
    path, manifest = finished(tmp_path)
    rate, frames = sound(path)
    assert (rate, frames.shape) == (16_000, (4000 + 32_000, 2))
    assert np.array_equal(frames[:16_000:2, 0], decode_mulaw(left)) and not frames[16_000:, 0].any()
    assert not frames[:4000, 1].any()
    assert delay_of(voice(16_000), frames[4000:, 1]) == 22
    assert likeness(voice(16_000), frames[4000:, 1], 22)[1] > 30
    assert sound(path, "track-2.wav")[1][:, 0].tolist() == frames[:, 1].tolist()
    assert (path / "track-1.wav").read_bytes()[58:] == left
    assert len(packets_of(path, "track-2.rtpdump")) == 100
    assert [(one.sample_rate, one.lead_samples, one.samples) for one in manifest.tracks] == [
        (8000, 0, 8000), (16_000, 4000, 36_000),
    ]
    assert manifest.tracks[1].peak == int(np.abs(frames[:, 1].astype(int)).max())
    assert manifest.verdict.name == "complete" and codes(manifest) == []


def test_losses_and_order(tmp_path: Path) -> None:
    """
    Lost packets are silence of exactly their length, late and doubled ones change nothing.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = steady(payloads("g722"), 160)
    kept = packets[:20] + packets[23:60]
    kept[30], kept[33] = kept[33], kept[30]
    kept.insert(40, kept[39])
    sent(spooling, "a", G722, kept)
    spooling.end()
    path, manifest = finished(tmp_path)
    rate, frames = sound(path)
    assert (rate, len(frames)) == (16_000, 60 * 320)
    assert not frames[20 * 320 : 23 * 320].any()
    assert likeness(voice(16_000)[: 20 * 320], frames[: 20 * 320, 0], 22)[1] > 30
    after = voice(16_000)[30 * 320 : 60 * 320]
    assert delay_of(after, frames[30 * 320 :, 0]) == 22 and likeness(after, frames[30 * 320 :, 0], 22)[1] > 20
    gap, = manifest.tracks[0].gaps
    assert (gap.kind, gap.start_sample, gap.samples, gap.lost) == ("loss", 6400, 960, 3)
    assert manifest.verdict.name == "complete-with-loss" and manifest.tracks[0].lost == 3


def test_pauses_are_silence_and_no_loss(tmp_path: Path) -> None:
    """
    Discontinuous transmission of G.729: nothing is sent in a pause, and the sound after it is at its place.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    frames = payloads("g729b")
    spoken = [(i, payload) for i, payload in enumerate(frames) if payload]
    sent(spooling, "a", G729, [Placed(n, 80 * i, payload) for n, (i, payload) in enumerate(spoken)])
    spooling.end()
    path, manifest = finished(tmp_path)
    _, found = sound(path)
    pausing = voice(8000)
    pausing[6400:11_200] = 0
    assert abs(delay_of(pausing[12_000:], found[12_000:, 0]) - 40) <= 1
    pause = [i for i, payload in enumerate(frames) if not payload]
    assert len(pause) > 40 and not any(found[80 * i : 80 * i + 80].any() for i in pause)
    assert {gap.kind for gap in manifest.tracks[0].gaps} == {"silence"} and manifest.verdict.name == "complete"


def test_opus_is_kept_at_16000(tmp_path: Path) -> None:
    """
    Opus is brought from 48 kHz to 16 kHz without moving it, over the seams of its blocks and after a long pause.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = steady(payloads("opus"), 960)
    pause = 600 * 48_000
    again = [Placed(100 + one.sequence, pause + one.ticks, one.payload) for one in packets]
    sent(spooling, "a", OPUS, packets + again, first=10**6)
    path, manifest = finished(tmp_path)
    rate, frames = sound(path)
    assert (rate, len(frames)) == (16_000, (600 + 2) * 16_000)
    for start in (0, 600 * 16_000):
        found = frames[start : start + 32_000, 0]
        assert abs(delay_of(voice(16_000), found) - 104) <= 1      # 312 of 48000
        assert likeness(voice(16_000), found, 104)[0] > 0.94
    assert not frames[33_000 : 599 * 16_000].any()
    assert manifest.tracks[0].encodings == ("OPUS/48000/2",) and manifest.tracks[0].lost == 0


def test_batches_leave_no_seam(tmp_path: Path) -> None:
    """
    Samples placed packet by packet, with pauses, are those of the whole, whatever is written at once.
    """
    chance = np.random.default_rng(4)
    spoken = chance.integers(-20_000, 20_000, 200_003).astype(np.int16)
    with (tmp_path / "x").open("wb") as file:
        linear = LinearFile(file.fileno(), 48_000, 16_000)
        for at in range(0, 100_000, 960):
            linear.place(at, spoken[at : min(at + 960, 100_000)])
        for at in range(150_000, 200_003, 700):
            linear.place(at - 5, np.concatenate([spoken[at - 5 : at], spoken[at : at + 700]]))
        linear.end()
    found = np.fromfile(tmp_path / "x", "<i2")
    resampling = kernel(48_000, 16_000)
    assert np.array_equal(found[:33_334], resampling.apply(spoken[:100_000].astype(np.int32), 0, 0, 33_334))
    assert not found[33_334:49_999].any()
    again = resampling.apply(spoken[149_995:].astype(np.int32), 149_995, 49_999, 66_668)
    assert np.array_equal(found[49_999:], again)


def test_codec_changes_within_a_call(tmp_path: Path) -> None:
    """
    G.711, then G.722, then G.729 of one source: one timeline, no seam moved, one file at the highest rate.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    first = 80_000
    spooling.segment("a", 1, sound=(spoken := noise(1, 8000)), first=first, sequence=100)
    sent(
        spooling, "a", G722, steady(payloads("g722"), 160, sequence=0), number=2, first=first + 8000,
        arrival=STARTED + 2,
    )
    sent(
        spooling, "a", G729, steady(payloads("g729"), 160, sequence=100), number=3, first=first + 24_000,
        arrival=STARTED + 4,
    )
    path, manifest = finished(tmp_path)
    rate, frames = sound(path, "track-1.wav")
    assert (rate, len(frames)) == (16_000, 2 * (8000 + 16_000 + 16_000))
    assert np.array_equal(frames[:16_000:2, 0], decode_mulaw(spoken))
    assert delay_of(voice(16_000), frames[16_000:48_000, 0]) == 22
    assert abs(delay_of(voice(16_000), frames[48_000:, 0]) - 80) <= 2
    assert manifest.tracks[0].gaps == ()
    assert [one.kind for one in manifest.events if one.kind == "codec-changed"] == ["codec-changed"] * 2


def test_linear_sound_is_exact(tmp_path: Path) -> None:
    """
    An impulse of L16 at 48 kHz stands at its sample, beside AMR-WB that is brought to the same rate.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    impulse = np.zeros(48_000, ">i2")
    impulse[12_345] = 20_000
    octets = impulse.tobytes()
    sent(spooling, "a", L16, steady([octets[i : i + 1920] for i in range(0, 96_000, 1920)], 960))
    sent(spooling, "b", AMR_WB, steady(payloads("amr-wb-bits"), 320), arrival=STARTED + 1.1)
    path, manifest = finished(tmp_path)
    rate, frames = sound(path)
    assert rate == 48_000 and np.flatnonzero(frames[:, 0]).tolist() == [12_345]
    assert abs(delay_of(voice(48_000), frames[:, 1]) - 4800 - 3 * 95) <= 4
    assert [track.sample_rate for track in manifest.tracks] == [48_000, 16_000]


def test_side_packets_are_not_missing(tmp_path: Path) -> None:
    """
    Sequence numbers of events and comfort noise between those of the sound are no loss.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = payloads("g729")
    sounds = steady(packets[:20], 160) + steady(packets[20:40], 160, sequence=26, ticks=4000)
    sent(spooling, "a", G729, sounds)
    sent(spooling, "a", EVENTS, [Placed(20 + i, 3200, bytes([5, 10, 0, 40 * i])) for i in range(1, 5)], number=2)
    sent(spooling, "a", NOISE, [Placed(20, 3200, b"\x40"), Placed(25, 3900, b"\x40")], number=3)
    path, manifest = finished(tmp_path)
    track = manifest.tracks[0]
    assert [(gap.kind, gap.samples, gap.lost) for gap in track.gaps] == [("silence", 800, 0)]
    assert sorted(one.encoding for one in track.side_segments) == ["CN/8000", "TELEPHONE-EVENT/8000"]
    assert len(packets_of(path, "track-1.events.rtpdump")) == 6


@pytest.mark.parametrize("level", [0, 40, 127])
def test_comfort_noise_is_silence(tmp_path: Path, level: int) -> None:
    """
    Whatever level a comfort noise packet tells (RFC 3389 s.3), nothing is made up: its pause is silence in all
    files, and the packet with its level is kept.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = payloads("g722")
    sounds = steady(packets[:20], 160) + steady(packets[40:60], 160, sequence=21, ticks=40 * 160)
    sent(spooling, "a", G722, sounds)
    sent(spooling, "a", NOISE, [Placed(20, 20 * 160, bytes([level]))], number=2)
    path, manifest = finished(tmp_path)
    for name in ("recording.wav", "track-1.wav"):
        _, frames = sound(path, name)
        assert len(frames) == 60 * 320 and not frames[20 * 320 : 40 * 320].any()
        assert frames[40 * 320 :].any()
    assert [packet[12:] for packet in packets_of(path, "track-1.events.rtpdump")] == [bytes([level])]
    assert [(gap.kind, gap.lost) for gap in manifest.tracks[0].gaps] == [("silence", 0)]


def keys(first: int, *events: tuple[int, int, int], sequence: int = 40_000) -> list[Placed]:
    """
    Keys (event, start, ticks), each with one update and three ends.
    """
    packets: list[Placed] = []
    for event, start, ticks in events:
        bodies = [bytes([event, 10]) + (80).to_bytes(2, "big")]
        bodies += [bytes([event, 0x8A]) + ticks.to_bytes(2, "big")] * 3
        for i, body in enumerate(bodies):
            packets.append(Placed(sequence + len(packets), first + start, body, marker=i == 0))
    return packets


def test_digits_are_in_the_manifest(tmp_path: Path) -> None:
    """
    Each key with its start and its length in seconds, on the clock of the sound; the sound is untouched.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    spooling.segment("a", sound=(spoken := noise(1, 16_000)), first=80_000)
    pressed = keys(0, (5, 4000, 800), (11, 8000, 1200))
    sent(spooling, "a", EVENTS, pressed, number=2, first=80_000, arrival=STARTED + 1.55)
    path, manifest = finished(tmp_path)
    assert [(one.digit, one.start, one.duration) for one in manifest.tracks[0].digits] == [
        ("5", 0.5, 0.1), ("#", 1.0, 0.15),
    ]
    assert (path / "track-1.wav").read_bytes()[58:] == spoken
    written = json.loads((path / "recording.json").read_bytes())["tracks"][0]["digits"]
    assert written[0] == {"digit": "5", "start": 0.5, "duration": 0.1}


def test_digits_on_a_clock_of_their_own(tmp_path: Path) -> None:
    """
    Events at 8000 beside Opus have no axis of the sound: they are where they arrived.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    sent(spooling, "a", OPUS, steady(payloads("opus"), 960), arrival=STARTED + 1)
    sent(spooling, "a", EVENTS, keys(0, (1, 0, 800), (2, 4000, 800)), number=2, first=77, arrival=STARTED + 1.51)
    _, manifest = finished(tmp_path)
    told = [(one.digit, one.start) for one in manifest.tracks[0].digits]
    assert told == [("1", pytest.approx(0.5, abs=0.02)), ("2", pytest.approx(1.0, abs=0.02))]


@pytest.mark.parametrize("tones", [Tones.MASK, Tones.DROP])
def test_tones_are_silenced(tmp_path: Path, tones: Tones) -> None:
    """
    The sound of keys, with a margin, is in no file, neither G.711 nor packets; with drop the keys are nowhere.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spoken = noise(1, 16_000)
    pressed = keys(0, (5, 4000, 800), (6, 5600, 800))
    spooling.segment("a", sound=spoken, first=80_000)
    sent(spooling, "a", EVENTS, pressed, number=2, first=80_000, arrival=STARTED + 1.51)
    sent(spooling, "b", G722, steady(payloads("g722"), 160), first=80_000)
    sent(spooling, "b", EVENTS, pressed, number=2, first=80_000, arrival=STARTED + 1.51)
    path, manifest = finished(tmp_path, tones)
    first, end = 4000 - 800, 6400 + 800
    assert (path / "track-1.wav").read_bytes()[58:] == spoken[:first] + b"\xff" * (end - first) + spoken[end:]
    rate, frames = sound(path)
    assert rate == 16_000 and not frames[2 * first : 2 * end].any()
    assert frames[2 * first - 400 : 2 * first, 1].any() and frames[2 * end : 2 * end + 400, 1].any()
    left = [int.from_bytes(one[4:8], "big") - 80_000 for one in packets_of(path, "track-2.rtpdump")]
    assert len(left) == len(set(left)) > 60 and not [at for at in left if first <= at + 159 and at < end]
    kept = tones is Tones.MASK
    assert [[one.digit for one in track.digits] for track in manifest.tracks] == [["5", "6"] if kept else []] * 2
    assert [(path / f"track-{i}.events.rtpdump").exists() for i in (1, 2)] == [kept, kept]


def test_comfort_noise_outlives_dropped_keys(tmp_path: Path) -> None:
    """
    With drop only the events are left out of what is kept beside the sound.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    spooling.segment("a", sound=noise(1, 16_000), first=80_000)
    sent(spooling, "a", EVENTS, keys(0, (5, 4000, 800)), number=2, first=80_000, arrival=STARTED + 1.51)
    sent(spooling, "a", NOISE, [Placed(0, 100, b"\x40")], number=3, first=80_000)
    path, _ = finished(tmp_path, Tones.DROP)
    assert [packet[12:] for packet in packets_of(path, "track-1.events.rtpdump")] == [b"\x40"]


def test_refused_packets_are_told(tmp_path: Path) -> None:
    """
    A packet that is none of the codec is silence of a packet, and a warning; the others are heard.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"))
    packets = steady(payloads("g729"), 160)
    packets[10] = Placed(10, 1600, b"seven o")
    sent(spooling, "a", G729, packets)
    path, manifest = finished(tmp_path)
    _, frames = sound(path)
    assert len(frames) == 16_000 and not frames[1600:1760].any() and frames[1760:2000].any()
    assert codes(manifest) == ["packets-not-decoded"]
    assert "1 packets of G729/8000" in manifest.warnings[0].text and manifest.tracks[0].lost == 0


def test_nothing_can_be_decoded(tmp_path: Path) -> None:
    """
    Where all packets are refused the track is silent, and its packets are there.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 1600))
    sent(spooling, "b", G729, steady([b"seven o"] * 20, 160))
    path, manifest = finished(tmp_path)
    assert codes(manifest) == ["codec-not-decoded"] and not sound(path)[1][:, 1].any()
    assert len(packets_of(path, "track-2.rtpdump")) == 20
    assert manifest.warnings[0].text == (
        "track 2: G729/8000 is not decoded: none of its packets could be; its packets are in the .rtpdump file"
    )


def spooled_for_later(root: Path) -> None:
    spooling = Spooling(root)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 8000))
    sent(spooling, "b", G722, steady(payloads("g722"), 160))
    spooling.end()


def test_missing_library_leaves_something_to_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without PyAV the packets and the segments are kept; with it the recording is made as it would have been.
    """
    spooled_for_later(tmp_path / "late")
    spooled_for_later(tmp_path / "once")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "av", None)
        path, manifest = finished(tmp_path / "late")
        assert decode_again(tmp_path / "late", "2026/09/21/r1", DISK) is not None
    assert codes(manifest) == ["decoder-missing"]
    assert "pip install 'siprec_tw[codecs]'" in manifest.warnings[0].text
    assert sound(path)[0] == 8000 and manifest.times.duration == 2.0
    assert len(packets_of(path, "track-2.rtpdump")) == 100 and (path / "b-1.rtpdump.part").exists()
    again = decode_again(tmp_path / "late", "2026/09/21/r1", DISK)
    assert again is not None and codes(again.manifest) == []
    at_once, _ = finished(tmp_path / "once")
    names = sorted(one.name for one in at_once.iterdir())
    assert sorted(one.name for one in path.iterdir()) == names
    assert all((path / name).read_bytes() == (at_once / name).read_bytes() for name in names)
    assert decode_again(tmp_path / "late", "2026/09/21/r1", DISK) is None


def test_masked_segments_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where tones must not be heard, no segment survives, not even to be decoded later.
    """
    monkeypatch.setitem(sys.modules, "av", None)
    spooled_for_later(tmp_path)
    path, manifest = finished(tmp_path, Tones.MASK)
    assert codes(manifest) == ["codec-not-decoded"] and not list(path.glob("*.part"))


def test_strange_dump_beside_a_known_codec(tmp_path: Path) -> None:
    """
    A segment whose file is gone is silence of its length, as its record tells it.
    """
    spooling = Spooling(tmp_path)
    spooling.start(("a", "1"), ("b", "2"))
    spooling.segment("a", sound=noise(1, 1600), form=PCMU)
    sent(spooling, "b", G729, steady(payloads("g729"), 160))
    (spooling.directory / "b-1.rtpdump.part").unlink()
    path, manifest = finished(tmp_path)
    assert "segment-without-file" in codes(manifest) and not sound(path)[1][:, 1].any()
