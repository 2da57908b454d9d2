"""MLD-type VAE of body motion: a skip transformer (Chen et al., CVPR 2023; AMUSE's `MotionPrior` is one configuration).

One latent may stand for a whole window with learned positions (MLD, AMUSE), or for a stretch of it: then attention sees
distances only, so any length runs and a latent acts where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.layers import DecoderLayer, EncoderLayer, SkipTransformer, distance_bias, learned
from emote3d.windows import blended

LOGVAR_RANGE = (-16.0, 8.0)
"""Limits of the predicted log-variance of our own priors, against overflow early in a training."""
_LOGVAR_AT_START = -4.0
"""Our own priors begin with little noise on the latents and learn how much they bear."""

_WINDOW_LATENTS, _OVERLAP_LATENTS = 96, 24


@dataclass(frozen=True, kw_only=True)
class MldConfig:
    """Sizes of an MLD-type VAE; AMUSE's are 333 channels and the defaults."""

    channels: int
    """Motion channels per frame; of a body 55 joints x 6D, then the translation (see `emote3d.prior.body`)."""
    frames: int = 300
    """Frames of the windows it is trained on."""
    latents: int = 1
    """Latents per window."""
    d: int = 128
    """Width of the network and of a latent."""
    heads: int = 4
    feedforward_d: int = 512
    layers: int = 9
    """Layers of each half, an odd number."""
    dropout: float = 0.1
    positions: Literal["learned", "distances"] = "learned"
    """learned: one window at a time; distances: any number of latents, `frames / latents` frames each."""
    max_frames: int = 500
    """Learned positions there are."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not go together."""
        if self.layers % 2 == 0 or self.d % self.heads or self.frames % self.latents:
            raise ValueError("layers must be odd, d a multiple of heads, frames a multiple of latents")
        if self.positions == "learned" and self.max_frames < self.frames + 2 * self.latents:
            raise ValueError("max_frames must hold a window and its mean and variance tokens")

    @property
    def frames_per_latent(self) -> int:
        """Motion frames that one latent stands for."""
        return self.frames // self.latents


class _Positions(nn.Module):
    """Where tokens are: learned vectors per place, or a phase within a latent's stretch and attention by distance."""

    def __init__(self, config: MldConfig) -> None:
        super().__init__()
        self.config = config
        places = config.max_frames if config.positions == "learned" else config.frames_per_latent
        self.pe = learned(places, config.d)

    def frame_codes(self, frames: int) -> Float[Tensor, "frames d"]:
        """Vectors to add to (or to start) the frames, where positions are distances."""
        return self.pe[torch.arange(frames, device=self.pe.device) % self.config.frames_per_latent]

    def times(self, frames: int) -> tuple[Float[Tensor, "frames"], Float[Tensor, "latents"]]:
        """Times of frames and of the middles of latents, in frames."""
        group = self.config.frames_per_latent
        at = torch.arange(frames, device=self.pe.device, dtype=self.pe.dtype)
        return at, at[::group] + (group - 1) / 2


class MldEncoder(nn.Module):
    """Motion to the mean and log-variance of its latents."""

    def __init__(self, config: MldConfig) -> None:
        super().__init__()
        self.config = config
        tokens = 2 * config.latents if config.positions == "learned" else 2
        self.tokens = learned(tokens, config.d, deviation=1.0)
        self.embedding = nn.Linear(config.channels, config.d)
        self.positions = _Positions(config)
        self.transformer = SkipTransformer(
            lambda: EncoderLayer(config.d, config.heads, config.feedforward_d, config.dropout), config.d, config.layers
        )

    def forward(
        self, motion: Float[Tensor, "batch frames channels"]
    ) -> tuple[Float[Tensor, "batch latents d"], Float[Tensor, "batch latents d"]]:
        """Encode; with positions by distance, `frames` must be a multiple of the frames per latent."""
        x = self.embedding(motion)
        batch, frames, _ = x.shape
        if self.config.positions == "learned":
            x = torch.cat([self.tokens.expand(batch, -1, -1), x], dim=1)
            mean, logvar = self.transformer(x + self.positions.pe[: x.shape[1]])[:, : len(self.tokens)].chunk(2, dim=1)
            return mean, logvar
        assert frames % self.config.frames_per_latent == 0, (frames, self.config.frames_per_latent)
        frame_at, latent_at = self.positions.times(frames)
        tokens = self.tokens.repeat_interleave(len(latent_at), dim=0).expand(batch, -1, -1)
        at = torch.cat([latent_at, latent_at, frame_at])
        x = torch.cat([tokens, x + self.positions.frame_codes(frames)], dim=1)
        coded = self.transformer(x, distance_bias(self.config.heads, at, at))
        mean, logvar = coded[:, : 2 * len(latent_at)].chunk(2, dim=1)
        return mean, (logvar + _LOGVAR_AT_START).clamp(*LOGVAR_RANGE)


