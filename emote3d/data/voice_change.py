"""The same words from another voice: pitch, formants and tempo changed apart from each other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from emote3d.data.augment import SAMPLE_RATE, Wave, change_speed

_GRAIN, _SEARCH = round(0.032 * SAMPLE_RATE), round(0.008 * SAMPLE_RATE)
"""Length of the pieces that are put together again, and how far one may move to fit its neighbour."""
_FFT, _HOP, _WINDOW = 1024, 160, 512
_CEPSTRA, _FADE = 40, 10
"""Cepstra that make the envelope of a spectrum (2.5 ms: the formants, not the harmonics), and how many of them fade out."""
_MOST_GAIN = 6.0
"""Nepers by which a frequency may be raised or lowered."""


def stretch(wave: Wave, factor: float) -> Float32[np.ndarray, "new_samples"]:
    """So many times as long at the same pitch, by overlapping pieces that fit each other (WSOLA; Verhelst, Roelands 1993)."""
    half, size = _GRAIN // 2, round(len(wave) * factor)
    window = np.hanning(_GRAIN + 1)[:_GRAIN]
    before = _GRAIN + _SEARCH
    padded = np.pad(wave.astype(np.float64), (before, before + 2 * _GRAIN))
    out, weight = np.zeros(size + _GRAIN), np.full(size + _GRAIN, 1e-3)
    previous = None
    for start in range(0, size, half):
        at = min(round(start / factor), len(wave))
        if previous is not None:
            wanted = padded[before + previous + half :][:_GRAIN]
            near = padded[before + at - _SEARCH : before + at + _SEARCH + _GRAIN]
            energy = np.convolve(near**2, np.ones(_GRAIN), "valid") + 1e-9
            at += int((np.correlate(near, wanted, "valid") / np.sqrt(energy)).argmax()) - _SEARCH
        out[start : start + _GRAIN] += window * padded[before + at :][:_GRAIN]
        weight[start : start + _GRAIN] += window
        previous = at
    return (out / weight)[:size].astype(np.float32)


def move_formants(wave: Wave, factor: float) -> Wave:
    """Multiply the frequencies of the spectral envelope, as a shorter or longer vocal tract would; the pitch stays."""
    window = np.hanning(_WINDOW)
    padded = np.pad(wave.astype(np.float64), (_WINDOW, _WINDOW + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window
    spectra = np.fft.rfft(frames, _FFT, axis=1)
    envelope = _envelopes(np.log(np.abs(spectra) + 1e-6))
    bins = np.arange(_FFT // 2 + 1)
    source = (bins / factor).clip(0, _FFT // 2)
    low, high = np.floor(source).astype(int), np.ceil(source).astype(int)
    moved = envelope[:, low] + (source - low) * (envelope[:, high] - envelope[:, low])
    spectra = spectra * np.exp((moved - envelope).clip(-_MOST_GAIN, _MOST_GAIN))
    pieces = np.fft.irfft(spectra, axis=1)[:, :_WINDOW] * window
    out, weight = np.zeros(len(padded)), np.full(len(padded), 1e-2)
    for number, piece in enumerate(pieces):
        place = slice(number * _HOP, number * _HOP + _WINDOW)
        out[place] += piece
        weight[place] += window**2
    return (out / weight)[_WINDOW : _WINDOW + len(wave)].astype(np.float32)


def _envelopes(log_spectra: Float[np.ndarray, "frames bins"]) -> Float[np.ndarray, "frames bins"]:
    """Log spectra without their harmonics."""
    kept = np.interp(np.arange(_FFT // 2 + 1), (_CEPSTRA - _FADE, _CEPSTRA), (1.0, 0.0))
    lifter = np.concatenate([kept, kept[-2:0:-1]])
    return np.fft.rfft(np.fft.irfft(log_spectra, axis=1) * lifter, axis=1).real


def change_voice(wave: Wave, pitch: float, formants: float, tempo: float) -> Float32[np.ndarray, "new_samples"]:
    """Multiply pitch, formants and tempo; 1 leaves each as it is."""
    changed = stretch(change_speed(wave, pitch), pitch / tempo)  # the speed moved the formants too
    return move_formants(changed, formants / pitch)
