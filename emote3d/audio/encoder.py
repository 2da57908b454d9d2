"""The compact audio encoder: log-mel frames through dilated ConvNeXt blocks; local in time, so any length runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class CompactEncoderConfig:
    """Sizes and rates of the compact encoder."""

    sample_rate: int = 16000
    hop: int = 160
    """Samples between mel frames."""
    window: int = 400
    """Samples of the analysis window."""
    fft: int = 512
    mels: int = 80
    d: int = 256
    kernel: int = 7
    dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 1, 2)
    """One block each, at half the mel rate."""
    expansion: int = 2

    @property
    def feature_rate(self) -> float:
        """Features per second before resampling to the motion rate."""
        return self.sample_rate / self.hop / 2

    @property
    def context_s(self) -> float:
        """Seconds of audio on either side that can change a feature."""
        blocks = sum(dilation * (self.kernel - 1) // 2 for dilation in self.dilations)
        return (blocks + 2) / self.feature_rate + self.window / self.sample_rate


SILENCE_LEVEL = -13.0
"""Log-mel of a recording at about -60 dBFS: one that is quieter is not raised to the level of speech."""


class LogMel(nn.Module):
    """Waveform to log-mel energies; frame k is centred at k * hop samples."""

    filters: Tensor

    def __init__(self, config: CompactEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filters", torch.zeros(config.mels, config.fft // 2 + 1))

    def fill_filters(self) -> None:
        """Compute the Slaney mel filters (librosa); a loaded checkpoint brings its own."""
        import librosa

        filters = librosa.filters.mel(sr=self.config.sample_rate, n_fft=self.config.fft, n_mels=self.config.mels)
        self.filters.copy_(torch.from_numpy(filters))

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch mel_frames mels"]:
        """Natural log of the mel power, floored at 1e-10."""
        config = self.config
        window = torch.hann_window(config.window, device=waveform.device)
        spectrum = torch.stft(
            waveform,
            config.fft,
            config.hop,
            config.window,
            window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.abs().square() / window.square().sum()
        return torch.log((self.filters @ power).clamp_min(1e-10)).transpose(1, 2)


def speech_level(log_mel: Float[Tensor, "mel_frames mels"]) -> Float[Tensor, ""]:
    """Loudness of the speech in a recording: 95th percentile over frames of the mean log-mel, at least `SILENCE_LEVEL`."""
    return torch.quantile(log_mel.mean(dim=1)[-60000:], 0.95).clamp_min(SILENCE_LEVEL)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a pointwise network, residual (Liu et al. 2022)."""

    def __init__(self, d: int, kernel: int, dilation: int, expansion: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(d, d, kernel, padding=dilation * (kernel - 1) // 2, dilation=dilation, groups=d)
        self.norm = nn.LayerNorm(d)
        self.expand = nn.Linear(d, expansion * d)
        self.contract = nn.Linear(expansion * d, d)

    def forward(self, x: Float[Tensor, "batch frames d"]) -> Float[Tensor, "batch frames d"]:
        """Mix over time, then over channels."""
        mixed = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.contract(nn.functional.gelu(self.expand(self.norm(mixed))))


class CompactEncoder(nn.Module):
    """Level-normalised log-mel to features at `feature_rate`; feature k is centred at k / feature_rate seconds."""

    def __init__(self, config: CompactEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config)
        self.stem = nn.Conv1d(config.mels, config.d, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.d, config.kernel, dilation, config.expansion) for dilation in config.dilations
        )
        self.norm = nn.LayerNorm(config.d)

    def forward(self, log_mel: Float[Tensor, "batch mel_frames mels"]) -> Float[Tensor, "batch frames d"]:
        """Encode log-mel from which `speech_level` has been subtracted."""
        x = self.stem((log_mel.clamp_min(-12.0) + 3.0).transpose(1, 2) / 4.0).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def resample_features(
    features: Float[Tensor, "batch features d"], feature_rate: float, frame_rate: float, frames: int
) -> Float[Tensor, "batch frames d"]:
    """Linear interpolation at the times of the motion frames, k / frame_rate seconds."""
    position = torch.arange(frames, device=features.device) * (feature_rate / frame_rate)
    position = position.clamp(max=features.shape[1] - 1)
    low = position.long()
    high = (low + 1).clamp(max=features.shape[1] - 1)
    weight = (position - low).to(features)[:, None]
    return torch.lerp(features[:, low], features[:, high], weight)
