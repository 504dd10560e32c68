"""
Every codec against an encoder that is not ours: the sound, its length and its place.
"""

from __future__ import annotations

import sys
from hashlib import sha256

import numpy as np
import pytest
from codec_signals import delay_of, likeness, payloads, voice

from siprec_tw.codecs.decoder import (
    CODEC_NOT_DECODED,
    DECODER_MISSING,
    Decoder,
    Samples,
    Undecodable,
    decoder_of,
    kept_rate,
)
from siprec_tw.codecs.frames import split_of
from siprec_tw.codecs.payload_format import PayloadFormat

G722 = PayloadFormat(9, "G722", 8000)
G729 = PayloadFormat(18, "G729", 8000)
AMR = PayloadFormat(96, "AMR", 8000)
AMR_ALIGNED = PayloadFormat(96, "AMR", 8000, 1, "octet-align=1; mode-set=7")
AMR_WB = PayloadFormat(97, "AMR-WB", 16_000)
AMR_WB_ALIGNED = PayloadFormat(97, "AMR-WB", 16_000, 1, "octet-align=1")
OPUS = PayloadFormat(111, "OPUS", 48_000, 2)


def g726(name: str, rate: int) -> PayloadFormat:
    return PayloadFormat(98, f"{name}-{rate}", 8000)


def opened(form: PayloadFormat) -> Decoder:
    decoder = decoder_of(form)
    assert not isinstance(decoder, Undecodable), decoder
    return decoder


def heard(form: PayloadFormat, vector: list[bytes]) -> Samples:
    """
    The payloads decoded; each gives exactly as many samples as it lasts.
    """
    split, decoder = split_of(form), opened(form)
    assert split is not None
    parts = []
    for payload in vector:
        frames = split(payload)
        parts.append(decoder.decode(frames))
        assert len(parts[-1]) * form.clock_rate == sum(frame.ticks for frame in frames) * decoder.rate
    assert decoder.failed == 0
    return np.concatenate(parts)


# Delays in samples of the decoder's rate are those of the codecs: what the encoder looks ahead and both filter.
# The least that is asked of correlation and signal to noise (dB) is near to what codecs of that rate can do.
CASES = [
    ("g722", G722, 16_000, 22, 0.99, 30.0),
    ("g729", G729, 8000, 40, 0.87, 6.0),
    ("g723", PayloadFormat(4, "G723", 8000), 8000, 60, 0.94, 9.0),
    ("gsm", PayloadFormat(3, "GSM", 8000), 8000, 0, 0.90, 7.0),
    ("amr-octets", AMR_ALIGNED, 8000, 40, 0.89, 6.5),
    ("amr-bits", AMR, 8000, 40, 0.89, 6.5),
    ("amr-wb-octets", AMR_WB_ALIGNED, 16_000, 95, 0.96, 11.0),
    ("amr-wb-bits", AMR_WB, 16_000, 95, 0.96, 11.0),
    ("opus", OPUS, 48_000, 312, 0.94, 9.0),
    ("g726-16", g726("G726", 16), 8000, 1, 0.96, 10.0),
    ("g726-24", g726("G726", 24), 8000, 0, 0.985, 15.0),
    ("g726-32", g726("G726", 32), 8000, 0, 0.995, 21.0),
    ("g726-40", g726("G726", 40), 8000, 0, 0.999, 29.0),
    ("aal2-g726-16", g726("AAL2-G726", 16), 8000, 1, 0.96, 10.0),
    ("aal2-g726-24", g726("AAL2-G726", 24), 8000, 0, 0.985, 15.0),
    ("aal2-g726-32", g726("AAL2-G726", 32), 8000, 0, 0.995, 21.0),
    ("aal2-g726-40", g726("AAL2-G726", 40), 8000, 0, 0.999, 29.0),
]


@pytest.mark.parametrize(("vector", "form", "rate", "delay", "correlation", "ratio"), CASES)
def test_voice_is_heard_at_its_place(
    vector: str, form: PayloadFormat, rate: int, delay: int, correlation: float, ratio: float
) -> None:
    """
    The voice that was encoded is heard, at the delay of the codec to a sample or two.
    """
    found = heard(form, payloads(vector))
    assert opened(form).rate == rate
    sent = voice(rate)[: len(found)]
    assert len(sent) - len(found) == 0 and len(found) >= rate
    assert abs(delay_of(sent, found) - delay) <= 2
    alike = likeness(sent, found, delay_of(sent, found))
    assert alike[0] >= correlation and alike[1] >= ratio, alike


def test_g726_at_40_is_exact() -> None:
    """
    What is decoded here is, to the bit, what SpanDSP makes of the same codes.
    """
    found = heard(g726("G726", 40), payloads("g726-40"))
    assert sha256(found.astype("<i2").tobytes()).hexdigest() == (
        "b91a498b1f0198a26f559018ed2072b86ab2cac7496204155697ea9b8619f261"
    )


def test_clock_that_is_not_the_codecs_own() -> None:
    """
    G722/16000 is told by clients that count samples: its packets last as long, in twice the ticks.
    """
    split = split_of(PayloadFormat(9, "G722", 16_000))
    assert split is not None and [frame.ticks for frame in split(bytes(160))] == [320]
    assert len(heard(PayloadFormat(9, "G722", 16_000), payloads("g722"))) == 32_000


