import numpy as np
import torch

from emote3d.audio.rhythm import BANDS, RHYTHM_D, hear_rhythm
from emote3d.audio.rhythm_stream import AccentStream
from emote3d.records import Speech

RATE = 16000


def _syllables(times_s: list[float], seconds: float = 6.0, hz: float = 140.0, level: float = 0.5) -> Speech:
    """Buzzing vowels of 0.16 s."""
    time = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 25))
    envelope = sum(np.exp(-0.5 * ((time - at) / 0.05) ** 2) for at in times_s)
    samples = (level * 0.3 * voice * envelope).astype(np.float32)
    return Speech(waveform=torch.from_numpy(samples), sample_rate=RATE)


def test_syllables_are_found_where_they_are() -> None:
    times = [1.0, 1.5, 2.1, 3.9, 4.5]
    rhythm = hear_rhythm(_syllables(times), 30)
    pulses = rhythm.features[:, BANDS + 4]
    inner = (pulses[1:-1] > pulses[:-2]) & (pulses[1:-1] >= pulses[2:]) & (pulses[1:-1] > 0.3)
    found = (inner.nonzero()[:, 0] + 1) / 30
    assert rhythm.features.shape == (180, RHYTHM_D)
    assert len(found) == len(times)
    assert (found - torch.tensor(times)).abs().max() < 0.05


def test_level_does_not_matter() -> None:
    loud, soft = (hear_rhythm(_syllables([1.0, 1.6, 2.5], level=level), 30) for level in (0.9, 0.1))
    spoken = loud.loudness > 0.3
    assert (loud.features - soft.features)[spoken].abs().max() < 0.05
    assert (loud.loudness - soft.loudness).abs().max() < 0.02


def test_pitch_range_is_measured() -> None:
    glide = torch.cat([_syllables([0.5, 1.0], 1.5, hz).waveform for hz in (110.0, 150.0, 210.0)])
    wide = hear_rhythm(Speech(waveform=glide, sample_rate=RATE), 30)
    flat = hear_rhythm(_syllables([0.5, 1.0, 2.0, 2.5, 3.5, 4.0]), 30)
    assert flat.pitch_range_octaves < 0.05
    assert 0.25 < wide.pitch_range_octaves < 0.6


def test_silence_and_shortness_are_fine() -> None:
    for seconds in (0.1, 3.0):
        rhythm = hear_rhythm(Speech(waveform=torch.zeros(round(seconds * RATE)), sample_rate=RATE), 30)
        assert torch.isfinite(rhythm.features).all()
        assert rhythm.loudness.max() == 0


def test_accents_lie_on_voiced_syllables_and_not_on_noise() -> None:
    times = [1.0, 1.6, 2.4, 3.9, 4.7]
    found = hear_rhythm(_syllables(times), 30).accents.nonzero()[:, 0] / 30
    assert len(found) == len(times) and (found - torch.tensor(times)).abs().max() < 0.06
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.05, 5 * RATE).astype(np.float32))
    assert not hear_rhythm(Speech(waveform=noise, sample_rate=RATE), 30).accents.any()


def test_accents_are_heard_as_they_come() -> None:
    times = [1.0, 1.6, 2.4, 3.9, 4.7]
    stream, found = AccentStream(RATE, 30), []
    for index, part in enumerate(_syllables(times).waveform.split(RATE // 30)):
        if stream.hear(part):
            found.append((index + 1) / 30)
    assert len(found) == len(times)
    late = torch.tensor(found) - torch.tensor(times)
    assert late.min() > 0 and late.max() < 0.15
