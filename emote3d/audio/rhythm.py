"""Step 2 for the body: the rhythm and melody of a recording per motion frame, computed without a network.

Depends on no checkpoint and no transcript: band energies, loudness, spectral flux, pitch, syllable peaks and pauses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from emote3d.audio.hearing import in_windows
from emote3d.records import Speech

TICK_RATE = 100
"""Times a second that the sound is measured."""
_HOP_S, _WINDOW_S, _PITCH_WINDOW_S = 1 / TICK_RATE, 0.025, 0.045
_BAND_EDGES_HZ = (80.0, 300.0, 600.0, 1000.0, 1700.0, 2800.0, 4500.0, 7600.0)
_SYLLABLE_BANDS = slice(1, 5)
"""300 to 2800 Hz: where vowels are loud."""
_PITCH_HZ = (65.0, 400.0)
_FLOOR = -12.0
"""Natural-log power under the level of the speech that counts as silence."""
_SILENCE_POWER = -13.0
"""Natural log of the mean power of a recording at about -60 dBFS: one that is quieter is not raised to the level of speech."""
_SYLLABLE_S, _PAUSE_S = 0.3, 0.28
_VOICED_NEAR, _LEAST_ACCENT = 3, 0.8
"""Ticks around an accent in which there must be voice; the least prominence of one: the hum of a room has less."""
_SPEECH_NEAR, _STANDS_OUT = 50, 0.95
"""Ticks around a phrase that still are speech; prominence that a syllable of each phrase has (noise was measured to have up to 0.83)."""
BANDS = len(_BAND_EDGES_HZ) - 1
RHYTHM_D = BANDS + 9
"""Bands; loudness, flux, voicing, pitch, syllable peaks, prominence, activity, time since a phrase began, time until it ends."""
_ACTIVITY = BANDS + 6


class _Track(NamedTuple):
    """What is measured 100 times a second."""

    bands: Float[Tensor, "ticks bands"]
    """Log power."""
    voicing: Float[Tensor, "ticks"]
    octave: Float[Tensor, "ticks"]
    """log2 of the pitch in Hz."""
    loudness: Float[Tensor, "ticks"]
    """0 silence .. 1 the level of the speech."""


class _Syllables(NamedTuple):
    """The syllables of a stretch."""

    peaks: list[int]
    """Their loudest ticks."""
    prominence: Float[Tensor, "peaks"]
    voiced: Bool[Tensor, "ticks"]
    pitch: Float[Tensor, "ticks"]
    """Octaves over the middle of the voice, 0 where there is none."""


class Rhythm(NamedTuple):
    """The rhythm and melody of a recording."""

    features: Float[Tensor, "frames rhythm_d"]
    """Per motion frame, each of about unit size."""
    loudness: Float[Tensor, "frames"]
    """0 silence .. 1 the level of the speech."""
    syllables_per_s: float
    """Prominent syllables a second of speech."""
    pitch_range_octaves: float
    """Deviation of the pitch where there is voice."""
    dynamics: float
    """Deviation of the loudness within speech, 0..0.5."""
    accents: Float[Tensor, "frames"]
    """Prominence of an accented syllable (0.8 weak .. 2.5 strong) in the frame where it is loudest, 0 elsewhere."""
    speech: Bool[Tensor, "frames"]
    """Within half a second of a phrase in which a syllable stands out, voiced or whispered: the noise of a room has none."""

    @property
    def spoken(self) -> Bool[Tensor, "frames"]:
        """Where a phrase runs; short silences inside it count."""
        return self.features[:, _ACTIVITY] > 0


@lru_cache
def _hann(size: int) -> Float[Tensor, "size"]:
    """A window."""
    return torch.hann_window(size)


@lru_cache
def _own_correlation(window: int, size: int) -> Float[Tensor, "size"]:
    """How a window correlates with itself, 1 at lag 0, but not below what can be divided by."""
    own = torch.fft.irfft(torch.fft.rfft(_hann(window), size).abs().square())
    return (own / own[0]).clamp_min(0.15)


def measure_rhythm(samples: Float[Tensor, "samples"], rate: int) -> Float[Tensor, "ticks measures"]:
    """Bands, voicing and pitch of a stretch, 100 times a second; tick k is centred at k hops and hears 32 ms around it."""
    hop, size = round(_HOP_S * rate), 1024
    window, wide = _hann(round(_WINDOW_S * rate)), _hann(round(_PITCH_WINDOW_S * rate))
    spectrum = torch.stft(samples, 512, hop, len(window), window, center=True, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square() / window.square().sum()
    edges = [round(edge / rate * 512) for edge in _BAND_EDGES_HZ]
    bands = torch.stack([power[a:b].mean(dim=0) for a, b in zip(edges, edges[1:], strict=False)])
    long = torch.stft(samples, size, hop, len(wide), wide, center=True, pad_mode="constant", return_complex=True)
    correlation = torch.fft.irfft(long.abs().square(), dim=0)
    low, high = round(rate / _PITCH_HZ[1]), round(rate / _PITCH_HZ[0])
    normal = correlation[low:high] / correlation[0].clamp_min(1e-9) / _own_correlation(len(wide), size)[low:high, None]
    # A long lag must be clearly better than a short one: that keeps the octave.
    lags = torch.arange(low, high)
    lag = (normal - 0.06 * torch.log2(lags / low)[:, None]).argmax(dim=0)
    voicing = normal.gather(0, lag[None])[0].clamp(0, 1)
    octave = torch.log2(rate / lags[lag].float())
    return torch.cat([torch.log(bands.clamp_min(1e-10)).T, voicing[:, None], octave[:, None]], dim=1)


def _smoothed(x: Float[Tensor, "ticks"], sigma: float) -> Float[Tensor, "ticks"]:
    """Gaussian over ticks."""
    kernel = _gaussian(sigma)
    radius = kernel.shape[2] // 2
    padded = torch.nn.functional.pad(x[None, None], (radius, radius), mode="replicate")
    return torch.nn.functional.conv1d(padded, kernel)[0, 0]


@lru_cache
def _gaussian(sigma: float) -> Float[Tensor, "1 1 taps"]:
    """A kernel of sum 1."""
    radius = int(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    return (kernel / kernel.sum())[None, None]


def _peaks(envelope: Float[Tensor, "ticks"], least_ticks: int) -> list[int]:
    """Local maxima of loud enough speech, the highest first, none close to a higher one; in time order."""
    inner = (envelope[1:-1] > envelope[:-2]) & (envelope[1:-1] >= envelope[2:]) & (envelope[1:-1] > 0.35)
    candidates = (inner.nonzero()[:, 0] + 1).tolist()
    values = envelope.tolist()
    taken = bytearray(len(values) + 1)
    found: list[int] = []
    for tick in sorted(candidates, key=lambda one: -values[one]):
        if not taken[tick]:
            found.append(tick)
            start = max(0, tick - least_ticks)
            stop = min(len(values), tick + least_ticks)
            taken[start:stop] = b"\x01" * (stop - start)
    return sorted(found)


def _pulses(ticks: int, peaks: list[int], sizes: Tensor, sigma: float) -> Float[Tensor, "ticks"]:
    """A bump at each peak."""
    comb = torch.zeros(ticks)
    if peaks:
        comb[torch.tensor(peaks)] = sizes
    return _smoothed(comb, sigma) * sigma * 2.5066


def _phrase_times(spoken: Tensor) -> tuple[Float[Tensor, "ticks"], Float[Tensor, "ticks"]]:
    """Ticks since the running phrase (or pause) began and until it ends."""
    ticks = len(spoken)
    edges = (spoken[1:] != spoken[:-1]).nonzero()[:, 0] + 1
    bounds = torch.cat([torch.tensor([0]), edges, torch.tensor([ticks])])
    index = torch.arange(ticks)
    run = torch.searchsorted(bounds, index, right=True) - 1
    return (index - bounds[run]).float(), (bounds[run + 1] - index).float()


def _spoken(loudness: Float[Tensor, "ticks"]) -> Tensor:
    """Where a phrase runs: loud stretches, with the short silences inside them."""
    radius = round(_PAUSE_S / _HOP_S / 2)
    loud = (loudness > 0.3).float()[None, None]
    grown = torch.nn.functional.max_pool1d(loud, 2 * radius + 1, 1, radius)
    return -torch.nn.functional.max_pool1d(-grown, 2 * radius + 1, 1, radius)[0, 0] > 0.5


def hear_rhythm(speech: Speech, frame_rate: float) -> Rhythm:
    """Measure a recording of any length; frame k is centred at k / frame_rate seconds. Level and microphone matter little."""
    rate = speech.sample_rate
    measured = in_windows(lambda part: measure_rhythm(part, rate), speech.waveform, round(_HOP_S * rate), 8)
    frames = max(1, round(speech.duration_s * frame_rate))
    return describe_rhythm(measured, rhythm_level(measured), frame_rate, frames)


def hear_accents(speech: Speech, frame_rate: float, frames: int) -> Float[Tensor, "frames"]:
    """Prominence of the accents of a recording in so many frames, as `Rhythm.accents`."""
    accents = hear_rhythm(speech, frame_rate).accents[:frames]
    return torch.nn.functional.pad(accents, (0, frames - len(accents)))


def rhythm_level(measured: Float[Tensor, "ticks measures"]) -> float:
    """Level of the speech in what was measured: natural log of power."""
    total = torch.logsumexp(measured[-60000:, :BANDS], dim=1)
    return float(torch.quantile(total, 0.95).clamp_min(_SILENCE_POWER))


def describe_rhythm(
    measured: Float[Tensor, "ticks measures"], level: float, frame_rate: float, frames: int, goes_on_s: float = 0.0
) -> Rhythm:
    """The rhythm of so many frames from what `measure_rhythm` gave; frame 0 is at the first tick.

    Args:
        goes_on_s: how much longer than heard the last phrase or pause is taken to last: live, its end is not known.
    """
    track = _track(measured, level)
    syllables = _syllables(track, level)
    loudness, peaks, pitch = track.loudness, syllables.peaks, syllables.pitch
    ticks = len(measured)
    bands = ((track.bands - level + 6.0) / 4.0).clamp(-1.5, 2.5)
    audible = track.bands.clamp_min(level + _FLOOR)
    flux = _smoothed(audible.diff(dim=0, prepend=audible[:1]).clamp_min(0).mean(dim=1), 1.5)
    spoken = _spoken(_smoothed(loudness, 3.0))
    size = syllables.prominence.clamp(0.15, 1.3)
    since, until = _phrase_times(spoken)
    until = until + (spoken.flip(0).ne(spoken[-1]).cumsum(0).flip(0) == 0) * (goes_on_s / _HOP_S)
    sign = torch.where(spoken, 1.0, -1.0)
    columns = [
        *bands.T,
        2 * loudness - 1,
        4 * flux - 0.5,
        2 * track.voicing - 1,
        2.5 * _smoothed(pitch, 3.0),
        2 * _pulses(ticks, peaks, torch.ones(len(peaks)), 5.0) - 0.5,
        2 * _pulses(ticks, peaks, size, 8.0) - 0.5,
        sign,
        sign * torch.exp(-since / 60.0),
        sign * torch.exp(-until / 60.0),
    ]
    features = _at_frames(torch.stack(columns, dim=1), frame_rate, frames)
    speaking_s = max(0.5, float(spoken.sum()) * _HOP_S)
    return Rhythm(
        features=features,
        loudness=_at_frames(loudness[:, None], frame_rate, frames)[:, 0],
        syllables_per_s=len(peaks) / speaking_s,
        pitch_range_octaves=float(pitch[syllables.voiced].std()) if syllables.voiced.sum() > 20 else 0.18,
        dynamics=float(loudness[spoken].std()) if spoken.sum() > 20 else 0.2,
        accents=_accents(syllables, frame_rate, frames),
        speech=_at_frames(_speech(spoken, syllables)[:, None], frame_rate, frames)[:, 0] > 0.5,
    )


def describe_accents(
    measured: Float[Tensor, "ticks measures"], level: float, frame_rate: float, frames: int
) -> Float[Tensor, "frames"]:
    """`Rhythm.accents` of `describe_rhythm`, by themselves."""
    return _accents(_syllables(_track(measured, level), level), frame_rate, frames)


def _track(measured: Float[Tensor, "ticks measures"], level: float) -> _Track:
    """What `measure_rhythm` gave, by name."""
    bands = measured[:, :BANDS]
    loudness = (1 + (torch.logsumexp(bands, dim=1) - level) / 7.0).clamp(0, 1)
    return _Track(bands, measured[:, BANDS], measured[:, BANDS + 1], loudness)


def _syllables(track: _Track, level: float) -> _Syllables:
    """Syllables, and how far they stand out in loudness and pitch."""
    envelope = _smoothed(
        (1 + (torch.logsumexp(track.bands[:, _SYLLABLE_BANDS], dim=1) - level) / 7.0).clamp(0, 1.2), 4.0
    )
    voiced = (track.voicing > 0.55) & (track.loudness > 0.45)
    middle = track.octave[voiced].median() if voiced.any() else torch.tensor(7.0)
    pitch = torch.where(voiced, (track.octave - middle).clamp(-0.8, 0.8), torch.zeros(len(envelope)))
    peaks = _peaks(envelope, round(_SYLLABLE_S / _HOP_S)) if len(envelope) > 2 else []
    local = _smoothed(envelope, 60.0)
    prominence = 0.6 + 3.0 * (envelope - local)[peaks] + 0.5 * pitch[peaks] if peaks else torch.zeros(0)
    return _Syllables(peaks, prominence, voiced, pitch)


def _speech(spoken: Tensor, syllables: _Syllables) -> Float[Tensor, "ticks"]:
    """1 in phrases in which a syllable stands out, and near them."""
    phrase = (spoken[1:] & ~spoken[:-1]).cumsum(0)
    phrase = torch.cat([phrase.new_zeros(1), phrase])
    standing = torch.zeros(int(phrase[-1]) + 1, dtype=torch.bool)
    if syllables.peaks:
        standing[phrase[syllables.peaks][syllables.prominence >= _STANDS_OUT]] = True
    found = (spoken & standing[phrase]).float()
    return torch.nn.functional.max_pool1d(found[None], 2 * _SPEECH_NEAR + 1, 1, _SPEECH_NEAR)[0]


def _accents(syllables: _Syllables, frame_rate: float, frames: int) -> Float[Tensor, "frames"]:
    """Prominence of the syllables that stand out and are voiced, in their frames: noise has peaks, but no accents."""
    found = torch.zeros(frames)
    voiced = syllables.voiced.float()[None]
    near = torch.nn.functional.max_pool1d(voiced, 2 * _VOICED_NEAR + 1, 1, _VOICED_NEAR)[0]
    for peak, size in zip(syllables.peaks, syllables.prominence.tolist(), strict=True):
        frame = round(peak * _HOP_S * frame_rate)
        if near[peak] > 0 and size >= _LEAST_ACCENT and frame < frames:
            found[frame] = size
    return found


def _at_frames(x: Float[Tensor, "ticks d"], frame_rate: float, frames: int) -> Float[Tensor, "frames d"]:
    """Mean over three ticks around each frame's time."""
    padded = torch.nn.functional.pad(x.T[None], (1, 1), mode="replicate")
    mean = torch.nn.functional.avg_pool1d(padded, 3, 1)[0].T
    at = (torch.arange(frames, dtype=torch.float64) / frame_rate / _HOP_S).clamp(max=len(x) - 1)
    low = at.long().clamp(max=max(0, len(x) - 2))
    high = (low + 1).clamp(max=len(x) - 1)
    return torch.lerp(mean[low], mean[high], (at - low).float()[:, None])
