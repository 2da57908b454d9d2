"""How lively a voice is: movement of its pitch and of its loudness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from emote3d.errors import Emote3DError
from emote3d.records import Speech

_HOP_S, _WINDOW_S = 0.01, 0.05
_LOWEST_HZ, _HIGHEST_HZ = 65.0, 420.0
_VOICED = 0.55
"""Normalised autocorrelation from which a frame is voiced (Boersma 1993 takes 0.45 with his finer estimate)."""
_LEAST_VOICED_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Prosody:
    """Movement of a voice."""

    pitch_semitones: float
    """Robust standard deviation of the pitch."""
    loudness_db: float
    """Standard deviation of the level while the person speaks."""


def measure_prosody(speech: Speech) -> Prosody:
    """Measure a recording.

    Raises:
        Emote3DError: less than half a second of it is voiced.
    """
    frames = _frames(speech)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    speaking = level_db > np.percentile(level_db, 95) - 30
    pitch = _pitch(frames[speaking], speech.sample_rate)
    if len(pitch) * _HOP_S < _LEAST_VOICED_S:
        raise Emote3DError(f"a style needs at least {_LEAST_VOICED_S:g} s of voice, found {len(pitch) * _HOP_S:.2f} s")
    semitones = 12 * np.log2(pitch)
    low, high = np.percentile(semitones, (16, 84))
    return Prosody(pitch_semitones=float(high - low) / 2, loudness_db=float(level_db[speaking].std()))


def _frames(speech: Speech) -> Float[np.ndarray, "frames window"]:
    waveform = speech.waveform.numpy().astype(np.float64)
    window, hop = round(_WINDOW_S * speech.sample_rate), round(_HOP_S * speech.sample_rate)
    padded = np.pad(waveform, (0, max(0, window - len(waveform))))
    return np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]


def _pitch(frames: Float[np.ndarray, "frames window"], rate: int) -> Float[np.ndarray, "voiced"]:
    """Pitch in Hz of the voiced frames, by autocorrelation with the window's own taken out (Boersma 1993)."""
    window = np.hanning(frames.shape[1])
    size = 1 << (2 * frames.shape[1] - 1).bit_length()
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2, size)
    first, last = int(rate / _HIGHEST_HZ), int(rate / _LOWEST_HZ)
    found = []
    for start in range(0, len(frames), 2000):
        part = (frames[start : start + 2000] - frames[start : start + 2000].mean(axis=1, keepdims=True)) * window
        power = np.fft.irfft(np.abs(np.fft.rfft(part, size, axis=1)) ** 2, size, axis=1)
        clear = power[:, first:last] / np.maximum(power[:, :1], 1e-12) / (own[first:last] / own[0])
        lag = clear.argmax(axis=1)
        voiced = clear[np.arange(len(clear)), lag] > _VOICED
        found.append(rate / (first + lag[voiced]))
    return np.concatenate(found) if found else np.zeros(0)
