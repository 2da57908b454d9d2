"""EMOTE's regression decoder: content and condition to the latents of the motion prior (inferno `BertPriorDecoder`)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.layers import AlibiEncoder


@dataclass(frozen=True, kw_only=True)
class RegressionConfig:
    """Sizes of the decoder; EMOTE has condition_d 43 (8 emotions, 3 intensities, 32 identities) and the defaults."""

    condition_d: int
    content_d: int = 128
    style_d: int = 128
    """Width of the embedded condition."""
    heads: int = 8
    feedforward_d: int = 256
    layers: int = 1
    period: int = 30
    """Frames over which the attention bias is constant."""
    latent_d: int = 128
    frames_per_latent: int = 8

    def attention_past(self) -> int | None:
        """Frames before its own that a frame attends to; None: all, before and after."""
        return None


@dataclass(frozen=True, kw_only=True)
class LiveRegressionConfig(RegressionConfig):
    """A decoder that never looks ahead and remembers so much."""

    past_frames: int = 60
    """Frames before its own that a frame attends to."""

    def attention_past(self) -> int | None:
        """`past_frames`."""
        return self.past_frames


class RegressionDecoder(nn.Module):
    """Per-frame content and condition to one motion latent per `frames_per_latent` frames."""

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.config = config
        d = config.content_d + config.style_d
        self.style = nn.Linear(config.condition_d, config.style_d)
        self.transformer = AlibiEncoder(
            d, config.heads, config.feedforward_d, config.layers, config.period, config.attention_past()
        )
        self.bottleneck = nn.Linear(d, config.latent_d)
        self.squasher = nn.Linear(config.latent_d * config.frames_per_latent, config.latent_d)

    def forward(
        self, content: Float[Tensor, "batch frames content_d"], condition: Float[Tensor, "batch frames condition_d"]
    ) -> Float[Tensor, "batch latent_frames latent_d"]:
        """Regress the latents; the last group of frames is padded with zeros."""
        x = torch.cat([content, self.style(condition)], dim=-1)
        x = self.bottleneck(self.transformer(x))
        group = self.config.frames_per_latent
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % group))
        return self.squasher(x.reshape(x.shape[0], -1, group * self.config.latent_d))