@pytest.mark.parametrize("rate", [16, 24, 32, 40])
def test_both_packings_of_g726_are_the_same_sound(rate: int) -> None:
    """
    RFC 3551 packs G.726 from the least bit on, ATM from the greatest; the wrong one would be noise.
    """
    plain = heard(g726("G726", rate), payloads(f"g726-{rate}"))
    assert np.array_equal(plain, heard(g726("AAL2-G726", rate), payloads(f"aal2-g726-{rate}")))
    wrong = heard(g726("G726", rate), payloads(f"aal2-g726-{rate}"))
    assert likeness(voice(8000)[:8000], wrong, 0)[0] < 0.6


def test_framing_of_amr_that_was_not_agreed_on_is_found() -> None:
    """
    A client that says octet-align=1 and sends the other framing, or the other way about, is heard.
    """
    right = heard(AMR_ALIGNED, payloads("amr-octets"))
    assert np.array_equal(heard(AMR, payloads("amr-octets")), right)
    assert np.array_equal(heard(AMR_ALIGNED, payloads("amr-bits"))[: len(right)], right)
    wide = heard(AMR_WB, payloads("amr-wb-bits"))
    assert np.array_equal(heard(AMR_WB, payloads("amr-wb-octets")), wide)
    assert np.array_equal(heard(AMR_WB_ALIGNED, payloads("amr-wb-bits")), wide)


def test_pauses_of_g729_are_silence() -> None:
    """
    Frames of comfort noise (two octets) are silence of ten milliseconds; frames of speech go on after it.
    """
    sent = payloads("g729b")
    spoken = [payload for payload in sent if payload]
    assert {len(payload) for payload in sent} == {10, 2, 0}
    found = heard(G729, spoken)
    at = next(i for i, payload in enumerate(spoken) if len(payload) == 2)
    assert not found[80 * at : 80 * at + 80].any() and found[80 * at + 80 :].any()


def test_opus_of_two_channels_is_their_mean() -> None:
    """
    A stream whose right channel is silent sounds half as loud.
    """
    found = heard(OPUS, payloads("opus-stereo"))
    sent = voice(48_000)[: len(found)]
    assert abs(delay_of(sent, found) - 312) <= 2
    level = float(np.sqrt((found.astype(float) ** 2).mean() / (sent.astype(float) ** 2).mean()))
    assert 0.4 < level < 0.6 and likeness(sent, found, delay_of(sent, found))[0] > 0.9


def test_opus_pause_is_silence() -> None:
    """
    A packet of one octet tells a length and no sound.
    """
    split = split_of(OPUS)
    assert split is not None
    assert opened(OPUS).decode(split(payloads("opus")[0][:1])).tolist() == [0] * 960


def test_linear_samples_come_out_as_they_are() -> None:
    """
    L16 is big-endian; of two channels the mean is taken.
    """
    samples = np.array([1, -2, 300, -32768, 32767], ">i2")
    mono = PayloadFormat(11, "L16", 44_100)
    assert heard(mono, [samples.tobytes()]).tolist() == [1, -2, 300, -32768, 32767]
    stereo = PayloadFormat(10, "L16", 44_100, 2)
    assert heard(stereo, [samples[:4].tobytes() + b"\x01"]).tolist() == [-1, -16234]


def test_ilbc_takes_frames_of_both_modes() -> None:
    """
    38 octets are 20 ms and 50 are 30, in one stream, whatever fmtp says.
    """
    form = PayloadFormat(99, "ILBC", 8000, 1, "mode=30")
    assert len(heard(form, [bytes(38), bytes(50), bytes(100)])) == 160 + 240 + 480


def test_frames_that_are_refused_are_silence() -> None:
    """
    What no decoder takes is zeros of its length, and counted.
    """
    decoder = opened(OPUS)
    split = split_of(OPUS)
    assert split is not None
    frames = split(bytes([0xFB, 2, 0xFF]))      # two frames of one size, and one octet
    assert decoder.decode(frames).tolist() == [0] * sum(frame.ticks for frame in frames)
    assert decoder.failed == 1


def test_opus_is_kept_at_the_rate_of_voice() -> None:
    """
    Others are kept at the rate of their decoder.
    """
    assert kept_rate(OPUS, opened(OPUS)) == 16_000
    assert kept_rate(G729, opened(G729)) == 8000


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without PyAV a codec has no decoder and the reason says what to install; L16 needs none.
    """
    monkeypatch.setitem(sys.modules, "av", None)
    told = decoder_of(G722)
    assert isinstance(told, Undecodable)
    assert told.code == DECODER_MISSING
    assert told.text == "G722 is not decoded: PyAV is not installed (pip install 'siprec_tw[codecs]')"
    assert not isinstance(decoder_of(PayloadFormat(11, "L16", 44_100)), Undecodable)


def test_strange_codecs_have_no_decoder() -> None:
    """
    What nobody knows here stays packets.
    """
    told = decoder_of(PayloadFormat(100, "X-STRANGE", 8000))
    assert told == Undecodable(CODEC_NOT_DECODED, "X-STRANGE is not decoded")
    interleaved = PayloadFormat(96, "AMR", 8000, 1, "octet-align=1;interleaving=30")
    assert isinstance(decoder_of(interleaved), Undecodable)
