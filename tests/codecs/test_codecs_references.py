"""
What is decoded here beside what decoders make of it that others wrote; pauses and repeats that encoders make.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from codec_signals import EXCERPT, Samples, delay_of, likeness, payloads, reference, voice
from test_codecs_decoder import AMR, AMR_ALIGNED, AMR_WB, AMR_WB_ALIGNED, G722, G729, OPUS, g726, heard, opened

from siprec_tw.codecs.frames import split_of
from siprec_tw.codecs.payload_format import PayloadFormat

# The digests are those that make_references.py prints: SpanDSP's decoder of G.722, libgsm's of GSM.
EXACT = [
    ("g722", G722, "e15eec50f71d51505fe28774662d15c44d41f85cbd16f587f6cb1628a8cf5aee"),
    ("gsm", PayloadFormat(3, "GSM", 8000), "3b427ea5109f18564593e4218e5cbe6c4c199739eff11793fda21454f3abe65f"),
]

# How near it is asked to be, in dB: FFmpeg's G.726 and its postfilter of G.729 are not exact to the bit.
NEAR = [
    ("g726-16", g726("G726", 16), 35.0),
    ("g726-24", g726("G726", 24), 35.0),
    ("g726-32", g726("G726", 32), 35.0),
    ("g729", G729, 18.0),
    ("amr-octets", AMR_ALIGNED, 27.0),
    ("amr-wb-octets", AMR_WB_ALIGNED, 30.0),
]


@pytest.mark.parametrize(("vector", "form", "digest"), EXACT)
def test_exact_to_the_bit(vector: str, form: PayloadFormat, digest: str) -> None:
    """
    Every sample is the one that the other decoder gives.
    """
    assert sha256(heard(form, payloads(vector)).astype("<i2").tobytes()).hexdigest() == digest


@pytest.mark.parametrize(("vector", "form", "ratio"), NEAR)
def test_near_to_another_decoder(vector: str, form: PayloadFormat, ratio: float) -> None:
    """
    The same signal, but for roundings and filters that make it pleasant.
    """
    other, found = reference(vector), heard(form, payloads(vector))[EXCERPT]
    assert delay_of(other, found) == 0
    assert likeness(other, found, 0)[1] >= ratio


def pausing(rate: int) -> Samples:
    """
    What make_vectors.py has encoded: the voice with a pause.
    """
    sound = voice(rate)
    sound[rate * 8 // 10 : rate * (16 if rate == 48_000 else 14) // 10] = 0
    return sound


@pytest.mark.parametrize(
    ("vector", "form", "delay", "correlation"),
    [
        ("amr-pause-octets", AMR_ALIGNED, 40, 0.9),
        ("amr-pause-bits", AMR, 40, 0.9),
        ("amr-wb-pause-octets", AMR_WB_ALIGNED, 95, 0.9),
        ("amr-wb-pause-bits", AMR_WB, 95, 0.9),
        ("opus-pause", OPUS, 309, 0.97),
    ],
)
def test_pause_is_silence_and_speech_is_at_its_place(
    vector: str, form: PayloadFormat, delay: int, correlation: float
) -> None:
    """
    Encoders that send comfort noise and then nothing: AMR with several frames a packet and a mode request, in
    both framings, Opus with packets of one octet. The pause is silence of its length, what follows is heard as before.
    """
    found = heard(form, payloads(vector))
    rate = opened(form).rate
    sent = pausing(rate)
    assert len(found) == 2 * rate
    assert abs(delay_of(sent, found) - delay) <= 2
    assert likeness(sent, found, delay)[0] >= correlation
    after = rate * 17 // 10
    assert likeness(sent[after:], found[after:], delay)[0] >= correlation
    assert not found[rate * 11 // 10 : rate * 13 // 10].any()


@pytest.mark.parametrize(("one", "other"), [("amr-pause-octets", AMR), ("amr-pause-bits", AMR_ALIGNED)])
def test_both_framings_of_amr_pauses_are_one_sound(one: str, other: PayloadFormat) -> None:
    """
    Comfort noise and empty frames have their sizes in both framings, whichever was agreed on.
    """
    assert np.array_equal(heard(other, payloads(one)), heard(AMR_ALIGNED, payloads("amr-pause-octets")))


def test_amr_vectors_have_what_they_are_for() -> None:
    """
    Speech, comfort noise (8 and 9) and nothing (15), behind mode requests.
    """
    for vector, speech, noise, request in (("amr-pause-octets", 4, 8, 7), ("amr-wb-pause-octets", 0, 9, 0)):
        kinds = set()
        for payload in payloads(vector):
            assert payload[0] >> 4 == request
            heads = [payload[1]]
            while heads[-1] & 0x80:
                heads.append(payload[1 + len(heads)])
            kinds |= {head >> 3 & 15 for head in heads}
        assert kinds == {speech, noise, 15}


def test_opus_pauses_are_packets_of_one_octet() -> None:
    """
    The vector has them; left out, as RFC 7587 s.3.1.3 allows, they change nothing of what is heard besides.
    """
    vector = payloads("opus-pause")
    assert 20 < sum(len(payload) == 1 for payload in vector) < 50
    split = split_of(OPUS)
    assert split is not None
    whole, decoder = heard(OPUS, vector), opened(OPUS)
    left = {at: decoder.decode(split(payload)) for at, payload in enumerate(vector) if len(payload) > 1}
    assert all(np.array_equal(part, whole[960 * at : 960 * at + 960]) for at, part in left.items())


def test_opus_with_error_correction() -> None:
    """
    The coarse copy of the packet before that a packet carries (RFC 6716 s.2.1.7) is passed over: the sound is
    that of each packet, and a lost one stays silence.
    """
    vector = payloads("opus-fec")
    found, sent = heard(OPUS, vector), voice(48_000)
    assert abs(delay_of(sent, found) - 310) <= 2 and likeness(sent, found, 310)[0] > 0.92


def test_pauses_of_g729_do_not_harm_what_follows() -> None:
    """
    Annex B: frames of two octets, then nothing; the speech behind the pause is as near to the voice as before it.
    """
    vector = payloads("g729b")
    split, decoder = split_of(G729), opened(G729)
    assert split is not None
    found = np.zeros(80 * len(vector), np.int16)
    for at, payload in enumerate(vector):
        if payload:
            found[80 * at : 80 * at + 80] = decoder.decode(split(payload))
    sent = pausing(8000)
    assert likeness(sent[:6400], found[:6400], 40)[0] > 0.85
    assert likeness(sent[12_000:], found[12_000:], 40)[0] > 0.85


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_linear_sound_at_every_rate(rate: int, channels: int) -> None:
    """
    L16 comes out sample by sample at the rate that was told; of two channels the mean, whatever the rate.
    """
    chance = np.random.default_rng(rate)
    sound = chance.integers(-32_768, 32_768, (rate // 10, channels)).astype(">i2")
    size = 2 * channels * (rate // 50)
    octets = sound.tobytes()
    vector = [octets[at : at + size] for at in range(0, len(octets), size)]
    form = PayloadFormat(96, "L16", rate, channels)
    assert opened(form).rate == rate
    assert np.array_equal(heard(form, vector), sound.astype(np.int32).sum(axis=1) // channels)
