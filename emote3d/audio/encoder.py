"""The compact audio encoder: log-mel frames through dilated ConvNeXt blocks; local in time, so any length runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

_STEM_KERNEL = 5


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

    def future_taps(self, look_ahead: int | None = None) -> tuple[int, ...]:
        """Taps of each block's convolution that lie in the future: half of them, whatever the look-ahead."""
        assert look_ahead is None, "only a LiveEncoderConfig has a choice of look-aheads"
        return ((self.kernel - 1) // 2,) * len(self.dilations)

    def stem_future(self) -> int:
        """Mel frames after its centre that the stem sees."""
        return _STEM_KERNEL // 2

    @property
    def context_s(self) -> float:
        """Seconds of audio on either side that can change a feature."""
        blocks = sum(dilation * (self.kernel - 1) // 2 for dilation in self.dilations)
        return (blocks + 2) / self.feature_rate + self.window / self.sample_rate


@dataclass(frozen=True, kw_only=True)
class LiveEncoderConfig(CompactEncoderConfig):
    """A compact encoder that looks little ahead: the taps of its convolutions lie in the past but for a few."""

    stem_after: int = 1
    """Mel frames after its centre that the stem sees."""
    taps_after: tuple[int, ...] = (2, 0, 0, 2, 0, 0, 0, 0)
    """Taps of each block's convolution that lie in the future, at most."""

    def future_taps(self, look_ahead: int | None = None) -> tuple[int, ...]:
        """Taps of each block that lie in the future when the blocks may look `look_ahead` features ahead in all."""
        left = self.look_ahead if look_ahead is None else look_ahead
        taps = []
        for allowed, dilation in zip(self.taps_after, self.dilations, strict=True):
            taps.append(min(allowed, left // dilation))
            left -= taps[-1] * dilation
        return tuple(taps)

    def stem_future(self) -> int:
        """Mel frames after its centre that the stem sees."""
        return self.stem_after

    @property
    def look_ahead(self) -> int:
        """Features that the blocks look ahead, at most."""
        return sum(taps * dilation for taps, dilation in zip(self.taps_after, self.dilations, strict=True))

    @property
    def context_s(self) -> float:
        """Seconds of audio on either side that can change a feature."""
        return 2 * super().context_s


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
    """Depthwise convolution over time, then a pointwise network, residual (Liu et al. 2022).

    The last `future` taps of the kernel lie after the centre; a forward pass may do with fewer.
    """

    def __init__(self, d: int, kernel: int, dilation: int, expansion: int, future: int) -> None:
        super().__init__()
        self.future, self.past = future, kernel - 1 - future
        self.depthwise = nn.Conv1d(d, d, kernel, dilation=dilation, groups=d)
        self.norm = nn.LayerNorm(d)
        self.expand = nn.Linear(d, expansion * d)
        self.dropout = nn.Dropout1d(0.0)  # a unit is left out of all frames of a row
        self.contract = nn.Linear(expansion * d, d)

    def forward(self, x: Float[Tensor, "batch frames d"], future: int) -> Float[Tensor, "batch frames d"]:
        """Mix over time, then over channels; the ends are padded with zeros."""
        dilation = self.depthwise.dilation[0]
        padded = nn.functional.pad(x, (0, 0, self.past * dilation, future * dilation))
        return self.mix(padded, x, future)

    def mix(
        self, padded: Float[Tensor, "batch padded_frames d"], x: Float[Tensor, "batch frames d"], future: int
    ) -> Float[Tensor, "batch frames d"]:
        """The same where the neighbours are given: `padded` reaches `past` taps before and `future` taps after `x`."""
        conv = self.depthwise
        weight = conv.weight[..., : self.past + 1 + future]
        rows = padded.transpose(1, 2)[:, :, None]  # in two dimensions and float32 a CPU is several times faster
        with torch.autocast(x.device.type, enabled=False):
            mixed = nn.functional.conv2d(
                rows.float(), weight[:, :, None], conv.bias, dilation=(1, conv.dilation[0]), groups=conv.groups
            )
        inner = nn.functional.gelu(self.expand(self.norm(mixed[:, :, 0].transpose(1, 2))))
        return x + self.contract(self.dropout(inner.transpose(1, 2)).transpose(1, 2))


class CompactEncoder(nn.Module):
    """Level-normalised log-mel to features at `feature_rate`; feature k is centred at k / feature_rate seconds."""

    def __init__(self, config: CompactEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config)
        self.stem = nn.Conv1d(config.mels, config.d, _STEM_KERNEL, stride=2)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(config.d, config.kernel, dilation, config.expansion, future)
            for dilation, future in zip(config.dilations, config.future_taps(), strict=True)
        )
        self.norm = nn.LayerNorm(config.d)

    def drop(self, share: float) -> None:
        """Leave a share of the blocks' inner units out while training."""
        for module in self.blocks.modules():
            if isinstance(module, nn.Dropout1d):
                module.p = share

    def forward(
        self, log_mel: Float[Tensor, "batch mel_frames mels"], look_ahead: int | None = None
    ) -> Float[Tensor, "batch frames d"]:
        """Encode log-mel from which `speech_level` has been subtracted.

        Args:
            look_ahead: features that the blocks may look ahead, where the config leaves a choice (default: its most).
        """
        after = self.config.stem_future()
        x = nn.functional.pad(scale_mel(log_mel), (0, 0, _STEM_KERNEL - 1 - after, after))
        x = self.stem(x.transpose(1, 2)).transpose(1, 2)
        for block, future in zip(self.blocks, self.config.future_taps(look_ahead), strict=True):
            x = block(x, future)
        return self.norm(x)


def scale_mel(log_mel: Float[Tensor, "*batch mels"]) -> Float[Tensor, "*batch mels"]:
    """Level-normalised log-mel to what the stem is fed."""
    return (log_mel.clamp_min(-12.0) + 3.0) / 4.0


def resample_features(
    features: Float[Tensor, "batch features d"], feature_rate: float, frame_rate: float, frames: int
) -> Float[Tensor, "batch frames d"]:
    """Linear interpolation at the times of the motion frames, k / frame_rate seconds."""
    position = torch.arange(frames, device=features.device) * (feature_rate / frame_rate)
    position = position.clamp(max=features.shape[1] - 1)
    low = position.long()
    high = (low + 1).clamp(max=features.shape[1] - 1)
    weight = (position - low).to(features)[:, None]
    return features[:, low].lerp_(features[:, high], weight)
