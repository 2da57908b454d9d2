"""What a voice sounds like, beyond its words: statistics of pitch, loudness, timbre and rhythm over a few seconds.

The families of the eGeMAPS set (Eyben et al. 2016), with mel bands and cepstra in place of formants.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.fft import dct

_LOWEST_HZ, _HIGHEST_HZ = 60.0, 500.0
_WINDOW_S = 0.04
_VOICED = 0.55
"""Normalised autocorrelation from which a frame is voiced."""
_ACTIVE = -3.0
"""Log-mel under the speech level from which a frame counts as speech."""
_CEPSTRA = 16
_MODULATION_HZ = (0.3, 2.0, 4.0, 6.0, 10.0, 20.0, 50.0)
VOICE_STATISTICS = 168
"""Length of `describe_voice`'s vector for 80 mel bands."""

Track = Float[np.ndarray, "frames"]


def _periodicity(waveform: Float[np.ndarray, "samples"], rate: int, hop: int) -> tuple[Track, Track]:
    """Pitch (Hz) and normalised autocorrelation (Boersma 1993) of frames centred at k * hop samples."""
    window = np.hanning(round(_WINDOW_S * rate))
    padded = np.pad(waveform, (len(window) // 2, len(window) // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop][: 1 + len(waveform) // hop] * window
    size = 1 << (2 * len(window) - 1).bit_length()
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2, size)[: len(window)]
    power = np.fft.irfft(np.abs(np.fft.rfft(frames, size, axis=1)) ** 2, size, axis=1)[:, : len(window)]
    clear = power / np.maximum(own, 0.05 * own[0])
    first, last = int(rate / _HIGHEST_HZ), int(rate / _LOWEST_HZ)
    clear = clear[:, first:last] / np.maximum(clear[:, :1], 1e-9)
    best = clear.max(axis=1)
    peaks = np.zeros(clear.shape, dtype=bool)
    peaks[:, 1:-1] = (clear[:, 1:-1] >= clear[:, :-2]) & (clear[:, 1:-1] >= clear[:, 2:])
    peaks &= clear > 0.9 * best[:, None]  # the shortest of nearly equal periods: no octave too low
    lag = np.where(peaks.any(axis=1), peaks.argmax(axis=1), clear.argmax(axis=1))
    return rate / (first + lag), best


def _spread(track: np.ndarray) -> list[np.floating]:
    """Mean, deviation and five percentiles."""
    return [track.mean(), track.std(), *np.percentile(track, (5, 20, 50, 80, 95))]


def _melody(semitones: Track, voiced: np.ndarray) -> list[np.floating]:
    """How high, and how it moves from frame to frame."""
    level = semitones[voiced] if voiced.sum() > 5 else np.zeros(6)
    steps = np.diff(semitones)[voiced[1:] & voiced[:-1]]
    steps = steps[np.abs(steps) < 3]
    steps = steps if len(steps) > 3 else np.zeros(4)
    high, low = np.percentile(steps, (90, 10))
    return [*_spread(level), np.abs(steps).mean(), steps.std(), steps.mean(), high, low]


def _rhythm(voiced: np.ndarray, active: np.ndarray, frame_s: float) -> list[np.floating]:
    """Shares of voice and speech; lengths (s) and number per second of the voiced stretches."""
    edges = np.diff(np.concatenate([[0], voiced.astype(int), [0]]))
    lengths = (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) * frame_s
    count = len(lengths)
    lengths = lengths if count else np.zeros(1)
    per_second = np.float64(max(1, count) / (len(voiced) * frame_s))
    return [voiced.mean(), active.mean(), lengths.mean(), lengths.std(), per_second]


def _modulation(loudness: Track, frame_s: float) -> list[np.floating]:
    """Shares of the loudness spectrum by rate."""
    centred = (loudness - loudness.mean()) * np.hanning(len(loudness))
    size = max(512, 1 << (len(loudness) - 1).bit_length())
    spectrum, rates = np.abs(np.fft.rfft(centred, size)), np.fft.rfftfreq(size, frame_s)
    total = spectrum[1:].sum() + 1e-9
    bands = zip(_MODULATION_HZ[:-1], _MODULATION_HZ[1:], strict=True)
    return [spectrum[(rates > low) & (rates <= high)].sum() / total for low, high in bands]


def describe_voice(
    waveform: Float[np.ndarray, "samples"], mel: Float[np.ndarray, "frames mels"], rate: int, hop: int
) -> Float[np.ndarray, "statistics"]:
    """Statistics of a stretch of speech; `mel` is its log-mel with the speech level subtracted, one frame a hop."""
    pitch_hz, clarity = _periodicity(waveform, rate, hop)
    frames = min(len(mel), len(pitch_hz))
    mel, pitch_hz, clarity = mel[:frames], pitch_hz[:frames], clarity[:frames]
    loudness = mel.mean(axis=1)
    active = loudness > _ACTIVE
    active = active if active.any() else np.ones(frames, dtype=bool)
    voiced = (clarity > _VOICED) & active
    some = voiced if voiced.sum() > 5 else active
    hiss = active & ~voiced
    hiss = hiss if hiss.sum() > 3 else active
    steps = np.diff(loudness)
    cepstra = np.asarray(dct(mel, axis=1, norm="ortho"))[:, :_CEPSTRA]
    quarter = mel.shape[1] // 4
    tilt = mel[:, :quarter].mean(axis=1) - mel[:, 2 * quarter :].mean(axis=1)
    frame_s = hop / rate
    parts = [
        _melody(12 * np.log2(pitch_hz / 100), voiced),
        _rhythm(voiced, active, frame_s),
        _spread(loudness[active]),
        [np.abs(steps).mean(), steps.std(), np.percentile(steps, 95)],
        [clarity[active].mean(), clarity[active].std(), clarity[some].mean(), clarity[some].std()],
        mel[some].mean(axis=0)[::2] - mel[some].mean(),
        mel[some].std(axis=0)[::4],
        cepstra[active].mean(axis=0)[1:],
        cepstra[active].std(axis=0),
        np.abs(np.diff(cepstra, axis=0)).mean(axis=0),
        mel[hiss].mean(axis=0)[::8] - mel[hiss].mean(),
        _spread(tilt[active]),
        _spread(tilt[some]),
        _modulation(loudness, frame_s),
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
