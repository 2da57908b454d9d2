"""Audio Spectrogram Transformer (Gong et al. 2021): a spectrogram to one latent and to labels; AMUSE has three of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from emote3d.audio.kaldi import FbankConfig
from emote3d.layers import attend, learned


@dataclass(frozen=True, kw_only=True)
class AstConfig:
    """Sizes of an AST; AMUSE's are the defaults with 8 (emotion), 30 (style) or 0 (content) labels."""

    labels: int
    frames: int = 1024
    """Frames of the spectrogram; shorter ones are filled up."""
    patch: int = 16
    stride: int = 10
    d: int = 768
    layers: int = 12
    heads: int = 12
    feedforward_d: int = 3072
    feature_d: int = 256
    labels_from: Literal["feature", "tokens"] = "feature"
    """feature: labels are told from the latent itself; tokens: from the class tokens beside it, as in AMUSE's release."""
    fbank: FbankConfig = field(default_factory=FbankConfig)

    @property
    def grid(self) -> tuple[int, int]:
        """Patches along frequency and time."""
        return (
            (self.fbank.mels - self.patch) // self.stride + 1,
            (self.frames - self.patch) // self.stride + 1,
        )


class Told(NamedTuple):
    """What an encoder makes of a spectrogram."""

    feature: Float[Tensor, "batch feature_d"]
    logits: Float[Tensor, "batch labels"]


class _Block(nn.Module):
    """Pre-norm transformer block of a vision transformer."""

    def __init__(self, config: AstConfig) -> None:
        super().__init__()
        d = config.d
        self.heads = config.heads
        self.norm1, self.norm2 = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc1, self.fc2 = nn.Linear(d, config.feedforward_d), nn.Linear(config.feedforward_d, d)

    def forward(self, x: Float[Tensor, "batch tokens d"]) -> Float[Tensor, "batch tokens d"]:
        """Attend, then transform each token; both residual."""
        query, key, value = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        x = x + self.proj(attend(query, key, value, self.heads))
        return x + self.fc2(nn.functional.gelu(self.fc1(self.norm2(x))))


class AstEncoder(nn.Module):
    """A spectrogram to a latent and label logits."""

    def __init__(self, config: AstConfig) -> None:
        super().__init__()
        self.config = config
        high, long = config.grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.d))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, config.d))
        self.pos_embed = learned(1, high * long + 2, config.d)
        self.patches = nn.Conv2d(1, config.d, config.patch, config.stride)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.d, eps=1e-6)
        self.feature = nn.Sequential(nn.LayerNorm(config.d), nn.Linear(config.d, config.feature_d))
        if config.labels:
            source = config.feature_d if config.labels_from == "feature" else config.d
            self.told = nn.Sequential(nn.LayerNorm(source), nn.Linear(source, config.labels))

    def forward(self, spectrogram: Float[Tensor, "batch frames mels"]) -> Told:
        """Encode normalised filterbanks of exactly `config.frames` frames."""
        x = self.patches(spectrogram.transpose(1, 2)[:, None]).flatten(2).transpose(1, 2)
        batch = len(x)
        x = torch.cat([self.cls_token.expand(batch, -1, -1), self.dist_token.expand(batch, -1, -1), x], dim=1)
        x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        feature = self.feature(x[:, 2:].mean(dim=1))
        if not self.config.labels:
            return Told(feature, feature.new_zeros(batch, 0))
        return Told(feature, self.told(feature if self.config.labels_from == "feature" else x[:, :2].mean(dim=1)))