class MldDecoder(nn.Module):
    """Latents to motion: every frame asks the latents."""

    def __init__(self, config: MldConfig) -> None:
        super().__init__()
        self.config = config
        self.positions = _Positions(config)
        self.transformer = SkipTransformer(
            lambda: DecoderLayer(config.d, config.heads, config.feedforward_d, config.dropout), config.d, config.layers
        )
        self.final = nn.Linear(config.d, config.channels)

    def forward(
        self, z: Float[Tensor, "batch latents d"], frames: int | None = None
    ) -> Float[Tensor, "batch frames channels"]:
        """Decode all frames of the latents, or only so many."""
        if self.config.positions == "learned":
            frames = frames or self.config.frames
            queries = self.positions.pe[:frames].expand(len(z), -1, -1)
            return self.final(self.transformer(queries, None, z))
        whole = z.shape[1] * self.config.frames_per_latent
        frame_at, latent_at = self.positions.times(whole)
        heads = self.config.heads
        queries = self.positions.frame_codes(whole).expand(len(z), -1, -1)
        x = self.transformer(
            queries, distance_bias(heads, frame_at, frame_at), z, distance_bias(heads, frame_at, latent_at)
        )
        return self.final(x[:, :frames])


class MldVAE(nn.Module):
    """The motion prior of the body: encoder and decoder around normalised channels."""

    channel_mean: Tensor
    channel_std: Tensor

    def __init__(self, config: MldConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = MldEncoder(config)
        self.decoder = MldDecoder(config)
        self.register_buffer("channel_mean", torch.zeros(config.channels))
        self.register_buffer("channel_std", torch.ones(config.channels))

    def encode(
        self, motion: Float[Tensor, "batch frames channels"]
    ) -> tuple[Float[Tensor, "batch latents d"], Float[Tensor, "batch latents d"]]:
        """Mean and log-variance of the latents of a motion."""
        return self.encoder((motion - self.channel_mean) / self.channel_std)

    def decode(
        self, z: Float[Tensor, "batch latents d"], frames: int | None = None
    ) -> Float[Tensor, "batch frames channels"]:
        """Motion of latents."""
        return self.decoder(z, frames) * self.channel_std + self.channel_mean

    def decode_long(self, z: Float[Tensor, "batch latents d"]) -> Float[Tensor, "batch frames channels"]:
        """Motion of any number of latents in bounded memory: windows decoded apart and blended where they overlap.

        Only for priors with positions by distance; what a latent does hardly reaches beyond half of the overlap.
        """
        group = self.config.frames_per_latent
        assert self.config.positions == "distances", "a latent with a learned position fills its window"
        latents = z.shape[1]

        def run(place: slice) -> Tensor:
            whole = self.decode(z[:, place])
            return whole.unflatten(1, (-1, group)).flatten(2)

        return blended(run, latents, _WINDOW_LATENTS, _OVERLAP_LATENTS).unflatten(2, (group, -1)).flatten(1, 2)

    def forward(
        self, motion: Float[Tensor, "batch frames channels"], noise: Float[Tensor, "batch latents d"]
    ) -> tuple[Float[Tensor, "batch frames channels"], Float[Tensor, ""]]:
        """Reconstruct through `mean + noise * std`; also the KL divergence, summed over d, averaged over latents."""
        mean, logvar = self.encode(motion)
        kl = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(dim=-1).mean()
        return self.decode(mean + noise * torch.exp(0.5 * logvar), motion.shape[1]), kl
