"""Waveform augmentation: other speakers, rooms, microphones, noise and channels, without moving anything in time.

Only `Augmentation.time_scale` changes times: phone times are to be multiplied by it. Every filter is zero-phase or
keeps the direct sound at lag 0. All randomness comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32
from numpy.fft import irfft, rfft, rfftfreq
from scipy.fft import next_fast_len

SAMPLE_RATE: Final = 16000
_MU: Final = 255.0
_SILENT: Final = 1e-8

Wave = Float32[np.ndarray, "samples"]
"""Mono sound at SAMPLE_RATE in [-1, 1]."""
Response = Float32[np.ndarray, "taps"]
"""Impulse response at SAMPLE_RATE."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How often and how far each step goes; each probability is drawn for itself."""

    speed: float = 0.5
    """Probability of resampling (tempo and pitch together)."""
    speed_range: tuple[float, float] = (0.85, 1.18)
    """Playback speed."""
    equaliser: float = 0.7
    """Probability of a spectral tilt with peaks and dips."""
    room: float = 0.4
    """Probability of reverberation."""
    rt60_range_s: tuple[float, float] = (0.1, 0.8)
    """Time in which the room decays by 60 dB."""
    noise: float = 0.7
    """Probability of additive noise."""
    snr_range_db: tuple[float, float] = (0.0, 40.0)
    """Speech over noise, on average over the clip."""
    telephone: float = 0.12
    """Probability of a 300-3400 Hz band."""
    codec: float = 0.12
    """Probability of mu-law quantisation with few bits."""
    clipping: float = 0.08
    """Probability of overdriving the converter."""
    loudness_range_db: tuple[float, float] = (-30.0, 0.0)
    """Peak level relative to full scale, always drawn."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """A changed clip."""

    waveform: Wave
    """The sound."""
    time_scale: float
    """New length over old length: multiply phone times by it."""


def _fast_length(at_least: int) -> int:
    """A length whose Fourier transform is quick."""
    return int(next_fast_len(at_least, real=True) or at_least)


def _rms(wave: np.ndarray) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(wave * wave, dtype=np.float64))) + _SILENT


def change_speed(wave: Wave, speed: float) -> Float32[np.ndarray, "new_samples"]:
    """Play `speed` times as fast by resampling in the frequency domain; pitch and formants rise with it."""
    target = max(1, round(len(wave) / speed))
    pad = 256  # the Fourier series is periodic: keep the clip's end away from its start
    source_len = _fast_length(len(wave) + pad)
    result_len = max(1, round(source_len * target / len(wave)))
    spectrum = rfft(wave, source_len)
    resized = np.zeros(result_len // 2 + 1, dtype=spectrum.dtype)
    kept = min(len(spectrum), len(resized))
    resized[:kept] = spectrum[:kept]
    return (irfft(resized, result_len)[:target] * (result_len / source_len)).astype(np.float32)


def apply_gains(wave: Wave, gains_db: np.ndarray) -> Wave:
    """Zero-phase filter with gains at evenly spaced frequencies from 0 to half the sample rate."""
    size = _fast_length(len(wave) + 1024)
    spectrum = rfft(wave, size)
    places = np.linspace(0.0, len(gains_db) - 1.0, len(spectrum), dtype=np.float32)
    curve = np.interp(places, np.arange(len(gains_db)), 10.0 ** (gains_db / 20.0)).astype(np.float32)
    return irfft(spectrum * curve, size)[: len(wave)].astype(np.float32)


def random_equaliser(rng: np.random.Generator, points: int = 257) -> np.ndarray:
    """Gains in dB of a random tilt (at most 6 dB an octave) with up to four resonances, as formant shifts make."""
    hertz = np.linspace(0.0, SAMPLE_RATE / 2, points)
    octaves = np.log2(np.maximum(hertz, 100.0) / 1000.0)
    gains = np.clip(rng.normal(0.0, 2.0), -6.0, 6.0) * np.clip(octaves, -2.0, 3.0)
    for _ in range(int(rng.integers(0, 5))):
        centre, width = np.exp2(rng.uniform(-2.0, 2.8)) * 1000.0, rng.uniform(0.15, 0.7)
        distance = np.log2(np.maximum(hertz, 30.0) / centre) / width
        gains = gains + rng.uniform(-10.0, 10.0) * np.exp(-0.5 * distance**2)
    return np.clip(gains, -30.0, 20.0)


def room_response(rng: np.random.Generator, rt60_s: float, direct_to_late_db: float) -> Response:
    """Impulse response: the direct sound at lag 0, then exponentially decaying noise that loses treble."""
    length = max(64, round(rt60_s * SAMPLE_RATE))
    lag = np.arange(length, dtype=np.float32) / SAMPLE_RATE
    noise = rng.standard_normal(length, dtype=np.float32)
    dull = np.cumsum(noise, dtype=np.float32)
    dull = dull[8:] - dull[:-8]
    dull = np.concatenate([np.zeros(8, np.float32), dull]) / 2.83
    share = np.minimum(1.0, lag / max(rt60_s, 1e-3) * 2.0)
    tail = ((1.0 - share) * noise + share * dull) * np.exp(-6.9078 * lag / rt60_s)
    tail[: round(0.002 * SAMPLE_RATE)] = 0.0  # nothing reflects before 2 ms
    tail *= 10.0 ** (-direct_to_late_db / 20.0) / (float(np.sqrt(np.sum(tail * tail))) + _SILENT)
    tail[0] = 1.0
    return tail.astype(np.float32)


def reverberate(wave: Wave, response: Response) -> Wave:
    """Convolve with a room; the direct sound stays where it was and the tail is cut at the clip's end."""
    size = _fast_length(len(wave) + len(response))
    return irfft(rfft(wave, size) * rfft(response, size), size)[: len(wave)].astype(np.float32)


