"""What a voice sounds like, beyond its words: statistics of pitch, loudness, timbre and rhythm over a few seconds.

The families of the eGeMAPS set (Eyben et al. 2016), with mel bands and cepstra in place of formants.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.fft import dct
from scipy.signal import find_peaks

from emote3d.audio.pitch import PitchTrack, track_pitch
from emote3d.audio.timbre import (
    Numbers,
    describe_flux,
    describe_harmonics,
    describe_roughness,
    describe_spectrum,
    mean_and_spread,
    spectrogram,
)

_ACTIVE_DB = 32.0
"""Decibels under the loud frames from which a frame counts as speech."""
_LEAST_VOICED = 0.1
"""Share of a stretch that must be voiced for it to be speech; clips of EmoDB have 0.2 or more."""
_CEPSTRA = 16
_MODULATION_HZ = (0.3, 2.0, 4.0, 6.0, 10.0, 20.0, 50.0)
_SYLLABLE = 0.08
"""Prominence of a peak of the loudness, of that of the loud frames, that counts as a syllable."""
VOICE_STATISTICS = 367
"""Length of `describe_voice`'s vector for 80 mel bands."""

Track = Float[np.ndarray, "frames"]
Flags = Bool[np.ndarray, "frames"]


def _spread(track: np.ndarray) -> Numbers:
    """Mean, deviation and five percentiles."""
    return [track.mean(), track.std(), *np.percentile(track, (5, 20, 50, 80, 95))]


def _stretches(flags: Flags) -> tuple[np.ndarray, np.ndarray]:
    """First frame of each run of True, and the frame after its last."""
    edges = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _slopes(track: Track, inside: Flags, frame_s: float) -> Numbers:
    """Mean and deviation of the rises, then of the falls, between the turns of a track (its unit per second)."""
    rise_s, change = [], []
    for start, end in zip(*_stretches(inside), strict=True):
        if end - start < 4:
            continue
        part = np.convolve(np.pad(track[start:end], 2, mode="edge"), np.ones(5) / 5, "valid")
        direction = np.sign(np.diff(part))
        turns = np.concatenate([[0], np.flatnonzero(direction[1:] * direction[:-1] < 0) + 1, [len(part) - 1]])
        rise_s.append(np.diff(turns) * frame_s)
        change.append(np.diff(part[turns]))
    if not rise_s:
        return [0.0] * 4
    weight, slope = np.concatenate(rise_s), np.concatenate(change)
    slope = slope / weight.clip(1e-6)
    found = []
    for side in (slope > 0, slope < 0):
        mean = np.average(slope[side], weights=weight[side]) if side.any() else 0.0
        found += [mean, np.average((slope[side] - mean) ** 2, weights=weight[side]) ** 0.5 if side.any() else 0.0]
    return found


