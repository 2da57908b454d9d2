"""The quality of a voice: tilt of its spectrum, strength of its harmonics, roughness and flux, over a few seconds.

Families of the eGeMAPS set (Eyben et al. 2016); fixed bands stand in for the formants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.fft import rfft

from emote3d.audio.pitch import PitchTrack, cut_frames, squared

_WINDOW_S, _FFT = 0.025, 1024
_HARMONIC_WINDOW_S, _HARMONIC_TOP_HZ = 0.04, 4500.0
_BANDS_HZ = np.array((
    80, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480,
    1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300, 6400, 7700,
))  # fmt: skip
"""Edges near Zwicker's critical bands."""
_FORMANTS_HZ = ((250.0, 1000.0), (900.0, 2500.0), (2200.0, 3500.0))

Track = Float[np.ndarray, "frames"]
Flags = Bool[np.ndarray, "frames"]
Numbers = list[float | np.floating]


@dataclass(frozen=True, kw_only=True)
class Spectrogram:
    """Power of frames."""

    power: Float[np.ndarray, "frames bins"]
    hz: Float[np.ndarray, "bins"]

    def bins(self, low_hz: float, high_hz: float) -> slice:
        """The bins from one frequency up to another."""
        return slice(*np.searchsorted(self.hz, (low_hz, high_hz)))

    def band_db(self, low_hz: float, high_hz: float) -> Track:
        """Level of a band."""
        return decibels(self.power[:, self.bins(low_hz, high_hz)].sum(axis=1))

    def peak_db(self, low_hz: float, high_hz: float) -> Track:
        """Level of the strongest bin of a band."""
        return decibels(self.power[:, self.bins(low_hz, high_hz)].max(axis=1))

    def slope(self, low_hz: float, high_hz: float) -> Track:
        """Slope of the level over a band in decibels per kilohertz."""
        inside = self.bins(low_hz, high_hz)
        khz = self.hz[inside] / 1000
        khz = khz - khz.mean()
        return 10 * np.log10(self.power[:, inside] + 1e-6) @ khz / (khz**2).sum()


def decibels(power: np.ndarray) -> np.ndarray:
    """Ten times the logarithm, floored at -90."""
    return 10 * np.log10(power + 1e-9)


def spectrogram(
    waveform: Float[np.ndarray, "samples"], rate: int, hop: int, window_s: float = _WINDOW_S, which: Flags | None = None
) -> Spectrogram:
    """Power spectra of frames centred at k * hop samples: all of them or some."""
    window = np.hanning(round(window_s * rate))
    power = squared(np.asarray(rfft(cut_frames(waveform, window, hop, which), _FFT, axis=1))) / len(window)
    return Spectrogram(power=power, hz=np.fft.rfftfreq(_FFT, 1 / rate))


def mean_and_spread(*tracks: np.ndarray) -> Numbers:
    """Mean and deviation of each track; zeros of an empty one."""
    return [value for track in tracks for value in ((track.mean(), track.std()) if len(track) else (0.0, 0.0))]


def _band_means_db(power: Float[np.ndarray, "frames bins"], hz: np.ndarray, edges: np.ndarray) -> np.ndarray:
    mean = power.mean(axis=0)
    bands = zip(edges[:-1], edges[1:], strict=True)
    return decibels(np.array([mean[(hz >= low) & (hz < high)].mean() for low, high in bands]))


def describe_spectrum(spectra: Spectrogram, voiced: Flags, hiss: Flags) -> Numbers:
    """Tilt, brightness and long-term bands of a voice."""
    power, hz = spectra.power, spectra.hz
    total = power.sum(axis=1)
    centre = np.log2(power @ hz / (total + 1e-9) + 50)
    half = (np.cumsum(power, axis=1) > 0.85 * total[:, None]).argmax(axis=1)
    alpha = spectra.band_db(50, 1000) - spectra.band_db(1000, 5000)
    hammarberg = spectra.peak_db(0, 2000) - spectra.peak_db(2000, 5000)
    low, middle = spectra.slope(0, 500), spectra.slope(500, 1500)
    air = spectra.band_db(4000, 8000) - spectra.band_db(50, 8000)
    voice = [alpha, hammarberg, low, middle, spectra.slope(1500, 5000), centre, np.log2(hz[half] + 50), air]
    breath = [alpha, hammarberg, low, middle, centre, air]
    bands = _band_means_db(power[voiced], hz, _BANDS_HZ)
    loud = total >= np.median(total[voiced])
    effort = _band_means_db(power[voiced & loud], hz, _BANDS_HZ[::2])
    if (voiced & ~loud).any():
        effort = effort - _band_means_db(power[voiced & ~loud], hz, _BANDS_HZ[::2])
    return [
        *mean_and_spread(*(track[voiced] for track in voice)),
        *mean_and_spread(*(track[hiss] for track in breath)),
        *(bands - bands.mean()),
        *(effort - effort.mean()),
    ]


def describe_flux(spectra: Spectrogram, active: Flags, voiced: Flags, hiss: Flags) -> Numbers:
    """How fast the shape of the spectrum changes."""
    shape = np.sqrt(spectra.power)
    shape = shape / np.linalg.norm(shape, axis=1, keepdims=True).clip(1e-9)
    flux = np.concatenate([[0.0], np.linalg.norm(np.diff(shape, axis=0), axis=1)])
    return [
        *mean_and_spread(flux[active]),
        *np.percentile(flux[active], (5, 20, 50, 80, 95)),
        *mean_and_spread(flux[voiced], flux[hiss]),
    ]


def describe_harmonics(waveform: Float[np.ndarray, "samples"], pitch: PitchTrack, rate: int, hop: int) -> Numbers:
    """First harmonic over the second and over the strongest one near each formant (decibels)."""
    if not pitch.voiced.any():
        return [0.0] * 8
    spectra = spectrogram(waveform, rate, hop, _HARMONIC_WINDOW_S, pitch.voiced)
    below = spectra.bins(0, _HARMONIC_TOP_HZ)
    level, hz = decibels(spectra.power[:, below]), spectra.hz[below]
    pitch_hz = pitch.hz[pitch.voiced, None]
    first, second = (
        np.where(np.abs(hz - order * pitch_hz) <= 0.3 * pitch_hz, level, -90.0).max(axis=1) for order in (1, 2)
    )
    formants = [level[:, spectra.bins(*band)].max(axis=1) for band in _FORMANTS_HZ]
    return mean_and_spread(first - second, *(first - formant for formant in formants))


def describe_roughness(pitch: PitchTrack, voiced: Flags, hiss: Flags, level_db: Track) -> Numbers:
    """Harmonics over noise, and the unsteadiness of pitch and level from frame to frame."""
    noise = decibels(pitch.clarity / (1 - pitch.clarity))
    semitones = 12 * np.log2(np.maximum(pitch.hz, 1.0))
    steps = np.abs(np.diff(semitones))[voiced[1:] & voiced[:-1]]
    steps = steps[steps < 2.6]
    five = np.ones(5) / 5
    steady = np.convolve(voiced & (pitch.hz > 0), five, "same") > 0.99
    shakes = [
        np.abs(track - np.convolve(np.pad(track, 2, mode="edge"), five, "valid"))[steady]
        for track in (semitones, level_db)
    ]
    return [
        *mean_and_spread(noise[voiced], pitch.clarity[voiced], pitch.clarity[hiss]),
        *np.percentile(noise[voiced], (10, 50, 90)),
        np.median(steps) if len(steps) else 0.0,
        *(shake.mean() if len(shake) else 0.0 for shake in shakes),
    ]
