"""The pitch of a voice: candidates of the autocorrelation, joined by the cheapest path (Boersma 1993)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy.fft import irfft, rfft

_LOWEST_HZ, _HIGHEST_HZ = 60.0, 600.0
_WINDOW_S = 0.04
_CANDIDATES = 6
_SILENT, _UNVOICED = 0.03, 0.45
"""Boersma's thresholds of loudness (of the loudest frame) and of periodicity."""
_PER_OCTAVE, _JUMP, _SWITCH = 0.02, 0.35, 0.14
"""Boersma's favour for a higher pitch, and his costs of an octave's jump and of a change of voicing."""

Track = Float[np.ndarray, "frames"]


@dataclass(frozen=True, kw_only=True)
class PitchTrack:
    """Pitch of frames."""

    hz: Track
    """Pitch; 0 where there is none."""
    voiced: Bool[np.ndarray, "frames"]
    """Whether a frame has a pitch."""
    clarity: Track
    """Autocorrelation at the period, or the largest of an unvoiced frame, 0.001 to 0.9999."""


def cut_frames(
    waveform: Float[np.ndarray, "samples"],
    window: Float[np.ndarray, "window"],
    hop: int,
    which: Bool[np.ndarray, "all_frames"] | None = None,
) -> Float[np.ndarray, "frames window"]:
    """Windowed frames, frame k centred at sample k * hop: all of them or some."""
    padded = np.pad(waveform, (len(window) // 2, len(window) // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop][: 1 + len(waveform) // hop]
    return (frames if which is None else frames[which]) * window.astype(waveform.dtype)


def squared(spectra: Complex[np.ndarray, "frames bins"]) -> Float[np.ndarray, "frames bins"]:
    """Power, |x|^2."""
    return np.square(np.real(spectra)) + np.square(np.imag(spectra))


def _autocorrelation(frames: Float[np.ndarray, "frames window"], lags: int) -> Float[np.ndarray, "frames lags"]:
    size = 1 << (frames.shape[1] + lags - 1).bit_length()
    return np.asarray(irfft(squared(np.asarray(rfft(frames, size, axis=1))), size, axis=1))[:, :lags]


def _candidates(
    clear: Float[np.ndarray, "frames lags"], rate: int
) -> tuple[Float[np.ndarray, "frames candidates"], Float[np.ndarray, "frames candidates"]]:
    """Pitch (Hz) and height of the highest peaks, between samples; height -9 where there are fewer."""
    first, last = int(rate / _HIGHEST_HZ), int(rate / _LOWEST_HZ)
    middle = clear[:, first:last]
    peak = (middle >= clear[:, first - 1 : last - 1]) & (middle > clear[:, first + 1 : last + 1])
    height = np.where(peak, middle, -1)
    lag = np.argsort(-height, axis=1)[:, :_CANDIDATES] + first
    before, at, after = (np.take_along_axis(clear, lag + step, 1) for step in (-1, 0, 1))
    shift = np.clip((before - after) / np.minimum(2 * (before - 2 * at + after), -1e-9), -0.5, 0.5)
    top = at - 0.25 * (before - after) * shift
    return rate / (lag + shift), np.where(np.take_along_axis(height, lag - first, 1) < 0, -9, top)


def _cheapest(strength: Float[np.ndarray, "frames states"], octaves: Float[np.ndarray, "frames states"]) -> np.ndarray:
    """State of each frame on the best path; state 0 is unvoiced."""
    frames, states = strength.shape
    cost = _JUMP * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    cost[:, 0, :] = cost[:, :, 0] = _SWITCH
    cost[:, 0, 0] = 0
    total, back = strength[0], np.zeros((frames, states), dtype=int)
    for frame in range(1, frames):
        through = total[:, None] - cost[frame - 1]
        back[frame] = through.argmax(axis=0)
        total = through.max(axis=0) + strength[frame]
    path = np.zeros(frames, dtype=int)
    path[-1] = total.argmax()
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path


def track_pitch(waveform: Float[np.ndarray, "samples"], rate: int, hop: int) -> PitchTrack:
    """Pitch of frames centred at k * hop samples."""
    window = np.hanning(round(_WINDOW_S * rate))
    frames = cut_frames(waveform, np.ones_like(window), hop)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window.astype(waveform.dtype)
    lags = int(rate / _LOWEST_HZ) + 1
    own, power = _autocorrelation(window[None], lags)[0], _autocorrelation(frames, lags)
    clear = power / np.maximum(own / own[0], 0.05) / np.maximum(power[:, :1], 1e-9)
    hz, height = _candidates(clear, rate)
    peak = np.abs(frames).max(axis=1)
    quiet = np.maximum(0, 2 - peak / (peak.max() + 1e-12) * (1 + _UNVOICED) / _SILENT)
    strength = np.concatenate([(_UNVOICED + quiet)[:, None], height + _PER_OCTAVE * np.log2(hz / _LOWEST_HZ)], axis=1)
    path = _cheapest(strength, np.log2(np.concatenate([np.ones((len(hz), 1)), hz], axis=1)))
    voiced, each = path > 0, (np.arange(len(path)), np.maximum(path - 1, 0))
    clarity = np.where(voiced, height[each], height.max(axis=1)).clip(1e-3, 0.9999)
    return PitchTrack(hz=np.where(voiced, hz[each], 0.0), voiced=voiced, clarity=clarity)
