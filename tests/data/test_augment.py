"""Waveform augmentation: times stay, levels and lengths are as promised."""

import time

import numpy as np
import pytest

from emote3d.data import augment as a

RATE = a.SAMPLE_RATE


def bursts(times_s: list[float], duration_s: float = 2.0) -> np.ndarray:
    """Short tone bursts."""
    wave = np.zeros(round(duration_s * RATE), np.float32)
    tone = (np.hanning(160) * np.sin(np.arange(160) * 2 * np.pi * 1200 / RATE)).astype(np.float32)
    for at in times_s:
        first = round(at * RATE) - 80
        wave[first : first + 160] += tone
    return wave


def onset_lag(wave: np.ndarray, reference: np.ndarray) -> int:
    """Samples by which the wave lies behind the reference (peak of the cross-correlation within 20 ms)."""
    lags = np.arange(-320, 321)
    body = reference[400:-400]
    return int(lags[np.argmax([np.dot(body, wave[400 + lag : 400 + lag + len(body)]) for lag in lags])])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_same_seed_same_sound_and_other_seed_other_sound() -> None:
    wave = bursts([0.5, 1.0])
    first, again, other = (a.augment(wave, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.waveform, again.waveform)
    assert first.waveform.shape != other.waveform.shape or not np.array_equal(first.waveform, other.waveform)


@pytest.mark.parametrize("speed", [0.85, 1.0, 1.13])
def test_speed_moves_times_by_the_scale(speed: float) -> None:
    changed = a.change_speed(bursts([0.5, 1.5]), speed)
    scale = len(changed) / (2 * RATE)
    for at in (0.5, 1.5):
        middle = round(at * scale * RATE)
        window = np.abs(changed[middle - 400 : middle + 400])
        assert abs(float(np.average(np.arange(800), weights=window**2)) - 400) < 8
    assert abs(scale * speed - 1.0) < 1e-3


def test_speed_keeps_a_tone_and_raises_its_pitch() -> None:
    tone = np.sin(np.arange(RATE) * 2 * np.pi * 500 / RATE).astype(np.float32)
    faster = a.change_speed(tone, 1.25)[1000:-1000]
    spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster))))
    assert abs(np.argmax(spectrum) * RATE / len(faster) - 625) < 3
    assert abs(np.abs(faster).max() - 1.0) < 0.02


def test_filters_and_rooms_do_not_shift() -> None:
    wave = bursts([0.4, 0.9, 1.3])
    results = [a.telephone(wave), a.quantise(wave, 6), a.clip_peaks(wave, 0.5)]
    for seed in range(6):
        results.append(a.apply_gains(wave, a.random_equaliser(rng(seed))))
        results.append(a.reverberate(wave, a.room_response(rng(seed), 0.1 + 0.1 * seed, 12.0)))
        results.append(a.add_noise(rng(seed), wave, 10.0, []))
    assert all(abs(onset_lag(result, wave)) <= 2 for result in results)


def test_noise_has_the_promised_level() -> None:
    wave = bursts([0.5, 1.0])
    for others in ([], [bursts([0.3]), bursts([0.6, 0.9])]):
        for snr_db in (0.0, 20.0):
            noise = a.add_noise(rng(3), wave, snr_db, others) - wave
            assert abs(20 * np.log10(np.std(wave) / np.sqrt(np.mean(noise**2))) - snr_db) < 0.5


def test_telephone_band() -> None:
    white = rng().standard_normal(RATE).astype(np.float32)
    power = np.abs(np.fft.rfft(a.telephone(white))) ** 2
    inside = power[400:3300].mean()
    assert power[:120].mean() < 1e-3 * inside and power[4200:].mean() < 1e-3 * inside


def test_room_decays_in_its_time() -> None:
    response = a.room_response(rng(), 0.5, 0.0)
    early, late = response[400:1200], response[-800:]
    assert response[0] == 1.0 and np.all(response[1:32] == 0.0)
    assert 40 < 10 * np.log10(np.mean(early**2) / np.mean(late**2)) < 70


def test_peak_level_and_length() -> None:
    wave = bursts([0.5])
    for seed in range(20):
        result = a.augment(wave, rng(seed), others=[wave])
        peak_db = 20 * np.log10(np.abs(result.waveform).max())
        assert -30.1 <= peak_db <= 0.1 and np.all(np.isfinite(result.waveform))
        assert abs(len(result.waveform) / len(wave) - result.time_scale) < 1e-6


def test_silence_stays_finite() -> None:
    assert np.all(np.isfinite(a.augment(np.zeros(RATE, np.float32), rng(4)).waveform))


def test_it_is_fast() -> None:
    wave = rng().standard_normal(8 * RATE).astype(np.float32)
    a.augment(wave, rng(0))
    began = time.process_time()
    for seed in range(10):
        a.augment(wave, rng(seed), others=[wave])
    assert (time.process_time() - began) / 80 < 0.045, "expected about 15 ms of processor time a second of audio"
