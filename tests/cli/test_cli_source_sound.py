"""
What a test call sends: voices, WAV files, packets.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from siprec_tw.cli.source.audio_file import read_audio, resampled
from siprec_tw.cli.source.payload import CODECS, sound_source
from siprec_tw.cli.source.voice import RATE, conversation
from siprec_tw.errors import SiprecError


def write_wav(path: Path, samples: np.ndarray, rate: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def tone(rate: int, hertz: float) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.int16)


def test_conversation_is_the_same_for_one_seed() -> None:
    """
    One seed gives one conversation, another seed another.
    """
    first, again, other = conversation(4.0, 7), conversation(4.0, 7), conversation(4.0, 8)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert [channel.shape for channel in first] == [(4 * RATE,)] * 2


def test_speakers_take_turns() -> None:
    """
    Both are heard, with pauses, never both loud at once, and never clipped.
    """
    low, high = (channel.astype(float) for channel in conversation(20.0, 1))
    loud = [np.abs(channel).reshape(-1, 400).max(axis=1) > 500 for channel in (low, high)]
    assert all(0.2 < share.mean() < 0.8 for share in loud)
    assert not (loud[0] & loud[1]).any()
    assert max(np.abs(low).max(), np.abs(high).max()) < 16000


def test_voices_differ_in_pitch() -> None:
    """
    Only the first voice hums at 90 to 130 Hz.
    """
    def share(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples.astype(float))) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
        return float(power[(hertz > 90) & (hertz < 130)].sum() / power.sum())
    low, high = conversation(20.0, 1)
    assert share(low) > 20 * share(high)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 6000])
def test_wav_of_any_rate(tmp_path: Path, rate: int) -> None:
    """
    A tone is the same tone, so long and about so loud, after resampling.
    """
    samples = read_audio(write_wav(tmp_path / "a.wav", tone(rate, 440), rate))
    assert len(samples) == RATE
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    assert int(spectrum.argmax()) == 440
    assert 7000 < np.abs(samples[500:-500]).max() < 8100


def test_resampling_takes_out_what_would_alias() -> None:
    """
    A tone above the new band is quieter by far than one within it.
    """
    assert np.abs(resampled(tone(48000, 7000), 48000)[100:-100]).max() < 3000
    assert len(resampled(np.zeros(0, np.int16), 48000)) == 0


def test_wrong_files(tmp_path: Path) -> None:
    """
    Stereo, other formats and missing files are told in words.
    """
    stereo = write_wav(tmp_path / "s.wav", np.zeros(100, np.int16), 8000, channels=2)
    text = tmp_path / "t.wav"
    text.write_text("no sound")
    for path, complaint in (
        (stereo, "has 2 channels of 16 bits, wanted one of 16"),
        (text, "is no WAV file"),
        (tmp_path / "missing.wav", "cannot be read: No such file"),
    ):
        with pytest.raises(SiprecError, match=complaint):
            read_audio(path)


@pytest.mark.parametrize("name", ["pcma", "pcmu"])
def test_packets_of_a_sound(name: str) -> None:
    """
    Packets are the encoded sound in pieces of 160; at its end it begins anew, or is silent.
    """
    samples = conversation(0.05, 1)[0]
    codec = CODECS[name]
    encoded = codec.encode(samples)
    again, once = sound_source(samples, codec, again=True), sound_source(samples, codec, again=False)
    assert b"".join(again(n) or b"" for n in range(5)) == encoded + encoded
    assert b"".join(once(n) or b"" for n in range(5)) == encoded + bytes([codec.silence]) * 400