def _coloured_noise(rng: np.random.Generator, count: int, slope: float) -> Wave:
    """Noise whose power falls with frequency to the power `slope` (0 white, 1 pink, 2 brown)."""
    white = rng.standard_normal(_fast_length(count), dtype=np.float32)
    hertz = np.maximum(rfftfreq(len(white), 1.0 / SAMPLE_RATE), 20.0).astype(np.float32)
    return irfft(rfft(white) * hertz ** np.float32(-slope / 2.0), len(white))[:count].astype(np.float32)


def _babble(rng: np.random.Generator, count: int, others: Sequence[np.ndarray]) -> Wave:
    """Three to six other clips at once, each looped from a random place."""
    total = np.zeros(count, dtype=np.float32)
    for _ in range(int(rng.integers(3, 7))):
        other = np.asarray(others[int(rng.integers(len(others)))], dtype=np.float32)
        places = (int(rng.integers(len(other))) + np.arange(count)) % len(other)
        voice = other[places]
        total += voice / np.float32(_rms(voice))
    return total


def add_noise(rng: np.random.Generator, wave: Wave, snr_db: float, others: Sequence[np.ndarray]) -> Wave:
    """Add white-to-brown noise, or babble when other clips are given, at a mean signal-to-noise ratio."""
    if len(others) and rng.random() < 0.35:
        noise = _babble(rng, len(wave), others)
    else:
        noise = _coloured_noise(rng, len(wave), float(rng.uniform(0.0, 2.0)))
    return wave + noise * np.float32(_rms(wave) / _rms(noise) * 10.0 ** (-snr_db / 20.0))


def telephone(wave: Wave) -> Wave:
    """Keep 300 to 3400 Hz."""
    hertz = np.linspace(0.0, SAMPLE_RATE / 2, 257)
    low = np.clip((hertz - 150.0) / 150.0, 0.0, 1.0)
    high = np.clip((3800.0 - hertz) / 400.0, 0.0, 1.0)
    return apply_gains(wave, 60.0 * (low * high - 1.0))


def quantise(wave: Wave, bits: int) -> Wave:
    """Mu-law with few bits, as a low-rate codec sounds."""
    peak = float(np.abs(wave).max(initial=0.0)) + _SILENT
    squeezed = np.sign(wave) * np.log1p(_MU * np.abs(wave) / peak) / np.log1p(_MU)
    steps = 2 ** (bits - 1) - 1
    squeezed = np.round(squeezed * steps) / steps
    return (np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(_MU)) / _MU * peak).astype(np.float32)


def clip_peaks(wave: Wave, share: float) -> Wave:
    """Flatten what exceeds `share` of the peak."""
    limit = share * float(np.abs(wave).max(initial=0.0))
    return np.clip(wave, -limit, limit)


def augment(
    wave: Wave, rng: np.random.Generator, config: AugmentConfig | None = None, others: Sequence[np.ndarray] = ()
) -> Augmentation:
    """A random variation of a clip; `others` are clips (any scale) to make babble of."""
    config = config or AugmentConfig()
    result, before = np.asarray(wave, dtype=np.float32), len(wave)
    if rng.random() < config.speed:
        result = change_speed(result, float(np.exp(rng.uniform(*np.log(config.speed_range)))))
    after = len(result)
    if rng.random() < config.equaliser:
        result = apply_gains(result, random_equaliser(rng))
    if rng.random() < config.room:
        result = reverberate(
            result, room_response(rng, float(rng.uniform(*config.rt60_range_s)), float(rng.uniform(-2.0, 15.0)))
        )
    if rng.random() < config.noise:
        result = add_noise(rng, result, float(rng.uniform(*config.snr_range_db)), others)
    if rng.random() < config.telephone:
        result = telephone(result)
    if rng.random() < config.codec:
        result = quantise(result, int(rng.integers(5, 9)))
    if rng.random() < config.clipping:
        result = clip_peaks(result, float(rng.uniform(0.2, 0.8)))
    level = 10.0 ** (float(rng.uniform(*config.loudness_range_db)) / 20.0)
    result = result * np.float32(level / (float(np.abs(result).max(initial=0.0)) + _SILENT))
    return Augmentation(waveform=result.astype(np.float32), time_scale=after / max(before, 1))
