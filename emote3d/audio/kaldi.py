"""Kaldi's log-mel filterbank in torch, as `torchaudio.compliance.kaldi.fbank` computes it for the Audio Spectrogram Transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_LEAST_ENERGY = torch.finfo(torch.float32).eps


@dataclass(frozen=True, kw_only=True)
class FbankConfig:
    """The filterbank; the defaults are AST's and AMUSE's (symmetric Hann window, no dither, no energy)."""

    sample_rate: int = 16000
    hop: int = 160
    window: int = 400
    mels: int = 128
    low_hz: float = 20.0
    preemphasis: float = 0.97
    mean: float = -9.173025
    """Mean of the values over the training set (AMUSE's)."""
    std: float = 5.062332
    """Deviation of the values; they are divided by twice that."""

    @property
    def fft(self) -> int:
        """Samples of the Fourier transform: the next power of two."""
        return 1 << (self.window - 1).bit_length()

    def frames(self, samples: int) -> int:
        """Frames that fit into so many samples."""
        return max(0, 1 + (samples - self.window) // self.hop)


def mel_filters(config: FbankConfig) -> Float[Tensor, "mels bins"]:
    """Triangles that are equal in width on Kaldi's mel scale, 1127 ln(1 + f/700); the bin at half the rate has no weight."""

    def mel(hz: float) -> float:
        return 1127.0 * math.log(1.0 + hz / 700.0)

    low = mel(config.low_hz)
    step = (mel(config.sample_rate / 2) - low) / (config.mels + 1)
    # In float32 and in this order, since that is how Kaldi's users' networks met them.
    index = torch.arange(config.mels)[:, None]
    left, centre, right = low + index * step, low + (index + 1.0) * step, low + (index + 2.0) * step
    hz = config.sample_rate / config.fft * torch.arange(config.fft // 2)
    bins = 1127.0 * (1.0 + hz / 700.0).log()
    triangles = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp_min(0)
    return torch.nn.functional.pad(triangles, (0, 1))


def fbank(waveform: Float[Tensor, "*batch samples"], config: FbankConfig) -> Float[Tensor, "*batch fbank_frames mels"]:
    """Log energies; frame k begins at k * hop samples, and only whole windows count (`snip_edges`)."""
    frames = waveform.unfold(-1, config.window, config.hop)
    frames = frames - frames.mean(dim=-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    frames = frames - config.preemphasis * before
    frames = frames * torch.hann_window(config.window, periodic=False, device=waveform.device)
    power = torch.fft.rfft(frames, config.fft).abs().square()
    return torch.log((power @ mel_filters(config).to(power).T).clamp_min(_LEAST_ENERGY))


def normalised(
    log_energies: Float[Tensor, "*batch fbank_frames mels"], config: FbankConfig, frames: int
) -> Float[Tensor, "*batch frames mels"]:
    """Cut or filled up with zeros (before the normalisation, as AST does) to so many frames, then normalised."""
    missing = frames - log_energies.shape[-2]
    filled = torch.nn.functional.pad(log_energies[..., :frames, :], (0, 0, 0, max(0, missing)))
    return (filled - config.mean) / (2 * config.std)