def _melody(pitch: PitchTrack, voiced: Flags, frame_s: float) -> Numbers:
    """How high (semitones over 100 Hz), and how it moves."""
    sung = voiced & (pitch.hz > 0)
    if sung.sum() < 6:
        return [0.0] * 25
    semitones = 12 * np.log2(np.maximum(pitch.hz, 1.0) / 100)
    level = semitones[sung]
    steps = np.diff(semitones)[sung[1:] & sung[:-1]]
    steps = steps[np.abs(steps) < 2]
    steps = steps if len(steps) > 3 else np.zeros(4)
    time = np.flatnonzero(sung) * frame_s
    time = time - time.mean()
    end = max(5, len(level) // 4)
    spread = _spread(level)
    _, deviation, least, low, middle, high, most = spread
    return [
        *spread,
        high - low,
        most - middle,
        middle - least,
        *_slopes(semitones, sung, frame_s),
        np.abs(steps).mean(),
        steps.std(),
        steps.mean(),
        *np.percentile(steps, (5, 10, 90)),
        np.abs(np.diff(steps)).mean(),
        (time * level).sum() / (time**2).sum(),
        level[:end].mean() - level.mean(),
        level[-end:].mean() - level.mean(),
        ((level - level.mean()) ** 3).mean() / (deviation**3 + 1e-3),
    ]


def _rhythm(voiced: Flags, active: Flags, loudness: Track, frame_s: float) -> Numbers:
    """Shares of voice and speech; lengths (s) and number per second of the voiced stretches; pauses and syllables."""
    duration_s = len(voiced) * frame_s
    lengths, pauses = ((end - start) * frame_s for start, end in (_stretches(voiced), _stretches(~voiced)))
    syllables = find_peaks(np.convolve(loudness, np.ones(5) / 5, "same"), prominence=_SYLLABLE)[0]
    between = np.diff(syllables) * frame_s
    return [
        voiced.mean(),
        active.mean(),
        *mean_and_spread(lengths, pauses, between),
        len(lengths) / duration_s,
        len(syllables) / duration_s,
    ]


def _modulation(loudness: Track, frame_s: float) -> Numbers:
    """Shares of the loudness spectrum by rate."""
    centred = (loudness - loudness.mean()) * np.hanning(len(loudness))
    size = max(512, 1 << (len(loudness) - 1).bit_length())
    spectrum, rates = np.abs(np.fft.rfft(centred, size)), np.fft.rfftfreq(size, frame_s)
    total = spectrum[1:].sum() + 1e-9
    bands = zip(_MODULATION_HZ[:-1], _MODULATION_HZ[1:], strict=True)
    return [spectrum[(rates > low) & (rates <= high)].sum() / total for low, high in bands]


def _mel_shape(mel: Float[np.ndarray, "frames mels"], active: Flags, voiced: Flags, hiss: Flags) -> Numbers:
    """Level, tilt and movement of the mel bands."""
    level = mel.mean(axis=1)
    steps = np.diff(level)
    quarter = mel.shape[1] // 4
    tilt = mel[:, :quarter].mean(axis=1) - mel[:, 2 * quarter :].mean(axis=1)
    return [
        *_spread(level[active]),
        *(np.abs(steps).mean(), steps.std(), np.percentile(steps, 95)),
        *(mel[voiced].mean(axis=0)[::2] - mel[voiced].mean()),
        *mel[voiced].std(axis=0)[::4],
        *(mel[hiss].mean(axis=0)[::8] - mel[hiss].mean()),
        *_spread(tilt[active]),
        *_spread(tilt[voiced]),
    ]


def _cepstra(mel: Float[np.ndarray, "frames mels"], active: Flags, voiced: Flags, hiss: Flags) -> Numbers:
    """Shape of the spectrum and its movement over 10, 20 and 80 ms."""
    cepstra = np.asarray(dct(mel, axis=1, norm="ortho"))[:, :_CEPSTRA]
    near, far = cepstra[2:] - cepstra[:-2], cepstra[8:] - cepstra[:-8]
    near, far = near[voiced[1:-1]], far[active[4:-4]]
    return [
        *cepstra[active].mean(axis=0)[1:],
        *cepstra[active].std(axis=0),
        *cepstra[voiced].mean(axis=0)[1:],
        *cepstra[voiced].std(axis=0),
        *cepstra[hiss].mean(axis=0)[1:9],
        *cepstra[hiss].std(axis=0)[1:9],
        *np.abs(np.diff(cepstra, axis=0)).mean(axis=0),
        *(np.abs(near).mean(axis=0) if len(near) else np.zeros(_CEPSTRA)),
        *(far.std(axis=0) if len(far) else np.zeros(_CEPSTRA)),
    ]


def _speaking(level_db: Track, pitch: PitchTrack) -> tuple[Flags, Flags, Flags]:
    """Frames with speech, with voice, and with speech but no voice (all speech where that is hardly there)."""
    active = level_db > np.percentile(level_db, 95) - _ACTIVE_DB
    voiced = pitch.voiced & active
    hiss = active & ~voiced
    return active, voiced, hiss if hiss.sum() > 3 else active


def describe_voice(
    waveform: Float[np.ndarray, "samples"], mel: Float[np.ndarray, "frames mels"], rate: int, hop: int
) -> Float[np.ndarray, "statistics"]:
    """Statistics of a stretch of speech; `mel` is its log-mel with the speech level subtracted, one frame a hop.

    All are zero where hardly anything is voiced: noise, clicks, whispers.
    """
    waveform = waveform - waveform.mean()
    waveform = waveform / (np.sqrt((waveform**2).mean()) + 1e-9)
    pitch, spectra, frame_s = track_pitch(waveform, rate, hop), spectrogram(waveform, rate, hop), hop / rate
    assert len(mel) == len(pitch.hz) == len(spectra.power)
    level_db = spectra.band_db(0, rate)
    active, voiced, hiss = _speaking(level_db, pitch)
    if voiced.mean() < _LEAST_VOICED:
        return np.zeros(VOICE_STATISTICS)
    loudness = np.exp(0.3 * mel).mean(axis=1)
    loudness = loudness / np.percentile(loudness[active], 90)
    parts = [
        _melody(pitch, voiced, frame_s),
        _rhythm(voiced, active, loudness, frame_s),
        _spread(loudness[active]),
        _slopes(loudness, active, frame_s),
        _spread(level_db[active] - np.percentile(level_db[active], 95))[:-1],
        _mel_shape(mel, active, voiced, hiss),
        _cepstra(mel, active, voiced, hiss),
        _modulation(mel.mean(axis=1), frame_s),
        describe_roughness(pitch, voiced, hiss, level_db),
        describe_spectrum(spectra, voiced, hiss),
        describe_flux(spectra, active, voiced, hiss),
        describe_harmonics(waveform, pitch, rate, hop),
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])
