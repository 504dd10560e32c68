"""
Tracks whose clocks are wrong, from packets to files: what was said at once is heard at once, however long the call.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from drift_fixtures import BEGAN, Drifting, DriftingCall
from numpy.typing import NDArray

from bench.markers import found
from siprec_tw.codecs.g711 import decode_mulaw
from siprec_tw.codecs.payload_format import PayloadFormat
from siprec_tw.recording.tones import Tones

MOST_APART = 0.010      # seconds
SAMPLE = 1 / 8000
G722 = PayloadFormat(9, "G722", 8000)


def g722_encoder() -> Callable[[NDArray[np.int16]], bytes]:
    """
    An encoder that goes on where it was.
    """
    context = av.CodecContext.create("g722", "w")
    context.sample_rate, context.layout, context.format = 16_000, "mono", "s16"

    def encode(samples: NDArray[np.int16]) -> bytes:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 16_000
        return b"".join(bytes(packet) for packet in context.encode(frame))

    return encode


def recorded(root: Path, seconds: float, *streams: Drifting) -> DriftingCall:
    call = DriftingCall(root, seconds, streams)
    call.record()
    return call


def g711_of(call: DriftingCall, label: str) -> bytes:
    octets = (call.path / f"track-{label}.wav").read_bytes()
    return octets[58 : 58 + int.from_bytes(octets[54:58], "little")]


def test_an_hour(tmp_path: Path) -> None:
    """
    One hour, clocks 100 ppm apart, jitter and loss: the tracks are together all the time, to less than a millisecond,
    and where they were in truth; nothing was cut, and each track's own file has its octets.
    """
    call = recorded(tmp_path, 3600.0, Drifting("1", 50.0), Drifting("2", -50.0))
    places = call.places()
    assert places.shape == (360, 2) and not np.isnan(places).any()
    assert np.abs(places[:, 0] - places[:, 1]).max() < 0.001
    assert np.abs(places - 0.005).max() < 0.0015            # the network's least delay, and instants in milliseconds
    one, two = call.manifest.tracks
    assert [len(track.segments) for track in (one, two)] == [1, 1]
    assert call.manifest.warnings == ()
    assert one.clock is not None and two.clock is not None
    assert one.clock.source == two.clock.source == "arrival"
    assert abs(one.clock.drift_ppm - 50) < 0.5 and abs(two.clock.drift_ppm + 50) < 0.5
    assert abs(one.clock.corrected_ms + 180) < 2 and abs(two.clock.corrected_ms - 180) < 2
    assert (one.samples, two.samples) == (one.lead_samples + 28_801_440, two.lead_samples + 28_798_560)
    assert len(call.channels()) in range(28_800_000 - 200, 28_800_000 + 200)
    own = g711_of(call, "1")
    sound = Drifting("1", 50.0).sound
    heard = np.frombuffer(own[one.lead_samples :], np.uint8)
    sent = np.frombuffer(Drifting("1", 50.0).encode(sound.samples(28_000_000, 800_000)), np.uint8)
    differ = np.count_nonzero(heard[28_000_000:28_800_000] != sent)
    assert differ < 800_000 * 0.01                           # what was lost, where there was a chirp


def test_gaps_are_on_the_recordings_time(tmp_path: Path) -> None:
    """
    Seconds in the manifest are the recording's; samples are those of the track's own file.
    """
    call = recorded(tmp_path, 600.0, Drifting("1", 400.0, loss=0.02), Drifting("2", -400.0))
    one = call.manifest.tracks[0]
    apart = [gap.start_sample / 8000 - gap.start for gap in one.gaps]
    assert abs(apart[0]) < 0.005 and abs(apart[-1] - one.gaps[-1].start * 400e-6) < 0.005
    sound = call.channels()[:, 0]
    for gap in one.gaps[10::50]:
        middle = round((gap.start + gap.length / 2) * 8000)
        assert not sound[middle - 40 : middle + 40].any()


def test_keys_are_on_the_recordings_time(tmp_path: Path) -> None:
    """
    A key is told on the recording's time, and masked where it lies in either file, though it lies 0.22 s apart in them.
    """
    call = DriftingCall(tmp_path, 600.0, (Drifting("1", -400.0, loss=0.0, key=552.0), Drifting("2", 0.0)))
    call.record(Tones.MASK)
    one = call.manifest.tracks[0]
    assert [(digit.digit, round(digit.start), round(digit.duration, 3)) for digit in one.digits] == [("5", 552, 0.1)]
    heard = [not np.isnan(place) for place in call.places()[:, 0]]
    assert heard == [number != 55 for number in range(60)]          # the chirp that began with the key
    own = decode_mulaw(g711_of(call, "1"))[one.lead_samples :]
    sound = call.streams[0].sound
    ends = [found(own, 8000, (2.0 + 10.0 * n) * sound.true_rate / 8000, 0.1) is not None for n in range(60)]
    assert ends == heard


def test_reports_put_tracks_together(tmp_path: Path) -> None:
    """
    A packet codec, ten minutes, 600 ppm apart; one track's network is 30 ms slower, and the sender's own clock is
    wrong. Sender reports tell all the same what belongs together.
    """
    told = {"form": G722, "rate": 16_000, "name": "pbx@192.0.2.1", "told_off": -7200.5, "told_ppm": 20.0}
    call = recorded(
        tmp_path, 600.0,
        Drifting("1", 300.0, encode=g722_encoder(), **told),                # type: ignore[arg-type]
        Drifting("2", -300.0, delay=0.035, encode=g722_encoder(), **told),  # type: ignore[arg-type]
    )
    places = call.places()
    assert places.shape == (60, 2) and not np.isnan(places).any()
    assert np.abs(places[:, 0] - places[:, 1]).max() < 0.001
    assert np.abs(places).max() < MOST_APART
    clocks = [track.clock for track in call.manifest.tracks]
    assert [clock and clock.source for clock in clocks] == ["rtcp", "rtcp"]
    assert [round(clock.drift_ppm) for clock in clocks if clock] == [300, -300]


@pytest.mark.parametrize("broken", [
    {"told_error": 0.02},                                   # reports beside their instants
    {"name": None},                                         # none at all
    {"told_off": 0.3},                                      # one track's clock is not the other's
    {"told_ppm": 900.0},                                    # nor does it run alike
])
def test_reports_that_are_not_believed(tmp_path: Path, broken: dict[str, float | None]) -> None:
    """
    Reports that contradict themselves, each other or the arrivals do no harm: arrivals tell.
    """
    good = Drifting("1", 300.0, name="pbx")
    bad = Drifting("2", -300.0, **{"name": "pbx", **broken})    # type: ignore[arg-type]
    call = recorded(tmp_path, 200.0, good, bad)
    places = call.places()
    assert np.abs(places[:, 0] - places[:, 1]).max() < 0.002
    assert np.abs(places).max() < MOST_APART
    assert [track.clock and track.clock.source for track in call.manifest.tracks] == ["arrival", "arrival"]


def test_what_is_right_is_left_alone(tmp_path: Path) -> None:
    """
    A clock that is off by next to nothing is not corrected: recording.wav has the samples that came, every one.
    """
    call = recorded(tmp_path, 120.0, Drifting("1", 5.0), Drifting("2", 0.0))
    sound = call.channels()
    for channel, track in enumerate(call.manifest.tracks):
        assert track.clock is not None and track.clock.corrected_ms == 0.0
        own = decode_mulaw(g711_of(call, track.label))
        assert np.array_equal(own, sound[: len(own), channel])


def test_clocks_that_are_none(tmp_path: Path) -> None:
    """
    What is off by more than an oscillator, or leaps, is not corrected, and the manifest says so.
    """
    fast = Drifting("1", 3000.0)
    leaping = Drifting("2", 0.0, warp=lambda instant: instant + (0.4 if instant > BEGAN + 1500 else 0.0))
    call = recorded(tmp_path, 2400.0, fast, leaping)
    doubts = [warning.text for warning in call.manifest.warnings if warning.code == "clock-drift-implausible"]
    assert [text.split(";")[0] for text in doubts][:1] == [
        "track 1: its clock seems to be off by 2991 ppm, wanted 1000 at most"
    ]
    assert doubts[1].startswith("track 2: its timestamps seem to leap by ")
    assert [track.clock and track.clock.corrected_ms for track in call.manifest.tracks] == [0.0, 0.0]
