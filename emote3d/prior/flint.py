"""FLINT-type temporal VAE of face motion (EMOTE, SIGGRAPH Asia 2023, section 3.2; inferno `L2lMotionPrior`)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.layers import AlibiEncoder


@dataclass(frozen=True, kw_only=True)
class FlintConfig:
    """Sizes of a FLINT; the published ones are 103 (or 53) channels and the defaults."""

    channels: int
    """Motion channels: expression coefficients, then rotations."""
    d: int = 128
    """Width of the network and of a latent."""
    stages: int = 3
    """Halvings of the frame rate: one latent stands for 2**stages frames."""
    heads: int = 8
    feedforward_d: int = 384
    layers: int = 1

    @property
    def frames_per_latent(self) -> int:
        """Motion frames that one latent stands for."""
        return 2**self.stages

    def attention_past(self) -> int | None:
        """Latents before its own that a latent attends to; None: all, before and after."""
        return None


@dataclass(frozen=True, kw_only=True)
class LiveFlintConfig(FlintConfig):
    """A FLINT that never looks ahead: one latent a frame, convolutions over the past, attention to so many latents."""

    stages: int = 0
    past_latents: int = 60
    """Latents before its own that a latent attends to."""

    def attention_past(self) -> int | None:
        """`past_latents`."""
        return self.past_latents


def _conv_stage(conv: nn.Module, d: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.LeakyReLU(0.2), nn.BatchNorm1d(d))


def _replicate_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, 5, stride=stride, padding=2, padding_mode="replicate")


class CausalConv(nn.Conv1d):
    """A convolution over the present and the past; there are zeros before the beginning."""

    def forward(self, input: Float[Tensor, "batch inputs frames"]) -> Float[Tensor, "batch outputs frames"]:
        """Convolve."""
        return super().forward(nn.functional.pad(input, (self.kernel_size[0] - 1, 0)))


class FlintEncoder(nn.Module):
    """Motion to the mean and log-variance of its latents."""

    def __init__(self, config: FlintConfig) -> None:
        super().__init__()
        d = config.d
        live = config.attention_past() is not None
        conv = CausalConv(config.channels, d, 5) if live else _replicate_conv(config.channels, d, stride=2)
        first = _conv_stage(conv, d)
        later = [
            nn.Sequential(*_conv_stage(_replicate_conv(d, d), d), nn.MaxPool1d(2)) for _ in range(config.stages - 1)
        ]
        self.squasher = nn.Sequential(first, *later)
        self.embedding = nn.Linear(d, d)
        past = config.attention_past()
        self.transformer = AlibiEncoder(d, config.heads, config.feedforward_d, config.layers, 1, past)
        self.mean = nn.Linear(d, d)
        self.logvar = nn.Linear(d, d)

    def forward(
        self, motion: Float[Tensor, "batch frames channels"]
    ) -> tuple[Float[Tensor, "batch latent_frames d"], Float[Tensor, "batch latent_frames d"]]:
        """Encode; `frames` must be a multiple of the frames per latent."""
        x = self.squasher(motion.transpose(1, 2)).transpose(1, 2)
        x = self.transformer(self.embedding(x))
        return self.mean(x), self.logvar(x)


class FlintDecoder(nn.Module):
    """Latents to motion."""

    def __init__(self, config: FlintConfig) -> None:
        super().__init__()
        d = config.d
        live = config.attention_past() is not None
        conv = CausalConv(d, d, 5) if live else nn.ConvTranspose1d(d, d, 5, stride=2, padding=2, output_padding=1)
        first = _conv_stage(conv, d)
        later = [_conv_stage(_replicate_conv(d, d), d) for _ in range(config.stages - 1)]
        self.expander = nn.ModuleList([first, *later])
        self.embedding = nn.Linear(d, d)
        past = config.attention_past()
        self.transformer = AlibiEncoder(d, config.heads, config.feedforward_d, config.layers, 1, past)
        self.post = nn.Linear(d, d)
        self.smooth = CausalConv(d, config.channels, 5) if live else nn.Conv1d(d, config.channels, 5, padding=2)

    def forward(self, z: Float[Tensor, "batch latent_frames d"]) -> Float[Tensor, "batch frames channels"]:
        """Decode; one latent gives `frames_per_latent` frames."""
        x = self.expander[0](z.transpose(1, 2))
        for stage in list(self.expander)[1:]:
            x = stage(x).repeat_interleave(2, dim=2)
        x = self.post(self.transformer(self.embedding(x.transpose(1, 2))))
        return self.smooth(x.transpose(1, 2)).transpose(1, 2)


class MotionVAE(nn.Module):
    """The temporal motion prior: encoder and decoder."""

    def __init__(self, config: FlintConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FlintEncoder(config)
        self.decoder = FlintDecoder(config)

    def forward(
        self, motion: Float[Tensor, "batch frames channels"], noise: Float[Tensor, "batch latent_frames d"]
    ) -> tuple[Float[Tensor, "batch frames channels"], Float[Tensor, ""]]:
        """Reconstruct through `mean + noise * std`; also the KL divergence, summed over d, averaged over latents."""
        mean, logvar = self.encoder(motion)
        kl = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(dim=-1).mean()
        return self.decoder(mean + noise * torch.exp(0.5 * logvar)), kl
